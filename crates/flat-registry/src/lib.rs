//! What is at an address? A tag and a word for every unit below 2^47, in one array.
//!
//! ```text
//!  table --> | tags: u32 for each of 2^31 units, 8 GiB | words: usize for each, 16 GiB |
//!                  ^ address >> 16                           ^ address >> 16
//! ```
//!
//! # Why it exists
//!
//! It is the shortest way from an address to a tag: one load of the table's address, which does not
//! change, and one of the tag. It shows what the two levels of `superslab-registry` cost, and what it
//! takes to do without: 24 GiB of addresses, of which memory is needed for what is touched.
//!
//! # What it does not do
//!
//! It maps nothing itself: the table is reserved by the [`MetaArena`] when the first range is covered, at
//! once, and never given back. Where the system refuses so much (an address-space limit, or strict
//! overcommit) nothing can be covered, and whoever asked gets no memory; everything is foreign then.
//! The next call asks again. It holds no tags for addresses at or above 2^47: those are foreign.
//!
//! # Protocol
//!
//! | edge | from | to | what travels |
//! |------|------|----|--------------|
//! | F1 | `cover`: Release CAS of `table` | every look-up, and `cover`: Acquire load of it | the table's zeroes |
//! | F2 | `publish`: Release stores of the tags, after the words | `tag`, `tag_covered`: Acquire loads | the words that belong to the tags (M1 of `sync::marks`) |
//! | F3 | `publish`, as in F2 | `retract`: Acquire CAS of the tag | the words, to the one of several that is told `true` |
//!
//! Modelled in `tests/loom_publish.rs`.
//!
//! # Reading order
//!
//! [`Flat`] here, then `marks.rs` of `sync`, of which the table is made.
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

use core::ptr::{self, NonNull};

use hakmem_contract::geometry::ADDRESS_BITS;
use hakmem_contract::{MetaArena, Registry, Survey, Tag, UNIT_SHIFT};
use hakmem_sync::atomic::{AtomicPtr, AtomicU64, Ordering};
use hakmem_sync::marks::Marks;
use static_assertions::const_assert;

/// Units with a tag: all of user space. Four under loom.
const UNITS: usize = if cfg!(loom) { 4 } else { 1 << (ADDRESS_BITS - UNIT_SHIFT) };

/// log2 of the units that share a bit of `covered`: 4 GiB. One under loom.
const PART_BITS: u32 = if cfg!(loom) { 0 } else { 16 };

/// Words of `covered`.
const PART_WORDS: usize = (UNITS >> PART_BITS).div_ceil(u64::BITS as usize);

/// Tags and words of everything.
type Table = Marks<UNITS>;

const_assert!(cfg!(loom) || size_of::<Table>() == 24 << 30);

/// See the [crate docs](crate). All zero bytes when new.
///
/// # Invariants
///
/// - `table` is null or the table; it changes once.
/// - The bit of each part of the address space of which something was covered is set.
#[derive(Debug)]
pub struct Flat {
    table: AtomicPtr<Table>,
    covered: [AtomicU64; PART_WORDS],
}

/// The number of the unit of `address`, if that is below 2^47.
#[inline(always)]
const fn unit_of(address: usize) -> Option<usize> {
    let unit = address >> UNIT_SHIFT;
    if unit < UNITS { Some(unit) } else { None }
}

impl Flat {
    /// The table, if it is there.
    #[inline(always)]
    fn table(&self) -> Option<&Table> {
        // Acquire: the head of F1.
        let table = self.table.load(Ordering::Acquire);
        // SAFETY: null, or the table, which lives for ever.
        unsafe { table.as_ref() }
    }

    /// The table, reserved now if it was not before. `None`: the system refuses.
    fn open(&self, meta: &impl MetaArena, publish: Ordering) -> Option<&Table> {
        if let Some(table) = self.table() {
            return Some(table);
        }
        if let Some(new) = raw::open(meta) {
            // INVARIANT: from null, once.
            // `publish` is Release: the tail of F1. Relaxed on failure: it is loaded again.
            let opened = self.table.compare_exchange(
                ptr::null_mut(),
                new.as_ptr(),
                publish,
                Ordering::Relaxed,
            );
            if opened.is_err() {
                // SAFETY: reserved just now, and nobody has seen it.
                unsafe { meta.unreserve_meta(new.cast(), size_of::<Table>()) };
            }
        }
        // Another thread may have had what we were refused.
        self.table()
    }

    /// Something of the parts of units `first` to `last` is covered.
    fn note(&self, first: usize, last: usize) {
        for part in first >> PART_BITS..=last >> PART_BITS {
            let Some(word) = self.covered.get(part / u64::BITS as usize) else { return };
            let bit = 1 << (part % u64::BITS as usize);
            // Relaxed, both: a survey may miss what is covered meanwhile.
            if word.load(Ordering::Relaxed) & bit == 0 {
                word.fetch_or(bit, Ordering::Relaxed);
            }
        }
    }

    /// `cover`, with the order that a model can change.
    fn cover_with(
        &self,
        base: usize,
        bytes: usize,
        meta: &impl MetaArena,
        publish: Ordering,
    ) -> bool {
        let last = base.checked_add(bytes.saturating_sub(1)).and_then(unit_of);
        let (Some(first), Some(last)) = (unit_of(base), last) else { return false };
        let opened = self.open(meta, publish).is_some();
        if opened {
            self.note(first, last);
        }
        opened
    }

    /// `publish`, with the order that a model can change.
    fn publish_with(&self, base: usize, units: usize, tags: [Tag; 2], word: usize, tail: Ordering) {
        let (Some(table), Some(first)) = (self.table(), unit_of(base)) else { return };
        let [head, later] = tags.map(Tag::bits);
        for unit in first..first + units {
            table.set_word(unit, word);
        }
        for unit in first..first + units {
            // `tail`: the tail of F2.
            table.set_tag(unit, if unit == first { head } else { later }, tail);
        }
    }

    /// `retract`, with the order that a model can change.
    fn retract_with(&self, base: usize, tags: [Tag; 2], head: Ordering) -> bool {
        let place = self.table().zip(unit_of(base));
        // `head`: the head of F3.
        place.is_some_and(|(table, unit)| table.retract(unit, tags.map(Tag::bits), head))
    }
}

// SAFETY: without a table everything is foreign, and in a table everything that nobody published;
// tags and words are only changed by `publish` and `retract`, through atomics. A look-up reads the
// table.
unsafe impl Registry for Flat {
    #[inline]
    fn cover(&self, base: usize, bytes: usize, meta: &impl MetaArena) -> bool {
        // Release: the tail of F1.
        self.cover_with(base, bytes, meta, Ordering::Release)
    }

    #[inline(always)]
    fn tag(&self, address: usize) -> Tag {
        self.tag_in_reach(address).unwrap_or(Tag::FOREIGN)
    }

    #[inline(always)]
    fn tag_in_reach(&self, address: usize) -> Option<Tag> {
        let unit = unit_of(address)?;
        let Some(table) = self.table() else { return Some(Tag::FOREIGN) };
        // The head of F2.
        // SAFETY: the number of a unit.
        Some(Tag::from_bits(unsafe { table.tag(unit) }))
    }

    #[inline(always)]
    unsafe fn tag_covered(&self, address: usize) -> Tag {
        self.tag(address)
    }

    #[inline(always)]
    unsafe fn word_covered(&self, address: usize) -> usize {
        let (Some(table), Some(unit)) = (self.table(), unit_of(address)) else { return 0 };
        // Whoever may ask has the tag (F2), or the publishing call, in its past.
        // SAFETY: the number of a unit.
        unsafe { table.word(unit) }
    }

    #[inline]
    unsafe fn publish(&self, base: usize, units: usize, head: Tag, tail: Tag, word: usize) {
        // Release: the tail of F2.
        self.publish_with(base, units, [head, tail], word, Ordering::Release);
    }

    #[inline]
    unsafe fn retract(&self, base: usize, expected: Tag, instead: Tag) -> bool {
        // Acquire: the head of F3.
        self.retract_with(base, [expected, instead], Ordering::Acquire)
    }
}

impl Survey for Flat {
    #[inline]
    fn survey(&self, mut see: impl FnMut(usize, Tag, usize)) {
        let Some(table) = self.table() else { return };
        let mut shown = |unit, tag, word| see(unit << UNIT_SHIFT, Tag::from_bits(tag), word);
        for (number, word) in self.covered.iter().enumerate() {
            // Relaxed: see `note`.
            let mut bits = word.load(Ordering::Relaxed);
            while bits != 0 {
                let part = number * u64::BITS as usize + bits.trailing_zeros() as usize;
                bits &= bits - 1;
                table.survey(part << PART_BITS, 1 << PART_BITS, &mut shown);
            }
        }
    }
}

/// The arena's memory for a table.
fn reserve(meta: &impl MetaArena) -> Option<NonNull<Table>> {
    meta.reserve_meta(size_of::<Table>()).map(NonNull::cast)
}
