//! Size classes, and the tiers above them, against a linear search.

use bolero::check;
use hakmem_contract::geometry::{MAX_REQUEST, UNIT};
use hakmem_contract::{Class, SizeClasses};
use hakmem_front_gate::{Doubling, FourPerDoubling, Gate, PowersOfTwo, Tier};
use hakmem_fuzz::bits::Bits;
use hakmem_fuzz::reproducible;

/// The canary of the hardened blocks.
type Tailed = Doubling<8>;

/// The first class that is large enough and a multiple of the alignment; else whole units; else
/// a mapping; else nothing.
fn naive<C: SizeClasses>(size: usize, align: usize) -> Tier {
    let fits = |class: &Class| {
        let geometry = C::geometry(*class);
        geometry.usable() >= size && (geometry.block_size as usize).is_multiple_of(align)
    };
    if let Some(class) = (0..C::COUNT).filter_map(Class::new).find(fits) {
        return Tier::Small(class);
    }
    if align <= UNIT && size <= 16 * UNIT {
        return Tier::Span((1..=16).find(|units| units * UNIT >= size).unwrap_or(0));
    }
    let rounded = (size as u128).div_ceil(align as u128) * align as u128;
    if rounded <= MAX_REQUEST as u128 { Tier::Huge(size.max(1)) } else { Tier::Refused }
}

/// Sizes of every magnitude, and those beside a multiple of a power of two.
fn size(bits: Bits) -> usize {
    match bits.kind() % 3 {
        0 => bits.high() % 70_000,
        1 => bits.at(8, 56).rotate_left(8) >> bits.at(2, 6),
        _ => {
            let (factor, log) = (1 + bits.low() % 15, 4 + bits.low() / 16 % 56);
            ((factor << log) + bits.high() % 3).wrapping_sub(1)
        }
    }
}

fn compare(bits: Bits) {
    let (size, align) = (size(bits), 1 << bits.at(58, 6));
    assert_eq!(Gate::<Tailed>::tier(size, align), naive::<Tailed>(size, align));
    compare_plain::<FourPerDoubling>(size, align, 1 << bits.at(58, 2));
    compare_plain::<PowersOfTwo>(size, align, 1 << bits.at(58, 2));
    compare_most(size, align, 1 << bits.at(58, 2));
}

/// The scheme with the most classes, where there is room for it.
#[cfg(feature = "many-classes")]
fn compare_most(size: usize, align: usize, little: usize) {
    compare_plain::<hakmem_front_gate::EightPerDoubling>(size, align, little);
}

/// There is no room for it.
#[cfg(not(feature = "many-classes"))]
fn compare_most(_size: usize, _align: usize, _little: usize) {}

/// A scheme without a tail; `little` is an alignment that every block has.
fn compare_plain<C: SizeClasses>(size: usize, align: usize, little: usize) {
    assert_eq!(Gate::<C>::tier(size, align), naive::<C>(size, align));
    let plain = C::class_of(size);
    assert_eq!(C::class_of_aligned(size, little), plain);
    let fast = C::class_of_fast(size);
    assert!(fast.is_none() || fast == plain, "{size}: {fast:?}, {plain:?}");
}

#[test]
fn the_gate_finds_what_a_linear_search_finds() {
    check!()
        .with_type::<Bits>()
        .with_iterations(200_000)
        .for_each(|bits| reproducible(|| compare(*bits)));
}
