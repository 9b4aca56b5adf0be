//! Ranges that were freed, inaccessible for a while.

use core::ptr::{self, NonNull};

use hakmem_contract::geometry::ADDRESS_BITS;
use hakmem_contract::{SUPERSLAB, SUPERSLAB_SHIFT, Span, UNIT_SHIFT};
use hakmem_sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use hakmem_sync::const_unless_loom;

#[cfg(not(loom))]
#[path = "slots_core.rs"]
mod slots;
#[cfg(loom)]
#[path = "slots_loom.rs"]
mod slots;

/// How many ranges are kept: a range comes out when so many others were freed after it. One under
/// loom: every range meets the one before it.
pub const SLOTS: usize = if cfg!(loom) { 1 } else { 64 };

/// A range in quarantine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Range {
    /// Units of a SuperSlab.
    Units(Span),
    /// Whole SuperSlabs: where, and how many bytes.
    Huge(NonNull<u8>, usize),
}

const NUMBER_BITS: u32 = 26;
const UNITS_BITS: u32 = 6;
/// Bits below the address: the kind, the units, the number of the SuperSlab, or how many there are.
const LOW_BITS: u32 = 1 + UNITS_BITS + NUMBER_BITS;
const ADDRESS_SHIFT: u32 = UNIT_SHIFT;

const _: () = assert!(LOW_BITS + ADDRESS_BITS - ADDRESS_SHIFT <= u64::BITS);
const _: () = assert!(ADDRESS_BITS - SUPERSLAB_SHIFT <= NUMBER_BITS);

impl Range {
    /// The range as a word; none is zero.
    fn pack(self) -> u64 {
        match self {
            Self::Units(span) => {
                let units = (span.units as u64) << 1;
                word(span.base) | units | (span.superslab as u64) << (1 + UNITS_BITS)
            }
            Self::Huge(base, bytes) => {
                word(base) | 1 | ((bytes >> SUPERSLAB_SHIFT) as u64) << (1 + UNITS_BITS)
            }
        }
    }

    /// The range whose word is `packed`; `None` for zero.
    fn unpack(packed: u64) -> Option<Self> {
        let address = (packed >> LOW_BITS) << ADDRESS_SHIFT;
        let base = NonNull::new(ptr::with_exposed_provenance_mut(address as usize))?;
        let number = packed >> (1 + UNITS_BITS) & ((1 << NUMBER_BITS) - 1);
        if packed & 1 != 0 {
            return Some(Self::Huge(base, number as usize * SUPERSLAB));
        }
        let units = packed >> 1 & ((1 << UNITS_BITS) - 1);
        Some(Self::Units(Span { base, superslab: number as u32, units: units as u16, zeroed: 0 }))
    }
}

/// The bits of an address.
fn word(base: NonNull<u8>) -> u64 {
    (base.as_ptr().expose_provenance() >> ADDRESS_SHIFT << LOW_BITS) as u64
}

/// The orders of the protocol's edge, so that a model can cut it.
#[derive(Clone, Copy, Debug)]
pub struct Edges {
    /// Order of the swap that puts a range in, and takes the one before it out.
    pub put: Ordering,
}

impl Edges {
    /// The protocol as it is.
    pub const ALL: Self = Self {
        // Release: the tail of G1. Acquire: the head of G1, for the range that comes out.
        put: Ordering::AcqRel,
    };
}

/// The last [`SLOTS`] ranges that were freed.
///
/// # Invariants
///
/// - A word of a slot is a range that is nobody's but the quarantine's, or zero.
#[derive(Debug)]
pub struct Quarantine {
    next: AtomicUsize,
    slots: [AtomicU64; SLOTS],
}

impl Quarantine {
    const_unless_loom! {
        /// With nothing in it. All zero bytes.
        pub fn new() -> Self {
            Self { next: AtomicUsize::new(0), slots: slots::empty() }
        }
    }

    /// Puts `range` in, and takes out the one that has been there longest. O(1), lock-free.
    ///
    /// # Safety
    ///
    /// The range is the caller's, who gives it up; the one that comes out is the caller's.
    pub unsafe fn put(&self, range: Range) -> Option<Range> {
        // SAFETY: passed on.
        unsafe { self.put_with(range, Edges::ALL) }
    }

    /// `put` with the orders of `edges`.
    ///
    /// # Safety
    ///
    /// As [`put`](Self::put).
    pub unsafe fn put_with(&self, range: Range, edges: Edges) -> Option<Range> {
        // Relaxed: any slot will do; the slots carry the ranges.
        let at = self.next.fetch_add(1, Ordering::Relaxed) % SLOTS;
        let slot = self.slots.get(at)?;
        Range::unpack(slot.swap(range.pack(), edges.put))
    }

    /// Takes any range out; `None` when there is none. O(slots).
    pub fn take(&self) -> Option<Range> {
        self.slots.iter().find_map(|slot| {
            // Acquire: the head of G1. Nothing is published.
            Range::unpack(slot.swap(0, Ordering::Acquire))
        })
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn pointer(address: usize) -> NonNull<u8> {
        NonNull::new(ptr::without_provenance_mut(address)).unwrap_or(NonNull::dangling())
    }

    #[test]
    fn a_range_is_its_word() {
        let ends = [1 << UNIT_SHIFT, (1 << ADDRESS_BITS) - (1 << UNIT_SHIFT)].map(pointer);
        for base in ends {
            for (superslab, units) in [(0, 1), (0, 18), (262_143, 1), (262_143, 18)] {
                let range = Range::Units(Span { base, superslab, units, zeroed: 0 });
                assert_eq!(Range::unpack(range.pack()), Some(range));
            }
            for count in [1, 2, (1 << 26) - 1] {
                let range = Range::Huge(base, count * SUPERSLAB);
                assert_eq!(Range::unpack(range.pack()), Some(range));
            }
        }
        assert_eq!(Range::unpack(0), None);
    }

    #[test]
    fn the_oldest_comes_out_first() {
        let quarantine = Quarantine::new();
        let range = |i: usize| Range::Huge(pointer((i + 1) << SUPERSLAB_SHIFT), SUPERSLAB);
        for i in 0..3 * SLOTS {
            // SAFETY: nobody uses these addresses.
            let out = unsafe { quarantine.put(range(i)) };
            assert_eq!(out, i.checked_sub(SLOTS).map(range));
        }
        let left = core::iter::from_fn(|| quarantine.take()).count();
        assert_eq!(left, SLOTS);
    }
}
