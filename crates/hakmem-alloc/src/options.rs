//! Policy: limits, delays, budgets. Fixed when the program is built, used when the first request
//! is served.

use hakmem_contract::Limits;
use hakmem_warm_pool::Budget;

/// What may be chosen without choosing other boxes. All of it is `const`, so it lives in the
/// `static` of the allocator:
///
/// ```
/// use hakmem_alloc::{Hakmem, Options};
///
/// static SMALL: Hakmem = Hakmem::with(Options::new().superslab_cache_bytes(8 << 20).prefill(1));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "options do nothing until an allocator is made with them"]
pub struct Options {
    pub(crate) budget: Budget,
    pub(crate) limits: Limits,
    pub(crate) cache_shift: u32,
    pub(crate) prewarm: usize,
}

impl Options {
    /// The defaults: 64 empty ranges, 64 MiB, one second; huge pages; nothing mapped ahead; two
    /// slabs a step; 512 KiB of empty slabs a thread; caches as large as the classes allow.
    #[inline]
    pub const fn new() -> Self {
        Self { budget: Budget::DEFAULT, limits: Limits::new(), cache_shift: 0, prewarm: 0 }
    }

    /// How many empty ranges of SuperSlabs are kept for later at most; there is room for 64.
    #[inline]
    pub const fn superslab_cache_count(mut self, count: usize) -> Self {
        self.limits = self.limits.count(count);
        self
    }

    /// How many bytes of empty SuperSlabs are kept for later at most; 0 keeps none.
    #[inline]
    pub const fn superslab_cache_bytes(mut self, bytes: usize) -> Self {
        self.limits = self.limits.bytes(bytes);
        self
    }

    /// How many milliseconds an empty SuperSlab is kept at most, as long as something is released
    /// now and then.
    #[inline]
    pub const fn superslab_cache_age_ms(mut self, age_ms: usize) -> Self {
        self.limits = self.limits.age_ms(age_ms);
        self
    }

    /// Whether the system is asked for huge pages once the heap has several SuperSlabs.
    #[inline]
    pub const fn huge_pages(mut self, huge_pages: bool) -> Self {
        self.limits = self.limits.huge_pages(huge_pages);
        self
    }

    /// Whether the system is told which mappings are hakmem's, for `/proc/PID/smaps`: one call a
    /// mapping. A filter that kills for an unknown `prctl` wants `false`.
    #[inline]
    pub const fn names(mut self, names: bool) -> Self {
        self.limits = self.limits.names(names);
        self
    }

    /// How many SuperSlabs are mapped when the first request is served.
    #[inline]
    pub const fn prewarm(mut self, superslabs: usize) -> Self {
        self.prewarm = superslabs;
        self
    }

    /// How many slabs a thread acquires in one step when it runs dry again and again: 1 to 8.
    #[inline]
    pub const fn prefill(mut self, slabs: u8) -> Self {
        self.budget.prefill = slabs;
        self
    }

    /// How many units of 64 KiB a thread may keep as empty slabs.
    #[inline]
    pub const fn keep_units(mut self, units: u8) -> Self {
        self.budget.keep_units = units;
        self
    }

    /// Halves the most blocks that a thread caches of a class, `shift` times.
    #[inline]
    pub const fn cache_shift(mut self, shift: u32) -> Self {
        // More would be none at all, and a shift that does not exist.
        self.cache_shift = if shift < 15 { shift } else { 15 };
        self
    }
}

impl Default for Options {
    #[inline]
    fn default() -> Self {
        Self::new()
    }
}
