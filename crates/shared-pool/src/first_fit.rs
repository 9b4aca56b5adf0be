//! The same pool with one lock and a search from the start: to see what the hints and the absence of a
//! lock are worth.
//!
//! # What it does not do
//!
//! It does not keep what the trait calls *Flat* and *No lock*: a search looks at every SuperSlab before the
//! first that has room, and a thread that stops for ever while it has the lock stops all others. A
//! process that forks has such threads: those that the child does not have. A signal handler that
//! allocates while it interrupts the holder waits for ever. The lock is not taken around a fork: it
//! would be taken before the C library's locks there, and after them everywhere else.
//!
//! Spans, huge blocks, purging, and the numbers of SuperSlabs are the default pool's. No system call but
//! those that wait and wake is made under the lock.

use core::ptr::NonNull;

use hakmem_contract::{Memory, Registry, Span};
use hakmem_sync::const_unless_loom;
use hakmem_sync::lock::{Lock, Waits};

use crate::policy::Policy;
use crate::pool::SharedPool;

/// See the [module docs](self). All zero bytes when new.
#[derive(Debug)]
pub struct FirstFit {
    lock: Lock,
}

impl FirstFit {
    const_unless_loom! {
        /// Nobody has the lock.
        pub fn new() -> Self {
            Self { lock: Lock::new() }
        }
    }
}

impl Default for FirstFit {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(not(loom))]
impl hakmem_contract::Fresh for FirstFit {
    const FRESH: hakmem_contract::Unplaced<Self> = hakmem_contract::Unplaced::new(Self::new());
}

/// Memory's ways to wait.
struct Bed<'a, M>(&'a M);

impl<M: Memory> Waits for Bed<'_, M> {
    fn wait(&self, word: NonNull<u32>, value: u32) {
        self.0.wait_while(word, value);
    }

    fn wake_one(&self, word: NonNull<u32>) {
        self.0.wake_one(word);
    }
}

// SAFETY: the lock keeps others out, and its edge (K1) carries what was done; the other constants are
// the trait's.
unsafe impl Policy for FirstFit {
    const EXCLUSIVE: bool = true;

    fn exclude<T>(&self, memory: &impl Memory, work: impl FnOnce() -> T) -> T {
        self.lock.run(&Bed(memory), work)
    }

    #[inline(always)]
    fn step(&self) {}
}

impl<M: Memory, R: Registry, P: Policy> SharedPool<M, R, P> {
    /// Claims runs of the first SuperSlab that has one, and returns how many. O(SuperSlabs).
    pub(crate) fn take_first_fit(&self, units: usize, out: &mut [Span]) -> usize {
        self.policy.exclude(&self.memory, || {
            let taken = |number| self.take_from(number, units, out);
            (0..self.numbers.limit()).map(taken).find(|&n| n != 0).unwrap_or(0)
        })
    }
}
