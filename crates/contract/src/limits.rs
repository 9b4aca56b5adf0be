//! What a cache of empty SuperSlabs may keep, and for how long.

/// Ranges that the cache holds at most, unless set otherwise.
const DEFAULT_COUNT: usize = 64;

/// 64 MiB: what the cache holds at most, unless set otherwise.
const DEFAULT_BYTES: usize = 64 << 20;

/// One second: how long the cache holds a range, unless set otherwise.
const DEFAULT_AGE_MS: usize = 1000;

/// How much is kept and for how long. [`Limits::new`] gives the defaults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Ranges in the cache, at most.
    pub count: usize,
    /// Bytes in the cache, at most.
    pub bytes: usize,
    /// Milliseconds that a range stays in the cache.
    pub age_ms: usize,
    /// Whether huge pages are asked for.
    pub huge_pages: bool,
    /// Whether mappings get names.
    pub names: bool,
    /// Whether old ranges lose only their pages.
    pub keep_purged: bool,
}

impl Limits {
    /// 64 ranges, 64 MiB, one second; huge pages are asked for; mappings get names; what is
    /// too old is unmapped.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            count: DEFAULT_COUNT,
            bytes: DEFAULT_BYTES,
            age_ms: DEFAULT_AGE_MS,
            huge_pages: true,
            names: true,
            keep_purged: false,
        }
    }

    /// At most so many ranges in the cache; it has room for 64.
    #[must_use]
    pub const fn count(mut self, count: usize) -> Self {
        self.count = count;
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

    /// Whether to name mappings.
    #[must_use]
    pub const fn names(mut self, names: bool) -> Self {
        self.names = names;
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
