//! The unified cache above a source that checks: what every front cache does, and what only this
//! one does.

use hakmem_conformance::front::{Program, class, doubled_limits, fill, is_filled};
use hakmem_contract::{FrontCache, MAX_CLASSES, SizeClasses};
use hakmem_front_gate::FourPerDoubling;
use hakmem_unified_cache::{SMALL_ROOM, UnifiedCache};

hakmem_conformance::front!(UnifiedCache, caches, small, ascending);

#[test]
fn each_miss_doubles_the_limit_and_brings_half_of_it() {
    for shift in [0, 2, 3] {
        let mut program = Program::<UnifiedCache>::new(shift);
        for (number, limit) in doubled_limits(6, shift).into_iter().enumerate() {
            let brought = program.miss(class(0));
            assert_eq!(brought, limit / 2, "miss {number}, shift {shift}");
        }
    }
}

#[test]
fn a_bin_moves_into_a_larger_array_once() {
    let mut program = Program::<UnifiedCache>::new(0);
    for index in 0..MAX_CLASSES {
        let before = program.meta.n_served();
        (0..10).for_each(|_| assert!(program.miss(class(index)) > 0));
        let limit = FourPerDoubling::geometry(class(index)).cache_limit;
        let served = program.meta.n_served() - before;
        assert_eq!(served, usize::from(limit > SMALL_ROOM), "class {index}");
    }
}

#[test]
fn a_bin_that_could_not_be_enlarged_tries_again() {
    let mut program = Program::<UnifiedCache>::new(0);
    program.meta.refuse(true);
    let brought: Vec<_> = (0..4).map(|_| program.miss(class(0))).collect();
    assert_eq!(brought, [3, 3, 3, 3], "half of the first array's room");
    program.meta.refuse(false);
    assert_eq!(program.miss(class(0)), 7);
    program.finish();
}

#[test]
fn a_full_bin_gives_the_half_that_came_last() {
    let mut program = Program::<UnifiedCache>::new(0);
    (0..5000).for_each(|_| assert!(program.allocate(class(0))));
    let mut freed = Vec::new();
    while program.source.gives == 0 {
        freed.extend(program.last(class(0)));
        program.free(class(0), program.n_live(class(0)) - 1);
    }
    let last = freed.pop().unwrap();
    assert!(program.source.is_out(last.as_ptr(), class(0)), "there was no room for this one");
    let limit = program.limit(class(0));
    assert_eq!(program.n_cached(class(0)), limit / 2 + 1);
    let mut given = freed.iter().rev().take(limit.div_ceil(2));
    assert!(given.all(|block| !program.source.is_out(block.as_ptr(), class(0))));
    program.finish();
}

#[test]
fn a_cached_block_is_not_touched_and_the_last_one_leaves_first() {
    let mut program = Program::<UnifiedCache>::new(0);
    (0..3).for_each(|_| assert!(program.allocate(class(9))));
    let block = program.last(class(9)).unwrap();
    program.free(class(9), 2);
    // A program that writes to freed memory harms itself at most.
    fill(block.as_ptr(), class(9), 0xEE);
    let cache = program.cache();
    // SAFETY: our cache.
    let popped = unsafe { UnifiedCache::pop(cache, class(9)) };
    assert_eq!(popped, Some(block));
    assert!(is_filled(block.as_ptr(), class(9), 0xEE));
}
