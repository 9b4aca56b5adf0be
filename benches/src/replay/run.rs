//! Running a plan.
//!
//! # Protocol
//!
//! | edge | from | to | what travels |
//! |------|------|----|--------------|
//! | V1 | `Stage::publish` | `Stage::take` of another thread | a block: its bytes |
//!
//! Empty slots travel by the lock of the epochs.

use std::alloc::{Layout, alloc, alloc_zeroed, dealloc, handle_alloc_error, realloc};
use std::io::Write as _;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex};
use std::thread::Scope;

use super::image::Image;
use super::map::Map;
use super::plan::{Step, what};
use crate::clock::Clock;
use crate::report::Memory;
use crate::wait::wait_until;

/// Blocks up to this size are written whole.
const SMALL: usize = 1024;

/// Where blocks come from.
trait Source: Sync {
    fn allocate(&self, step: &Step) -> *mut u8;

    fn allocate_zeroed(&self, step: &Step) -> *mut u8;

    /// # Safety
    ///
    /// `block` is of `step.old_size` bytes, in slot `step.slot`, and not used again.
    unsafe fn resize(&self, block: *mut u8, step: &Step) -> *mut u8;

    /// # Safety
    ///
    /// As there.
    unsafe fn free(&self, block: *mut u8, step: &Step);
}

/// The allocator of this binary.
struct Heap;

fn layout(size: u32, step: &Step) -> Layout {
    // SAFETY: a power of two of 16 to 2^30, and at most 2 GiB, as plans have them.
    unsafe { Layout::from_size_align_unchecked(size.max(1) as usize, 1 << step.align_log2) }
}

fn there(block: *mut u8, layout: Layout) -> *mut u8 {
    if block.is_null() {
        handle_alloc_error(layout);
    }
    block
}

impl Source for Heap {
    #[inline(always)]
    fn allocate(&self, step: &Step) -> *mut u8 {
        let layout = layout(step.size, step);
        // SAFETY: the size is not 0.
        there(unsafe { alloc(layout) }, layout)
    }

    #[inline(always)]
    fn allocate_zeroed(&self, step: &Step) -> *mut u8 {
        let layout = layout(step.size, step);
        // SAFETY: the size is not 0.
        there(unsafe { alloc_zeroed(layout) }, layout)
    }

    #[inline(always)]
    unsafe fn resize(&self, block: *mut u8, step: &Step) -> *mut u8 {
        let (old, new) = (layout(step.old_size, step), layout(step.size, step));
        // SAFETY: the caller gives up a block of that size, which was got with that layout.
        there(unsafe { realloc(block, old, new.size()) }, new)
    }

    #[inline(always)]
    unsafe fn free(&self, block: *mut u8, step: &Step) {
        // SAFETY: the caller gives up a block of that size, which was got with that layout.
        unsafe { dealloc(block, layout(step.old_size, step)) }
    }
}

/// A place for each slot, from the start.
struct Arena<'a> {
    memory: Map,
    places: &'a [u64],
}

impl Source for Arena<'_> {
    #[inline(always)]
    fn allocate(&self, step: &Step) -> *mut u8 {
        // SAFETY: the arena has room for all slots.
        unsafe { self.memory.base().add(self.places[step.slot as usize] as usize) }.as_ptr()
    }

    #[inline(always)]
    fn allocate_zeroed(&self, step: &Step) -> *mut u8 {
        let block = self.allocate(step);
        // SAFETY: the slot has room for the size.
        unsafe { block.write_bytes(0, step.size as usize) };
        block
    }

    #[inline(always)]
    unsafe fn resize(&self, block: *mut u8, step: &Step) -> *mut u8 {
        let moved = self.allocate(&Step { slot: step.new_slot, ..*step });
        if moved != block {
            let kept = step.old_size.min(step.size) as usize;
            // SAFETY: both slots have room for so many bytes, and are different ones.
            unsafe { ptr::copy_nonoverlapping(block, moved, kept) };
        }
        moved
    }

    #[inline(always)]
    unsafe fn free(&self, _block: *mut u8, _step: &Step) {}
}

/// What the threads share.
///
/// # Invariants
///
/// - `slots` has a word for each slot of the image: null, or a block that the step which put it
///   there described, and that no other word has.
struct Stage<'a, S> {
    image: &'a Image,
    source: S,
    slots: Map,
    epochs: Mutex<Epochs>,
    /// The first epoch that somebody has not ended is another one.
    moved: Condvar,
    sum: AtomicU64,
}

/// Which epochs have ended. A thread asks once in thousands of operations, and one that has to wait
/// sleeps: others need the processor.
struct Epochs {
    /// For each epoch, how many threads have not ended it.
    left: Vec<u32>,
    /// The first epoch that somebody has not ended.
    frontier: usize,
}

impl Epochs {
    /// A thread ends an epoch; says whether the frontier has moved.
    fn end(&mut self, epoch: usize) -> bool {
        if let Some(left) = self.left.get_mut(epoch) {
            *left -= 1;
        }
        let before = self.frontier;
        while self.left.get(self.frontier) == Some(&0) {
            self.frontier += 1;
        }
        self.frontier > before
    }
}

/// What came of a run.
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    /// Of all rounds.
    pub seconds: f64,
    /// Of what was read back.
    pub checksum: u64,
    /// Memory when all was ready and nothing was allocated.
    pub before: Memory,
}

/// Runs a plan `rounds` times, with or without allocations.
///
/// # Errors
///
/// What the system refused.
pub fn run(image: &Image, rounds: u64, no_alloc: bool) -> Result<Outcome, String> {
    image.touch();
    if !no_alloc {
        return Ok(Stage::new(image, Heap)?.run(rounds));
    }
    let memory = Map::zeros(image.head().arena as usize)?;
    memory.touch();
    Ok(Stage::new(image, Arena { memory, places: image.slots() })?.run(rounds))
}

impl<'a, S: Source> Stage<'a, S> {
    fn new(image: &'a Image, source: S) -> Result<Self, String> {
        let slots = Map::zeros(image.slots().len() * size_of::<AtomicPtr<u8>>())?;
        slots.touch();
        let epochs = Mutex::new(Epochs { left: image.epochs().to_vec(), frontier: 0 });
        let (moved, sum) = (Condvar::new(), AtomicU64::new(0));
        // INVARIANT: a fresh mapping is zeros, which are nulls.
        Ok(Self { image, source, slots, epochs, moved, sum })
    }

    fn run(&self, rounds: u64) -> Outcome {
        let before = Memory::read();
        let clock = Clock::start();
        for _ in 0..rounds {
            if let Ok(mut epochs) = self.epochs.lock() {
                epochs.left.copy_from_slice(self.image.epochs());
                epochs.frontier = 0;
            }
            std::thread::scope(|scope| self.live(0, scope));
        }
        let seconds = clock.stop();
        // Relaxed: the threads have been joined.
        Outcome { seconds, checksum: self.sum.load(Ordering::Relaxed), before }
    }

    /// One thread.
    fn live<'scope>(&'scope self, thread: usize, scope: &'scope Scope<'scope, '_>) {
        let mut sum = 0_u64;
        for step in self.image.steps(thread) {
            match step.what {
                what::ALLOCATE => {
                    let block = self.source.allocate(step);
                    write(block, 0, step.size as usize, tag(step.slot));
                    self.publish(step.slot, block);
                }
                what::ALLOCATE_ZEROED => {
                    let block = self.source.allocate_zeroed(step);
                    sum = sum.wrapping_add(look(block, step.size as usize) << 32);
                    write(block, 0, step.size as usize, tag(step.slot));
                    self.publish(step.slot, block);
                }
                what::RESIZE => sum = sum.wrapping_add(self.resize(step)),
                what::FREE => {
                    let block = self.take(step);
                    sum = sum.wrapping_add(look(block, step.old_size as usize));
                    // SAFETY: taken out of its slot, where a block of this size was.
                    unsafe { self.source.free(block, step) };
                }
                what::START => {
                    let other = step.slot as usize;
                    start(scope, move || self.live(other, scope));
                }
                _ => self.pass(step),
            }
        }
        // Relaxed: read after the thread has been joined.
        self.sum.fetch_add(sum, Ordering::Relaxed);
    }

    /// Changes a block's size, and returns what was read.
    #[inline]
    fn resize(&self, step: &Step) -> u64 {
        let (old, new) = (step.old_size as usize, step.size as usize);
        let block = self.take(step);
        let before = look(block, old);
        // SAFETY: taken out of its slot, where a block of this size was.
        let moved = unsafe { self.source.resize(block, step) };
        // Of a block that has shrunk, only the first byte is sure to have been written.
        let after = look(moved, if new < old { new.min(1) } else { old });
        write(moved, old.min(new), new, tag(step.new_slot));
        self.publish(step.new_slot, moved);
        before.wrapping_add(after << 16)
    }

    fn slot(&self, slot: u32) -> &AtomicPtr<u8> {
        // SAFETY: plans name slots that they have, and the mapping has a word for each.
        let word = unsafe { self.slots.base().cast::<*mut u8>().add(slot as usize) };
        // SAFETY: mapped as long as `self`, aligned, and used in no other way.
        unsafe { AtomicPtr::from_ptr(word.as_ptr()) }
    }

    #[inline(always)]
    fn publish(&self, slot: u32, block: *mut u8) {
        // INVARIANT: the slot is empty, which the plan sees to.
        // Release, edge V1: the block's bytes are there before others see it.
        self.slot(slot).store(block, Ordering::Release);
    }

    /// The block of a step's slot, which is empty afterwards.
    #[inline(always)]
    fn take(&self, step: &Step) -> *mut u8 {
        let slot = self.slot(step.slot);
        // Acquire, edge V1.
        let mut block = slot.load(Ordering::Acquire);
        if block.is_null() {
            block = await_cold(slot);
        }
        // Relaxed: whoever fills it next is this thread, or comes after it by the lock of the epochs.
        slot.store(ptr::null_mut(), Ordering::Relaxed);
        block
    }

    /// Ends an epoch, and waits as the step says.
    #[cold]
    fn pass(&self, step: &Step) {
        let Ok(mut epochs) = self.epochs.lock() else { return };
        if epochs.end(step.old_size as usize) {
            self.moved.notify_all();
        }
        let wanted = match step.what {
            // Its predecessor may still be at work, but not the one before that.
            what::EPOCH => (step.slot as usize).saturating_sub(1),
            what::STAY => epochs.left.len(),
            _ => 0,
        };
        let early = |epochs: &mut Epochs| epochs.frontier < wanted;
        // Only a thread that panicked would leave the lock poisoned; the process has ended then.
        drop(self.moved.wait_while(epochs, early));
    }
}

/// Starts a thread, or ends the process: the others would wait for what it does.
#[cold]
fn start<'scope>(scope: &'scope Scope<'scope, '_>, live: impl FnOnce() + Send + 'scope) {
    if let Err(error) = std::thread::Builder::new().spawn_scoped(scope, live) {
        // Nobody is left to tell when standard error is closed.
        let _ = writeln!(std::io::stderr(), "workload: cannot start a thread: {error}");
        std::process::exit(2);
    }
}

/// What a block of this slot is written with; never zero.
#[inline(always)]
fn tag(slot: u32) -> u8 {
    (slot.wrapping_mul(0x9e37_79b1) >> 24) as u8 | 1
}

/// Writes the bytes of a block from `from` on: all of a small one, else one in each page; the first
/// and the last one in any case.
#[inline(always)]
fn write(block: *mut u8, from: usize, size: usize, tag: u8) {
    let put = |at: usize| {
        // SAFETY: the callers below stay inside the block.
        let byte = unsafe { block.add(at) };
        // SAFETY: inside the block, which is this thread's. Volatile, so that it happens.
        unsafe { byte.write_volatile(tag) };
    };
    if size == 0 {
        return;
    }
    put(0);
    if size <= SMALL {
        // SAFETY: not beyond the end, as `from` is at most `size`.
        let rest = unsafe { block.add(from) };
        // SAFETY: inside the block, which is this thread's.
        unsafe { rest.write_bytes(tag, size - from) };
    } else {
        // In another cache line of each page, so that they do not fall into one set of the cache.
        let pages = from.div_ceil(4096)..size.div_ceil(4096);
        pages.map(|page| page * 4096 + page * 64 % 4096).filter(|at| *at < size).for_each(put);
    }
    put(size - 1);
}

/// The first and the last byte of so many.
#[inline(always)]
fn look(block: *mut u8, size: usize) -> u64 {
    if size == 0 {
        return 0;
    }
    // SAFETY: the block has a byte.
    let first = unsafe { block.read() };
    // SAFETY: inside the block.
    let last = unsafe { block.add(size - 1) };
    // SAFETY: inside the block, and written.
    let last = unsafe { last.read() };
    u64::from(first) << 8 | u64::from(last)
}

/// The block that another thread is about to put into the slot.
#[cold]
#[inline(never)]
fn await_cold(slot: &AtomicPtr<u8>) -> *mut u8 {
    let mut block = ptr::null_mut();
    wait_until(|| {
        // Acquire, edge V1.
        block = slot.load(Ordering::Acquire);
        !block.is_null()
    });
    block
}
