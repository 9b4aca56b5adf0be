//! The registry above a fake arena: every corner of the address space, and an arena that fails.
#![cfg(not(loom))]

mod common;

use common::Arena;
use hakmem_contract::{Registry, SUPERSLAB, Survey, Tag, UNIT};
use hakmem_superslab_registry::TwoLevel;

const GIB_4: usize = 1 << 32;
const END: usize = 1 << 47;

/// Corners, and their neighbours.
fn corners() -> impl Iterator<Item = usize> {
    [0, UNIT, SUPERSLAB, GIB_4, 7 * GIB_4, END - GIB_4, END, 1 << 48, 1 << 63]
        .into_iter()
        .flat_map(|corner| [corner.wrapping_sub(1), corner, corner + 1])
        .chain([usize::MAX, usize::MAX - UNIT])
}

#[test]
fn everything_is_foreign_before_anything_was_done() {
    // The program's own registry: in .bss.
    // SAFETY: a static does not move.
    static REGISTRY: TwoLevel = unsafe { TwoLevel::new() };
    assert!(corners().all(|address| REGISTRY.tag(address) == Tag::FOREIGN));
}

#[test]
fn the_ends_of_user_space_can_be_covered_and_nothing_beyond() {
    let registry = common::registry();
    let arena = Arena::default();
    for base in [0, GIB_4 - UNIT, GIB_4, END - UNIT] {
        assert!(registry.cover(base, UNIT, &arena));
        // SAFETY: just covered, and nobody else's.
        unsafe { registry.publish(base, 1, Tag::HUGE, Tag::HUGE, base + 1) };
    }
    for base in [END, END + UNIT, 1 << 63, usize::MAX - UNIT + 1] {
        assert!(!registry.cover(base, UNIT, &arena), "{base:#x}");
    }
    assert!(!registry.cover(END - UNIT, 2 * UNIT, &arena), "half beyond the end");
    assert!(!registry.cover(SUPERSLAB, usize::MAX, &arena), "wraps");
    assert_eq!(arena.n_calls(), 3, "one leaf for every 4 GiB in use");

    for address in corners() {
        let inside = [0, GIB_4 - UNIT, GIB_4, END - UNIT].contains(&(address & !(UNIT - 1)));
        let expected = if inside { Tag::HUGE } else { Tag::FOREIGN };
        assert_eq!(registry.tag(address), expected, "{address:#x}");
    }
    for base in [0, GIB_4 - UNIT, GIB_4, END - UNIT] {
        // SAFETY: covered.
        assert_eq!(unsafe { registry.word_covered(base + UNIT - 1) }, base + 1);
        // SAFETY: covered.
        assert_eq!(unsafe { registry.tag_covered(base + UNIT - 1) }, Tag::HUGE);
    }
}

#[test]
fn a_survey_shows_each_tag() {
    let registry = common::registry();
    let seen = || {
        let mut seen = Vec::new();
        registry.survey(|address, tag, word| seen.push((address, tag, word)));
        seen
    };
    assert_eq!(seen(), []);
    let base = GIB_4 - 2 * UNIT;
    assert!(registry.cover(base, 3 * UNIT, &Arena::default()));
    assert_eq!(seen(), [], "room is no tag");
    // SAFETY: just covered, and nobody else's.
    unsafe { registry.publish(base, 3, Tag::span_head(3), Tag::SPAN_TAIL, 7) };
    let tail = |unit| (base + unit * UNIT, Tag::SPAN_TAIL, 7);
    assert_eq!(seen(), [(base, Tag::span_head(3), 7), tail(1), tail(2)], "two leaves");
    // SAFETY: as above.
    unsafe { registry.publish(base, 1, Tag::FOREIGN, Tag::FOREIGN, 7) };
    assert_eq!(seen(), [tail(1), tail(2)]);
}

#[test]
fn a_span_has_a_head_and_a_tail_across_leaves() {
    let registry = common::registry();
    let base = GIB_4 - 2 * UNIT;
    assert!(registry.cover(base, 4 * UNIT, &Arena::default()));
    // SAFETY: just covered, and nobody else's.
    unsafe { registry.publish(base, 4, Tag::span_head(4), Tag::SPAN_TAIL, 7) };
    assert_eq!(registry.tag(base - 1), Tag::FOREIGN);
    assert_eq!(registry.tag(base), Tag::span_head(4));
    for unit in 1..4 {
        assert_eq!(registry.tag(base + unit * UNIT), Tag::SPAN_TAIL);
        // SAFETY: covered.
        assert_eq!(unsafe { registry.word_covered(base + unit * UNIT) }, 7);
    }
    assert_eq!(registry.tag(base + 4 * UNIT), Tag::FOREIGN);
    // SAFETY: as above.
    unsafe { registry.publish(base, 4, Tag::FOREIGN, Tag::FOREIGN, 0) };
    assert!((0..4).all(|unit| registry.tag(base + unit * UNIT) == Tag::FOREIGN));
}

#[test]
fn every_unit_of_a_leaf_has_a_tag_and_a_word_of_its_own() {
    let registry = common::registry();
    let addresses = || (GIB_4..2 * GIB_4).step_by(UNIT);
    assert!(registry.cover(GIB_4, GIB_4, &Arena::default()));
    for address in addresses() {
        let tag = Tag::from_bits((address / UNIT) as u32);
        // SAFETY: just covered, and nobody else's.
        unsafe { registry.publish(address, 1, tag, tag, address) };
    }
    for address in addresses() {
        assert_eq!(registry.tag(address), Tag::from_bits((address / UNIT) as u32));
        // SAFETY: covered.
        assert_eq!(unsafe { registry.word_covered(address) }, address);
    }
}

#[test]
fn a_refused_leaf_changes_nothing() {
    let registry = common::registry();
    let arena = Arena::default();
    arena.refuse_after(1);
    // Two leaves are needed, one is to be had.
    assert!(!registry.cover(GIB_4 - UNIT, 2 * UNIT, &arena));
    assert_eq!(registry.tag(GIB_4 - UNIT), Tag::FOREIGN);
    assert!(registry.cover(GIB_4 - UNIT, UNIT, &arena), "the first leaf is there");
    assert!(!registry.cover(GIB_4, UNIT, &arena));
    arena.refuse_after(usize::MAX);
    assert!(registry.cover(GIB_4 - UNIT, 2 * UNIT, &arena));
    assert_eq!(arena.n_served(), 2, "no leaf was asked for twice");
}

#[test]
fn a_tag_is_retracted_once_and_only_if_it_is_the_expected_one() {
    let registry = common::registry();
    assert!(registry.cover(GIB_4, UNIT, &Arena::default()));
    // SAFETY: just covered, and nobody else's.
    let retract = |expected| unsafe { registry.retract(GIB_4, expected, Tag::FREED_HUGE) };
    for round in 0..10_000 {
        assert!(!retract(Tag::HUGE));
        // SAFETY: as above.
        unsafe { registry.publish(GIB_4, 1, Tag::HUGE, Tag::HUGE, round) };
        assert!(!retract(Tag::SPAN_TAIL));
        let n_told = std::thread::scope(|scope| {
            let takers = [(); 2].map(|()| scope.spawn(|| retract(Tag::HUGE)));
            takers.into_iter().filter_map(|taker| taker.join().ok()).filter(|told| *told).count()
        });
        assert_eq!((n_told, registry.tag(GIB_4)), (1, Tag::FREED_HUGE));
        // SAFETY: covered.
        assert_eq!(unsafe { registry.word_covered(GIB_4) }, round, "the word stays");
        if cfg!(miri) && round == 10 {
            break;
        }
    }
}

#[test]
fn threads_that_race_for_leaves_lose_none() {
    let registry = common::registry();
    let arena = Arena::default();
    std::thread::scope(|scope| {
        for thread in 0..4_usize {
            let (registry, arena) = (&registry, &arena);
            scope.spawn(move || {
                for leaf in 1..64 {
                    let base = leaf * GIB_4 + thread * UNIT;
                    assert!(registry.cover(base, UNIT, arena));
                    // SAFETY: just covered, and this thread's.
                    unsafe { registry.publish(base, 1, Tag::HUGE, Tag::HUGE, base) };
                }
            });
        }
    });
    for base in (1..64).flat_map(|leaf| (0..4).map(move |thread| leaf * GIB_4 + thread * UNIT)) {
        assert_eq!(registry.tag(base), Tag::HUGE);
        // SAFETY: covered.
        assert_eq!(unsafe { registry.word_covered(base) }, base);
    }
    // A loser is taken by a later cover, unless that comes while another thread has the list.
    assert!(arena.n_served() <= 63 + 16, "{} leaves for 63 places", arena.n_served());
}
