//! Where counts lie.

use core::fmt;

use hakmem_sync::atomic::{AtomicU64, Ordering};

use crate::event::{EVENTS, Event};

/// Threads that count apart; more of them share.
const SHARDS: usize = if cfg!(loom) { 1 } else { 64 };

/// The counts of a composition. Any thread, at any time.
pub struct Counters {
    shards: [Shard; SHARDS],
}

/// The counts of some threads, on cache lines of their own.
#[repr(align(128))]
struct Shard {
    counts: [AtomicU64; EVENTS.len()],
}

/// Leads to the counts: a type that a composition makes, with a static of its own.
pub trait Ledger: 'static {
    /// The counts.
    fn counters() -> &'static Counters;

    /// Counts `n` times `event`.
    #[inline]
    fn add(event: Event, n: u64) {
        Self::counters().add(event, n);
    }

    /// Counts `event`.
    #[inline]
    fn note(event: Event) {
        Self::counters().add(event, 1);
    }
}

impl Shard {
    #[cfg(not(loom))]
    const fn new() -> Self {
        Self { counts: [const { AtomicU64::new(0) }; EVENTS.len()] }
    }
}

impl Counters {
    /// Nothing counted. All zero bytes.
    #[cfg(not(loom))]
    #[must_use]
    pub const fn new() -> Self {
        Self { shards: [const { Shard::new() }; SHARDS] }
    }

    fn add(&self, event: Event, n: u64) {
        if let Some(count) = self.count_of_thread(event) {
            // Relaxed: a number that orders nothing; its total is exact in any order.
            count.fetch_add(n, Ordering::Relaxed);
        }
    }

    fn count_of_thread(&self, event: Event) -> Option<&AtomicU64> {
        self.shards.get(shard())?.counts.get(event as usize)
    }

    /// What this thread has counted, and those that share with it.
    pub(crate) fn of_thread(&self, event: Event) -> u64 {
        // Relaxed: as in `add`.
        self.count_of_thread(event).map_or(0, |count| count.load(Ordering::Relaxed))
    }

    /// What all threads have counted.
    #[must_use]
    pub fn get(&self, event: Event) -> u64 {
        let counts = self.shards.iter().filter_map(|shard| shard.counts.get(event as usize));
        // Relaxed: as in `add`.
        counts.map(|count| count.load(Ordering::Relaxed)).sum()
    }
}

#[cfg(not(loom))]
impl Default for Counters {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Counters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = EVENTS.iter().map(|&event| (event, self.get(event)));
        f.debug_map().entries(counts).finish()
    }
}

/// Writes what `L` has counted to `out`, in the order of [`NAMES`](crate::NAMES). Allocates nothing.
pub fn read<L: Ledger>(out: &mut [u64]) {
    for (count, &event) in out.iter_mut().zip(EVENTS) {
        *count = L::counters().get(event);
    }
}

/// A number for the running thread.
fn shard() -> usize {
    // SAFETY: has no conditions; the answer is an address of the thread's own, for as long as it lives.
    let thread = unsafe { libc::pthread_self() } as usize;
    // Threads lie whole stacks apart: a multiplication spreads what differs into the high bits.
    (thread.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) % SHARDS
}
