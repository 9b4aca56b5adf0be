//! `sh6` and `sh8`: runs of objects, some freed last in, first out, others first in, first out.
//!
//! In the spirit of the benchmarks sh6bench and sh8bench of `SmartHeap`: sizes of 1 to 1000 bytes,
//! small ones more often; half of the runs are freed as soon as they are there, the others stay
//! for a while. In `sh8` each object of a run has a size of its own, and a quarter of the runs goes
//! to the next thread, which frees them.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use crate::measure::{Common, Measured, timed, warm_up};
use crate::object::{Heap, Objects, Prepared};
use crate::rng::Rng;

const DEFAULT_OPS: u64 = 10_000_000;

/// Most objects of a run.
const RUN: usize = 32;

/// Largest object, in bytes.
const MAX: usize = 1000;

/// Runs under way from a thread to the next one; further ones are freed where they are.
const DEPTH: usize = 64;

/// Options of `sh6`.
#[derive(Clone, Debug, clap::Args)]
pub struct Sh6 {
    /// Runs that a thread keeps.
    #[arg(long, default_value_t = 256)]
    saved: usize,
}

/// Options of `sh8`.
#[derive(Clone, Debug, clap::Args)]
pub struct Sh8 {
    /// Runs that a thread keeps.
    #[arg(long, default_value_t = 256)]
    saved: usize,
}

impl Sh6 {
    pub(super) fn run(&self, common: &Common) -> Result<Measured, String> {
        check(self.saved)?;
        Ok(if common.no_alloc {
            run::<Prepared>(self.saved, false, common)
        } else {
            run::<Heap>(self.saved, false, common)
        })
    }

    pub(super) fn params(&self) -> Vec<(&'static str, usize)> {
        vec![("saved", self.saved)]
    }
}

impl Sh8 {
    pub(super) fn run(&self, common: &Common) -> Result<Measured, String> {
        check(self.saved)?;
        if common.no_alloc {
            return Err("the objects of sh8 change threads: no --no-alloc".into());
        }
        Ok(run::<Heap>(self.saved, true, common))
    }

    pub(super) fn params(&self) -> Vec<(&'static str, usize)> {
        vec![("saved", self.saved)]
    }
}

fn check(saved: usize) -> Result<(), String> {
    if saved == 0 { Err("--saved must not be 0".into()) } else { Ok(()) }
}

/// An object of any size from one byte up, marked in its first and in its last byte.
///
/// # Invariants
///
/// - `ptr` is to `size >= 1` bytes that this value alone owns, or `size` is 0.
struct Piece {
    ptr: *mut u8,
    size: usize,
}

// SAFETY: a piece owns its memory, and the allocators measured take a free from any thread.
unsafe impl Send for Piece {}

impl Piece {
    const NONE: Self = Self { ptr: std::ptr::null_mut(), size: 0 };

    #[inline(always)]
    fn new(from: &impl Objects, slot: usize, size: usize, mark: u8) -> Self {
        let ptr = from.take(slot, size);
        // SAFETY: the object has at least one byte.
        unsafe { ptr.write(mark) };
        // SAFETY: inside the object, as `size >= 1`.
        let last = unsafe { ptr.add(size - 1) };
        // SAFETY: the last byte of the object.
        unsafe { last.write(mark) };
        // INVARIANT: fresh from `take`, so owned by nobody else.
        Self { ptr, size }
    }

    /// Reads both marks, frees, and returns what the checksum gets.
    #[inline(always)]
    fn free(&mut self, from: &impl Objects) -> u64 {
        let Self { ptr, size } = std::mem::replace(self, Self::NONE);
        // SAFETY: the object has at least one byte, written by `new`.
        let first = unsafe { ptr.read() };
        // SAFETY: inside the object, as `size >= 1`.
        let last = unsafe { ptr.add(size - 1) };
        // SAFETY: the last byte of the object, written by `new`.
        let last = unsafe { last.read() };
        // SAFETY: the piece owns the memory it got from `take`, and forgot it above.
        unsafe { from.give(ptr, size) };
        u64::from(first) << 8 | u64::from(last)
    }
}

/// Objects that are freed together.
struct Run {
    pieces: [Piece; RUN],
    len: usize,
}

impl Run {
    fn first_in_first_out(&mut self, from: &impl Objects) -> u64 {
        self.pieces[..self.len].iter_mut().fold(0, |sum, piece| sum + piece.free(from))
    }

    fn last_in_first_out(&mut self, from: &impl Objects) -> u64 {
        self.pieces[..self.len].iter_mut().rev().fold(0, |sum, piece| sum + piece.free(from))
    }
}

/// The way to the next thread, and from the one before.
type Links = (SyncSender<Run>, Receiver<Run>);

struct Lane<O> {
    from: O,
    rng: Rng,
    kept: VecDeque<Run>,
    saved: usize,
    /// Number of the next run that is kept, modulo `saved + 2`.
    next: usize,
    /// In `sh8` only.
    onward: Option<SyncSender<Run>>,
    arriving: Option<Receiver<Run>>,
    sum: u64,
    allocated: u64,
}

fn run<O: Objects>(saved: usize, shared: bool, common: &Common) -> Measured {
    let threads = common.threads();
    let objects = common.ops_per_thread(DEFAULT_OPS).div_ceil(2);
    let links = Mutex::new(if shared { ring(threads) } else { Vec::new() });
    let prepare = |number| {
        let link = links.lock().ok().and_then(|mut links| links.pop());
        let (onward, arriving) = link.unzip();
        let mut lane = Lane {
            from: O::prepare((saved + 2) * RUN, MAX),
            rng: Rng::new(common.seed, number as u64),
            kept: VecDeque::with_capacity(saved + 2),
            saved,
            next: 0,
            onward,
            arriving,
            sum: 0,
            allocated: 0,
        };
        lane.work(warm_up(objects));
        lane.allocated = 0;
        lane
    };
    let work = |lane: &mut Lane<O>| {
        lane.work(objects);
        lane.wait();
    };
    let finish = |mut lane: Lane<O>| {
        while let Some(mut run) = lane.kept.pop_front() {
            lane.sum += run.first_in_first_out(&lane.from);
        }
        lane.sum
    };
    let (seconds, checksum) = timed(threads, prepare, work, finish);
    Measured::new(seconds, 2 * objects * threads as u64, checksum)
}

/// Each thread's sender is to the thread after it.
fn ring(threads: usize) -> Vec<Links> {
    let (mut senders, receivers): (Vec<_>, Vec<_>) =
        (0..threads).map(|_| sync_channel(DEPTH)).unzip();
    senders.rotate_left(1);
    senders.into_iter().zip(receivers).collect()
}

impl<O: Objects> Lane<O> {
    /// Allocates exactly so many objects.
    fn work(&mut self, objects: u64) {
        let mut left = objects as usize;
        while left > 0 {
            let (choice, count) = self.rng.two_below(4, RUN);
            let run = self.grow((count + 1).min(left));
            left -= run.len;
            self.settle(run, choice);
            while let Some(mut run) = self.arriving.as_ref().and_then(|link| link.try_recv().ok()) {
                self.sum += run.first_in_first_out(&self.from);
            }
        }
    }

    fn grow(&mut self, len: usize) -> Run {
        let mut pieces = [const { Piece::NONE }; RUN];
        let (own_sizes, slot) = (self.onward.is_some(), self.next * RUN);
        let mut size = self.size();
        for (number, piece) in pieces[..len].iter_mut().enumerate() {
            if own_sizes {
                size = self.size();
            }
            *piece = Piece::new(&self.from, slot + number, size, self.allocated as u8);
            self.allocated += 1;
        }
        Run { pieces, len }
    }

    /// The smaller of two sizes.
    #[inline(always)]
    fn size(&mut self) -> usize {
        let (one, other) = self.rng.two_below(MAX, MAX);
        one.min(other) + 1
    }

    /// Frees the run, gives it away, or keeps it and frees the oldest one instead.
    fn settle(&mut self, mut run: Run, choice: usize) {
        match (choice, &self.onward) {
            (0 | 1, _) => self.sum += run.last_in_first_out(&self.from),
            (2, Some(link)) => {
                if let Err(error) = link.try_send(run) {
                    let (std::sync::mpsc::TrySendError::Full(mut run)
                    | std::sync::mpsc::TrySendError::Disconnected(mut run)) = error;
                    self.sum += run.last_in_first_out(&self.from);
                }
            }
            _ => {
                self.kept.push_back(run);
                self.next = (self.next + 1) % (self.saved + 2);
                if self.kept.len() > self.saved
                    && let Some(mut oldest) = self.kept.pop_front()
                {
                    self.sum += oldest.first_in_first_out(&self.from);
                }
            }
        }
    }

    /// Frees what arrives until the thread before this one has ended.
    fn wait(&mut self) {
        self.onward = None;
        while let Some(mut run) = self.arriving.as_ref().and_then(|link| link.recv().ok()) {
            self.sum += run.first_in_first_out(&self.from);
        }
    }
}
