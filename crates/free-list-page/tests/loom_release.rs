//! Model of "quiet when whole": nobody is at a slab whose blocks are all free, so that its memory
//! can become another slab. It takes L1 (a giver whose last access is the chain) and L2 (its last
//! access is the link) together.
//!
//! `RUSTFLAGS="--cfg loom" cargo test --profile loom -p hakmem-free-list-page --test loom_release`
//!
//! Size: one slab of which two blocks are out, a thread for each, and the owner, which reuses the
//! memory as soon as the slab is whole. loom is told so for the chain and the link
//! (`mutants::close`), and the new slab's words are new to it: an access that does not happen
//! before, or that comes later, is a panic.
#![cfg(loom)]
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

mod model;

use std::sync::atomic::{AtomicUsize as Tally, Ordering};

use hakmem_contract::Page;
use hakmem_free_list_page::FreeListSlab;
use hakmem_free_list_page::mutants::{self, ALL, Orders};
use loom::sync::Arc;
use loom::thread;
use model::{Model, assert_all_seen, count, tallies};

/// The owner's part: collects without taking anything.
type Collect = fn(&Model, Orders);

fn collect(model: &Model, edges: Orders) {
    // SAFETY: one thread at a time plays the owner.
    unsafe { mutants::collect(model.inbox(), |_| (), edges) }.unwrap();
}

/// A remote thread's part: gives its block back.
type Give = fn(&Model, u64, Orders);

fn give(model: &Model, bit: u64, edges: Orders) {
    model.free_remote(0, bit, edges);
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
fn explore(give: Give, gather: Collect, edges: Orders) -> std::sync::Arc<[Tally; 2]> {
    let tally = tallies::<2>();
    let seen = std::sync::Arc::clone(&tally);
    loom::model(move || {
        let model = Arc::new(Model::new(1));
        model.give_rest(0, 2);
        let remotes = [0b1, 0b10].map(|bit| {
            let model = Arc::clone(&model);
            thread::spawn(move || give(&model, bit, edges))
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
        unsafe { FreeListSlab::collect_local(model.inbox(), relist) }.unwrap();
        assert!(model.is_whole(0), "a slab lost a block that it never gave");
        // SAFETY: as above.
        assert!(unsafe { FreeListSlab::check(model.page(0)) });
        count(&tally, usize::from(early));
    });
    seen
}

#[test]
fn nobody_is_at_a_whole_slab() {
    assert_all_seen(&explore(give, collect, ALL));
}

#[test]
fn nobody_is_at_a_slab_that_became_whole_in_two_looks() {
    let twice: Collect = |model, edges| {
        collect(model, edges);
        collect(model, edges);
    };
    assert_all_seen(&explore(give, twice, ALL));
}

/// Negative control: the giver that found a chain is still at it.
#[test]
#[should_panic(expected = "Causality violation")]
fn a_missing_tail_of_l1_is_caught() {
    // Acquire: what is left of AcqRel without the tail.
    explore(give, collect, Orders { give: Ordering::Acquire, ..ALL });
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_missing_head_of_l1_is_caught() {
    // Release: what is left of AcqRel without the head.
    explore(give, collect, Orders { take: Ordering::Release, ..ALL });
}

/// Negative control: the giver that pushed is still at the link.
#[test]
#[should_panic(expected = "Causality violation")]
fn a_missing_l2_is_caught() {
    // Relaxed: the cut.
    explore(give, collect, Orders { push: Ordering::Relaxed, ..ALL });
}

/// Negative control: an owner that counts a block before its giver has pushed the slab releases the
/// slab under the giver's hands.
#[test]
#[should_panic(expected = "violation")]
fn collecting_without_the_inbox_is_caught() {
    let unasked: Collect = |model, _| {
        // SAFETY: this thread plays the owner.
        unsafe { mutants::collect_unasked(model.page(0)) }.unwrap();
    };
    explore(give, unasked, ALL);
}

/// Negative control: who has put its blocks on a chain must not look at the slab again: they may be
/// collected already, and then nothing keeps the slab open.
#[test]
#[should_panic(expected = "violation")]
fn looking_back_is_caught() {
    let give: Give = |model, bit, _| {
        let page = model.use_remote(0, bit);
        // SAFETY: the block is this thread's, and not used after this.
        unsafe { mutants::give_and_look_back(page, 0, bit) };
    };
    explore(give, collect, ALL);
}
