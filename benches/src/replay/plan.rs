//! From a trace to steps: which thread does what, when it waits, and where it keeps its blocks.
//!
//! # Slots
//!
//! A live block is in a slot, where other threads find it. A slot of blocks that other threads take
//! is used again two epochs after the last one was taken: before, somebody might still wait for that
//! one and find another. Other slots are used again at once. A slot also has a place in the arena of
//! `--no-alloc`, so slots are kept by the power of two that a block fits in.

use std::collections::{HashMap, VecDeque};

use hakmem_trace::{Act, Op, Trace};

/// Operations of all threads that make an epoch.
pub const EPOCH: usize = 2048;

/// Largest block that can be replayed: 2 GiB.
const MAX_SIZE: u64 = 1 << 31;

/// What a thread does in one step. What fields mean depends on `what`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// One of [`what`].
    pub what: u8,
    /// log2 of the block's alignment.
    pub align_log2: u8,
    /// Whether another thread allocates the block, so that it has to be waited for.
    pub waits: u16,
    /// The block's slot; the thread to start; the epoch to begin.
    pub slot: u32,
    /// Bytes from now on.
    pub size: u32,
    /// Bytes until now; the epoch that ends.
    pub old_size: u32,
    /// Where the block is after it got another size.
    pub new_slot: u32,
}

/// The kinds of steps.
pub mod what {
    /// Allocate a block.
    pub const ALLOCATE: u8 = 0;
    /// Allocate zeros.
    pub const ALLOCATE_ZEROED: u8 = 1;
    /// Change a block's size.
    pub const RESIZE: u8 = 2;
    /// Free a block.
    pub const FREE: u8 = 3;
    /// Start another thread.
    pub const START: u8 = 4;
    /// End one epoch and begin another.
    pub const EPOCH: u8 = 5;
    /// End an epoch and wait for the end of all.
    pub const STAY: u8 = 6;
    /// End an epoch and this thread.
    pub const LEAVE: u8 = 7;
}

/// A trace, ready to run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The steps of each thread.
    pub threads: Vec<Vec<Step>>,
    /// For each epoch, how many threads are in it.
    pub epochs: Vec<u32>,
    /// For each slot, where it is in the arena of `--no-alloc`.
    pub slots: Vec<u64>,
    /// Bytes of that arena.
    pub arena: u64,
    /// Allocations, frees and new sizes, with the frees at the end of what the program left.
    pub ops: u64,
    /// The most bytes that are alive at once, as asked for.
    pub peak_live: u64,
}

/// A block that is alive.
#[derive(Clone, Copy)]
struct Block {
    slot: u32,
    size: u32,
    align_log2: u8,
    /// The thread that allocated it, or gave it its size.
    thread: u32,
}

/// Where a slot goes when its block is gone.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Home {
    /// The thread that puts blocks there.
    thread: u32,
    /// log2 of the room it has in the arena.
    class: u32,
    /// Whether other threads take the blocks.
    shared: bool,
}

#[derive(Default)]
struct Planner {
    plan: Plan,
    blocks: Vec<Option<Block>>,
    /// The home of each slot.
    homes: Vec<Home>,
    /// Free slots that no other thread looks at.
    free: HashMap<Home, Vec<u32>>,
    /// Free slots of the others, with the epoch in which a block was taken.
    later: HashMap<Home, VecDeque<(u32, u32)>>,
    /// The epoch in which each thread is.
    at: Vec<u32>,
    ended: Vec<bool>,
    live: u64,
}

impl Plan {
    /// Plans a trace.
    ///
    /// # Errors
    ///
    /// What makes it impossible to replay.
    pub fn of(trace: &Trace) -> Result<Self, String> {
        trace.check()?;
        let mut planner = Planner::default();
        let takers = takers(trace);
        let (mut epoch, mut last) = (0, 0);
        for (number, (op, taker)) in trace.ops.iter().zip(takers).enumerate() {
            epoch = (number / EPOCH) as u32;
            planner.enter(op.thread, last, epoch);
            planner.add(op.thread, op.act, taker != op.thread, epoch)?;
            last = op.thread;
        }
        planner.finish(epoch)
    }
}

/// For each operation that leaves a block, the thread of the next one that takes it. What is left at
/// the end is thread 0's.
fn takers(trace: &Trace) -> Vec<u32> {
    let is_new = |op: &&Op| matches!(op.act, Act::Allocate { .. });
    let mut blocks = trace.ops.iter().filter(is_new).count();
    let mut next = vec![0; blocks];
    let mut takers = vec![0; trace.ops.len()];
    for (taker, op) in takers.iter_mut().zip(&trace.ops).rev() {
        match op.act {
            Act::Allocate { .. } => {
                blocks -= 1;
                *taker = next[blocks];
            }
            Act::Resize { block, .. } | Act::Free { block } => {
                *taker = std::mem::replace(&mut next[block as usize], op.thread);
            }
            Act::End => {}
        }
    }
    takers
}

impl Planner {
    /// Sees to it that `thread` has been started, after what `before` does, and is in `epoch`.
    fn enter(&mut self, thread: u32, before: u32, epoch: u32) {
        let index = thread as usize;
        if index == self.at.len() {
            self.at.push(epoch);
            self.ended.push(false);
            self.plan.threads.push(Vec::new());
            self.join(epoch);
            if thread > 0 {
                let start = Step { what: what::START, slot: thread, ..Step::default() };
                self.plan.threads[before as usize].push(start);
                let begin = Step { what: what::EPOCH, slot: epoch, old_size: u32::MAX, ..start };
                self.plan.threads[index].push(begin);
            }
        } else if self.at[index] != epoch {
            let old_size = std::mem::replace(&mut self.at[index], epoch);
            self.join(epoch);
            let step = Step { what: what::EPOCH, slot: epoch, old_size, ..Step::default() };
            self.plan.threads[index].push(step);
        }
    }

    /// One thread more is in `epoch`.
    fn join(&mut self, epoch: u32) {
        let epochs = &mut self.plan.epochs;
        epochs.resize(epochs.len().max(epoch as usize + 1), 0);
        epochs[epoch as usize] += 1;
    }

    /// Plans an operation; `shared`: another thread takes the block that it leaves.
    fn add(&mut self, thread: u32, act: Act, shared: bool, epoch: u32) -> Result<(), String> {
        match act {
            Act::Allocate { size, align_log2, zeroed } => {
                let size = small(size)?;
                let home = Home { thread, class: class(size, align_log2), shared };
                let slot = self.take(home, align_log2, epoch);
                self.blocks.push(Some(Block { slot, size, align_log2, thread }));
                let what = if zeroed { what::ALLOCATE_ZEROED } else { what::ALLOCATE };
                self.push(thread, Step { what, align_log2, slot, size, ..Step::default() });
                self.grow(size);
            }
            Act::Resize { block, size } => {
                let old = self.block(block)?;
                let size = small(size)?;
                let home = Home { thread, class: class(size, old.align_log2), shared };
                let stays = !shared && self.homes[old.slot as usize] == home;
                let new_slot =
                    if stays { old.slot } else { self.take(home, old.align_log2, epoch) };
                let step = Step { what: what::RESIZE, size, new_slot, ..step(old, thread) };
                self.push(thread, step);
                if new_slot != old.slot {
                    self.give(old.slot, epoch);
                }
                self.blocks[block as usize] = Some(Block { slot: new_slot, size, thread, ..old });
                self.live -= u64::from(old.size);
                self.grow(size);
            }
            Act::Free { block } => {
                let old = self.block(block)?;
                self.push(thread, Step { what: what::FREE, ..step(old, thread) });
                self.give(old.slot, epoch);
                self.blocks[block as usize] = None;
                self.live -= u64::from(old.size);
            }
            Act::End => self.ended[thread as usize] = true,
        }
        Ok(())
    }

    fn push(&mut self, thread: u32, step: Step) {
        self.plan.threads[thread as usize].push(step);
        self.plan.ops += 1;
    }

    fn block(&self, block: u32) -> Result<Block, String> {
        self.blocks[block as usize].ok_or_else(|| format!("block {block} is not alive"))
    }

    fn grow(&mut self, size: u32) {
        self.live += u64::from(size);
        self.plan.peak_live = self.plan.peak_live.max(self.live);
    }

    /// A slot of this home.
    fn take(&mut self, home: Home, align_log2: u8, epoch: u32) -> u32 {
        if let Some(slot) = self.free.get_mut(&home).and_then(Vec::pop) {
            return slot;
        }
        let later = self.later.entry(home).or_default();
        // Whoever took the block has ended that epoch before anybody begins this one.
        if later.front().is_some_and(|(_, freed)| *freed + 2 <= epoch)
            && let Some((slot, _)) = later.pop_front()
        {
            return slot;
        }
        let bytes = 1_u64 << home.class;
        let place = self.plan.arena.next_multiple_of(bytes.min(1 << 16).max(1 << align_log2));
        self.plan.arena = place + bytes;
        self.plan.slots.push(place);
        self.homes.push(home);
        self.homes.len() as u32 - 1
    }

    /// The block of `slot` is gone.
    fn give(&mut self, slot: u32, epoch: u32) {
        let home = self.homes[slot as usize];
        if home.shared {
            self.later.entry(home).or_default().push_back((slot, epoch));
        } else {
            self.free.entry(home).or_default().push(slot);
        }
    }

    /// What the program left is freed by its first thread, and every thread ends.
    fn finish(mut self, epoch: u32) -> Result<Plan, String> {
        if self.at.is_empty() {
            return Err("the trace is empty".into());
        }
        let left: Vec<Block> = self.blocks.drain(..).flatten().collect();
        for (thread, (at, ended)) in self.at.iter().zip(&self.ended).enumerate().skip(1) {
            let what = if *ended { what::LEAVE } else { what::STAY };
            let step = Step { what, old_size: *at, ..Step::default() };
            self.plan.threads[thread].push(step);
        }
        // Two epochs later all others have done what they did, but for those that only wait.
        self.enter(0, 0, epoch + 2);
        for block in left {
            self.push(0, Step { what: what::FREE, ..step(block, 0) });
        }
        let leave = Step { what: what::LEAVE, old_size: epoch + 2, ..Step::default() };
        self.plan.threads[0].push(leave);
        Ok(self.plan)
    }
}

fn small(size: u64) -> Result<u32, String> {
    let fits = u32::try_from(size).ok().filter(|_| size <= MAX_SIZE);
    fits.ok_or_else(|| format!("a block of {size} bytes is too large to replay"))
}

/// log2 of the power of two that a block fits in, 16 at least.
fn class(size: u32, align_log2: u8) -> u32 {
    size.next_power_of_two().ilog2().max(4).max(u32::from(align_log2).min(12))
}

/// A step for a block that is there.
fn step(block: Block, thread: u32) -> Step {
    let Block { slot, size, align_log2, .. } = block;
    let waits = u16::from(block.thread != thread);
    Step { align_log2, waits, slot, old_size: size, ..Step::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn op(thread: u32, act: Act) -> Op {
        Op { thread, act }
    }

    fn new(size: u64) -> Act {
        Act::Allocate { size, align_log2: 4, zeroed: false }
    }

    fn plan(ops: Vec<Op>) -> Plan {
        Plan::of(&Trace { program: String::new(), ops }).unwrap()
    }

    #[test]
    fn a_thread_uses_its_slots_again() {
        let free = |block| op(0, Act::Free { block });
        let plan = plan(vec![op(0, new(20)), free(0), op(0, new(30)), op(0, new(1000)), free(1)]);
        let slots: Vec<_> = plan.threads[0].iter().map(|step| (step.what, step.slot)).collect();
        let (new, free) = (what::ALLOCATE, what::FREE);
        // The last free is of what the program left, when all have come so far.
        let end = [(what::EPOCH, 2), (free, 1), (what::LEAVE, 0)];
        assert_eq!(slots[..5], [(new, 0), (free, 0), (new, 0), (new, 1), (free, 0)]);
        assert_eq!(slots[5..], end);
        assert_eq!((plan.ops, plan.peak_live, plan.epochs), (6, 1030, vec![1, 0, 1]));
    }

    /// Otherwise thread 1 could come too early, and take the block that was there before.
    #[test]
    fn a_slot_that_others_look_at_rests() {
        let mut ops = vec![
            op(0, new(8)),
            op(1, Act::Free { block: 0 }),
            op(0, new(8)),
            op(0, Act::Free { block: 1 }),
            op(0, new(8)),
            op(1, Act::Free { block: 2 }),
        ];
        ops.resize(2 * EPOCH, op(0, Act::End));
        ops.extend([op(0, new(8)), op(1, Act::Free { block: 3 })]);
        let plan = plan(ops);
        let steps: Vec<_> = plan.threads[0].iter().map(|step| (step.what, step.slot)).collect();
        let (new, free, start, epoch) = (what::ALLOCATE, what::FREE, what::START, what::EPOCH);
        assert_eq!(steps[..5], [(new, 0), (start, 1), (new, 1), (free, 1), (new, 2)]);
        assert_eq!(steps[5..8], [(epoch, 1), (epoch, 2), (new, 0)]);
        let taken: Vec<_> = plan.threads[1].iter().filter(|step| step.what == free).collect();
        assert_eq!(taken.iter().map(|step| step.slot).collect::<Vec<_>>(), [0, 2, 0]);
        assert!(taken.iter().all(|step| step.waits == 1));
        assert_eq!(plan.epochs, [2, 1, 2, 0, 1]);
    }

    #[test]
    fn a_block_that_grows_moves_to_a_slot_of_its_size() {
        let plan = plan(vec![
            op(0, new(100)),
            op(0, Act::Resize { block: 0, size: 120 }),
            op(0, Act::Resize { block: 0, size: 200 }),
            op(0, Act::Free { block: 0 }),
        ]);
        let moves: Vec<_> =
            plan.threads[0].iter().map(|step| (step.slot, step.new_slot, step.size)).collect();
        assert_eq!(moves[..4], [(0, 0, 100), (0, 0, 120), (0, 1, 200), (1, 0, 0)]);
        assert_eq!((plan.slots.len(), plan.peak_live), (2, 200));
    }

    #[test]
    fn what_cannot_be_replayed_is_refused() {
        let refused = |ops| Plan::of(&Trace { program: String::new(), ops }).is_err();
        assert!(refused(vec![]));
        assert!(refused(vec![op(0, new(1 << 40))]));
        assert!(refused(vec![op(0, Act::Free { block: 0 })]));
    }
}
