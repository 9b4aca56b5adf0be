//! A set of small integers as a tree of bits: set, clear, claim the lowest.
//!
//! Three levels of words; a bit of an upper word says "the word below may be non-zero". Any
//! thread may call anything at any time, and every operation costs the same with one member
//! and with all of them: at most three words on the way down and three on the way up.
//!
//! # Protocol
//!
//! A leaf bit is the truth; the bits above it are hints which are never wrongly zero once the
//! calls that changed them have returned. Each change is one read-modify-write.
//!
//! | edge | from | to | what travels |
//! |------|------|----|--------------|
//! | T1 | `set`: `AcqRel` OR of the leaf word | `claim`/`clear`: `AcqRel` AND of the same word | everything the setter did before, such as the state of the thing that the member names |
//! | T2 | `set`: `AcqRel` OR of an upper word | `descend_clear`: `AcqRel` AND of that word, then an Acquire load of the word below | the setter's bit below: whoever removes a hint after it was set sees why it was set, and puts it back |
//!
//! T2 makes a lost hint impossible without a `SeqCst` fence: setter and clearer both use a
//! read-modify-write of the *same* upper word, so one of them comes second. If the setter does,
//! the hint stays. If the clearer does, it has acquired the setter's bit below and restores the
//! hint. For this the setter may not skip its OR because the hint "is there already": only the
//! change of the word below from zero tells it that somebody else has taken care.
//!
//! A thread that vanishes between two of its steps (the other threads of a process that forks)
//! leaves at worst a hint without a member, which the next search removes, or a member without a
//! hint, which is then not found until its neighbour is set: a leak, never a wrong answer.
//!
//! Modelled in `tests/loom_tree.rs`.

#[cfg(loom)]
#[path = "tree_mutants.rs"]
mod mutants;

use crate::atomic::{AtomicU64, Ordering};
use crate::const_unless_loom;

/// Bits used of each word. Two under loom: the logic is the same, the search is finite.
const FAN: usize = if cfg!(loom) { 2 } else { 64 };

/// Words of the middle level.
const N_MID: usize = FAN;

/// Words of the lowest level.
const N_LEAF: usize = FAN * FAN;

/// How many members a tree can have: `0..CAPACITY`.
pub const CAPACITY: usize = FAN * FAN * FAN;

/// See the [module docs](self).
///
/// # Invariants
///
/// - In a quiet moment a bit of an upper word is set if the word below is non-zero.
#[derive(Debug)]
#[repr(C)]
pub struct BitTree {
    top: AtomicU64,
    mid: [AtomicU64; N_MID],
    leaf: [AtomicU64; N_LEAF],
}

/// The bit of `index` in its word.
#[inline]
const fn bit(index: usize) -> u64 {
    1 << (index % FAN)
}

impl BitTree {
    const_unless_loom! {
        /// The empty set. All zero bytes.
        pub fn new() -> Self {
            Self { top: AtomicU64::new(0), mid: zeros(), leaf: zeros() }
        }
    }

    /// Adds `index`. Returns whether it was new.
    ///
    /// What the caller did before is visible to whoever removes `index` (edge T1).
    /// An index out of range is ignored.
    #[inline]
    pub fn set(&self, index: usize) -> bool {
        let Some(leaf) = self.leaf.get(index / FAN) else { return false };
        // Release: the tail of T1. Acquire: the caller may go on as the one who saw it empty.
        let old = leaf.fetch_or(bit(index), Ordering::AcqRel);
        if old == 0 {
            self.raise_mid(index / FAN);
        }
        old & bit(index) == 0
    }

    /// `set` with edge T1 cut, for negative controls.
    #[cfg(loom)]
    pub fn set_relaxed(&self, index: usize) {
        let Some(leaf) = self.leaf.get(index / FAN) else { return };
        // Relaxed: wrong on purpose.
        if leaf.fetch_or(bit(index), Ordering::Relaxed) == 0 {
            self.raise_mid(index / FAN);
        }
    }

    /// Removes `index`. Returns whether it was there; of several callers one is told so.
    #[inline]
    pub fn clear(&self, index: usize) -> bool {
        let Some(leaf) = self.leaf.get(index / FAN) else { return false };
        // Acquire: the head of T1. Release: a later setter of the word continues our history.
        let old = leaf.fetch_and(!bit(index), Ordering::AcqRel);
        if old == bit(index) {
            self.descend_clear(index / FAN);
        }
        old & bit(index) != 0
    }

    /// Whether `index` is there now.
    #[inline]
    pub fn contains(&self, index: usize) -> bool {
        // Acquire: who sees the member sees what was done before it was set (T1).
        self.leaf.get(index / FAN).is_some_and(|w| w.load(Ordering::Acquire) & bit(index) != 0)
    }

    /// The lowest member, or `None` when there was none. A hint: it may be gone by now.
    #[inline]
    pub fn first(&self) -> Option<usize> {
        loop {
            // Acquire on all three: a hint that we follow shows the word below as it was when
            // the hint was set, so an older zero below is not mistaken for a stale hint.
            let top = self.top.load(Ordering::Acquire);
            let mid_index = lowest(top)?;
            let mid = self.mid.get(mid_index)?.load(Ordering::Acquire);
            let Some(in_mid) = lowest(mid) else {
                self.lower_top(mid_index);
                continue;
            };
            let leaf_index = mid_index * FAN + in_mid;
            // Acquire: as above, and the head of T1 for a caller that only looks.
            let leaf = self.leaf.get(leaf_index)?.load(Ordering::Acquire);
            let Some(in_leaf) = lowest(leaf) else {
                self.descend_clear(leaf_index);
                continue;
            };
            return Some(leaf_index * FAN + in_leaf);
        }
    }

    /// The lowest member that is at least `from`, a hint like [`first`](Self::first). Hints
    /// that turn out stale are passed over and left to `first`.
    #[inline]
    pub fn first_from(&self, from: usize) -> Option<usize> {
        // Acquire on all loads: as in `first`.
        let leaf_index = from / FAN;
        let leaf = self.leaf.get(leaf_index)?.load(Ordering::Acquire);
        if let Some(in_leaf) = lowest(leaf & at_least(from % FAN)) {
            return Some(leaf_index * FAN + in_leaf);
        }
        let mid_index = leaf_index / FAN;
        // Acquire: as above.
        let mid = self.mid.get(mid_index)?.load(Ordering::Acquire);
        let mid = mid & at_least(leaf_index % FAN + 1);
        let found = lowest(mid).and_then(|in_mid| self.lowest_in_leaf(mid_index * FAN + in_mid));
        if found.is_some() {
            return found;
        }
        // Acquire: as above.
        let top = self.top.load(Ordering::Acquire) & at_least(mid_index + 1);
        let mid_index = lowest(top)?;
        // Acquire: as above.
        let mid = self.mid.get(mid_index)?.load(Ordering::Acquire);
        self.lowest_in_leaf(mid_index * FAN + lowest(mid)?)
    }

    /// The lowest member of leaf word `leaf_index`.
    fn lowest_in_leaf(&self, leaf_index: usize) -> Option<usize> {
        // Acquire: as in `first`.
        let leaf = self.leaf.get(leaf_index)?.load(Ordering::Acquire);
        Some(leaf_index * FAN + lowest(leaf)?)
    }

    /// Removes the lowest member and returns it.
    #[inline]
    pub fn claim(&self) -> Option<usize> {
        loop {
            let index = self.first()?;
            if self.clear(index) {
                return Some(index);
            }
        }
    }

    /// Sets the hint for leaf word `leaf_index`, and the one above.
    fn raise_mid(&self, leaf_index: usize) {
        let Some(mid) = self.mid.get(leaf_index / FAN) else { return };
        // Release: the tail of T2. Acquire: continues the clearer's history.
        let old = mid.fetch_or(bit(leaf_index), Ordering::AcqRel);
        if old == 0 {
            // As above, one level up.
            self.top.fetch_or(bit(leaf_index / FAN), Ordering::AcqRel);
        }
    }

    /// Removes the hint for leaf word `leaf_index`, unless the word turns out to be non-zero.
    fn descend_clear(&self, leaf_index: usize) {
        let mid_index = leaf_index / FAN;
        let (Some(mid), Some(leaf)) = (self.mid.get(mid_index), self.leaf.get(leaf_index)) else {
            return;
        };
        // Acquire: the head of T2. Release: a later setter continues our history.
        let old = mid.fetch_and(!bit(leaf_index), Ordering::AcqRel);
        // Acquire: T1, should the word not be zero after all.
        if leaf.load(Ordering::Acquire) != 0 {
            self.raise_mid(leaf_index);
        } else if old == bit(leaf_index) {
            self.lower_top(mid_index);
        }
    }

    /// Removes the hint for middle word `mid_index`, unless the word turns out to be non-zero.
    fn lower_top(&self, mid_index: usize) {
        let Some(mid) = self.mid.get(mid_index) else { return };
        // Acquire: the head of T2, one level up. Release: as there.
        self.top.fetch_and(!bit(mid_index), Ordering::AcqRel);
        // Acquire: T2 again, for the word below.
        if mid.load(Ordering::Acquire) != 0 {
            // AcqRel: as in `raise_mid`.
            self.top.fetch_or(bit(mid_index), Ordering::AcqRel);
        }
    }
}

impl Default for BitTree {
    fn default() -> Self {
        Self::new()
    }
}

/// A mask of the bits at `position` and above; none from 64 on.
#[inline]
const fn at_least(position: usize) -> u64 {
    if position >= 64 { 0 } else { u64::MAX << position }
}

/// The position of the lowest set bit.
#[inline]
const fn lowest(word: u64) -> Option<usize> {
    if word == 0 { None } else { Some(word.trailing_zeros() as usize) }
}

/// An array of zero words.
#[cfg(not(loom))]
const fn zeros<const N: usize>() -> [AtomicU64; N] {
    [const { AtomicU64::new(0) }; N]
}

/// An array of zero words.
#[cfg(loom)]
fn zeros<const N: usize>() -> [AtomicU64; N] {
    core::array::from_fn(|_| AtomicU64::new(0))
}
