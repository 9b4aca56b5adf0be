//! Every size that can have a class, at every alignment, and the edges above.

use hakmem_contract::geometry::{MAX_REQUEST, MAX_SPAN_UNITS, UNIT};
use hakmem_contract::{Class, Geometry, SizeClasses};
use hakmem_front_gate::{Doubling, FourPerDoubling, Gate, Tier};

const MIB: usize = 1 << 20;
const GIB: usize = 1 << 30;

fn tier(size: usize, align: usize) -> Tier {
    Gate::<FourPerDoubling>::tier(size, align)
}

fn geometries() -> impl Iterator<Item = (Class, &'static Geometry)> {
    (0..FourPerDoubling::COUNT)
        .filter_map(Class::new)
        .map(|class| (class, FourPerDoubling::geometry(class)))
}

/// 1, 2, 4, … 1 GiB.
fn alignments() -> impl Iterator<Item = usize> {
    (0..=GIB.ilog2()).map(|log| 1 << log)
}

/// Bytes that the tier gives for a request, and what its blocks are aligned to.
fn bytes_and_align(tier: Tier, align: usize) -> (usize, usize) {
    match tier {
        Tier::Small(class) => {
            let size = FourPerDoubling::geometry(class).block_size as usize;
            (size, (1 << size.trailing_zeros()).min(UNIT))
        }
        Tier::Span(units) => (units * UNIT, UNIT),
        Tier::Huge(bytes) => (bytes, align),
        Tier::Refused => (0, 0),
    }
}

#[test]
fn every_small_size_gets_a_block_that_is_large_and_aligned_enough() {
    for align in alignments() {
        for size in 0..=70_000 {
            let tier = tier(size, align);
            let (bytes, aligned) = bytes_and_align(tier, align);
            assert!(bytes >= size && bytes > 0, "{size} at {align}: {tier:?}");
            assert!(aligned >= align, "{size} at {align}: {tier:?}");
            let small = size.max(align) <= FourPerDoubling::SMALL_MAX;
            assert_eq!(matches!(tier, Tier::Small(_)), small, "{size} at {align}: {tier:?}");
            assert_eq!(matches!(tier, Tier::Huge(_)), align > UNIT, "{size} at {align}: {tier:?}");
        }
    }
}

#[test]
fn a_quarter_is_wasted_at_most_and_16_bytes_of_little_ones() {
    for size in 1..=FourPerDoubling::SMALL_MAX {
        let (bytes, _) = bytes_and_align(tier(size, 16), 16);
        assert!(bytes - size < 16 || (size > 64 && (bytes - size) * 4 <= size), "{size}: {bytes}");
    }
}

#[test]
fn larger_sizes_get_larger_classes() {
    for align in alignments().filter(|align| *align <= UNIT) {
        let mut before = 0;
        for size in 0..=70_000 {
            let (bytes, _) = bytes_and_align(tier(size, align), align);
            assert!(bytes >= before, "{size} at {align}");
            before = bytes;
        }
    }
}

#[test]
fn the_table_agrees_with_the_arithmetic() {
    let by_table = (0..=70_000).filter(|size| {
        let fast = FourPerDoubling::class_of_fast(*size);
        let exact = FourPerDoubling::class_of(*size);
        assert!(fast.is_none() || fast == exact, "{size}: {fast:?}, {exact:?}");
        fast.is_some()
    });
    assert_eq!(by_table.collect::<Vec<_>>(), (1..=1024).collect::<Vec<_>>());
    for size in [MIB, MAX_REQUEST - 1, MAX_REQUEST, MAX_REQUEST + 1, usize::MAX - 1, usize::MAX] {
        assert_eq!(FourPerDoubling::class_of_fast(size), None, "{size}");
        assert_eq!(FourPerDoubling::class_of(size), None, "{size}");
        assert_eq!(FourPerDoubling::class_of_aligned(size, 4096), None, "{size}");
    }
}

#[test]
fn a_class_ends_at_its_block_size() {
    for (class, geometry) in geometries() {
        let size = geometry.block_size as usize;
        let next = Class::new(class.index() + 1);
        assert_eq!(FourPerDoubling::class_of(size - 1), Some(class));
        assert_eq!(FourPerDoubling::class_of(size), Some(class));
        assert_eq!(FourPerDoubling::class_of(size + 1), next, "none behind the last one");
    }
    assert_eq!(FourPerDoubling::class_of(0), Class::new(0));
}

#[test]
fn above_the_classes_spans_and_above_them_mappings() {
    let small = FourPerDoubling::SMALL_MAX;
    for align in alignments().filter(|align| *align <= UNIT) {
        assert_eq!(tier(small + 1, align), Tier::Span(1));
        assert_eq!(tier(UNIT, align), Tier::Span(1));
        assert_eq!(tier(UNIT + 1, align), Tier::Span(2));
        assert_eq!(tier(MIB - UNIT, align), Tier::Span(MAX_SPAN_UNITS - 1));
        assert_eq!(tier(MIB - 1, align), Tier::Span(MAX_SPAN_UNITS));
        assert_eq!(tier(MIB, align), Tier::Span(MAX_SPAN_UNITS));
        assert_eq!(tier(MIB + 1, align), Tier::Huge(MIB + 1));
    }
    assert_eq!(tier(0, UNIT), Tier::Span(1), "no class is aligned so");
    assert_eq!(tier(0, 2 * UNIT), Tier::Huge(1), "every request is for something");
    assert_eq!(tier(1, GIB), Tier::Huge(1));
}

#[test]
fn what_no_pointer_can_span_is_refused() {
    for align in alignments() {
        // `MAX_REQUEST` is one less than a power of two.
        let most = MAX_REQUEST - (align - 1);
        assert_eq!(tier(most, align), Tier::Huge(most), "at {align}");
        for size in [most + 1, MAX_REQUEST + 1, usize::MAX - align + 1, usize::MAX] {
            assert_eq!(tier(size, align), Tier::Refused, "{size} at {align}");
        }
    }
    assert_eq!(tier(1, 1 << 63), Tier::Refused, "rounded up, it is too much");
    assert_eq!(tier(1, 1 << 62), Tier::Huge(1));
}

#[test]
fn a_slab_has_16_blocks_or_more_in_the_fewest_units() {
    let mut most_cached = u16::MAX;
    for (class, geometry) in geometries() {
        let &Geometry { block_size, units, capacity, cache_limit, .. } = geometry;
        let (size, units) = (block_size as usize, usize::from(units));
        let capacity = usize::from(capacity);
        assert!(size.is_multiple_of(16) && [1, 2, 4, 8].contains(&units), "{class:?}");
        assert_eq!(capacity, units * UNIT / size, "{class:?}");
        assert!((16..=4096).contains(&capacity), "{class:?}: {capacity}");
        assert!(units == 1 || units / 2 * UNIT / size < 16, "{class:?}: {units} units");
        assert!((4..=most_cached).contains(&cache_limit), "{class:?}: {cache_limit}");
        most_cached = cache_limit;
    }
}

#[test]
fn multiplying_by_the_reciprocal_divides() {
    for (class, geometry) in geometries() {
        let size = u64::from(geometry.block_size);
        for offset in 0..1_u64 << 19 {
            let product = u128::from(offset) * u128::from(geometry.reciprocal);
            let [quotient, rest] = [(product >> 64) as u64, product as u64];
            assert!(
                quotient == offset / size && (rest < geometry.reciprocal) == (offset % size == 0),
                "{offset}: {class:?}"
            );
        }
    }
}

#[test]
fn a_tail_is_taken_from_the_block() {
    type Tailed = Doubling<8>;
    for align in alignments().filter(|align| *align <= UNIT) {
        for size in 0..=Tailed::SMALL_MAX + 1 {
            let Some(class) = Tailed::class_of_aligned(size, align) else {
                assert!(size.max(align - 1) > Tailed::SMALL_MAX - 8, "{size} at {align}");
                continue;
            };
            let geometry = Tailed::geometry(class);
            assert_eq!(geometry.usable() + 8, geometry.block_size as usize);
            assert!(geometry.usable() >= size, "{size} at {align}: {geometry:?}");
            assert!((geometry.block_size as usize).is_multiple_of(align), "{size} at {align}");
            let plain = Tailed::class_of(size);
            assert!(align > 16 || plain == Some(class), "{size} at {align}");
            let fast = Tailed::class_of_fast(size);
            assert!(fast.is_none() || fast == plain, "{size}: {fast:?}");
            assert_eq!(fast.is_some(), size <= 1024 - 8, "{size}");
        }
    }
    for size in [MIB, MAX_REQUEST, usize::MAX - 8, usize::MAX - 7, usize::MAX] {
        assert_eq!(Tailed::class_of_fast(size), None, "{size}");
        assert_eq!(Tailed::class_of(size), None, "{size}");
    }
}
