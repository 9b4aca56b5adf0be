//! Model of edge P2: who gives units back against who removes the hint for them.
//!
//! `RUSTFLAGS="--cfg loom" cargo test --profile loom -p hakmem-shared-pool --test loom_hint`
//!
//! Size: one SuperSlab, of which a run is free; a taker claims it, and the hint is to go; one or two
//! releasers make another.
#![cfg(loom)]
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

mod model;

use std::sync::atomic::AtomicUsize as Tally;

use hakmem_shared_pool::Policy;
use loom::sync::Arc;
use loom::thread;
use model::{Model, Whole, assert_all_seen, count, tallies};

/// P2 without the second look.
struct NoLook;

// SAFETY: wrong on purpose, for a negative control.
unsafe impl Policy for NoLook {
    const DECAY: bool = false;
    const LOOK_AGAIN: bool = false;

    fn step(&self) {}
}

fn one_releaser<P: Policy + 'static>(policy: fn() -> P) -> std::sync::Arc<[Tally; 2]> {
    let tally = tallies::<2>();
    let seen = std::sync::Arc::clone(&tally);
    loom::model(move || {
        let model = Arc::new(Model::new(policy()));
        let mut spans = model.all_of_one();
        let (theirs, free) = (spans.pop().unwrap(), spans.pop().unwrap());
        model.release(free);
        let releaser = {
            let model = Arc::clone(&model);
            thread::spawn(move || model.release(theirs))
        };
        // Takes the lower one, and removes the hint, unless the higher one is free by then.
        let taker = {
            let model = Arc::clone(&model);
            thread::spawn(move || (model.at_hand(1), model.at_hand(1)))
        };
        let (first, second) = taker.join().unwrap();
        releaser.join().unwrap();
        assert_eq!(first.map(|span| span.address()), Some(free.address()));
        let late = model.at_hand(1);
        assert_eq!(
            usize::from(second.is_some()) + usize::from(late.is_some()),
            1,
            "a unit is lost"
        );
        assert!(model.pool.is_consistent());
        count(&tally, usize::from(second.is_some()));
    });
    seen
}

#[test]
fn a_released_unit_is_found() {
    assert_all_seen(&one_releaser(|| Whole));
}

#[test]
#[should_panic(expected = "a unit is lost")]
fn a_missing_second_look_is_caught() {
    one_releaser(|| NoLook);
}

/// Two neighbours are released; the second sees the first's unit, or the other way round, and
/// one of the two has to set the hint for two units, while the taker of another run of two removes
/// it.
fn two_releasers<P: Policy + 'static>(policy: fn() -> P) -> std::sync::Arc<[Tally; 2]> {
    let tally = tallies::<2>();
    let seen = std::sync::Arc::clone(&tally);
    loom::model(move || {
        let model = Arc::new(Model::new(policy()));
        let mut spans = model.all_of_one();
        let theirs = [spans.pop().unwrap(), spans.pop().unwrap()];
        model.release(spans.pop().unwrap());
        let releasers = theirs.map(|span| {
            let model = Arc::clone(&model);
            thread::spawn(move || model.release(span))
        });
        let taker = {
            let model = Arc::clone(&model);
            thread::spawn(move || (model.at_hand(2), model.at_hand(2)))
        };
        let (first, second) = taker.join().unwrap();
        for releaser in releasers {
            releaser.join().unwrap();
        }
        assert!(first.is_some(), "a run is lost");
        let late = model.at_hand(2);
        assert_eq!(usize::from(second.is_some()) + usize::from(late.is_some()), 1, "a run is lost");
        assert!(model.pool.is_consistent());
        count(&tally, usize::from(second.is_some()));
    });
    seen
}

#[test]
fn a_run_of_two_releases_is_found() {
    assert_all_seen(&two_releasers(|| Whole));
}

#[test]
#[should_panic(expected = "a run is lost")]
fn a_missing_second_look_is_caught_with_two() {
    two_releasers(|| NoLook);
}
