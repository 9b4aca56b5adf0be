//! One thread of a program: its blocks, its steps, whom it can give blocks.

use std::collections::VecDeque;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender};

use crate::program::{Op, Raw};
use crate::shadow::{Live, Ranges};
use crate::subject::Subject;

/// A thread has no more blocks than this.
const MOST_BLOCKS: usize = 1_500;

/// And no more bytes in them, but for one block.
const MOST_BYTES: usize = 48 << 20;

/// Requests from here on may be refused at any time: the address space may be full.
const LARGE: usize = 1 << 30;

/// What the threads of a run share beside the allocator.
#[derive(Debug, Default)]
pub(crate) struct Common {
    /// Calls of the allocator.
    pub(crate) calls: AtomicU64,
    /// System calls may fail: null is an answer.
    pub(crate) refusing: AtomicBool,
}

/// A block on its way to another thread.
#[derive(Debug)]
pub(crate) struct Letter {
    live: Live,
    /// Where it is noted until it arrives.
    from: Arc<Ranges>,
}

/// Why a thread stopped working.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    /// All is done.
    Done,
    /// The thread is to end. Another one goes on.
    End,
}

/// One thread's part of a run; it outlives the thread.
#[derive(Debug)]
pub(crate) struct Actor<S: Subject + 'static> {
    pub(crate) subject: &'static S,
    pub(crate) me: usize,
    pub(crate) live: Vec<Live>,
    pub(crate) todo: VecDeque<Raw>,
    pub(crate) common: Arc<Common>,
    pub(crate) ranges: Arc<Ranges>,
    pub(crate) mail: Receiver<Letter>,
    pub(crate) peers: Vec<Sender<Letter>>,
    /// What was null and what was not, step by step.
    pub(crate) outcomes: Vec<bool>,
    pub(crate) calls: u64,
    next_id: u64,
}

impl<S: Subject> Actor<S> {
    pub(crate) fn new(
        subject: &'static S,
        me: usize,
        common: Arc<Common>,
        ranges: Arc<Ranges>,
        mail: Receiver<Letter>,
        peers: Vec<Sender<Letter>>,
    ) -> Self {
        Self {
            subject,
            me,
            live: Vec::new(),
            todo: VecDeque::new(),
            common,
            ranges,
            mail,
            peers,
            outcomes: Vec::new(),
            calls: 0,
            next_id: (me as u64) << 48,
        }
    }

    /// Does what there is to do.
    pub(crate) fn work(&mut self) -> Flow {
        while let Some(raw) = self.todo.pop_front() {
            self.receive();
            let op = raw.op();
            if op == Op::EndThread {
                return Flow::End;
            }
            self.step(op);
        }
        Flow::Done
    }

    /// Takes what others sent.
    fn receive(&mut self) {
        while let Ok(Letter { live, from }) = self.mail.try_recv() {
            self.ranges.receive(&from, live.address(), live.usable);
            self.live.push(live);
        }
    }

    fn step(&mut self, op: Op) {
        let which = |which: usize| which.checked_rem(self.live.len());
        match op {
            Op::Get { size, align, zeroed } => self.get(size, align, zeroed),
            Op::GetMany { size, n } => (0..n).for_each(|_| self.get(size, 1, false)),
            Op::GetAbsurd { size, align, zeroed } => self.get_absurd(size, align, zeroed),
            Op::Resize { which: w, size, known } => {
                if let Some(at) = which(w) {
                    self.resize(at, size, known);
                }
            }
            Op::ResizeAbsurd { which: w, size } => {
                if let Some(at) = which(w) {
                    self.resize_absurd(at, size);
                }
            }
            Op::Give { which: w, known } => {
                if let Some(at) = which(w) {
                    self.give(at, known);
                }
            }
            Op::GiveMany { which, stride, n } => self.give_many(which, stride, n),
            Op::Send { which: w, to } => {
                if let Some(at) = which(w) {
                    // The last one is the leader's.
                    self.send(at, to % (self.peers.len() - 1));
                }
            }
            Op::Inspect { which: w } => {
                if let Some(at) = which(w) {
                    self.inspect(at);
                }
            }
            Op::Trim => self.subject.trim(),
            Op::Refuse { from, all } => {
                let refuses = self.subject.refuse(from, all) && from > 0;
                self.common.refusing.store(refuses, Ordering::SeqCst);
            }
            Op::Wait { ms } => self.subject.wait(ms),
            Op::EndThread => {}
        }
    }

    /// Whether null is an answer to a request for `size` bytes.
    fn may_be_null(&self, size: usize) -> bool {
        size >= LARGE || self.common.refusing.load(Ordering::SeqCst)
    }

    fn get(&mut self, size: usize, align: usize, zeroed: bool) {
        let bytes: usize = self.live.iter().rev().take(64).map(|live| live.size).sum();
        if self.live.len() >= MOST_BLOCKS || bytes > MOST_BYTES {
            return self.give(size % self.live.len(), zeroed);
        }
        let block = if zeroed {
            self.subject.allocate_zeroed(size, align)
        } else {
            self.subject.allocate(size, align)
        };
        self.calls += 1;
        self.outcomes.push(block.is_null());
        let Some(block) = NonNull::new(block) else {
            assert!(self.may_be_null(size), "no block of {size} bytes, align {align}");
            return;
        };
        let mut live = Live { block, size, align, usable: 0, id: 0 };
        self.place(&mut live, block, size);
        if zeroed {
            live.check_zero();
        }
        live.stamp();
        self.live.push(live);
    }

    /// Notes where `live` is from now on, and that it is a good place.
    fn place(&mut self, live: &mut Live, block: NonNull<u8>, size: usize) {
        let address = block.as_ptr().addr();
        let align = live.align.max(if size >= 16 { 16 } else { 1 });
        assert!(address.is_multiple_of(align), "{address:#x} for {size} bytes, align {align}");
        // SAFETY: just allocated.
        let usable = unsafe { self.subject.usable_size(block) };
        assert!(usable >= size, "{usable} usable bytes for {size}, at {address:#x}");
        self.ranges.add(address, usable);
        self.next_id += 1;
        (live.block, live.size, live.usable, live.id) = (block, size, usable, self.next_id);
    }

    fn get_absurd(&mut self, size: usize, align: usize, zeroed: bool) {
        let block = if zeroed {
            self.subject.allocate_zeroed(size, align)
        } else {
            self.subject.allocate(size, align)
        };
        self.calls += 1;
        assert!(block.is_null(), "a block of {size:#x} bytes, align {align:#x}: {block:?}");
    }

    fn resize(&mut self, at: usize, size: usize, known: bool) {
        let mut live = self.live.swap_remove(at);
        live.check();
        self.ranges.remove(live.address());
        // SAFETY: a live block of this layout; its address is forgotten if it moves.
        let block = unsafe { self.subject.reallocate(live.block, live.layout(), size, known) };
        self.calls += 1;
        self.outcomes.push(block.is_null());
        if let Some(block) = NonNull::new(block) {
            // Before it is written to: what was in the first bytes of both sizes is there.
            live.check_moved(block, live.size.min(size));
            self.place(&mut live, block, size);
            live.stamp();
        } else {
            assert!(self.may_be_null(size), "not resized to {size} bytes: {live:?}");
            self.ranges.add(live.address(), live.usable);
            live.check();
        }
        self.live.push(live);
    }

    fn resize_absurd(&mut self, at: usize, size: usize) {
        let live = &self.live[at];
        // SAFETY: a live block of this layout; it stays where it is.
        let block = unsafe { self.subject.reallocate(live.block, live.layout(), size, true) };
        self.calls += 1;
        assert!(block.is_null(), "resized to {size:#x} bytes: {live:?}");
        live.check();
    }

    fn inspect(&mut self, at: usize) {
        let live = &self.live[at];
        live.check();
        // SAFETY: a live block.
        let usable = unsafe { self.subject.usable_size(live.block) };
        assert_eq!(usable, live.usable, "the usable size changed: {live:?}");
    }

    pub(crate) fn give(&mut self, at: usize, known: bool) {
        self.inspect(at);
        let live = self.live.swap_remove(at);
        self.ranges.remove(live.address());
        // SAFETY: a live block of this layout, forgotten here.
        unsafe { self.subject.deallocate(live.block, live.layout(), known) };
        self.calls += 1;
    }

    fn give_many(&mut self, which: usize, stride: usize, n: usize) {
        let mut at = which;
        for _ in 0..n.min(self.live.len()) {
            at = (at + stride) % self.live.len();
            self.give(at, n.is_multiple_of(2));
        }
    }

    fn send(&mut self, at: usize, to: usize) {
        let live = self.live.swap_remove(at);
        let from = Arc::clone(&self.ranges);
        self.peers[to].send(Letter { live, from }).expect("mailboxes stay");
    }

    /// Looks at every block.
    pub(crate) fn check(&mut self) {
        self.receive();
        (0..self.live.len()).for_each(|at| self.inspect(at));
    }

    /// Sends everything to another thread.
    pub(crate) fn hand_over(&mut self, to: usize) {
        self.receive();
        while !self.live.is_empty() {
            self.send(self.live.len() - 1, to);
        }
    }

    /// Frees everything, and gives back what is gathered and cached.
    pub(crate) fn clear(&mut self) {
        self.receive();
        while !self.live.is_empty() {
            self.give(self.live.len() / 2, self.me.is_multiple_of(2));
        }
        self.subject.trim();
    }
}

impl<S: Subject> Drop for Actor<S> {
    fn drop(&mut self) {
        // Relaxed: read when the thread was joined.
        self.common.calls.fetch_add(self.calls, Ordering::Relaxed);
    }
}
