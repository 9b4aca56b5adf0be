//! Policy: limits, delays, budgets. Fixed when the program is built, read when a heap is bound.

use hakmem_warm_pool::Budget;

/// What may be chosen without choosing other boxes. All of it is `const`, so it lives in the
/// `static` of the allocator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    pub(crate) budget: Budget,
    pub(crate) cache_shift: u32,
    pub(crate) prewarm: usize,
}

impl Options {
    /// The defaults.
    pub const DEFAULT: Self = Self { budget: Budget::DEFAULT, cache_shift: 0, prewarm: 0 };
}
