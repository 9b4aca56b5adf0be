//! Bugs that lie between two steps.

use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

/// The moment in which another thread comes in between, where that is the bug. One call in 16 sleeps,
/// since who only yields goes on at once if the others wait for a busy core.
pub(crate) fn linger() {
    static N_CALLS: AtomicU32 = AtomicU32::new(0);
    if N_CALLS.fetch_add(1, SeqCst).is_multiple_of(16) {
        thread::sleep(Duration::from_micros(50));
    } else {
        thread::yield_now();
    }
}
