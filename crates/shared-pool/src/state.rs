//! The word that says which units of a SuperSlab are free, and which of those are zero.
//!
//! ```text
//!  63            32 31             0
//! +----------------+----------------+
//! |      zero      |      free      |   bit n: unit n
//! +----------------+----------------+
//! ```

use hakmem_contract::UNITS_PER_SUPERSLAB;
use hakmem_sync::atomic::{AtomicU64, Ordering};
use hakmem_sync::const_unless_loom;
use static_assertions::const_assert_eq;

use crate::policy::Policy;

/// Every unit of a SuperSlab.
pub(crate) const ALL: u32 = u32::MAX;

/// How many orders of runs have hints: 1, 2, 4, 8 and 16 units.
pub(crate) const ORDERS: usize = 5;

const_assert_eq!(UNITS_PER_SUPERSLAB, 32);

/// The `units` units from `start` on. `1 <= units <= 32`, `start + units <= 32`.
#[inline]
pub(crate) const fn run(start: u32, units: usize) -> u32 {
    ALL.unbounded_shr(ALL.count_ones().wrapping_sub(low_u32(units))) << (start & 31)
}

/// The low 32 bits of `value`.
#[inline]
pub(crate) const fn low_u32(value: usize) -> u32 {
    let [a, b, c, d, ..] = value.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

/// A copy of the word.
///
/// # Invariants
///
/// - A zero bit is set only where the free bit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Units {
    pub(crate) free: u32,
    pub(crate) zero: u32,
}

impl Units {
    const fn of(word: u64) -> Self {
        let [a, b, c, d, e, f, g, h] = word.to_le_bytes();
        Self { free: u32::from_le_bytes([a, b, c, d]), zero: u32::from_le_bytes([e, f, g, h]) }
    }

    const fn word(self) -> u64 {
        let [a, b, c, d] = self.free.to_le_bytes();
        let [e, f, g, h] = self.zero.to_le_bytes();
        u64::from_le_bytes([a, b, c, d, e, f, g, h])
    }

    /// The word without the units of `mask`.
    pub(crate) const fn without(self, mask: u32) -> Self {
        // INVARIANT: both bits of a unit go together.
        Self { free: self.free & !mask, zero: self.zero & !mask }
    }

    /// How many orders have a run: if order `k` has one, so has `k - 1`.
    #[inline]
    pub(crate) const fn levels(self) -> usize {
        let mut runs = self.free;
        let mut order = 0;
        while runs != 0 && order < ORDERS {
            runs &= runs >> (1_u32 << order);
            order += 1;
        }
        order
    }

    /// The lowest `want` disjoint runs of `units` units, or as many as there are, in one mask.
    #[inline]
    fn choose(self, units: usize, want: usize) -> u32 {
        let mut chosen = 0;
        for _ in 0..want {
            let starts = starts(self.free & !chosen, units);
            if starts == 0 {
                break;
            }
            chosen |= run(starts.trailing_zeros(), units);
        }
        chosen
    }

    /// Free units that are not known to be zero.
    #[inline]
    pub(crate) const fn dirty(self) -> u32 {
        self.free & !self.zero
    }
}

/// Where runs of `units` set bits begin. O(log units).
#[inline]
const fn starts(mask: u32, units: usize) -> u32 {
    let mut runs = mask;
    let mut have = 1;
    while have < units {
        let more = if have < units - have { have } else { units - have };
        runs &= runs >> low_u32(more);
        have += more;
    }
    runs
}

/// What a claim got.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub(crate) struct Claim {
    /// The word before.
    pub(crate) before: Units,
    /// The units claimed; not empty.
    pub(crate) mask: u32,
}

/// The word. Each change is one read-modify-write, so a later one continues the release sequence of
/// an earlier one.
#[derive(Debug)]
pub(crate) struct State(AtomicU64);

impl State {
    const_unless_loom! {
        /// Nothing is free.
        pub(crate) fn new() -> Self {
            Self(AtomicU64::new(0))
        }
    }

    /// The word now, with everything that was done before the units in it were given.
    #[inline]
    pub(crate) fn load(&self) -> Units {
        // Acquire: the second half of P2's head: what `give` did before the hint that we
        // removed is in this value.
        Units::of(self.0.load(Ordering::Acquire))
    }

    /// Claims what `choose` picks of the word; `None` when it picks nothing.
    #[inline]
    fn claim<P: Policy>(&self, choose: impl Fn(Units) -> u32) -> Option<Claim> {
        // Relaxed: the value is only the CAS operand. It is no older than the hint that led here,
        // which was read with Acquire.
        let mut seen = self.0.load(Ordering::Relaxed);
        loop {
            let before = Units::of(seen);
            let mask = choose(before);
            if mask == 0 {
                return None;
            }
            let rest = before.without(mask).word();
            if P::EXCLUSIVE {
                // Relaxed: nobody else is here (K1 of `sync::lock`).
                self.0.store(rest, Ordering::Relaxed);
                return Some(Claim { before, mask });
            }
            let order = P::CLAIM;
            // `order` is Acquire: the head of P1. Nothing is published, so no Release.
            // Failure is Relaxed for the reason given at the load above.
            match self.0.compare_exchange_weak(seen, rest, order, Ordering::Relaxed) {
                Ok(_) => return Some(Claim { before, mask }),
                Err(now) => seen = now,
            }
        }
    }

    /// Claims up to `want` runs of `units`, the lowest, at once.
    #[inline]
    pub(crate) fn claim_runs<P: Policy>(&self, units: usize, want: usize) -> Option<Claim> {
        self.claim::<P>(|now| now.choose(units, want))
    }

    /// Claims all of `mask` or nothing.
    #[inline]
    pub(crate) fn claim_exact<P: Policy>(&self, mask: u32) -> Option<Claim> {
        self.claim::<P>(|now| if now.free & mask == mask { mask } else { 0 })
    }

    /// Claims the dirty units if `least` units are free.
    pub(crate) fn claim_dirty<P: Policy>(&self, least: u32) -> Option<Claim> {
        self.claim::<P>(|now| if now.free.count_ones() >= least { now.dirty() } else { 0 })
    }

    /// Makes the units of `mask` free, those of `zero` zero too. Returns the word before and after.
    #[inline]
    pub(crate) fn give<P: Policy>(&self, mask: u32, zero: u32) -> (Units, Units) {
        // INVARIANT: zero bits come with free bits only.
        let gift = Units { free: mask, zero: zero & mask };
        let order = P::GIVE;
        // `order` is AcqRel. Release: the tail of P1. Acquire: who makes the SuperSlab wholly
        // free, or finds that somebody else's hint is due, sees what led to the word before.
        let before =
            if P::EXCLUSIVE { self.add(gift) } else { self.0.fetch_or(gift.word(), order) };
        let before = Units::of(before);
        let after = Units { free: before.free | gift.free, zero: before.zero | gift.zero };
        (before, after)
    }
}

impl State {
    /// Adds `gift` where nobody else is. Returns what there was.
    fn add(&self, gift: Units) -> u64 {
        // Relaxed, both: nobody else is here (K1 of `sync::lock`).
        let before = self.0.load(Ordering::Relaxed);
        self.0.store(before | gift.word(), Ordering::Relaxed);
        before
    }
}

/// Which live spans begin at which unit of a SuperSlab.
#[derive(Debug)]
pub(crate) struct Heads(hakmem_sync::atomic::AtomicU32);

impl Heads {
    const_unless_loom! {
        /// None.
        pub(crate) fn new() -> Self {
            Self(hakmem_sync::atomic::AtomicU32::new(0))
        }
    }

    /// A span begins at unit `unit`.
    #[inline]
    pub(crate) fn set(&self, unit: u32) {
        // Release: the tail of P4.
        self.0.fetch_or(run(unit, 1), Ordering::Release);
    }

    /// No span begins at unit `unit` any more. Of several callers one is told that one did.
    #[inline]
    pub(crate) fn clear(&self, unit: u32) -> bool {
        // Acquire: the head of P4.
        self.0.fetch_and(!run(unit, 1), Ordering::Acquire) & run(unit, 1) != 0
    }
}
