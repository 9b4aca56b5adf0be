//! The registry with an edge cut, for the negative controls of the models: wrong on purpose.

use hakmem_contract::{MetaArena, Tag};
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
        leaf.set_word(unit_of(base), word);
        // Relaxed: the cut.
        leaf.set_tag(unit_of(base), tag, Ordering::Relaxed);
    }
}
