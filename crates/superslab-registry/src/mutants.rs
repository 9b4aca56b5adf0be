//! The registry with an edge cut, for the negative controls of the models: wrong on purpose.

use hakmem_contract::{MetaArena, Registry, Tag};
use hakmem_sync::atomic::Ordering;

use crate::raw;
use crate::{LEAF_SHIFT, TwoLevel, unit_of};

impl TwoLevel {
    /// `cover` of one unit with R1 cut.
    #[inline]
    pub fn cover_without_r1(&self, base: usize, meta: &impl MetaArena) -> bool {
        // Relaxed: the cut.
        self.cover_entry(base >> LEAF_SHIFT, meta, Ordering::Relaxed)
    }

    /// A leaf that lost a race: with Release as it is kept, with Relaxed R3 is cut.
    #[inline]
    pub fn keep_spare(&self, meta: &impl MetaArena, order: Ordering) {
        let Some(leaf) = raw::open(meta) else { return };
        let _ = leaf.as_ptr().expose_provenance();
        // SAFETY: fresh, exposed, and nobody else's.
        unsafe { self.spares.put_with(leaf, order) };
    }

    /// `publish` of one unit with R2 cut.
    ///
    /// # Safety
    ///
    /// As [`publish`](hakmem_contract::Registry::publish).
    #[inline]
    pub unsafe fn publish_without_r2(&self, base: usize, tag: Tag, word: usize) {
        // SAFETY: the caller's promise.
        let leaf = unsafe { self.leaf_covered(base) };
        leaf.0.set_word(unit_of(base), word);
        // Relaxed: the cut.
        leaf.0.set_tag(unit_of(base), tag.bits(), Ordering::Relaxed);
    }

    /// `retract` with R4 cut.
    ///
    /// # Safety
    ///
    /// As [`retract`](hakmem_contract::Registry::retract).
    #[inline]
    pub unsafe fn retract_without_r4(&self, base: usize, expected: Tag) -> bool {
        // SAFETY: the caller's promise.
        let leaf = unsafe { self.leaf_covered(base) };
        // Relaxed: the cut.
        leaf.0.retract(unit_of(base), [expected.bits(), Tag::FOREIGN.bits()], Ordering::Relaxed)
    }

    /// `retract` in two steps, so that it does not decide.
    ///
    /// # Safety
    ///
    /// As [`retract`](hakmem_contract::Registry::retract).
    #[inline]
    pub unsafe fn retract_in_two_steps(&self, base: usize, expected: Tag) -> bool {
        // SAFETY: the caller's promise.
        let found = unsafe { self.tag_covered(base) } == expected;
        if found {
            // SAFETY: as above.
            let leaf = unsafe { self.leaf_covered(base) };
            // Release: as in `publish`.
            leaf.0.set_tag(unit_of(base), Tag::FOREIGN.bits(), Ordering::Release);
        }
        found
    }
}
