//! The registry above a fake arena: what every registry does, and what only this one does.
#![cfg(not(loom))]

use hakmem_conformance::memory::{Arena, place};
use hakmem_contract::{Registry, SUPERSLAB, Tag, UNIT};
use hakmem_superslab_registry::TwoLevel;

const GIB_4: usize = 1 << 32;
const END: usize = 1 << 47;

hakmem_conformance::registry!(TwoLevel);

#[test]
fn all_of_user_space_can_be_covered_and_nothing_beyond() {
    let registry = place::<TwoLevel>();
    let arena = Arena::default();
    for base in [0, GIB_4 - UNIT, GIB_4, END - UNIT] {
        assert!(registry.cover(base, UNIT, &arena));
        // SAFETY: just covered, and nobody else's.
        unsafe { registry.publish(base, 1, Tag::HUGE, Tag::HUGE, base + 1) };
        assert_eq!(registry.tag(base + UNIT - 1), Tag::HUGE);
    }
    for base in [END, END + UNIT, 1 << 63, usize::MAX - UNIT + 1] {
        assert!(!registry.cover(base, UNIT, &arena), "{base:#x}");
        assert_eq!(registry.tag_in_reach(base), None, "{base:#x}");
    }
    assert!(!registry.cover(END - UNIT, 2 * UNIT, &arena), "half beyond the end");
    assert!(!registry.cover(SUPERSLAB, usize::MAX, &arena), "wraps");
    assert_eq!(arena.n_calls(), 3, "one leaf for every 4 GiB in use");
}

#[test]
fn no_leaf_is_asked_for_twice() {
    let registry = place::<TwoLevel>();
    let arena = Arena::default();
    arena.refuse_after(1);
    // Two leaves are needed, one is to be had.
    assert!(!registry.cover(GIB_4 - UNIT, 2 * UNIT, &arena));
    assert!(registry.cover(GIB_4 - UNIT, UNIT, &arena), "the first leaf is there");
    assert!(!registry.cover(GIB_4, UNIT, &arena));
    arena.refuse(false);
    assert!(registry.cover(GIB_4 - UNIT, 2 * UNIT, &arena));
    assert_eq!(arena.n_served(), 2);
}

#[test]
fn a_leaf_that_lost_a_race_is_used_later() {
    let registry = place::<TwoLevel>();
    let arena = Arena::default();
    std::thread::scope(|scope| {
        for thread in 0..4_usize {
            let (registry, arena) = (&registry, &arena);
            scope.spawn(move || {
                let bases = (1..64).map(|leaf| leaf * GIB_4 + thread * UNIT);
                bases.for_each(|base| assert!(registry.cover(base, UNIT, arena)));
            });
        }
    });
    // A loser is taken by a later cover, unless that comes while another thread has the list.
    assert!(arena.n_served() <= 63 + 16, "{} leaves for 63 places", arena.n_served());
}
