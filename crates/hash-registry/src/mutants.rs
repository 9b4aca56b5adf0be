//! The registry with an edge cut, for the negative controls of the models: wrong on purpose.

use hakmem_contract::{Class, MetaArena, Tag};
use hakmem_sync::atomic::Ordering;

use crate::{Hash, Key, raw, unit_of};

impl Hash {
    /// `cover` of one unit with X1 cut.
    #[inline]
    pub fn cover_without_x1(&self, base: usize, meta: &impl MetaArena) -> bool {
        // Relaxed: the cut.
        Key::of(base).is_some_and(|key| self.cover_key(key, meta, Ordering::Relaxed))
    }

    /// `cover` of one unit that leaves it to whoever stored the key to make its level known.
    #[inline]
    pub fn cover_without_level(&self, base: usize, meta: &impl MetaArena) -> bool {
        self.is_in_first_segment(base)
            // Release: as in `cover`.
            || Key::of(base).is_some_and(|key| self.cover_key(key, meta, Ordering::Release))
    }

    /// Whether the key of `base` is in the first segment.
    fn is_in_first_segment(&self, base: usize) -> bool {
        let key = Key::of(base).map(Key::stored);
        let segment = self.segment(1);
        segment.zip(key).is_some_and(|(segment, key)| segment.find(0, key).is_some())
    }

    /// A segment that lost a race: with Release as it is kept, with Relaxed X3 is cut.
    #[inline]
    pub fn keep_spare(&self, meta: &impl MetaArena, order: Ordering) {
        let Some(segment) = raw::open(meta) else { return };
        let _ = segment.as_ptr().expose_provenance();
        // SAFETY: fresh, exposed, and nobody else's.
        unsafe { self.spares.put_with(segment, order) };
    }

    /// `publish` of one unit with X2 cut.
    #[inline]
    pub fn publish_without_x2(&self, base: usize, tag: Tag, word: usize) {
        let Some(spot) = self.spot(base) else { return };
        // Relaxed: the cut.
        Self::publish_at(spot, base, 1, [tag, tag], word, Ordering::Relaxed);
    }

    /// `publish` of one unit of a slab with X5 cut.
    #[inline]
    pub fn publish_without_x5(&self, base: usize, tag: Tag, class: Class) {
        let Some(spot) = self.spot(base) else { return };
        // Release: as in `publish`.
        Self::publish_at(spot, base, 1, [tag, tag], 0, Ordering::Release);
        // Relaxed: the cut.
        spot.note_class(class, Ordering::Relaxed);
    }

    /// `retract` with X4 cut.
    #[inline]
    pub fn retract_without_x4(&self, base: usize, expected: Tag) -> bool {
        let tags = [expected.bits(), Tag::FOREIGN.bits()];
        // Relaxed: the cut.
        self.spot(base)
            .is_some_and(|spot| spot.marks().retract(unit_of(base), tags, Ordering::Relaxed))
    }

    /// `retract` in two steps, so that it does not decide.
    #[inline]
    pub fn retract_in_two_steps(&self, base: usize, expected: Tag) -> bool {
        let Some(spot) = self.spot(base) else { return false };
        let found = spot.tag(unit_of(base)) == expected;
        if found {
            // Release: as in `publish`.
            spot.marks().set_tag(unit_of(base), Tag::FOREIGN.bits(), Ordering::Release);
        }
        found
    }

    /// `survey_class` with its half of X5 cut. Returns how many SuperSlabs it showed.
    #[inline]
    pub fn survey_class_without_x5(&self, class: Class) -> usize {
        let mut n = 0;
        // Relaxed: the cut.
        self.each_segment(|segment| {
            segment.survey_class(class, Ordering::Relaxed, &mut |_| n += 1);
        });
        n
    }
}
