//! What can be set.

use hakmem_sync::atomic::{AtomicUsize, Ordering};
use hakmem_sync::const_unless_loom;

use crate::cache::N_CACHED;

/// 64 MiB: what the cache holds at most, unless set otherwise.
const DEFAULT_BYTES: usize = 64 << 20;

/// One second: how long the cache holds a range, unless set otherwise.
const DEFAULT_AGE_MS: usize = 1000;

/// How much is kept and for how long. [`Limits::new`] gives the defaults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    count: usize,
    bytes: usize,
    age_ms: usize,
    huge_pages: bool,
    keep_purged: bool,
}

impl Limits {
    /// 64 ranges, 64 MiB, one second; huge pages are asked for; what is too old is unmapped.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            count: N_CACHED,
            bytes: DEFAULT_BYTES,
            age_ms: DEFAULT_AGE_MS,
            huge_pages: true,
            keep_purged: false,
        }
    }

    /// At most so many ranges in the cache. More than [`N_CACHED`] is as much as that.
    #[must_use]
    pub const fn count(mut self, count: usize) -> Self {
        self.count = if count < N_CACHED { count } else { N_CACHED };
        self
    }

    /// At most so many bytes in the cache; 0 for no cache.
    #[must_use]
    pub const fn bytes(mut self, bytes: usize) -> Self {
        self.bytes = bytes;
        self
    }

    /// Ranges older than this are given back.
    #[must_use]
    pub const fn age_ms(mut self, age_ms: usize) -> Self {
        self.age_ms = age_ms;
        self
    }

    /// Whether to ask the system for huge pages.
    #[must_use]
    pub const fn huge_pages(mut self, huge_pages: bool) -> Self {
        self.huge_pages = huge_pages;
        self
    }

    /// Whether old ranges lose only their pages (`true`) or their addresses as well.
    #[must_use]
    pub const fn keep_purged(mut self, keep_purged: bool) -> Self {
        self.keep_purged = keep_purged;
        self
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::new()
    }
}

/// One number that is 0 in memory until it is set.
///
/// # Invariants
///
/// - The word is 0 for "as by default", else the value plus one.
#[derive(Debug)]
struct Setting {
    word: AtomicUsize,
}

impl Setting {
    const_unless_loom! {
        fn new() -> Self {
            Self { word: AtomicUsize::new(0) }
        }
    }

    fn get(&self, default: usize) -> usize {
        // Relaxed: a number that nothing else depends on; an old one is as good.
        self.word.load(Ordering::Relaxed).checked_sub(1).unwrap_or(default)
    }

    fn set(&self, value: usize) {
        // Relaxed: as in `get`.
        // INVARIANT: never 0. The largest value is one less than asked for, which is no limit.
        self.word.store(value.saturating_add(1), Ordering::Relaxed);
    }
}

/// The limits as they are shared between threads: all zero means all defaults.
#[derive(Debug)]
pub(crate) struct Settings {
    count: Setting,
    bytes: Setting,
    age_ms: Setting,
    huge_pages: Setting,
    keep_purged: Setting,
}

impl Settings {
    const_unless_loom! {
        pub(crate) fn new() -> Self {
            Self {
                count: Setting::new(),
                bytes: Setting::new(),
                age_ms: Setting::new(),
                huge_pages: Setting::new(),
                keep_purged: Setting::new(),
            }
        }
    }

    pub(crate) fn set(&self, limits: Limits) {
        self.count.set(limits.count);
        self.bytes.set(limits.bytes);
        self.age_ms.set(limits.age_ms);
        self.huge_pages.set(usize::from(limits.huge_pages));
        self.keep_purged.set(usize::from(limits.keep_purged));
    }

    pub(crate) fn get(&self) -> Limits {
        let default = Limits::new();
        Limits {
            count: self.count.get(default.count),
            bytes: self.bytes.get(default.bytes),
            age_ms: self.age_ms.get(default.age_ms),
            huge_pages: self.huge_pages.get(usize::from(default.huge_pages)) != 0,
            keep_purged: self.keep_purged.get(usize::from(default.keep_purged)) != 0,
        }
    }
}

/// Read access for the rest of the crate.
impl Limits {
    pub(crate) const fn max_count(&self) -> usize {
        self.count
    }

    pub(crate) const fn max_bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) const fn max_age_ms(&self) -> usize {
        self.age_ms
    }

    pub(crate) const fn wants_huge_pages(&self) -> bool {
        self.huge_pages
    }

    pub(crate) const fn keeps_purged(&self) -> bool {
        self.keep_purged
    }
}
