//! my-box: what is at an address? For now, a hash table with room for 131072 units, which is 8 GiB.
//!
//! # Why it exists
//!
//! To be changed. It keeps every promise of [`Registry`], and it is slow: a look-up goes from one entry to the
//! next until it finds the unit or an entry that is free.
//!
//! # What it does not do
//!
//! It has no lock, and never touches the memory at an address. No unit that was covered is forgotten,
//! and what it has no room for is refused.
//!
//! # Where to start
//!
//! 1. `tag_in_reach` is on the path of every `free`, `tag_covered` and `word_covered` on that of a slab's blocks
//!    that come back. Count what they load.
//! 2. `cover` may ask `meta` for memory, which it never gives back; a registry that grows has no limit.
//! 3. Threads look up while others publish: the orders of the atomics are the protocol. Write it down, and
//!    make a model of it with loom (`crates/superslab-registry/tests/loom_publish.rs`).
//! 4. `cargo test` says whether it still keeps the promises; `cargo xtask bench --swap` what it is
//!    worth.
//!
//! # Reading order
//!
//! The trait, in `hakmem-contract`'s `registry.rs`, then [`MyBox`].
#![no_std]

use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use hakmem_contract::{
    Fresh, MetaArena, Registry, Survey, Tag, UNIT, UNIT_SHIFT, Unplaced, geometry::ADDRESS_BITS,
};

/// log2 of [`ROOM`].
const BITS: u32 = 17;
/// Units that there is room for.
pub const ROOM: usize = 1 << BITS;

/// What is known of a unit.
///
/// # Invariants
///
/// - The key is 0 as long as the entry is free, then the unit's number, for ever.
#[derive(Debug)]
struct Entry {
    key: AtomicUsize,
    tag: AtomicU32,
    word: AtomicUsize,
}

/// See the [crate docs](crate).
///
/// # Invariants
///
/// - A unit is in one entry at most: the first one from its own place on that was free.
#[derive(Debug)]
pub struct MyBox {
    entries: [Entry; ROOM],
}

impl Fresh for MyBox {
    // Zero bytes, which cost nothing before they are touched.
    const FRESH: Unplaced<Self> = Unplaced::new(Self {
        entries: [const {
            Entry { key: AtomicUsize::new(0), tag: AtomicU32::new(0), word: AtomicUsize::new(0) }
        }; ROOM],
    });
}

impl MyBox {
    /// All entries, from the place of `unit` on.
    fn from_place_of(&self, unit: usize) -> impl Iterator<Item = &Entry> {
        // Neighbours lie side by side.
        let place = (unit ^ (unit >> BITS).wrapping_mul(0x9E37_79B9)) % ROOM;
        let (before, behind) = self.entries.split_at(place);
        behind.iter().chain(before)
    }

    /// The entry of the unit of `address`, if it was covered.
    fn find(&self, address: usize) -> Option<&Entry> {
        let unit = address >> UNIT_SHIFT;
        for entry in self.from_place_of(unit) {
            // Relaxed: a key is written once, and says nothing of what is beside it.
            match entry.key.load(Ordering::Relaxed) {
                0 => return None,
                key if key == unit => return Some(entry),
                _ => {}
            }
        }
        None
    }

    /// Sees to it that `unit` has an entry.
    fn cover_one(&self, unit: usize) -> bool {
        for entry in self.from_place_of(unit) {
            // Relaxed, both: as in `find`. Entries are taken in one order, so two threads that cover
            // the same unit meet at the same entry.
            let taken = entry.key.compare_exchange(0, unit, Ordering::Relaxed, Ordering::Relaxed);
            if matches!(taken, Ok(_)) || taken == Err(unit) {
                return true;
            }
        }
        false
    }
}

// SAFETY: *total*: what is not in the table is foreign. *Ordered*: who got an address by means that
// order memory has the publishing stores in its past. No lock, no system call, no look at memory.
unsafe impl Registry for MyBox {
    #[inline]
    fn cover(&self, base: usize, bytes: usize, _meta: &impl MetaArena) -> bool {
        let Some(end) = base.checked_add(bytes) else { return false };
        let units = base >> UNIT_SHIFT..end >> UNIT_SHIFT;
        // Unit 0 is no program's memory, and its number means "free".
        base > 0 && end <= 1 << ADDRESS_BITS && units.into_iter().all(|unit| self.cover_one(unit))
    }

    #[inline]
    fn tag(&self, address: usize) -> Tag {
        self.tag_in_reach(address).unwrap_or(Tag::FOREIGN)
    }

    #[inline]
    fn tag_in_reach(&self, address: usize) -> Option<Tag> {
        if address >> ADDRESS_BITS != 0 {
            return None;
        }
        // Acquire: the word that was published with the tag.
        let tag = self.find(address).map(|entry| entry.tag.load(Ordering::Acquire));
        Some(tag.map_or(Tag::FOREIGN, Tag::from_bits))
    }

    #[inline]
    unsafe fn tag_covered(&self, address: usize) -> Tag {
        self.tag(address)
    }

    #[inline]
    unsafe fn word_covered(&self, address: usize) -> usize {
        // Relaxed: whoever may ask has the publishing call in its past.
        self.find(address).map_or(0, |entry| entry.word.load(Ordering::Relaxed))
    }

    #[inline]
    unsafe fn publish(&self, base: usize, units: usize, head: Tag, tail: Tag, word: usize) {
        for unit in 0..units {
            let tag = if unit == 0 { head } else { tail };
            let Some(entry) = self.find(base + unit * UNIT) else { continue };
            // Relaxed: the tag's store orders it.
            entry.word.store(word, Ordering::Relaxed);
            // Release: who sees the tag sees its word.
            entry.tag.store(tag.bits(), Ordering::Release);
        }
    }

    #[inline]
    unsafe fn retract(&self, base: usize, expected: Tag, instead: Tag) -> bool {
        let Some(entry) = self.find(base) else { return false };
        // Acquire: who is told so sees the word. Relaxed on failure: who is not looks at nothing.
        let (old, new) = (expected.bits(), instead.bits());
        entry.tag.compare_exchange(old, new, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }
}

impl Survey for MyBox {
    #[inline]
    fn survey(&self, mut see: impl FnMut(usize, Tag, usize)) {
        for entry in &self.entries {
            // Acquire: the word that was published with the tag.
            let tag = Tag::from_bits(entry.tag.load(Ordering::Acquire));
            if tag != Tag::FOREIGN {
                // Relaxed, both: a key stays, and the word is behind the tag.
                let key = entry.key.load(Ordering::Relaxed);
                see(key << UNIT_SHIFT, tag, entry.word.load(Ordering::Relaxed));
            }
        }
    }
}
