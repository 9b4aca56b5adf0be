//! The front gate against a linear search.

use hakmem_contract::geometry::{MAX_REQUEST, UNIT};
use hakmem_contract::{Class, SizeClasses};
use hakmem_front_gate::{FourPerDoubling, Gate, Tier};
use proptest::prelude::*;

/// The first class that is large enough and a multiple of the alignment; else whole units; else
/// a mapping; else nothing.
fn naive(size: usize, align: usize) -> Tier {
    let fits = |class: &Class| {
        let block_size = FourPerDoubling::geometry(*class).block_size as usize;
        block_size >= size && block_size.is_multiple_of(align)
    };
    if let Some(class) = (0..FourPerDoubling::COUNT).filter_map(Class::new).find(fits) {
        return Tier::Small(class);
    }
    if align <= UNIT && size <= 16 * UNIT {
        return Tier::Span((1..=16).find(|units| units * UNIT >= size).unwrap_or(0));
    }
    let rounded = (size as u128).div_ceil(align as u128) * align as u128;
    if rounded <= MAX_REQUEST as u128 { Tier::Huge(size.max(1)) } else { Tier::Refused }
}

/// Sizes of every magnitude, and those beside a multiple of a power of two.
fn sizes() -> impl Strategy<Value = usize> {
    let any_log = (any::<usize>(), 0..64_u32).prop_map(|(size, shift)| size >> shift);
    let near = (1..16_usize, 4..60_u32, 0..3_usize)
        .prop_map(|(factor, log, delta)| ((factor << log) + delta).wrapping_sub(1));
    prop_oneof![0..70_000_usize, any_log, near]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_gate_finds_what_a_linear_search_finds(size in sizes(), log in 0..64_u32) {
        prop_assert_eq!(Gate::<FourPerDoubling>::tier(size, 1 << log), naive(size, 1 << log));
    }

    #[test]
    fn the_usual_alignment_needs_no_search(size in sizes(), log in 0..5_u32) {
        let aligned = FourPerDoubling::class_of_aligned(size, 1 << log);
        prop_assert_eq!(aligned, FourPerDoubling::class_of(size));
    }
}
