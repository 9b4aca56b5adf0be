//! The accounting: where every mapped byte is.
//!
//! ```text
//!  mapped == handed_out + cached + fresh + meta + stranded
//! ```
//!
//! holds in every quiet moment, and [`Stats::is_balanced`] says so. All counters are changed on
//! slow paths only, next to a system call or a change of the cache.

pub use hakmem_contract::Stats;
use hakmem_sync::atomic::{AtomicUsize, Ordering};
use hakmem_sync::const_unless_loom;

/// A number of bytes.
#[derive(Debug)]
pub struct Counter {
    bytes: AtomicUsize,
}

impl Counter {
    const_unless_loom! {
        /// Zero.
        pub fn new() -> Self {
            Self { bytes: AtomicUsize::new(0) }
        }
    }

    /// Adds. Returns what it was.
    pub(crate) fn add(&self, bytes: usize) -> usize {
        // Relaxed: a count that orders nothing; its total is exact in any order.
        self.bytes.fetch_add(bytes, Ordering::Relaxed)
    }

    /// Takes off. Returns what it was.
    pub(crate) fn sub(&self, bytes: usize) -> usize {
        // Relaxed: as in `add`.
        self.bytes.fetch_sub(bytes, Ordering::Relaxed)
    }

    /// Takes one off, unless it is zero. Two callers at once may take off one between them.
    pub(crate) fn sub_to_zero(&self) {
        let now = self.get();
        if let Some(next) = now.checked_sub(1) {
            // Relaxed: as in `add`; whoever comes first has stepped for both.
            let _stepped =
                self.bytes.compare_exchange(now, next, Ordering::Relaxed, Ordering::Relaxed);
        }
    }

    /// As of some moment.
    pub(crate) fn get(&self) -> usize {
        // Relaxed: as in `add`.
        self.bytes.load(Ordering::Relaxed)
    }
}

impl Default for Counter {
    fn default() -> Self {
        Self::new()
    }
}

/// The counters.
///
/// # Invariants
///
/// - In a quiet moment `mapped` is the sum of the five others (see the [module docs](self)).
/// - `cached` and `fresh` are added to before a range becomes visible and taken from after it
///   was removed, so that they are never too low.
#[derive(Debug, Default)]
pub struct Books {
    pub(crate) mapped: Counter,
    pub(crate) handed_out: Counter,
    pub(crate) cached: Counter,
    pub(crate) fresh: Counter,
    pub(crate) meta: Counter,
    pub(crate) stranded: Counter,
    /// Mapped for slabs since the start, never taken from: how large a step is right.
    pub(crate) for_slabs: Counter,
}

impl Books {
    const_unless_loom! {
        /// Nothing is mapped.
        pub fn new() -> Self {
            Self {
                mapped: Counter::new(),
                handed_out: Counter::new(),
                cached: Counter::new(),
                fresh: Counter::new(),
                meta: Counter::new(),
                stranded: Counter::new(),
                for_slabs: Counter::new(),
            }
        }
    }

    /// All counters, one after the other.
    pub fn stats(&self) -> Stats {
        Stats {
            mapped: self.mapped.get(),
            handed_out: self.handed_out.get(),
            cached: self.cached.get(),
            fresh: self.fresh.get(),
            meta: self.meta.get(),
            stranded: self.stranded.get(),
        }
    }
}
