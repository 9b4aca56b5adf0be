//! The word that other threads' blocks hang on.
//!
//! ```text
//!  63        48 47        32 31        16 15         0
//! +------------+------------+------------+------------+
//! |     0      |    last    |   first    |   count    |
//! +------------+------------+------------+------------+
//! ```

/// Blocks that are linked to each other: the numbers of the first and the last one, and how many
/// they are. All zero when there are none.
///
/// # Invariants
///
/// - Bits as above; first and last are below 4096, as every block's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub(crate) struct Chain(u64);

const FIRST_SHIFT: u32 = 16;
const LAST_SHIFT: u32 = 32;
const FIELD: u64 = 0xFFFF;

impl Chain {
    /// No blocks.
    pub(crate) const EMPTY: Self = Self(0);

    /// The chain from block `first` to block `last`, of `count`.
    #[inline(always)]
    pub(crate) const fn new(first: usize, last: usize, count: usize) -> Self {
        debug_assert!(first < 4096 && last < 4096 && count <= 4096);
        // INVARIANT: each in its field.
        Self(count as u64 | (first as u64) << FIRST_SHIFT | (last as u64) << LAST_SHIFT)
    }

    /// The chain whose word is `bits`.
    #[inline(always)]
    pub(crate) const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// Its word.
    #[inline(always)]
    pub(crate) const fn bits(self) -> u64 {
        self.0
    }

    #[inline(always)]
    pub(crate) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// How many blocks.
    #[inline(always)]
    pub(crate) const fn count(self) -> usize {
        (self.0 & FIELD) as usize
    }

    /// The number of the first block; 0 if there is none.
    #[inline(always)]
    pub(crate) const fn first(self) -> usize {
        (self.0 >> FIRST_SHIFT & FIELD) as usize
    }

    /// The number of the last block; 0 if there is none.
    #[inline(always)]
    pub(crate) const fn last(self) -> usize {
        (self.0 >> LAST_SHIFT & FIELD) as usize
    }

    /// `self` with `older` behind it: their blocks are linked by whoever calls.
    #[inline(always)]
    #[must_use]
    pub(crate) const fn before(self, older: Self) -> Self {
        let last = if older.is_empty() { self.last() } else { older.last() };
        Self::new(self.first(), last, self.count() + older.count())
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    const NUMBERS: [usize; 6] = [0, 1, 63, 64, 2048, 4095];

    #[test]
    fn what_goes_in_comes_out() {
        for first in NUMBERS {
            for last in NUMBERS {
                for count in [1, 2, 64, 4095, 4096] {
                    let chain = Chain::from_bits(Chain::new(first, last, count).bits());
                    assert_eq!((chain.first(), chain.last(), chain.count()), (first, last, count));
                    assert!(!chain.is_empty());
                }
            }
        }
        assert!(Chain::EMPTY.is_empty() && Chain::EMPTY.count() == 0);
    }

    #[test]
    fn a_chain_before_another_begins_with_its_own_and_ends_with_the_others() {
        let (new, old) = (Chain::new(4095, 7, 3), Chain::new(0, 4094, 4093));
        assert_eq!(new.before(Chain::EMPTY), new);
        assert_eq!(new.before(old), Chain::new(4095, 4094, 4096));
        // Block 0 alone is no empty chain.
        let zero = Chain::new(0, 0, 1);
        assert_eq!(new.before(zero), Chain::new(4095, 0, 4));
    }
}
