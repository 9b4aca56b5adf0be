//! What every scheme of size classes does: each size has a class that is large enough, and each class a
//! slab that works out.
//!
//! The functions are the promises.

use std::iter::successors;

use hakmem_contract::geometry::{MAX_REQUEST, MAX_SPAN_UNITS, MIN_ALIGN};
use hakmem_contract::{Class, Geometry, MAX_CLASSES, SizeClasses, UNIT};
use hakmem_front_gate::{Gate, Tier};

use crate::Promise;

/// Nothing needs to be told of a scheme.
#[derive(Clone, Copy, Debug, Default)]
pub struct Case;

/// Tests of a scheme of size classes, from the promises of `SizeClasses`.
///
/// ```ignore
/// hakmem_conformance::classes!(MyClasses);
/// ```
#[macro_export]
macro_rules! classes {
    ($classes:ty) => {
        $crate::__classes! { __tests [$classes] [$crate::classes::Case] }
    };
}

/// The list of promises.
#[doc(hidden)]
#[macro_export]
macro_rules! __classes {
    ($make:ident $($for:tt)*) => {
        $crate::$make! { classes $($for)*
            there_is_room_for_the_classes
            every_small_size_has_a_class_that_is_large_enough
            a_class_ends_where_the_next_one_begins
            larger_sizes_get_larger_classes
            the_fast_way_agrees
            an_alignment_is_kept_where_a_class_can
            what_is_no_small_size_has_no_class
            a_slab_works_out
            multiplying_by_the_reciprocal_divides
            every_request_has_a_tier
        }
    };
}

/// Every promise: for controls.
#[must_use]
pub fn promises<C: SizeClasses>() -> Vec<Promise<Case>> {
    crate::__classes! { __table [C] [Case] }.to_vec()
}

/// Sizes above every class.
const LARGE: usize = 70_000;

/// The classes of a scheme.
fn all<C: SizeClasses>() -> impl Iterator<Item = (Class, &'static Geometry)> {
    (0..C::COUNT).filter_map(Class::new).map(|class| (class, C::geometry(class)))
}

/// Powers of two, up to a unit.
fn alignments() -> impl Iterator<Item = usize> {
    successors(Some(1), |align| Some(align * 2)).take_while(|align| *align <= UNIT)
}

/// Arrays of the other boxes have room for so many, and no class is below the least alignment.
pub fn there_is_room_for_the_classes<C: SizeClasses>(_: &Case) {
    assert!((1..=MAX_CLASSES).contains(&C::COUNT), "{} of {MAX_CLASSES} classes", C::COUNT);
    assert!(C::SMALL_MAX <= UNIT, "between the classes and whole units nothing is missing");
}

/// `class_of(size)` is `Some` exactly for `size <= SMALL_MAX`, and so many bytes are usable.
pub fn every_small_size_has_a_class_that_is_large_enough<C: SizeClasses>(_: &Case) {
    for size in 0..=LARGE {
        let class = C::class_of(size);
        assert_eq!(class.is_some(), size <= C::SMALL_MAX, "{size}: {class:?}");
        let Some(class) = class else { continue };
        assert!(class.index() < C::COUNT, "{size}: {class:?} of {}", C::COUNT);
        let usable = C::geometry(class).usable();
        assert!(usable >= size, "{size}: {usable} bytes");
    }
}

/// Each class is somebody's, and ends at what is usable of it.
pub fn a_class_ends_where_the_next_one_begins<C: SizeClasses>(_: &Case) {
    assert_eq!(C::class_of(0), Class::new(0), "the smallest one");
    for (class, geometry) in all::<C>() {
        let usable = geometry.usable();
        let next = Class::new(class.index() + 1).filter(|next| next.index() < C::COUNT);
        assert_eq!(C::class_of(usable), Some(class), "{usable} bytes");
        assert_eq!(C::class_of(usable + 1), next, "{} bytes", usable + 1);
    }
}

/// `class_of` is monotonic, and so is `class_of_aligned` at each alignment.
pub fn larger_sizes_get_larger_classes<C: SizeClasses>(_: &Case) {
    let mut before = None;
    for size in 0..=C::SMALL_MAX {
        let class = C::class_of(size);
        assert!(class >= before, "{size}: {before:?}, then {class:?}");
        before = class;
    }
    for align in alignments() {
        let mut before = 0;
        for class in (0..=C::SMALL_MAX).filter_map(|size| C::class_of_aligned(size, align)) {
            let bytes = C::geometry(class).block_size;
            assert!(bytes >= before, "at {align}: {before} bytes, then {bytes}");
            before = bytes;
        }
    }
}

/// `class_of_fast` agrees with `class_of` wherever it is `Some`.
pub fn the_fast_way_agrees<C: SizeClasses>(_: &Case) {
    let far = (16..64).flat_map(|bit| [(1_usize << bit) - 1, 1 << bit, (1 << bit) + 1]);
    for size in (0..=LARGE).chain(far).chain(usize::MAX - LARGE..=usize::MAX) {
        let fast = C::class_of_fast(size);
        assert!(fast.is_none() || fast == C::class_of(size), "{size}: {fast:?}");
    }
}

/// Blocks lie at multiples of their size: the class is large enough, and its size a multiple of the
/// alignment. `None` only if there is no such class.
pub fn an_alignment_is_kept_where_a_class_can<C: SizeClasses>(_: &Case) {
    for align in alignments() {
        for size in 0..=C::SMALL_MAX + 1 {
            let fits = |geometry: &Geometry| {
                geometry.usable() >= size && (geometry.block_size as usize).is_multiple_of(align)
            };
            match C::class_of_aligned(size, align) {
                Some(class) => assert!(fits(C::geometry(class)), "{size} at {align}: {class:?}"),
                None => {
                    let fitting = all::<C>().find(|(_, geometry)| fits(geometry));
                    assert!(fitting.is_none(), "{size} at {align}: there is {fitting:?}");
                }
            }
        }
    }
}

/// Up to the largest number.
pub fn what_is_no_small_size_has_no_class<C: SizeClasses>(_: &Case) {
    let sizes = [1 << 20, MAX_REQUEST - 1, MAX_REQUEST, MAX_REQUEST + 1];
    for size in sizes.into_iter().chain(usize::MAX - 40..=usize::MAX) {
        assert_eq!(C::class_of(size), None, "{size}");
        for align in alignments() {
            assert_eq!(C::class_of_aligned(size, align), None, "{size} at {align}");
        }
    }
}

/// The invariants of `Geometry`.
pub fn a_slab_works_out<C: SizeClasses>(_: &Case) {
    for (class, geometry) in all::<C>() {
        let &Geometry { block_size, units, capacity, cache_limit, tail, .. } = geometry;
        assert!((block_size as usize).is_multiple_of(MIN_ALIGN), "{class:?}: {geometry:?}");
        assert!([1, 2, 4, 8].contains(&units), "{class:?}: {geometry:?}");
        assert!((16..=4096).contains(&capacity), "{class:?}: {geometry:?}");
        let bytes = usize::from(units) * UNIT;
        assert!(usize::from(capacity) * block_size as usize <= bytes, "{class:?}: {geometry:?}");
        assert!(cache_limit > 0 && u32::from(tail) < block_size, "{class:?}: {geometry:?}");
    }
}

/// For every offset in a slab: the quotient, and whether something remains.
pub fn multiplying_by_the_reciprocal_divides<C: SizeClasses>(_: &Case) {
    for (class, geometry) in all::<C>() {
        let size = u64::from(geometry.block_size);
        for offset in 0..1_u64 << 19 {
            let product = u128::from(offset) * u128::from(geometry.reciprocal);
            let [quotient, rest] = [(product >> 64) as u64, product as u64];
            let right = quotient == offset / size
                && (rest < geometry.reciprocal) == offset.is_multiple_of(size);
            assert!(right, "{offset}: {class:?}");
        }
    }
}

/// Behind the gate: whatever the size and the alignment, what serves a request is large and aligned
/// enough.
pub fn every_request_has_a_tier<C: SizeClasses>(_: &Case) {
    for align in alignments().chain([2 * UNIT, 1 << 30]) {
        let larger = [1 << 18, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 1 << 40];
        for size in (0..=LARGE).chain(larger) {
            let tier = Gate::<C>::tier(size, align);
            let right = match tier {
                Tier::Small(class) => {
                    let geometry = C::geometry(class);
                    geometry.usable() >= size
                        && (geometry.block_size as usize).is_multiple_of(align)
                }
                Tier::Span(units) => {
                    units * UNIT >= size.max(1) && units <= MAX_SPAN_UNITS && align <= UNIT
                }
                Tier::Huge(bytes) => bytes >= size.max(1),
                Tier::Refused => false,
            };
            assert!(right, "{size} at {align}: {tier:?}");
        }
    }
}
