//! Waiting for another thread, for what is measured in nanoseconds.

use std::hint::spin_loop;

/// How often a word is looked at before another thread gets the processor.
const SPINS: usize = 100;

/// Asks until it is so.
#[inline(always)]
pub(crate) fn wait_until(mut done: impl FnMut() -> bool) {
    let mut spins = 0;
    while !done() {
        spins += 1;
        if spins < SPINS {
            spin_loop();
        } else {
            std::thread::yield_now();
        }
    }
}
