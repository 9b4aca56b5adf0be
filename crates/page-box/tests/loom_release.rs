//! Model of "quiet when whole": nobody is at a slab whose blocks are all free, so that its memory
//! can become another slab. It takes B1 (a giver whose last access is its word), B2 (its last
//! access is the summary) and B3 (its last access is the link) together.
//!
//! `RUSTFLAGS="--cfg loom" cargo test --profile loom -p hakmem-page-box --test loom_release`
//!
//! Size: one slab of which two blocks are out, a thread for each, and the owner, which reuses the
//! memory as soon as the slab is whole. loom is told so for each atomic word and the link
//! (`mutants::close`), and the new slab's words are new to it: an access that does not happen
//! before, or that comes later, is a panic.
#![cfg(loom)]
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

mod model;

use std::sync::atomic::{AtomicUsize as Tally, Ordering};

use hakmem_contract::{Geometry, Page};
use hakmem_page_box::Slab;
use hakmem_page_box::mutants::{self, ALL, Orders};
use loom::sync::Arc;
use loom::thread;
use model::{Model, ONE_WORD, TWO_WORDS, assert_all_seen, count, tallies};

/// The owner's part: collects without taking anything.
type Collect = fn(&Model, Orders);

fn collect(model: &Model, edges: Orders) {
    // SAFETY: one thread at a time plays the owner.
    unsafe { mutants::collect(model.inbox(), |_| (), edges) }.unwrap();
}

/// A remote thread's part: gives its block back.
type Give = fn(&Model, usize, Orders);

fn give(model: &Model, which: usize, edges: Orders) {
    model.free_remote(0, which, edges);
}

/// Reuses the slab's memory if it is whole.
fn reuse_if_whole(model: &Model) -> bool {
    let whole = model.is_whole(0);
    if whole {
        model.reuse(0);
    }
    whole
}

/// Outcomes: the slab was reused late, early.
fn explore(
    geometry: Geometry,
    out: [usize; 2],
    gather: Collect,
    edges: Orders,
) -> std::sync::Arc<[Tally; 2]> {
    explore_giving(geometry, out, give, gather, edges)
}

fn explore_giving(
    geometry: Geometry,
    out: [usize; 2],
    give: Give,
    gather: Collect,
    edges: Orders,
) -> std::sync::Arc<[Tally; 2]> {
    let tally = tallies::<2>();
    let seen = std::sync::Arc::clone(&tally);
    loom::model(move || {
        let model = Arc::new(Model::new(1, geometry, out));
        model.give_rest(0);
        let remotes = [0, 1].map(|which| {
            let model = Arc::clone(&model);
            thread::spawn(move || give(&model, which, edges))
        });
        // Spawned last: loom would not search backwards past its first load.
        let owner = {
            let model = Arc::clone(&model);
            thread::spawn(move || {
                gather(&model, edges);
                reuse_if_whole(&model)
            })
        };
        let early = owner.join().unwrap();
        for remote in remotes {
            remote.join().unwrap();
        }
        collect(&model, edges);
        assert!(early || reuse_if_whole(&model), "lost a block");
        // The new slab is as it was opened: nobody gave it anything, and it is in no inbox.
        let relist = |_| unreachable!("a slab that nobody gave back to");
        // SAFETY: this thread plays the owner.
        unsafe { Slab::collect_local(model.inbox(), relist) }.unwrap();
        assert!(model.is_whole(0), "a slab lost a block that it never gave");
        // SAFETY: as above.
        assert!(unsafe { Slab::check(model.page(0)) });
        count(&tally, usize::from(early));
    });
    seen
}

#[test]
fn nobody_is_at_a_whole_slab_of_one_word() {
    assert_all_seen(&explore(ONE_WORD, [0, 15], collect, ALL));
}

#[test]
fn nobody_is_at_a_whole_slab_of_two_words() {
    assert_all_seen(&explore(TWO_WORDS, [0, 64], collect, ALL));
}

#[test]
fn nobody_is_at_a_slab_that_became_whole_in_two_looks() {
    let twice: Collect = |model, edges| {
        collect(model, edges);
        collect(model, edges);
    };
    assert_all_seen(&explore(TWO_WORDS, [0, 64], twice, ALL));
}

/// Negative control: the giver that took the short cut is still at its word.
#[test]
#[should_panic(expected = "Causality violation")]
fn a_missing_b1_is_caught() {
    // Relaxed: the cut.
    explore(ONE_WORD, [0, 15], collect, Orders { b1: Ordering::Relaxed, ..ALL });
}

/// Negative control: the giver that did not push is still at the summary.
#[test]
#[should_panic(expected = "Causality violation")]
fn a_missing_tail_of_b2_is_caught() {
    // Acquire: what is left of AcqRel without the tail.
    explore(TWO_WORDS, [0, 64], collect, Orders { b2: Ordering::Acquire, ..ALL });
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_missing_head_of_b2_is_caught() {
    // Release: what is left of AcqRel without the head.
    explore(TWO_WORDS, [0, 64], collect, Orders { b4: Ordering::Release, ..ALL });
}

/// Negative control: the giver that pushed is still at the link.
#[test]
#[should_panic(expected = "Causality violation")]
fn a_missing_b3_is_caught() {
    // Relaxed: the cut.
    explore(TWO_WORDS, [0, 64], collect, Orders { b3: Ordering::Relaxed, ..ALL });
}

/// Negative control: an owner that counts a block before its giver has said so at the summary
/// releases the slab under the giver's hands.
#[test]
#[should_panic(expected = "violation")]
fn collecting_without_the_inbox_is_caught() {
    let unasked: Collect = |model, _| {
        // SAFETY: this thread plays the owner.
        unsafe { mutants::collect_unasked(model.page(0)) }.unwrap();
    };
    explore(ONE_WORD, [0, 15], unasked, ALL);
}

/// Negative control: the short cut is no mere saving. Who finds the word in use must not go on to the
/// summary: its blocks may be collected already, and then nothing keeps the slab open.
#[test]
#[should_panic(expected = "violation")]
fn giving_without_the_short_cut_is_caught() {
    let give: Give = |model, which, _| {
        let (page, word, bit) = model.use_remote(0, which);
        // SAFETY: the block is this thread's, and not used after this.
        unsafe { mutants::give_without_short_cut(page, word, bit) };
    };
    explore_giving(ONE_WORD, [0, 15], give, collect, ALL);
}
