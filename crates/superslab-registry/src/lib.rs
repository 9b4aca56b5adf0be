//! What is at an address? A tag and a word for every unit of the address space, in two levels.
//!
//! ```text
//!  root, in .bss                    leaf, from the metadata arena
//!  address >> 32                    address >> 16, low 16 bits
//!  +---+---+---+-- --+---+          +-- tags: u32 --+---- words: usize ----+
//!  | 0 | 0 | d | ... | 0 |          | 0 | t | t | . | 0 | w | w | .        |
//!  +-+-+---+-+-+-- --+---+          +---------------+----------------------+
//!    |       +--- own address + d --^
//!    +-- own address + 0 --> zero: 64 K tags that nobody ever writes
//! ```
//!
//! # Why it exists
//!
//! `free` gets an address and nothing else. All metadata is out of line, so something has to
//! lead from the address to it, for every address that a program may pass, in a few
//! instructions, and without touching the memory at that address.
//!
//! A root entry holds the *distance* from the registry's own zero leaf to the leaf. So an entry of
//! zero leads to the zero leaf: there is no null check on the way, no initialisation, and the
//! first call of the process may be a lookup. For addresses that are known to be ours there is a
//! second root, with the leaves' addresses, which saves the addition.
//!
//! # What it does not do
//!
//! It maps nothing itself: leaves are 768 KiB of a [`MetaArena`]'s memory, untouched until tags of
//! theirs are published, and never given back. It does not judge who publishes what. It
//! holds no tags for addresses at or above 2^47: those are foreign.
//!
//! # Protocol
//!
//! | edge | from | to | what travels |
//! |------|------|----|--------------|
//! | R1 | `cover`: Release CAS of an entry of `leaves`, Release store of a root entry | every lookup: Acquire load of either | the leaf's zeroes |
//! | R2 | `publish`: Release stores of the tags, after the words | `tag`, `tag_covered`: Acquire loads | the words that belong to the tags (M1 of `sync::marks`) |
//! | R3 | `Spares::put`: Release CAS of the list's head | `Spares::take`: Acquire swap | the links of the leaves in it (S1 of `sync::spares`) |
//! | R4 | `publish`, as in R2 | `retract`: Acquire CAS of the tag | the words, to the one of several that is told `true` |
//!
//! The guarantee *Ordered* of the trait needs none of them: who got an address by means that order
//! memory has the publishing stores in its past, and coherence does the rest. R1 and R2 are for
//! those who look up an address that nobody gave them.
//!
//! Modelled in `tests/loom_publish.rs`.
//!
//! # Reading order
//!
//! [`TwoLevel`] here, then `marks.rs` and `spares.rs` of `sync`, of which a leaf and the list of those that
//! lost a race are made.
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
use hakmem_contract::{MetaArena, Registry, Survey, Tag, UNIT, UNIT_SHIFT};
use hakmem_sync::atomic::{AtomicPtr, AtomicU32, AtomicUsize, Ordering};
use hakmem_sync::marks::Marks;
use hakmem_sync::spares::{Spare, Spares};
use static_assertions::const_assert;

/// log2 of the units of a leaf: 4 GiB of addresses. Two units under loom: each lookup goes
/// through the same two levels.
const LEAF_BITS: u32 = if cfg!(loom) { 1 } else { 16 };

/// Units of a leaf.
const LEAF_UNITS: usize = 1 << LEAF_BITS;

/// log2 of the bytes that a leaf covers.
const LEAF_SHIFT: u32 = UNIT_SHIFT + LEAF_BITS;

/// Root entries: all of user space. Two under loom.
const ROOT: usize = if cfg!(loom) { 2 } else { 1 << (ADDRESS_BITS - LEAF_SHIFT) };

/// The tags and words of 4 GiB of addresses. The zero leaf is the tags alone.
#[derive(Debug)]
#[repr(transparent)]
struct Leaf(Marks<LEAF_UNITS>);

// SAFETY: leaves are the metadata arena's memory, which is never given back; the link is the word
// of the first unit.
unsafe impl Spare for Leaf {
    fn link(&self) -> Option<&AtomicUsize> {
        self.0.first_word()
    }
}

const_assert!(cfg!(loom) || size_of::<TwoLevel>() <= (768 << 10) + 64);

/// See the [crate docs](crate).
///
/// # Invariants
///
/// - `zero` is never written.
/// - An entry of `leaves` is null or a leaf; it changes once. Its provenance is exposed.
/// - A root entry is 0, or the address of that leaf minus the address of `zero`; it changes once,
///   after the entry of `leaves`.
#[derive(Debug)]
#[repr(C)]
pub struct TwoLevel {
    leaves: [AtomicPtr<Leaf>; ROOT],
    root: [AtomicUsize; ROOT],
    zero: [AtomicU32; LEAF_UNITS],
    spares: Spares<Leaf>,
}

impl TwoLevel {
    /// The address of what root entry `entry` leads to.
    #[inline]
    fn leaf_address(&self, entry: usize) -> usize {
        // Exposed, because a look-up in the zero leaf goes through the same arithmetic.
        self.zero.as_ptr().expose_provenance().wrapping_add(entry)
    }

    /// The tag of the unit of `address`, in the leaf that `entry` leads to.
    ///
    /// # Safety
    ///
    /// `entry` was read from the root entry of `address`.
    #[inline]
    unsafe fn tag_of(&self, entry: usize, address: usize) -> &AtomicU32 {
        let tags: *const AtomicU32 = ptr::with_exposed_provenance(self.leaf_address(entry));
        // SAFETY: `entry` leads to the zero leaf or to a leaf (the type's invariant), both of which
        // begin with `LEAF_UNITS` tags and live as long as `self`; the index is below that.
        unsafe { &*tags.wrapping_add(unit_of(address)) }
    }

    /// The leaf of `address`.
    ///
    /// # Safety
    ///
    /// The unit was covered.
    #[inline]
    unsafe fn leaf_covered(&self, address: usize) -> &Leaf {
        // SAFETY: covered addresses are below `ROOT << LEAF_SHIFT`.
        let entry = unsafe { self.leaves.get_unchecked(address >> LEAF_SHIFT) };
        // Acquire: the head of R1.
        let leaf = entry.load(Ordering::Acquire);
        // SAFETY: the entry of a covered unit is a leaf, which lives for ever.
        unsafe { &*leaf }
    }

    /// Sees to it that entry `index` leads to a leaf.
    fn cover_entry(&self, index: usize, meta: &impl MetaArena, publish: Ordering) -> bool {
        let (Some(entry), Some(slot)) = (self.root.get(index), self.leaves.get(index)) else {
            return false;
        };
        // Acquire: the entry of `leaves` was set before (R1).
        if entry.load(Ordering::Acquire) != 0 {
            return true;
        }
        let Some(mut leaf) = self.spares.take().or_else(|| raw::open(meta)) else { return false };
        // Exposed, because a look-up of a tag goes through arithmetic with the zero leaf.
        leaf.as_ptr().expose_provenance();
        // INVARIANT: from null, once, to a leaf whose provenance is exposed.
        // `publish` is Release: the tail of R1. Acquire on failure: its head.
        let published =
            slot.compare_exchange(ptr::null_mut(), leaf.as_ptr(), publish, Ordering::Acquire);
        if let Err(winner) = published {
            // SAFETY: nobody else has seen `leaf`, and nobody uses it any more.
            unsafe { self.spares.put(leaf) };
            let Some(winner) = NonNull::new(winner) else { return false };
            leaf = winner;
        }
        let distance = leaf.as_ptr().addr().wrapping_sub(self.zero.as_ptr().addr());
        // INVARIANT: winner and losers store the same distance.
        // `publish` again: the tail of R1, for lookups that start here; losers acquired it above.
        entry.store(distance, publish);
        true
    }
}

// SAFETY: `zero` is never written, so what nobody published is foreign; tags and words are
// only changed by `publish` and `retract`, through atomics.
unsafe impl Registry for TwoLevel {
    #[inline]
    fn cover(&self, base: usize, bytes: usize, meta: &impl MetaArena) -> bool {
        let Some(last) = base.checked_add(bytes.saturating_sub(1)) else { return false };
        let range = base >> LEAF_SHIFT..=last >> LEAF_SHIFT;
        // Release: the tail of R1.
        range.into_iter().all(|index| self.cover_entry(index, meta, Ordering::Release))
    }

    #[inline(always)]
    fn tag(&self, address: usize) -> Tag {
        self.tag_in_reach(address).unwrap_or(Tag::FOREIGN)
    }

    #[inline(always)]
    fn tag_in_reach(&self, address: usize) -> Option<Tag> {
        let entry = self.root.get(opaque(address >> LEAF_SHIFT))?;
        // Acquire: the head of R1.
        let entry = entry.load(Ordering::Acquire);
        // SAFETY: `entry` is from the root entry of `address`.
        let tag = unsafe { self.tag_of(entry, address) };
        // Acquire: the head of R2.
        Some(Tag::from_bits(tag.load(Ordering::Acquire)))
    }

    #[inline(always)]
    unsafe fn tag_covered(&self, address: usize) -> Tag {
        // SAFETY: the caller's promise.
        let leaf = unsafe { self.leaf_covered(address) };
        // The head of R2.
        // SAFETY: `unit_of` is below `LEAF_UNITS`.
        Tag::from_bits(unsafe { leaf.0.tag(unit_of(address)) })
    }

    #[inline(always)]
    unsafe fn word_covered(&self, address: usize) -> usize {
        // SAFETY: the caller's promise.
        let leaf = unsafe { self.leaf_covered(address) };
        // Whoever may ask has either the tag (R2) or the publishing call in its past.
        // SAFETY: `unit_of` is below `LEAF_UNITS`.
        unsafe { leaf.0.word(unit_of(address)) }
    }

    #[inline]
    unsafe fn publish(&self, base: usize, units: usize, head: Tag, tail: Tag, word: usize) {
        let addresses = || (0..units).map(|unit| base + unit * UNIT);
        for address in addresses() {
            // SAFETY: the caller's promise: each unit is covered.
            unsafe { self.leaf_covered(address) }.0.set_word(unit_of(address), word);
        }
        for address in addresses() {
            let tag = if address == base { head } else { tail };
            // SAFETY: as above.
            let leaf = unsafe { self.leaf_covered(address) };
            // Release: the tail of R2.
            leaf.0.set_tag(unit_of(address), tag.bits(), Ordering::Release);
        }
    }

    #[inline]
    unsafe fn retract(&self, base: usize, expected: Tag, instead: Tag) -> bool {
        // SAFETY: the caller's promise.
        let leaf = unsafe { self.leaf_covered(base) };
        // Acquire: the head of R4.
        leaf.0.retract(unit_of(base), [expected.bits(), instead.bits()], Ordering::Acquire)
    }
}

impl Survey for TwoLevel {
    #[inline]
    fn survey(&self, mut see: impl FnMut(usize, Tag, usize)) {
        for (number, entry) in self.leaves.iter().enumerate() {
            // Acquire: the head of R1.
            let leaf = entry.load(Ordering::Acquire);
            // SAFETY: null, or a leaf, which lives for ever.
            if let Some(leaf) = unsafe { leaf.as_ref() } {
                let base = number << LEAF_SHIFT;
                leaf.0.survey(0, LEAF_UNITS, &mut |unit, tag, word| {
                    see(base + (unit << UNIT_SHIFT), Tag::from_bits(tag), word);
                });
            }
        }
    }
}

/// `index`, of which the optimiser knows nothing. Otherwise it makes the comparison of a shifted
/// address one of the address itself, which needs another shift: one instruction more in `free`.
#[inline(always)]
fn opaque(mut index: usize) -> usize {
    // SAFETY: no instruction.
    unsafe {
        core::arch::asm!(
            "/* {0} */",
            inout(reg) index,
            options(pure, nomem, nostack, preserves_flags)
        );
    }
    index
}

/// The number of the unit of `address` in its leaf.
#[inline]
const fn unit_of(address: usize) -> usize {
    (address >> UNIT_SHIFT) % LEAF_UNITS
}
