//! A plain lock, for boxes that show what one costs. No box of the default composition has one.
//!
//! # Protocol
//!
//! | edge | from | to | what travels |
//! |------|------|----|--------------|
//! | K1 | the end of [`Lock::run`]: Release swap of the word | the next [`Lock::run`]: Acquire CAS or swap | what was done in between |
//!
//! Who finds it held spins for a moment, then says that somebody waits, and asks the system to be woken
//! when the word changes. Who gives it up wakes one, if somebody said so. A thread that stops for ever
//! in between (a process that forks has a copy of the word, not of the thread) keeps it held for ever.
//!
//! Modelled in `tests/loom_lock.rs`.

use core::ptr::NonNull;

use crate::atomic::{AtomicU32, Ordering};
use crate::{address_of, const_unless_loom, hint};

/// Nobody has it.
const FREE: u32 = 0;
/// Somebody has it.
const HELD: u32 = 1;
/// Somebody has it, and somebody else may wait.
const AWAITED: u32 = 2;

/// How often a thread looks before it waits. Not under loom, where looking is a step like any other.
const LOOKS: usize = if cfg!(loom) { 0 } else { 100 };

/// Where a thread waits.
pub trait Waits {
    /// Returns when the word at `word` is not `value`, when somebody wakes, or for no reason at all.
    fn wait(&self, word: NonNull<u32>, value: u32);

    /// Wakes one of those who wait for `word`.
    fn wake_one(&self, word: NonNull<u32>);
}

/// See the [module docs](self). All zero bytes when new.
#[derive(Debug)]
pub struct Lock(AtomicU32);

impl Lock {
    const_unless_loom! {
        /// Nobody has it.
        pub fn new() -> Self {
            Self(AtomicU32::new(FREE))
        }
    }

    /// Does `work` while nobody else does any. `work` does not come back here.
    #[inline]
    pub fn run<T>(&self, waits: &impl Waits, work: impl FnOnce() -> T) -> T {
        // Release: the tail of K1.
        self.run_with(waits, work, Ordering::Release)
    }

    /// [`run`](Self::run), with the order of its end, which a model can cut.
    #[inline]
    pub fn run_with<T>(&self, waits: &impl Waits, work: impl FnOnce() -> T, end: Ordering) -> T {
        if !self.try_take() {
            self.take_cold(waits);
        }
        let result = work();
        // `end` is Release: the tail of K1.
        if self.0.swap(FREE, end) == AWAITED {
            waits.wake_one(address_of(&self.0));
        }
        result
    }

    fn try_take(&self) -> bool {
        // Acquire: the head of K1. Relaxed on failure: nothing was taken.
        self.0.compare_exchange(FREE, HELD, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    #[cold]
    #[inline(never)]
    fn take_cold(&self, waits: &impl Waits) {
        for _ in 0..LOOKS {
            hint::spin_loop();
            // Relaxed: `try_take` takes.
            if self.0.load(Ordering::Relaxed) == FREE && self.try_take() {
                return;
            }
        }
        // From here on somebody may wait, and whoever gives it up has to wake.
        // Acquire: the head of K1.
        while self.0.swap(AWAITED, Ordering::Acquire) != FREE {
            waits.wait(address_of(&self.0), AWAITED);
        }
    }
}

impl Default for Lock {
    fn default() -> Self {
        Self::new()
    }
}
