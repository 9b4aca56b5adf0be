//! The hash table above an arena that fails: how it grows, what it asks for, and its index.
#![cfg(not(loom))]
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::cell::RefCell;
use std::ptr::NonNull;

use hakmem_conformance::memory::{Arena, place};
use hakmem_contract::{Class, MetaArena, Owner, Registry, SUPERSLAB, Tag, UNIT};
use hakmem_hash_registry::Hash;

hakmem_conformance::registry!(Hash);

/// Bits of a key, and what it is multiplied by.
const KEY_BITS: u32 = 26;
const SPREAD: usize = 0x278_DDE7;

/// Slots of a bucket, and levels.
const SLOTS: usize = 16;
const LEVELS: u32 = 17;

/// The address of the SuperSlab with this place.
fn address_of(place: usize) -> usize {
    // Each step doubles the number of right bits.
    let mut inverse = SPREAD;
    for _ in 0..5 {
        inverse = inverse.wrapping_mul(2_usize.wrapping_sub(SPREAD.wrapping_mul(inverse)));
    }
    (place.wrapping_mul(inverse) % (1 << KEY_BITS)) * SUPERSLAB
}

/// Covers the SuperSlab, and says in its tag and word which one it is.
fn add(registry: &Hash, arena: &impl MetaArena, base: usize) {
    assert!(registry.cover(base, UNIT, arena), "{base:#x}");
    // SAFETY: just covered, and this test's.
    unsafe { registry.publish(base, 1, Tag::HUGE, Tag::HUGE, base) };
}

fn assert_there(registry: &Hash, base: usize) {
    assert_eq!(registry.tag(base), Tag::HUGE, "{base:#x}");
    // SAFETY: covered.
    assert_eq!(unsafe { registry.word_covered(base) }, base);
}

/// An arena that writes down what it was asked for.
struct Noted<'a>(&'a Arena, RefCell<Vec<usize>>);

// SAFETY: the memory is another arena's.
unsafe impl MetaArena for Noted<'_> {
    fn alloc_meta(&self, bytes: usize) -> Option<NonNull<u8>> {
        self.1.borrow_mut().push(bytes);
        self.0.alloc_meta(bytes)
    }
}

/// What the shared pool relies on when a huge block has moved: a unit costs one piece of memory at
/// most, and all pieces are of one size.
#[test]
fn one_superslab_costs_one_piece_of_one_size_at_most() {
    let (registry, arena) = (place::<Hash>(), Arena::default());
    let noted = Noted(&arena, RefCell::default());
    let bases: Vec<_> = (0..3000).map(|n| (1 << 40) + n * SUPERSLAB).collect();
    for &base in &bases {
        let before = noted.1.borrow().len();
        add(&registry, &noted, base);
        assert!(noted.1.borrow().len() <= before + 1);
    }
    bases.iter().for_each(|&base| assert_there(&registry, base));
    let sizes = noted.1.into_inner();
    assert!(sizes.iter().all(|&bytes| bytes == sizes[0]), "{sizes:?}");
    assert!(sizes.len() <= 1 + 2 + 4, "{} segments of 1024 for 3000 SuperSlabs", sizes.len());
}

/// The worst that can come: all that belong to one bucket of the last level, and to the buckets above
/// it so many others that these are full. Every one of them finds a slot.
#[test]
fn it_cannot_run_full() {
    let (registry, arena) = (place::<Hash>(), Arena::default());
    let mut bases = Vec::new();
    for level in 0..LEVELS {
        // Places that begin with as many zeros as lead to the first bucket of this level, but not of
        // the next. All that lead to the last bucket come last.
        let last = level == LEVELS - 1;
        let free = KEY_BITS - 6 - level;
        let first = if last { 0 } else { 1 << (free - 1) };
        bases.extend((first..first + SLOTS).map(address_of));
    }
    for (n, &base) in bases.iter().enumerate() {
        add(&registry, &arena, base);
        assert_eq!(arena.n_served(), 1 + n / SLOTS, "each level is full before the next begins");
    }
    bases.iter().for_each(|&base| assert_there(&registry, base));
    assert_eq!(registry.tag(address_of(SLOTS * 3)), Tag::FOREIGN);
}

#[test]
fn what_is_covered_asks_for_nothing() {
    let (registry, arena) = (place::<Hash>(), Arena::default());
    let base = 7 * SUPERSLAB;
    assert!(registry.cover(base, SUPERSLAB, &arena));
    arena.refuse(true);
    assert!(registry.cover(base + 3 * UNIT, UNIT, &arena), "another unit of it");
    // Others have room in the same segment.
    assert!(registry.cover(0, 7 * SUPERSLAB, &arena));
    assert_eq!(arena.n_calls(), 1);
}

fn class(index: usize) -> Class {
    Class::new(index).unwrap()
}

fn slab(index: usize) -> Tag {
    Tag::slab(Owner::new(3).unwrap(), class(index))
}

fn with_slabs_of(registry: &Hash, index: usize) -> Vec<usize> {
    let mut seen = Vec::new();
    registry.survey_class(class(index), |base| seen.push(base));
    seen.sort_unstable();
    seen
}

#[test]
fn the_index_knows_where_a_class_has_slabs() {
    let (registry, arena) = (place::<Hash>(), Arena::default());
    let base = |n: usize| (1 << 33) + n * SUPERSLAB;
    let publish = |address, units, tag| {
        assert!(registry.cover(address, units * UNIT, &arena));
        // SAFETY: just covered, and this test's.
        unsafe { registry.publish(address, units, tag, tag, 1) };
    };
    assert_eq!(with_slabs_of(&registry, 0), [], "before anything was done");
    publish(base(0), 2, slab(0));
    publish(base(0) + 4 * UNIT, 8, slab(5));
    publish(base(1) + 31 * UNIT, 1, slab(5));
    publish(base(2), 1, Tag::span_head(1));
    assert_eq!(with_slabs_of(&registry, 0), [base(0)]);
    assert_eq!(with_slabs_of(&registry, 5), [base(0), base(1)]);
    assert_eq!(with_slabs_of(&registry, 6), []);
    publish(base(0) + 4 * UNIT, 8, Tag::freed_slab(class(5)));
    assert_eq!(with_slabs_of(&registry, 5), [base(1)], "a slab is gone");
    publish(base(0) + 7 * UNIT, 1, slab(5));
    assert_eq!(with_slabs_of(&registry, 5), [base(0), base(1)], "and came back");
    assert_eq!(with_slabs_of(&registry, 0), [base(0)]);
}
