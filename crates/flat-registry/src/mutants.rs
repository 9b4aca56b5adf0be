//! The registry with an edge cut, for the negative controls of the models: wrong on purpose.

use hakmem_contract::{MetaArena, Tag, UNIT};
use hakmem_sync::atomic::Ordering;

use crate::{Flat, unit_of};

impl Flat {
    /// `cover` of one unit with F1 cut.
    #[inline]
    pub fn cover_without_f1(&self, base: usize, meta: &impl MetaArena) -> bool {
        // Relaxed: the cut.
        self.cover_with(base, UNIT, meta, Ordering::Relaxed)
    }

    /// `publish` of one unit with F2 cut.
    #[inline]
    pub fn publish_without_f2(&self, base: usize, tag: Tag, word: usize) {
        // Relaxed: the cut.
        self.publish_with(base, 1, [tag, tag], word, Ordering::Relaxed);
    }

    /// `retract` with F3 cut.
    #[inline]
    pub fn retract_without_f3(&self, base: usize, expected: Tag) -> bool {
        // Relaxed: the cut.
        self.retract_with(base, [expected, Tag::FOREIGN], Ordering::Relaxed)
    }

    /// `retract` in two steps, so that it does not decide.
    #[inline]
    pub fn retract_in_two_steps(&self, base: usize, expected: Tag) -> bool {
        let (Some(table), Some(unit)) = (self.table(), unit_of(base)) else { return false };
        // SAFETY: the number of a unit.
        let found = unsafe { table.tag(unit) } == expected.bits();
        if found {
            // Release: as in `publish`.
            table.set_tag(unit, Tag::FOREIGN.bits(), Ordering::Release);
        }
        found
    }
}
