//! What is at an address? A tag and a word for every unit of the SuperSlabs that are in a hash table.
//!
//! ```text
//!  address >> 21 = key, times an odd number = place, 26 bits
//!
//!  level 0     1 segment    bucket: the first 6 bits of the place
//!  level 1     2 segments   segment: the first bit,   bucket: the next 6
//!  level 2     4 segments   segment: the first 2 bits, bucket: the next 6
//!    ...
//!  level 16    65 536 segments
//!
//!  bucket:     | key | key | 0 | ... 16 keys in a cache line
//!                 |     +--> tags and words of that SuperSlab's 32 units
//!                 +--------> tags and words of that SuperSlab's 32 units
//! ```
//!
//! # Why it exists
//!
//! The C ancestor found its SuperSlabs by a hash table, and then gave it an index for each class.
//! This is that arrangement, made right: to see what the two levels of `superslab-registry` are
//! worth, and what a registry costs whose memory depends on the SuperSlabs in use and not on where
//! they lie.
//!
//! # What it does not do
//!
//! It maps nothing itself: segments are 400 KiB of a [`MetaArena`]'s memory, of which the parts
//! that are used are touched, and they are never given back. A key is never removed, and nothing that
//! was put in a place ever moves. Nobody who looks for an address walks more than a line of keys at
//! each level. It holds no tags for addresses at or above 2^47: those are foreign.
//!
//! # How
//!
//! *Growth is another level*, with twice as many segments as the one before. A key is in the first
//! bucket on its way down that had room when it came. Buckets fill up from the front and never empty, so
//! all who bring the same key meet in the same slot. Look-ups begin at the lowest level that is in use:
//! when the table is large, every second key is there.
//!
//! *It cannot run full.* The multiplication maps the 2^26 SuperSlabs below 2^47 to as many
//! places, each to its own; a bucket of the last level has 16 slots, and belongs to 16 places.
//!
//! *One piece of memory for each SuperSlab at most, all of one size*: what the shared pool relies on
//! when it moves a huge block. A new segment is published with the key in it that it was made for. One
//! that lost the race to be published is used for the next level, or kept.
//!
//! *The index of a class* is a bit for each slot of a segment. It is set when a slab is
//! published, and cleared by a survey of the class that finds no slab (`Hash::survey_class`).
//!
//! # Protocol
//!
//! | edge | from | to | what travels |
//! |------|------|----|--------------|
//! | X1 | `cover`: Release CAS of an entry of the directory | every look-up, and `cover`: Acquire load of it | the segment's zeroes, and the first key in it |
//! | X2 | `publish`: Release stores of the tags, after the words | `tag`, `tag_covered`: Acquire loads | the words that belong to the tags (M1 of `sync::marks`) |
//! | X3 | `Spares::put`: Release CAS of the list's head | `Spares::take`: Acquire swap | the links of the segments in it (S1 of `sync::spares`) |
//! | X4 | `publish`, as in X2 | `retract`: Acquire CAS of the tag | the words, to the one of several that is told `true` |
//! | X5 | `publish`: the tags, then a Release OR of the class's bit | `survey_class`: Acquire AND that clears the bit, then the tags again | why the bit was set: who clears it sees the slab, and puts it back |
//!
//! Keys, and the number of levels, are stored and loaded Relaxed. Who got an address by means that order
//! memory has the covering call in its past, and coherence does the rest; but a thread that finds the
//! key of another's cover in its slot may be ahead of that thread, so both see to it that the level
//! is known before they return. Who looks up an address that nobody gave it may miss the key: then it
//! is foreign, as it was a moment before.
//!
//! Modelled in `tests/loom_publish.rs` and `tests/loom_classes.rs`.
//!
//! # Reading order
//!
//! [`struct@Hash`] here, then `segment.rs`, then `marks.rs` and `spares.rs` of `sync`.
#![cfg_attr(not(loom), no_std)]
#![warn(clippy::missing_inline_in_public_items)] // on the path of `free`

#[cfg(loom)]
mod mutants;
#[cfg(loom)]
#[path = "raw_loom.rs"]
mod raw;
#[cfg(not(loom))]
#[path = "raw_core.rs"]
mod raw;
mod segment;

use core::ptr::{self, NonNull};

use hakmem_contract::geometry::{ADDRESS_BITS, SUPERSLAB_SHIFT};
use hakmem_contract::{Class, Kind, MetaArena, Registry, Survey, Tag, UNIT, UNIT_SHIFT};
use hakmem_sync::atomic::{AtomicPtr, AtomicU32, Ordering};
use hakmem_sync::spares::Spares;
use static_assertions::const_assert;

use crate::segment::{BUCKET_BITS, REGION_BITS, REGION_UNITS, SLOTS, Segment, Spot};

/// log2 of the bytes that a key stands for: a SuperSlab; two units under loom.
const REGION_SHIFT: u32 = UNIT_SHIFT + REGION_BITS;

/// Bits of a key. Four keys under loom.
const KEY_BITS: u32 = if cfg!(loom) { 2 } else { ADDRESS_BITS - SUPERSLAB_SHIFT };

/// Levels, each with twice the segments of the one before.
const LEVELS: u32 = if cfg!(loom) { 2 } else { 17 };

/// Entries of the directory: the segments of level `k` are numbers `2^k` and up.
const DIRECTORY: usize = 1 << LEVELS;

/// Any odd number; this one is 2^26 divided by the golden ratio, which keeps neighbours apart.
const SPREAD: u32 = 0x278_DDE7;

// The last level has a slot for each key that can come to it.
const_assert!(SLOTS << (BUCKET_BITS + LEVELS - 1) == 1 << KEY_BITS);
const_assert!(SPREAD % 2 == 1);
const_assert!(cfg!(loom) || REGION_SHIFT == SUPERSLAB_SHIFT);

/// See the [crate docs](crate). All zero bytes when new.
///
/// # Invariants
///
/// - An entry of the directory is null or a segment; it changes once.
/// - A key is in one slot of the table, in the first bucket on its way that had room.
/// - All levels at which a covered key is are below `levels`, when the call that covered it has returned.
#[derive(Debug)]
#[repr(C)]
pub struct Hash {
    levels: AtomicU32,
    spares: Spares<Segment>,
    directory: [AtomicPtr<Segment>; DIRECTORY],
}

/// A SuperSlab as the table knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Key(u32);

impl Key {
    /// The key of the SuperSlab of `address`; `None` above 2^47.
    #[inline(always)]
    const fn of(address: usize) -> Option<Self> {
        let number = address >> REGION_SHIFT;
        if number >> KEY_BITS != 0 {
            return None;
        }
        let [a, b, c, d, ..] = number.to_le_bytes();
        Some(Self(u32::from_le_bytes([a, b, c, d])))
    }

    /// Its place: another one for each key.
    #[inline]
    const fn place(self) -> u32 {
        self.0.wrapping_mul(SPREAD) & ((1 << KEY_BITS) - 1)
    }

    /// What a slot holds; 0 is none.
    #[inline]
    const fn stored(self) -> u32 {
        self.0 + 1
    }
}

/// The number of the segment at `level` to which `place` belongs.
#[inline]
const fn entry_of(place: u32, level: u32) -> usize {
    (1 << level) | (place >> (KEY_BITS - level)) as usize
}

/// The number of its bucket there.
#[inline]
const fn bucket_of(place: u32, level: u32) -> usize {
    (place >> (KEY_BITS - BUCKET_BITS - level)) as usize & ((1 << BUCKET_BITS) - 1)
}

/// The number of the unit of `address` in its SuperSlab.
#[inline]
const fn unit_of(address: usize) -> usize {
    (address >> UNIT_SHIFT) % REGION_UNITS
}

impl Hash {
    /// Where the tags and words of a key are.
    #[inline]
    fn find(&self, key: Key) -> Option<Spot<'_>> {
        let place = key.place();
        // Relaxed: see the protocol.
        let mut level = self.levels.load(Ordering::Relaxed);
        while level != 0 {
            level -= 1;
            let spot = self
                .segment(entry_of(place, level))
                .and_then(|segment| segment.find(bucket_of(place, level), key.stored()));
            if spot.is_some() {
                return spot;
            }
        }
        None
    }

    /// Where the tags and words of an address are.
    #[inline]
    fn spot(&self, address: usize) -> Option<Spot<'_>> {
        self.find(Key::of(address)?)
    }

    /// The segment of entry `number`, if it is there.
    #[inline]
    fn segment(&self, number: usize) -> Option<&Segment> {
        // Acquire: the head of X1.
        let segment = self.directory.get(number)?.load(Ordering::Acquire);
        // SAFETY: null, or a segment, which lives for ever.
        unsafe { segment.as_ref() }
    }

    /// Sees to it that `key` has a slot.
    fn cover_key(&self, key: Key, meta: &impl MetaArena, publish: Ordering) -> bool {
        let mut mine = None;
        let done = (0..LEVELS).find_map(|level| {
            let there = self.cover_at(level, key, &mut mine, meta, publish);
            // Known before anybody may look for it, whoever stored the key.
            if there == Some(true) {
                self.show_level(level);
            }
            there
        });
        if let Some(mine) = mine {
            // SAFETY: nobody else has seen it, and nobody uses it any more.
            unsafe { self.spares.put(mine) };
        }
        done == Some(true)
    }

    /// Looks for a slot for `key` at `level`: `None` when there is no room, `Some(false)` when there is
    /// no memory. `mine` is a segment of the caller's that nobody has seen yet.
    fn cover_at(
        &self,
        level: u32,
        key: Key,
        mine: &mut Option<NonNull<Segment>>,
        meta: &impl MetaArena,
        publish: Ordering,
    ) -> Option<bool> {
        let (place, stored) = (key.place(), key.stored());
        let (entry, bucket) = (entry_of(place, level), bucket_of(place, level));
        if self.segment(entry).is_none() {
            let kept = mine.take().or_else(|| self.spares.take());
            let Some(new) = kept.or_else(|| raw::open(meta)) else { return Some(false) };
            if self.install(entry, new, bucket, stored, publish) {
                return Some(true);
            }
            *mine = Some(new);
        }
        self.segment(entry)?.claim(bucket, stored).then_some(true)
    }

    /// Publishes `new`, with a key in it, as entry `number`, unless there is one.
    fn install(
        &self,
        number: usize,
        new: NonNull<Segment>,
        bucket: usize,
        stored: u32,
        publish: Ordering,
    ) -> bool {
        // SAFETY: the caller's, who alone knows it; it lives for ever.
        let segment = unsafe { new.as_ref() };
        // In it before others see it: they cannot fill it up first.
        segment.claim(bucket, stored);
        // Exposed, for the list of spares.
        let _ = new.as_ptr().expose_provenance();
        let Some(entry) = self.directory.get(number) else { return false };
        // INVARIANT: from null, once.
        // `publish` is Release: the tail of X1. Relaxed on failure: the entry is loaded again.
        let installed =
            entry.compare_exchange(ptr::null_mut(), new.as_ptr(), publish, Ordering::Relaxed);
        if installed.is_err() {
            segment.forget(bucket);
        }
        installed.is_ok()
    }

    /// Look-ups are to begin at `level` or below.
    fn show_level(&self, level: u32) {
        // Relaxed, both: see the protocol.
        if self.levels.load(Ordering::Relaxed) <= level {
            self.levels.fetch_max(level + 1, Ordering::Relaxed);
        }
    }

    /// Writes the units of one SuperSlab from `base` on: `tags` are those of the first, and of the others.
    fn publish_at(
        spot: Spot<'_>,
        base: usize,
        units: usize,
        tags: [Tag; 2],
        word: usize,
        release: Ordering,
    ) {
        let first = unit_of(base);
        let [head, tail] = tags.map(Tag::bits);
        let marks = spot.marks();
        for unit in first..first + units {
            marks.set_word(unit, word);
        }
        for unit in first..first + units {
            // `release`: the tail of X2.
            marks.set_tag(unit, if unit == first { head } else { tail }, release);
        }
    }

    /// Shows the SuperSlabs with a slab of `class`: the address of each. O(SuperSlabs that have, or had
    /// since the last survey, such a slab, and the segments in use).
    #[inline]
    pub fn survey_class(&self, class: Class, mut see: impl FnMut(usize)) {
        self.each_segment(|segment| {
            // Acquire: the head of X5.
            segment.survey_class(class, Ordering::Acquire, &mut see);
        });
    }

    /// Shows each segment.
    fn each_segment(&self, see: impl FnMut(&Segment)) {
        // Relaxed: what is below came before this call, or may be missed.
        let levels = self.levels.load(Ordering::Relaxed).min(LEVELS);
        (1..1 << levels).filter_map(|number| self.segment(number)).for_each(see);
    }
}

// SAFETY: what has no slot is foreign, and a slot that nobody published in has zero tags; tags and
// words are only changed by `publish` and `retract`, through atomics. A look-up reads the directory
// and segments.
unsafe impl Registry for Hash {
    #[inline]
    fn cover(&self, base: usize, bytes: usize, meta: &impl MetaArena) -> bool {
        let Some(last) = base.checked_add(bytes.saturating_sub(1)) else { return false };
        if Key::of(last).is_none() {
            return false;
        }
        let keys = (base >> REGION_SHIFT..=last >> REGION_SHIFT).map(|n| n << REGION_SHIFT);
        // Release: the tail of X1.
        keys.filter_map(Key::of).all(|key| self.cover_key(key, meta, Ordering::Release))
    }

    #[inline]
    fn tag(&self, address: usize) -> Tag {
        self.tag_in_reach(address).unwrap_or(Tag::FOREIGN)
    }

    #[inline]
    fn tag_in_reach(&self, address: usize) -> Option<Tag> {
        let key = Key::of(address)?;
        // The head of X2.
        Some(self.find(key).map_or(Tag::FOREIGN, |spot| spot.tag(unit_of(address))))
    }

    #[inline]
    unsafe fn tag_covered(&self, address: usize) -> Tag {
        self.tag(address)
    }

    #[inline]
    unsafe fn word_covered(&self, address: usize) -> usize {
        // Whoever may ask has the tag (X2), or the publishing call, in its past.
        self.spot(address).map_or(0, |spot| spot.word(unit_of(address)))
    }

    #[inline]
    unsafe fn publish(&self, base: usize, units: usize, head: Tag, tail: Tag, word: usize) {
        let (mut address, mut left, mut tag) = (base, units, head);
        while left != 0 {
            let here = left.min(REGION_UNITS - unit_of(address));
            let Some(spot) = self.spot(address) else { return };
            // Release: the tail of X2.
            Self::publish_at(spot, address, here, [tag, tail], word, Ordering::Release);
            if let Kind::Slab(_, class) = head.kind() {
                // Release: the tail of X5.
                spot.note_class(class, Ordering::Release);
            }
            (address, left, tag) = (address + here * UNIT, left - here, tail);
        }
    }

    #[inline]
    unsafe fn retract(&self, base: usize, expected: Tag, instead: Tag) -> bool {
        // Acquire: the head of X4.
        let tags = [expected.bits(), instead.bits()];
        self.spot(base)
            .is_some_and(|spot| spot.marks().retract(unit_of(base), tags, Ordering::Acquire))
    }
}

impl Survey for Hash {
    #[inline]
    fn survey(&self, mut see: impl FnMut(usize, Tag, usize)) {
        self.each_segment(|segment| segment.survey(&mut see));
    }
}
