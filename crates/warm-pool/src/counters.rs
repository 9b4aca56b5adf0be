//! Counting, as a policy type that has no size and no code when it is off.

/// What a warm pool counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests served from a slab at hand.
    pub hits: u64,
    /// Requests that found the shelf dry.
    pub misses: u64,
    /// Slabs acquired beyond the one that a miss needed.
    pub prefills: u64,
}

/// Whether and how to count.
pub trait Counters {
    /// Nothing counted yet.
    const ZERO: Self;
    /// A request was served from a slab at hand.
    fn hit(&mut self);
    /// A shelf was dry, and `extra` slabs were acquired beside the one needed.
    fn miss(&mut self, extra: usize);
    /// The pool's thread had ended, and it has another one.
    #[inline(always)]
    fn adopted(&mut self) {}
    /// The pool has no thread, and another one has looked after it.
    #[inline(always)]
    fn relieved(&mut self) {}
    /// The counts, if there are any.
    fn counts(&self) -> Option<Counts>;
}

/// Counts nothing: zero-sized, and compiles to nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoCounters;

const _: () = assert!(size_of::<NoCounters>() == 0);

impl Counters for NoCounters {
    const ZERO: Self = Self;

    #[inline(always)]
    fn hit(&mut self) {}

    #[inline(always)]
    fn miss(&mut self, _extra: usize) {}

    #[inline(always)]
    fn counts(&self) -> Option<Counts> {
        None
    }
}

impl Counters for Counts {
    const ZERO: Self = Self { hits: 0, misses: 0, prefills: 0 };

    #[inline]
    fn hit(&mut self) {
        self.hits += 1;
    }

    #[inline]
    fn miss(&mut self, extra: usize) {
        self.misses += 1;
        self.prefills += extra as u64;
    }

    #[inline]
    fn counts(&self) -> Option<Counts> {
        Some(*self)
    }
}
