//! Model of edge L1: blocks, and the links in them, on their way to the owner.
//!
//! `RUSTFLAGS="--cfg loom" cargo test --profile loom -p hakmem-free-list-page --test loom_remote`
//!
//! Size: one slab, two remote threads, of which one gives a block and the other one a block or two at
//! once, and the owner. A third remote thread would find a chain, as the second one does. The links are
//! loom's cells, so one that is read before it was written is seen, too.
//!
//! Not covered: spurious failure of the weak CAS, which loom's does not have; it loops.
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

/// A remote thread's part: gives its blocks back.
type Give = fn(&Model, u64, Orders);

fn give(model: &Model, bits: u64, edges: Orders) {
    model.free_remote(0, bits, edges);
}

/// Two remote threads and the owner. Outcomes: how many blocks were collected early, of `N - 1`.
fn explore<const N: usize>(
    bits: [u64; 2],
    give: Give,
    collect: Collect,
    edges: Orders,
) -> std::sync::Arc<[Tally; N]> {
    let tally = tallies::<N>();
    let seen = std::sync::Arc::clone(&tally);
    loom::model(move || {
        let model = Arc::new(Model::new(1));
        let remotes = bits.map(|bits| {
            let model = Arc::clone(&model);
            thread::spawn(move || give(&model, bits, edges))
        });
        // Spawned last: its first access is a load, and loom does not search backwards past a
        // load that a later access of the same word hides.
        let owner = {
            let model = Arc::clone(&model);
            thread::spawn(move || collect(&model, edges))
        };
        let early = owner.join().unwrap();
        for remote in remotes {
            remote.join().unwrap();
        }
        assert_eq!(early + model.collect(edges), N - 1, "lost or duplicated a block");
        count(&tally, early);
    });
    seen
}

#[test]
fn blocks_arrive_once_and_after_their_last_use() {
    assert_all_seen(&explore::<3>([0b1, 0b10], give, Model::collect, ALL));
}

/// Outcomes: 0, 1, 2 and 3 blocks; the two come together.
#[test]
fn blocks_that_were_given_together_arrive_together() {
    assert_all_seen(&explore::<4>([0b1, 0b110], give, Model::collect, ALL));
}

/// An owner that looks twice may see the two blocks one after the other.
#[test]
fn an_owner_that_looks_twice_loses_nothing() {
    let twice: Collect = |model, edges| model.collect(edges) + model.collect(edges);
    assert_all_seen(&explore::<3>([0b1, 0b10], give, twice, ALL));
}

/// Negative control: the giver that finds a chain touches no other word, so nothing but L1 orders its
/// use of the block.
#[test]
#[should_panic(expected = "Causality violation")]
fn a_missing_tail_of_l1_is_caught() {
    // Acquire: what is left of AcqRel without the tail.
    explore::<3>([0b1, 0b10], give, Model::collect, Orders { give: Ordering::Acquire, ..ALL });
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_missing_head_of_l1_is_caught() {
    // Release: what is left of AcqRel without the head.
    explore::<3>([0b1, 0b10], give, Model::collect, Orders { take: Ordering::Release, ..ALL });
}

/// Negative control: between the load of a chain and the CAS another chain came in front.
#[test]
#[should_panic(expected = "the count and the list disagree")]
fn a_link_to_what_was_seen_before_is_caught() {
    let give: Give = |model, bits, _| {
        let page = model.use_remote(0, bits);
        // SAFETY: the block is this thread's, and not used after this.
        unsafe { mutants::give_without_linking_again(page, 0, bits) };
    };
    explore::<3>([0b1, 0b10], give, Model::collect, ALL);
}

/// Negative control: what comes between the load of the chain and the store is lost.
#[test]
#[should_panic(expected = "lost or duplicated a block")]
fn taking_a_chain_in_two_steps_is_caught() {
    let in_two_steps: Collect = |model, _| {
        // SAFETY: this thread plays the owner.
        unsafe { mutants::collect_in_two_steps(model.inbox()) }.unwrap();
        model.use_all()
    };
    explore::<3>([0b1, 0b10], give, in_two_steps, ALL);
}
