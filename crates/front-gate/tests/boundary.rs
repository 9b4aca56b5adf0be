//! Every size that can have a class, at every alignment, and the edges above; in each scheme.

use hakmem_contract::geometry::{MAX_REQUEST, MAX_SPAN_UNITS, UNIT};
use hakmem_contract::{Class, Geometry, MAX_CLASSES, SizeClasses};
use hakmem_front_gate::{Doubling, FourPerDoubling, Gate, PowersOfTwo, Tier};

const MIB: usize = 1 << 20;
const GIB: usize = 1 << 30;

/// What every scheme does; `LOG` says what is known of this one.
macro_rules! scheme {
    ($name:ident, $scheme:ty, classes: $count:literal, log: $log:literal) => {
        mod $name {
            use super::*;

            hakmem_conformance::classes!($scheme);

            #[test]
            fn there_are_so_many_classes() {
                assert_eq!(<$scheme>::COUNT, $count);
            }

            #[test]
            fn little_is_wasted() {
                waste::<$scheme>($log);
            }

            #[test]
            fn the_table_agrees_with_the_arithmetic() {
                the_table::<$scheme>();
            }

            #[test]
            fn above_the_classes_spans_and_above_them_mappings() {
                upper_tiers::<$scheme>();
            }

            #[test]
            fn a_slab_has_16_blocks_or_more_in_the_fewest_units() {
                slabs::<$scheme>();
            }
        }
    };
}

scheme!(powers_of_two, PowersOfTwo, classes: 12, log: 0);
scheme!(two_per_doubling, Doubling::<0, 1>, classes: 22, log: 1);
scheme!(four_per_doubling, FourPerDoubling, classes: 40, log: 2);
#[cfg(feature = "many-classes")]
scheme!(eight_per_doubling, hakmem_front_gate::EightPerDoubling, classes: 72, log: 3);

fn tier<C: SizeClasses>(size: usize, align: usize) -> Tier {
    Gate::<C>::tier(size, align)
}

fn geometries<C: SizeClasses>() -> impl Iterator<Item = (Class, &'static Geometry)> {
    (0..C::COUNT).filter_map(Class::new).map(|class| (class, C::geometry(class)))
}

/// 1, 2, 4, … 1 GiB.
fn alignments() -> impl Iterator<Item = usize> {
    (0..=GIB.ilog2()).map(|log| 1 << log)
}

/// Less than 16 bytes of the little ones; of those above `16 << log` at most one part in `2^log`.
fn waste<C: SizeClasses>(log: u32) {
    let mut most = 0.0_f64;
    for size in 1..=C::SMALL_MAX {
        let bytes = C::class_of(size).map_or(0, |class| C::geometry(class).block_size as usize);
        let wasted = bytes - size;
        assert!(wasted < 16 || (size > 16 << log && wasted << log <= size), "{size}: {bytes}");
        most = most.max(if size > 16 << log { wasted as f64 / size as f64 } else { 0.0 });
    }
    assert!(most > 0.9 / f64::from(1 << log), "fewer classes than thought: {most}");
}

fn the_table<C: SizeClasses>() {
    let by_table = (0..=70_000).filter(|size| {
        let (fast, exact) = (C::class_of_fast(*size), C::class_of(*size));
        assert!(fast.is_none() || fast == exact, "{size}: {fast:?}, {exact:?}");
        fast.is_some()
    });
    assert_eq!(by_table.collect::<Vec<_>>(), (1..=1024).collect::<Vec<_>>());
    for size in [MIB, MAX_REQUEST - 1, MAX_REQUEST, MAX_REQUEST + 1, usize::MAX - 1, usize::MAX] {
        assert_eq!(C::class_of_fast(size), None, "{size}");
        assert_eq!(C::class_of(size), None, "{size}");
        assert_eq!(C::class_of_aligned(size, 4096), None, "{size}");
    }
}

fn upper_tiers<C: SizeClasses>() {
    let tier = tier::<C>;
    for align in alignments().filter(|align| *align <= UNIT) {
        assert_eq!(tier(C::SMALL_MAX + 1, align), Tier::Span(1));
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

fn slabs<C: SizeClasses>() {
    let mut most_cached = u16::MAX;
    for (class, geometry) in geometries::<C>() {
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

/// Room for classes that a scheme does not have is filled with its last one: no index is out of bounds.
#[test]
fn classes_that_a_scheme_does_not_have_are_like_its_last_one() {
    for class in (PowersOfTwo::COUNT..MAX_CLASSES).filter_map(Class::new) {
        assert_eq!(PowersOfTwo::geometry(class).block_size as usize, PowersOfTwo::SMALL_MAX);
    }
    assert_eq!(MAX_CLASSES, if cfg!(feature = "many-classes") { 72 } else { 40 });
}

#[test]
fn powers_of_two_are_what_they_say() {
    let sizes: Vec<_> = geometries::<PowersOfTwo>().map(|(_, of)| of.block_size).collect();
    assert_eq!(sizes, (4..=15).map(|log| 1 << log).collect::<Vec<_>>());
    assert_eq!(PowersOfTwo::class_of(8), PowersOfTwo::class_of(16), "no block is below 16 bytes");
}

#[test]
fn what_no_pointer_can_span_is_refused() {
    let tier = tier::<FourPerDoubling>;
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

mod tailed {
    use super::*;

    type Tailed = Doubling<8>;

    hakmem_conformance::classes!(Tailed);

    #[test]
    fn a_tail_is_taken_from_the_block() {
        for (class, geometry) in geometries::<Tailed>() {
            assert_eq!(geometry.usable() + 8, geometry.block_size as usize, "{class:?}");
            assert_eq!(geometry.block_size, FourPerDoubling::geometry(class).block_size);
        }
        for size in 0..=Tailed::SMALL_MAX {
            assert_eq!(Tailed::class_of_fast(size).is_some(), size <= 1024 - 8, "{size}");
        }
    }
}
