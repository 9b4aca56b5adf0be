//! Both boxes, around the fronts that there are, above a source that checks: what every front cache does, and
//! what only these do.

use hakmem_conformance::front::{Program, class, classes, doubled_limits, fill, is_filled};
use hakmem_contract::{Block, Class, FrontCache};
use hakmem_direct_front::Direct;
use hakmem_tiered_front::{CLASSES, LEAST, Magazine, Tiered};
use hakmem_tls_sll::TlsSll;
use hakmem_unified_cache::UnifiedCache;

mod magazine {
    use super::*;
    hakmem_conformance::front!(Magazine<UnifiedCache>, caches, small, ascending);
}

/// Where a limit is shifted to nothing, seven and the three that a list always has room for are left.
mod larger_magazine {
    use super::*;
    hakmem_conformance::front!(Magazine<TlsSll, 7>, caches, ascending; slack(2));
}

/// Without a cache behind it the rack is all that there is.
mod magazine_alone {
    use super::*;
    hakmem_conformance::front!(Magazine<Direct>, small, ascending);
}

mod tiered {
    use super::*;
    hakmem_conformance::front!(Tiered<UnifiedCache, TlsSll>, caches, small, ascending);
}

/// The second level is given back all the time.
mod tiered_in_a_hurry {
    use super::*;
    hakmem_conformance::front!(Tiered<UnifiedCache, TlsSll, 5>, caches, small, ascending);
}

mod tiered_the_other_way {
    use super::*;
    hakmem_conformance::front!(Tiered<TlsSll, UnifiedCache, 100>, caches, small, ascending);
}

/// As in the C ancestor: all of it.
mod three_levels {
    use super::*;
    hakmem_conformance::front!(Magazine<Tiered<UnifiedCache, TlsSll>>, caches, small, ascending);
}

/// A second level that keeps nothing, and has no `drain_class` of its own.
mod tiered_before_nothing {
    use super::*;
    hakmem_conformance::front!(Tiered<UnifiedCache, Direct>, caches, small, ascending);
}

/// A program that has `n` blocks of `class`, and nothing cached.
fn with_blocks<F: FrontCache>(class: Class, n: usize) -> Program<F> {
    let mut program = Program::<F>::new(0);
    while program.n_live(class) < n {
        assert!(program.allocate(class));
    }
    program.drain();
    program
}

/// Frees the block that came last, and returns it.
fn free_last<F: FrontCache>(program: &mut Program<F>, class: Class) -> Option<Block> {
    let last = program.last(class);
    program.free(class, program.n_live(class) - 1);
    last
}

/// How many blocks of `class` are in each part of a tiered cache, seen by emptying it.
fn levels<F: FrontCache, G: FrontCache, const N: u16>(
    program: &mut Program<Tiered<F, G, N>>,
    class: Class,
) -> [usize; 2] {
    let all = program.n_cached(class);
    let cache = program.cache();
    // SAFETY: our cache; the levels may be given back by themselves.
    let (first, second) = unsafe { &*cache }.levels();
    let (first, second) = (std::ptr::from_ref(first), std::ptr::from_ref(second));
    // SAFETY: as above, opened.
    unsafe { F::drain_class(first.cast_mut(), class, &mut program.source) };
    let rest = program.n_cached(class);
    // SAFETY: as above.
    unsafe { G::drain_class(second.cast_mut(), class, &mut program.source) };
    assert_eq!(program.n_cached(class), 0);
    [all - rest, rest]
}

#[test]
fn the_racks_are_one_cache_line() {
    assert_eq!(size_of::<Magazine<Direct>>(), 64);
    assert_eq!(size_of::<Magazine<Direct, 7>>(), 128);
    assert_eq!(size_of::<Magazine<UnifiedCache>>(), 64 + size_of::<UnifiedCache>());
}

#[test]
fn three_blocks_of_the_two_smallest_classes_are_kept_in_front() {
    for class in classes() {
        let mut program = with_blocks::<Magazine<Direct>>(class, 10);
        for n in 1..=10 {
            program.free(class, 3);
            let racked = if class.index() < CLASSES { n.min(3) } else { 0 };
            assert_eq!(program.n_cached(class), racked, "{class:?}");
            // SAFETY: our cache.
            assert_eq!(unsafe { &*program.cache() }.len(class), racked, "{class:?}");
        }
        program.finish();
    }
}

#[test]
fn what_came_last_leaves_first_and_is_not_touched() {
    for class in [class(0), class(1)] {
        let mut program = with_blocks::<Magazine<UnifiedCache>>(class, 5);
        let freed: Vec<_> = (0..5).filter_map(|_| free_last(&mut program, class)).collect();
        fill(freed[2].as_ptr(), class, 0xEE);
        let cache = program.cache();
        // SAFETY: our cache.
        let popped = unsafe { Magazine::<UnifiedCache>::pop(cache, class) };
        assert_eq!(popped, Some(freed[2]), "three fit, and the fourth went behind them");
        assert!(is_filled(freed[2].as_ptr(), class, 0xEE));
    }
}

#[test]
fn a_full_rack_leaves_the_rest_to_what_is_behind_it() {
    let mut program = with_blocks::<Magazine<UnifiedCache>>(class(0), 6);
    let freed: Vec<_> = (0..6).filter_map(|_| free_last(&mut program, class(0))).collect();
    // SAFETY: our cache.
    let cache = unsafe { &*program.cache() };
    assert_eq!((cache.len(class(0)), cache.inner().len(class(0))), (3, 3));
    // The rack is emptied first, then what is behind it.
    for block in [2, 1, 0, 5, 4, 3].map(|i| freed[i]) {
        assert!(program.allocate(class(0)));
        assert_eq!(program.last(class(0)), Some(block));
    }
    program.finish();
}

#[test]
fn the_second_level_takes_what_the_first_has_no_room_for() {
    let mut program = with_blocks::<Tiered<UnifiedCache, TlsSll>>(class(3), 4000);
    let [half, room] = [512, 300];
    (0..half + room).for_each(|_| program.free(class(3), 0));
    assert_eq!(program.source.n_out(class(3)), 4000, "there was room for all");
    assert_eq!(levels(&mut program, class(3)), [half, room]);
    program.finish();
}

#[test]
fn both_limits_grow_with_each_miss() {
    let mut program = Program::<Tiered<UnifiedCache, TlsSll>>::new(0);
    for limit in doubled_limits(9, 1) {
        program.miss(class(0));
        while program.n_live(class(0)) < 3 * limit {
            // Without a further miss.
            program.source.most = 0;
            if !program.allocate(class(0)) {
                break;
            }
        }
        program.source.most = usize::MAX;
    }
    // Blocks enough for both, from another class's point of view the same cache.
    while program.n_live(class(0)) < 4096 {
        assert!(program.allocate(class(0)));
    }
    (0..1024).for_each(|_| program.free(class(0), 0));
    assert_eq!(levels(&mut program, class(0)), [512, 512]);
    program.finish();
}

#[test]
fn the_second_level_is_given_back_whole_every_n_blocks() {
    const N: usize = 50;
    let mut program = with_blocks::<Tiered<UnifiedCache, TlsSll, { N as u16 }>>(class(3), 4000);
    // The first level is full: each further block goes to the second.
    (0..512).for_each(|_| program.free(class(3), 0));
    for round in 0..10 {
        let gives = program.source.gives;
        (0..N - usize::from(round > 0)).for_each(|_| program.free(class(3), 0));
        assert_eq!(program.source.gives, gives, "round {round}: too early");
        assert_eq!(program.n_cached(class(3)), 512 + N);
        program.free(class(3), 0);
        assert_eq!(program.source.gives, gives + 1, "round {round}: all at once");
        assert_eq!(program.n_cached(class(3)), 512 + 1, "the first level stays as it is");
    }
    assert_eq!(levels(&mut program, class(3)), [512, 1]);
    program.finish();
}

#[test]
fn blocks_that_come_and_go_count_each_time() {
    let mut program = with_blocks::<Tiered<UnifiedCache, TlsSll, 10>>(class(3), 1000);
    (0..512).for_each(|_| program.free(class(3), 0));
    let gives = program.source.gives;
    for _ in 0..5 {
        program.free(class(3), 0);
        program.free(class(3), 0);
        assert_eq!(program.source.gives, gives);
        // 512 blocks of the first level and one of the second; the other one stays.
        (0..513).for_each(|_| assert!(program.allocate(class(3))));
        (0..512).for_each(|_| program.free(class(3), 0));
    }
    program.free(class(3), 0);
    assert_eq!(program.source.gives, gives + 1, "ten blocks came before");
    program.finish();
}

#[test]
fn a_class_that_may_have_few_blocks_has_one_level() {
    for class in classes() {
        let mut program = with_blocks::<Tiered<UnifiedCache, TlsSll>>(class, 4000);
        let limit = program.limit(class);
        let half = limit / 2;
        let expected = if half < usize::from(LEAST) { [limit, 0] } else { [half, half] };
        (0..expected[0] + expected[1]).for_each(|_| program.free(class, 0));
        assert_eq!(levels(&mut program, class), expected, "{class:?}");
        program.finish();
    }
}

#[test]
fn one_class_can_be_given_back_by_itself() {
    drain_class::<UnifiedCache>();
    drain_class::<TlsSll>();
    drain_class::<Magazine<UnifiedCache>>();
    drain_class::<Tiered<UnifiedCache, TlsSll>>();
    drain_class::<Magazine<Tiered<TlsSll, UnifiedCache, 3>>>();
}

/// All of a class's blocks go, and none of another's.
fn drain_class<F: FrontCache>() {
    let mut program = Program::<F>::new(0);
    let some = [class(0), class(1), class(2), class(39)];
    for class in some {
        (0..2000).for_each(|_| assert!(program.allocate(class)));
        (0..1500).for_each(|i| program.free(class, i));
    }
    for gone in 0..some.len() {
        let before = some.map(|class| program.n_cached(class));
        assert!(before[gone] > 0);
        let cache = program.cache();
        // SAFETY: our cache, opened.
        unsafe { F::drain_class(cache, some[gone], &mut program.source) };
        let mut expected = before;
        expected[gone] = 0;
        assert_eq!(some.map(|class| program.n_cached(class)), expected);
    }
    program.finish();
}
