//! The warm pool between fakes that check every call.

mod common;

use common::{LARGE, PAGE, PAIR, Rig, SMALL, capacity, units};
use hakmem_contract::Fault;
use hakmem_warm_pool::{Budget, NoCounters, WarmPool};

/// A budget that keeps a lot and acquires one slab at a time.
fn rig() -> Rig {
    Rig::new(1, 64)
}

#[test]
fn nothing_is_acquired_before_the_first_block() {
    let mut rig = rig();
    rig.collect();
    assert_eq!(rig.trim(), 0);
    assert!(rig.pool.is_bare());
    assert!(rig.world.asked.borrow().is_empty());
    assert_eq!(rig.counts(), [0, 0, 0]);
}

#[test]
fn one_take_brings_one_slab_at_most() {
    let mut rig = rig();
    for (index, n_slabs) in [(SMALL, 1), (PAGE, 2), (PAIR, 3), (LARGE, 4)] {
        let blocks = rig.take(index, capacity(index) * 3);
        assert_eq!(blocks.len(), capacity(index));
        assert!(blocks.is_sorted_by(|before, after| before > after), "the lowest one comes last");
        assert_eq!(rig.world.asked.borrow().last(), Some(&[1, units(index)]));
        assert_eq!(rig.world.slabs().len(), n_slabs);
        rig.check();
    }
    assert_eq!(rig.counts(), [0, 4, 0]);
    rig.finish();
}

#[test]
fn a_slab_with_free_blocks_is_used_up_first() {
    let mut rig = rig();
    assert_eq!(rig.take(SMALL, 488).len(), 488);
    assert_eq!(rig.take(SMALL, 20).len(), 20);
    assert_eq!(rig.take(SMALL, 20).len(), 4, "what is left of the slab");
    assert_eq!(rig.counts(), [2, 1, 0]);
    assert_eq!(rig.take(SMALL, 20).len(), 20);
    assert_eq!(rig.counts(), [2, 2, 0]);
    rig.finish();
}

#[test]
fn partial_slabs_come_before_empty_ones_in_the_order_in_which_they_came() {
    let mut rig = rig();
    let full: Vec<_> = (0..4).map(|_| rig.take(PAGE, 16)).collect();
    rig.give(PAGE, &full[2]);
    rig.give(PAGE, &full[3][..5]);
    rig.give(PAGE, &full[1][7..9]);
    rig.check();
    let counts = rig.counts();
    // One take goes from slab to slab while there are some.
    let again = rig.take(PAGE, 50);
    assert_eq!(again.len(), 5 + 2 + 16);
    let slabs: Vec<_> = again.iter().map(|block| rig.slab(*block)).collect();
    assert!(slabs[..5].iter().all(|slab| *slab == rig.slab(full[3][0])));
    assert!(slabs[5..7].iter().all(|slab| *slab == rig.slab(full[1][0])));
    assert!(slabs[7..].iter().all(|slab| *slab == rig.slab(full[2][0])));
    assert_eq!(rig.counts(), [counts[0] + 3, counts[1], 0]);
    assert_eq!(rig.world.asked.borrow().len(), 4, "nothing new was needed");
    rig.finish();
}

#[test]
fn a_full_slab_that_comes_back_whole_was_on_no_list() {
    let mut rig = rig();
    let mut full: Vec<_> = (0..3).map(|_| rig.take(PAGE, 16)).collect();
    rig.give(PAGE, &full[1][..1]);
    rig.give(PAGE, &full[2][..1]);
    // In one step.
    full[0].sort();
    rig.give(PAGE, &full[0]);
    rig.check();
    let again = rig.take(PAGE, 18);
    assert_eq!(again[..2], [full[1][0], full[2][0]]);
    assert!(again.len() == 18 && again[2..].iter().rev().eq(&full[0]));
    assert_eq!(rig.world.asked.borrow().len(), 3, "nothing new was needed");
    rig.finish();
}

#[test]
fn blocks_of_several_slabs_go_home() {
    let mut rig = rig();
    let full: Vec<_> = (0..3).map(|_| rig.take(PAGE, 16)).collect();
    // In turns, in runs of two, and one alone at the end.
    let mixed: Vec<_> = (0..16).flat_map(|i| [full[0][i], full[1][i], full[2][i]]).collect();
    rig.give(PAGE, &mixed[..30]);
    let runs = [full[1][15], full[1][14], full[2][10], full[2][11], full[0][15]];
    rig.give(PAGE, &runs);
    rig.check();
    rig.finish();
}

#[test]
fn one_empty_slab_of_a_class_is_kept_as_long_as_the_units_last() {
    let mut rig = Rig::new(1, 3);
    for index in [PAGE, PAGE - 1, PAGE - 2, PAGE - 3, LARGE] {
        let full: Vec<_> = (0..3).map(|_| rig.take(index, 1000)).collect();
        full.iter().for_each(|blocks| rig.give(index, blocks));
        rig.check();
    }
    let n_empty = [PAGE, PAGE - 1, PAGE - 2, PAGE - 3, LARGE].map(|index| rig.n_empty(index));
    assert_eq!(n_empty, [1, 1, 1, 0, 0], "three units");
    assert_eq!(rig.world.n_owned(), 3);
    // One is used: there is room for another.
    assert_eq!(rig.take(PAGE, 1).len(), 1);
    let blocks = rig.take(PAGE - 3, 1000);
    rig.give(PAGE - 3, &blocks);
    assert_eq!(rig.n_empty(PAGE - 3), 1);
    rig.finish();
}

#[test]
fn what_prefill_brought_counts_as_kept() {
    let mut rig = Rig::new(3, 2);
    let full: Vec<_> = (0..3).map(|_| rig.take(PAGE, 16)).collect();
    assert_eq!(rig.n_empty(PAGE), 2);
    for n_used in 0..3 {
        let index = PAGE - 1 - n_used;
        let blocks = rig.take(index, 1000);
        rig.give(index, &blocks);
        assert_eq!(rig.n_empty(index), n_used.min(1), "room for one for each that was used");
        if n_used < 2 {
            assert_eq!(rig.take(PAGE, 16).len(), 16);
        }
    }
    rig.give(PAGE, &full[0]);
    assert_eq!(rig.n_empty(PAGE), 0);
    rig.finish();
}

#[test]
fn a_budget_of_nothing_keeps_nothing() {
    let mut rig = Rig::new(0, 0);
    for _ in 0..10 {
        let block = rig.take(LARGE, 1);
        rig.give(LARGE, &block);
        assert_eq!(rig.world.n_owned(), 0);
    }
    assert_eq!(rig.counts(), [0, 10, 0], "a prefill of nothing is one slab");
    rig.finish();
}

#[test]
fn the_third_miss_prefills() {
    for (prefill, asks) in [(0, 1), (1, 1), (2, 2), (5, 5), (8, 8), (255, Budget::MAX_PREFILL)] {
        let mut rig = Rig::new(prefill, 0);
        for miss in 1..=4 {
            assert_eq!(rig.take(PAIR, 16).len(), 16);
            let extra = if miss > 2 { asks - 1 } else { 0 };
            let asked = rig.world.asked.borrow().last().copied();
            assert_eq!(asked, Some([1 + extra, 2]), "miss {miss} of {prefill}");
            assert_eq!(rig.n_empty(PAIR), extra);
            // What came in advance is used before more is asked for.
            (0..extra).for_each(|_| assert_eq!(rig.take(PAIR, 16).len(), 16));
            assert_eq!(rig.world.asked.borrow().len(), miss);
        }
        rig.finish();
    }
}

#[test]
fn counters_count() {
    let mut rig = Rig::new(3, 0);
    for (counts, n_slabs) in [([0, 1, 0], 1), ([0, 2, 0], 2), ([0, 3, 2], 5), ([1, 3, 2], 5)] {
        assert_eq!(rig.take(PAGE, 16).len(), 16);
        assert_eq!((rig.counts(), rig.n_slabs(PAGE)), (counts, n_slabs));
    }
    // Fewer are at hand than the budget allows.
    rig.take(PAGE, 16);
    rig.world.most.set(2);
    rig.take(PAGE, 16);
    assert_eq!((rig.counts(), rig.n_slabs(PAGE)), ([2, 4, 3], 7));
    // A class of its own starts anew.
    rig.take(PAIR, 16);
    assert_eq!(rig.counts(), [2, 5, 3]);
    rig.finish();
    assert_eq!(WarmPool::<common::FakePage, NoCounters>::new(Budget::DEFAULT).counts(), None);
}

#[test]
fn no_units_means_no_blocks_and_no_harm() {
    let mut rig = rig();
    rig.world.most.set(0);
    for index in [SMALL, LARGE, SMALL] {
        assert!(rig.take(index, 10).is_empty());
        assert!(rig.pool.is_bare());
    }
    assert_eq!(rig.counts(), [0, 3, 0]);
    rig.world.most.set(usize::MAX);
    assert_eq!(rig.take(SMALL, 10).len(), 10);
    rig.world.most.set(0);
    assert_eq!(rig.take(SMALL, 2000).len(), 512 - 10, "what there is");
    assert!(rig.take(SMALL, 1).is_empty());
    rig.check();
    rig.finish();
}

#[test]
fn no_memory_for_descriptors_loses_no_units() {
    for descriptors in 0..6 {
        let mut rig = Rig::new(4, 0);
        rig.world.descriptors.set(descriptors);
        // Misses of one, one, and four slabs.
        for _ in 0..3 {
            rig.take(PAIR, 16);
            rig.check();
        }
        assert_eq!(rig.n_slabs(PAIR), descriptors, "as many as there are descriptors");
        assert_eq!(rig.counts()[2], descriptors.saturating_sub(3) as u64);
        rig.world.descriptors.set(usize::MAX);
        assert!(!rig.take(PAIR, 16).is_empty());
        rig.finish();
    }
}

#[test]
fn descriptors_are_used_again() {
    let mut rig = Rig::new(2, 0);
    for _ in 0..20 {
        for index in [SMALL, PAGE, PAIR, LARGE] {
            let blocks = rig.take(index, 1024);
            rig.give(index, &blocks);
            rig.check();
        }
    }
    // At the third miss there are two slabs; those of one unit share a size of descriptor.
    rig.trim();
    assert_eq!(rig.world.n_owned(), 0);
    assert!(rig.world.n_descriptors() <= 8, "{} descriptors", rig.world.n_descriptors());
    rig.finish();
}

#[test]
fn trim_gives_every_empty_slab_back_and_no_other() {
    let mut rig = Rig::new(8, 64);
    let full: Vec<_> = (0..3).map(|_| rig.take(LARGE, 16)).collect();
    assert_eq!(rig.n_empty(LARGE), 7);
    rig.give(LARGE, &full[0]);
    rig.give(LARGE, &full[1][..15]);
    let one = rig.take(PAGE, 1);
    rig.give(PAGE, &one);
    rig.check();
    assert_eq!(rig.trim(), 7 * 8 + 1, "the first slab went back at once");
    assert_eq!(rig.world.n_owned(), 2 * 8, "a full one and a partial one");
    assert_eq!(rig.trim(), 0);
    rig.check();
    rig.finish();
}

#[test]
fn what_others_gave_back_comes_before_what_is_new() {
    let mut rig = rig();
    let full: Vec<_> = (0..2).map(|_| rig.take(PAGE, 16)).collect();
    rig.give_remote(PAGE, full[1][3]);
    rig.give_remote(PAGE, full[0][5]);
    rig.give_remote(PAGE, full[0][6]);
    rig.check();
    let again = rig.take(PAGE, 16);
    assert_eq!(again, [full[1][3], full[0][5], full[0][6]]);
    assert_eq!(rig.world.asked.borrow().len(), 2);
    // A whole slab from others is an empty one, whether it was full or on the ring.
    full[0].iter().for_each(|block| rig.give_remote(PAGE, *block));
    rig.give(PAGE, &full[1][..1]);
    full[1][1..].iter().for_each(|block| rig.give_remote(PAGE, *block));
    rig.collect();
    assert_eq!((rig.n_empty(PAGE), rig.n_slabs(PAGE)), (1, 1), "one is kept");
    rig.finish();
}

#[test]
fn a_block_that_is_free_already_is_a_fault() {
    let mut rig = Rig::new(1, 0);
    let blocks = rig.take(PAGE, 5);
    rig.give(PAGE, &blocks[..2]);
    let address = blocks[1].addr();
    assert_eq!(rig.fault_of(PAGE, &[blocks[1]]), Some(Fault::DoubleFree(address)));
    assert_eq!(rig.fault_of(PAGE, &blocks[1..2]), Some(Fault::DoubleFree(address)));
    // The slab is gone.
    rig.give(PAGE, &blocks[2..]);
    assert_eq!(rig.world.n_owned(), 0);
    assert_eq!(rig.fault_of(PAGE, &[blocks[1]]), Some(Fault::DoubleFree(address)));
    // Its units are another class's, its descriptor another slab's.
    assert!(!rig.take(PAGE - 1, 1000).is_empty());
    assert_eq!(rig.fault_of(PAGE, &[blocks[1]]), Some(Fault::DoubleFree(address)));
    rig.finish();
}

#[test]
fn a_block_that_another_thread_freed_too_is_found_before_its_slab_goes() {
    for ascending in [false, true] {
        // Nothing is kept.
        let mut rig = Rig::new(1, 0);
        let mut blocks = rig.take(PAGE, 16);
        rig.give_remote(PAGE, blocks[3]);
        let fault = Fault::DoubleFree(blocks[3].addr());
        if ascending {
            blocks.sort();
        }
        assert_eq!(rig.fault_of(PAGE, &blocks), Some(fault));
    }
    // A slab that is kept can wait.
    let mut rig = rig();
    let blocks = rig.take(PAGE, 16);
    rig.give_remote(PAGE, blocks[3]);
    let fault = Fault::DoubleFree(blocks[3].addr());
    assert_eq!(rig.fault_of(PAGE, &blocks), None);
    assert_eq!(rig.fault_of_collect(), Some(fault));
}

#[test]
fn an_address_inside_a_block_is_a_fault() {
    let mut rig = rig();
    let blocks = rig.take(PAGE, 3);
    let inside = blocks[0].wrapping_add(16);
    assert_eq!(rig.fault_of(PAGE, &[inside]), Some(Fault::Interior(inside.addr())));
    rig.finish();
}
