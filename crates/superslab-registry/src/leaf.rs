//! A leaf: the tags and words of 4 GiB of addresses.

use hakmem_contract::{Tag, UNIT_SHIFT};
use hakmem_sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use crate::LEAF_UNITS;

/// Tags and words, apart: a lookup of a tag touches no word.
///
/// # Invariants
///
/// - The tags are first: the zero leaf is that part alone.
/// - All zero bytes are a leaf in which everything is foreign.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Leaf {
    pub(crate) tags: [AtomicU32; LEAF_UNITS],
    pub(crate) words: [AtomicUsize; LEAF_UNITS],
}

impl Leaf {
    /// The word of unit `index`.
    #[inline]
    pub(crate) fn set_word(&self, index: usize, word: usize) {
        if let Some(slot) = self.words.get(index) {
            // Relaxed: the tag's store orders it (R2).
            slot.store(word, Ordering::Relaxed);
        }
    }

    /// The tag of unit `index`.
    #[inline]
    pub(crate) fn set_tag(&self, index: usize, tag: Tag, order: Ordering) {
        if let Some(slot) = self.tags.get(index) {
            // `order` is Release: the tail of R2.
            slot.store(tag.bits(), order);
        }
    }

    /// Shows each unit whose tag is not foreign; the first unit is at `base`.
    pub(crate) fn survey(&self, base: usize, see: &mut impl FnMut(usize, Tag, usize)) {
        for (unit, (tag, word)) in self.tags.iter().zip(&self.words).enumerate() {
            // Acquire: the head of R2.
            let tag = Tag::from_bits(tag.load(Ordering::Acquire));
            if tag != Tag::FOREIGN {
                // Relaxed: after the tag (R2).
                see(base + (unit << UNIT_SHIFT), tag, word.load(Ordering::Relaxed));
            }
        }
    }

    /// Makes the tag of unit `index` `instead` if it is `expected`. Of several callers one is told
    /// so.
    #[inline]
    pub(crate) fn retract_tag(
        &self,
        index: usize,
        [expected, instead]: [Tag; 2],
        order: Ordering,
    ) -> bool {
        let (old, new) = (expected.bits(), instead.bits());
        // `order` is Acquire: the head of R4. Nothing is published, so no Release.
        // Relaxed on failure: who is refused looks at nothing.
        let retract = |slot: &AtomicU32| slot.compare_exchange(old, new, order, Ordering::Relaxed);
        self.tags.get(index).is_some_and(|slot| retract(slot).is_ok())
    }
}
