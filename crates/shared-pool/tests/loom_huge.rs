//! Model of edge P6: two frees of one huge block at the same moment, and a free while the block is
//! resized.
//!
//! `RUSTFLAGS="--cfg loom" cargo test --profile loom -p hakmem-shared-pool --test loom_huge`
//!
//! Size: one huge block, two threads. The registry is outside the model, a table with a lock, whose
//! answer decides; that it orders the word is modelled in its own crate.
#![cfg(loom)]
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

mod model;

use std::ptr::NonNull;
use std::sync::atomic::AtomicUsize as Tally;

use hakmem_contract::{Fault, HugeBlocks, Pool, Registry, SUPERSLAB, Tag};
use hakmem_shared_pool::Policy;
use loom::sync::Arc;
use loom::thread;
use model::{Model, Whole, assert_all_seen, count, tallies};

/// P6 cut: the first look at the tag decides.
struct LookDecides;

// SAFETY: wrong on purpose, for a negative control.
unsafe impl Policy for LookDecides {
    const DECAY: bool = false;
    const TAG_DECIDES: bool = false;

    fn step(&self) {}
}

fn pointer(address: usize) -> NonNull<u8> {
    NonNull::new(std::ptr::without_provenance_mut(address)).unwrap()
}

/// A thread that frees the block.
fn free<P: Policy + 'static>(
    model: &Arc<Model<P>>,
    address: usize,
) -> thread::JoinHandle<Result<(), Fault>> {
    let model = Arc::clone(model);
    // SAFETY: nobody uses the block; that two have a hand on it is what is tested.
    thread::spawn(move || unsafe { model.pool.release_huge(pointer(address)) })
}

/// Outcomes: the loser saw the tag gone; it was refused.
fn two_frees<P: Policy + 'static>(policy: fn() -> P) -> std::sync::Arc<[Tally; 2]> {
    let tally = tallies::<2>();
    let seen = std::sync::Arc::clone(&tally);
    loom::model(move || {
        let model = Arc::new(Model::new(policy()));
        let address = model.pool.acquire_huge(1, 1).unwrap().0.addr().get();
        let frees = [(); 2].map(|()| free(&model, address));
        let answers = frees.map(|free| free.join().unwrap());
        let faults: Vec<_> = answers.iter().filter_map(|answer| answer.err()).collect();
        assert_eq!(faults.len(), 1, "one block was freed twice, or not at all");
        assert_eq!(model.pool.memory().outstanding(), 0);
        count(&tally, usize::from(faults[0] == Fault::DoubleFree(address)));
    });
    seen
}

#[test]
fn of_two_frees_of_one_huge_block_one_is_a_fault() {
    assert_all_seen(&two_frees(|| Whole));
}

#[test]
#[should_panic(expected = "a SuperSlab was retired twice")]
fn a_look_at_the_tag_does_not_decide() {
    two_frees(|| LookDecides);
}

/// Outcomes: the free was refused; it came before the resize; after it.
fn free_against_resize<P: Policy + 'static>(policy: fn() -> P) -> std::sync::Arc<[Tally; 3]> {
    let tally = tallies::<3>();
    let seen = std::sync::Arc::clone(&tally);
    loom::model(move || {
        let model = Arc::new(Model::new(policy()));
        let address = model.pool.acquire_huge(2 * SUPERSLAB, 1).unwrap().0.addr().get();
        let resizer = {
            let model = Arc::clone(&model);
            // SAFETY: as in `free`.
            thread::spawn(move || unsafe { model.pool.resize_huge(pointer(address), 1, false) })
        };
        let freed = free(&model, address).join().unwrap();
        let resized = resizer.join().unwrap();
        let live = freed.is_err();
        let tag = if live { Tag::HUGE } else { Tag::FREED_HUGE };
        assert!(!live || resized.is_ok(), "both were refused");
        assert_eq!(model.pool.registry().tag(address), tag, "a tag without a block");
        assert_eq!(model.pool.memory().outstanding(), usize::from(live), "a range was lost");
        count(&tally, if live { 0 } else { 1 + usize::from(resized.is_ok()) });
    });
    seen
}

#[test]
fn a_free_during_a_resize_loses_nothing() {
    assert_all_seen(&free_against_resize(|| Whole));
}

#[test]
#[should_panic(expected = "a SuperSlab was retired twice")]
fn a_resize_that_does_not_decide_is_caught() {
    free_against_resize(|| LookDecides);
}
