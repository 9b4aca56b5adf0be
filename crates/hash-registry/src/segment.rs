//! A segment: buckets of keys, the tags and words that belong to each, and which classes they have.

use hakmem_contract::geometry::UNITS_PER_SUPERSLAB;
use hakmem_contract::{Class, Kind, MAX_CLASSES, Tag, UNIT_SHIFT};
use hakmem_sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use hakmem_sync::marks::Marks;
use hakmem_sync::spares::Spare;
use static_assertions::const_assert;

use crate::REGION_SHIFT;

/// log2 of the units that a key stands for: a SuperSlab's. Two under loom.
pub(crate) const REGION_BITS: u32 =
    if cfg!(loom) { 1 } else { UNITS_PER_SUPERSLAB.trailing_zeros() };

/// Units that a key stands for.
pub(crate) const REGION_UNITS: usize = 1 << REGION_BITS;

/// Keys of a bucket: a cache line. Two under loom.
pub(crate) const SLOTS: usize = if cfg!(loom) { 2 } else { 16 };

/// log2 of the buckets of a segment. One bucket under loom.
pub(crate) const BUCKET_BITS: u32 = if cfg!(loom) { 0 } else { 6 };

/// Buckets of a segment.
const BUCKETS: usize = 1 << BUCKET_BITS;

/// Keys of a segment.
const KEYS: usize = BUCKETS * SLOTS;

/// Classes with an index. Two under loom, where each atomic costs time.
const CLASSES: usize = if cfg!(loom) { 2 } else { MAX_CLASSES };

/// Words that have a bit for each key.
const BIT_WORDS: usize = KEYS.div_ceil(u64::BITS as usize);

const_assert!(cfg!(loom) || size_of::<Bucket>() == 64);

/// The keys of a bucket, 0 for none.
///
/// # Invariants
///
/// - They fill up from the front, and a key that others can see never changes.
#[derive(Debug)]
#[repr(transparent)]
pub(crate) struct Bucket(pub(crate) [AtomicU32; SLOTS]);

/// See the [module docs](self).
///
/// # Invariants
///
/// - All zero bytes are a segment without keys.
/// - `marks[n]` belong to key `n`.
/// - In a quiet moment the bit of a key is set in the word of each class of which it has a slab.
#[derive(Debug)]
#[repr(C, align(64))]
pub(crate) struct Segment {
    pub(crate) buckets: [Bucket; BUCKETS],
    pub(crate) marks: [Marks<REGION_UNITS>; KEYS],
    pub(crate) classes: [[AtomicU64; BIT_WORDS]; CLASSES],
}

// SAFETY: segments are the metadata arena's memory, which is never given back; the link is the word
// of the first unit of the first key, of which nothing is said as long as nobody uses the segment.
unsafe impl Spare for Segment {
    fn link(&self) -> Option<&AtomicUsize> {
        self.marks.first()?.first_word()
    }
}

/// A key's part of a segment.
///
/// # Invariants
///
/// - `slot < KEYS`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spot<'a> {
    segment: &'a Segment,
    slot: usize,
}

impl<'a> Spot<'a> {
    /// Tags and words.
    #[inline]
    pub(crate) fn marks(self) -> &'a Marks<REGION_UNITS> {
        // SAFETY: the type's invariant.
        unsafe { self.segment.marks.get_unchecked(self.slot) }
    }

    /// The tag of unit `unit` of the SuperSlab.
    #[inline]
    pub(crate) fn tag(self, unit: usize) -> Tag {
        // SAFETY: the remainder is below the number of units.
        Tag::from_bits(unsafe { self.marks().tag(unit % REGION_UNITS) })
    }

    /// The word of unit `unit` of the SuperSlab.
    #[inline]
    pub(crate) fn word(self, unit: usize) -> usize {
        // SAFETY: the remainder is below the number of units.
        unsafe { self.marks().word(unit % REGION_UNITS) }
    }

    /// A slab of `class` was published here.
    pub(crate) fn note_class(self, class: Class, release: Ordering) {
        if let Some((word, bit)) = self.segment.class_bit(class, self.slot) {
            // `release`: the tail of X5. Not "if it is not set": who clears it may be between the two.
            word.fetch_or(bit, release);
        }
    }

    /// Whether one of the units is in a slab of `class`.
    fn has(self, class: Class) -> bool {
        let is = |unit| matches!(self.tag(unit).kind(), Kind::Slab(_, found) if found == class);
        (0..REGION_UNITS).any(is)
    }
}

impl Segment {
    /// The key's part, if the key is in bucket `bucket`.
    #[inline]
    pub(crate) fn find(&self, bucket: usize, stored: u32) -> Option<Spot<'_>> {
        let Bucket(keys) = self.buckets.get(bucket)?;
        for (slot, key) in keys.iter().enumerate() {
            // Relaxed: see the protocol.
            let key = key.load(Ordering::Relaxed);
            if key == stored {
                // INVARIANT: both numbers are in range.
                return Some(Spot { segment: self, slot: bucket * SLOTS + slot });
            }
            if key == 0 {
                break;
            }
        }
        None
    }

    /// Sees to it that the key is in bucket `bucket`; `false` when the bucket is full of others.
    pub(crate) fn claim(&self, bucket: usize, stored: u32) -> bool {
        let Some(Bucket(keys)) = self.buckets.get(bucket) else { return false };
        keys.iter().any(|key| {
            // INVARIANT: the first that is free, and once.
            // Relaxed: a key orders nothing; see the protocol.
            let old = key.compare_exchange(0, stored, Ordering::Relaxed, Ordering::Relaxed);
            old.is_ok() || old == Err(stored)
        })
    }

    /// Takes the only key out of bucket `bucket`, of a segment that nobody has seen.
    pub(crate) fn forget(&self, bucket: usize) {
        if let Some(Bucket([first, ..])) = self.buckets.get(bucket) {
            // Relaxed: the caller's alone.
            first.store(0, Ordering::Relaxed);
        }
    }

    /// The bit of `slot` in the index of `class`.
    fn class_bit(&self, class: Class, slot: usize) -> Option<(&AtomicU64, u64)> {
        let word = self.classes.get(class.index())?.get(slot / u64::BITS as usize)?;
        Some((word, 1 << (slot % u64::BITS as usize)))
    }

    /// The keys in use, and their SuperSlabs' addresses.
    fn spots(&self) -> impl Iterator<Item = (usize, Spot<'_>)> {
        let keys = self.buckets.iter().flat_map(|Bucket(keys)| keys);
        keys.enumerate().filter_map(|(slot, key)| {
            // Relaxed: see the protocol.
            let number = key.load(Ordering::Relaxed).checked_sub(1)?;
            // INVARIANT: as many keys as marks.
            Some(((number as usize) << REGION_SHIFT, Spot { segment: self, slot }))
        })
    }

    /// Shows each unit whose tag is not foreign.
    pub(crate) fn survey(&self, see: &mut impl FnMut(usize, Tag, usize)) {
        for (base, spot) in self.spots() {
            // The head of X2.
            spot.marks().survey(0, REGION_UNITS, &mut |unit, tag, word| {
                see(base + (unit << UNIT_SHIFT), Tag::from_bits(tag), word);
            });
        }
    }

    /// Shows each SuperSlab that has a slab of `class`, and forgets those that have none any more.
    pub(crate) fn survey_class(
        &self,
        class: Class,
        acquire: Ordering,
        see: &mut impl FnMut(usize),
    ) {
        for (base, spot) in self.spots() {
            let Some((word, bit)) = self.class_bit(class, spot.slot) else { return };
            // Relaxed: what is not set yet may be missed.
            if word.load(Ordering::Relaxed) & bit == 0 {
                continue;
            }
            if spot.has(class) || Self::is_there_after_all(word, bit, spot, class, acquire) {
                see(base);
            }
        }
    }

    /// Clears the bit of a SuperSlab without slabs of `class`, and puts it back if there is one.
    fn is_there_after_all(
        word: &AtomicU64,
        bit: u64,
        spot: Spot<'_>,
        class: Class,
        acquire: Ordering,
    ) -> bool {
        // `acquire`: the head of X5.
        word.fetch_and(!bit, acquire);
        let there = spot.has(class);
        if there {
            // Release: the tail of X5, for the next who clears.
            word.fetch_or(bit, Ordering::Release);
        }
        there
    }
}
