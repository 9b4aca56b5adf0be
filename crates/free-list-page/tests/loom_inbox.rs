//! Model of edges L2 and L3: slabs on their way to the owner's inbox, for the first time and again.
//!
//! `RUSTFLAGS="--cfg loom" cargo test --profile loom -p hakmem-free-list-page --test loom_inbox`
//!
//! Size: two slabs, one or two threads that give, and the owner, which collects once or twice.
//! Every giver pushes or not by the same CAS, so a third adds nothing.
//!
//! Not covered: spurious failure of the weak CAS of `push`, which loom's does not have; it loops.
#![cfg(loom)]
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

mod model;

use std::sync::atomic::{AtomicUsize as Tally, Ordering};

use hakmem_free_list_page::mutants::{self, ALL, Orders};
use loom::sync::Arc;
use loom::thread;
use model::{Model, assert_all_seen, count, tallies};

/// The owner's part: collects, and says how many blocks have come.
type Collect = fn(&Model, Orders) -> usize;

/// Two threads push a slab each. Outcomes: 0, 1 and 2 slabs found early.
fn explore_two_slabs(edges: Orders) -> std::sync::Arc<[Tally; 3]> {
    let tally = tallies::<3>();
    let seen = std::sync::Arc::clone(&tally);
    loom::model(move || {
        let model = Arc::new(Model::new(2));
        let remotes = [0, 1].map(|slab| {
            let model = Arc::clone(&model);
            thread::spawn(move || model.free_remote(slab, 1, edges))
        });
        // Spawned last: loom would not search backwards past its first load.
        let owner = {
            let model = Arc::clone(&model);
            thread::spawn(move || model.collect(edges))
        };
        let early = owner.join().unwrap();
        for remote in remotes {
            remote.join().unwrap();
        }
        assert_eq!(early + model.collect(edges), 2, "lost or duplicated a slab");
        count(&tally, early);
    });
    seen
}

#[test]
fn the_owner_finds_every_slab_once() {
    assert_all_seen(&explore_two_slabs(ALL));
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_missing_tail_of_l2_is_caught() {
    // Relaxed: the cut.
    explore_two_slabs(Orders { push: Ordering::Relaxed, ..ALL });
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_missing_head_of_l2_is_caught() {
    // Relaxed: the cut.
    explore_two_slabs(Orders { take_all: Ordering::Relaxed, ..ALL });
}

/// One thread gives two blocks of a slab, another one a block of a second slab. If the owner
/// comes between the two, the first slab is pushed again, and its link written again. Outcomes: 0 to
/// 3 blocks collected early.
fn explore_again(collect: Collect, edges: Orders) -> std::sync::Arc<[Tally; 4]> {
    let tally = tallies::<4>();
    let seen = std::sync::Arc::clone(&tally);
    loom::model(move || {
        let model = Arc::new(Model::new(2));
        let twice = {
            let model = Arc::clone(&model);
            thread::spawn(move || {
                model.free_remote(0, 0b1, edges);
                model.free_remote(0, 0b10, edges);
            })
        };
        let once = {
            let model = Arc::clone(&model);
            thread::spawn(move || model.free_remote(1, 0b1, edges))
        };
        // Spawned last, as above.
        let owner = {
            let model = Arc::clone(&model);
            thread::spawn(move || collect(&model, edges))
        };
        let early = owner.join().unwrap();
        twice.join().unwrap();
        once.join().unwrap();
        assert_eq!(early + model.collect(edges), 3, "lost or duplicated a block");
        count(&tally, early);
    });
    seen
}

#[test]
fn a_slab_that_was_collected_comes_again() {
    assert_all_seen(&explore_again(Model::collect, ALL));
}

#[test]
fn a_slab_that_was_collected_comes_again_to_an_owner_that_looks_twice() {
    let collect: Collect = |model, edges| model.collect(edges) + model.collect(edges);
    assert_all_seen(&explore_again(collect, ALL));
}

/// Negative control: the giver writes the link that the owner is reading.
#[test]
#[should_panic(expected = "Causality violation")]
fn a_missing_tail_of_l3_is_caught() {
    // Acquire: what is left of AcqRel without the tail.
    explore_again(Model::collect, Orders { take: Ordering::Acquire, ..ALL });
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_missing_head_of_l3_is_caught() {
    // Release: what is left of AcqRel without the head.
    explore_again(Model::collect, Orders { give: Ordering::Release, ..ALL });
}

/// Negative control: once the chain is taken, the link is somebody else's.
#[test]
#[should_panic(expected = "Causality violation")]
fn reading_the_link_after_the_chain_is_caught() {
    let link_late: Collect = |model, _| {
        // SAFETY: this thread plays the owner.
        unsafe { mutants::collect_link_late(model.inbox()) }.unwrap();
        model.use_all()
    };
    explore_again(link_late, ALL);
}
