//! Model of edge P2: who gives units back against who removes the hint for them.
//!
//! `RUSTFLAGS="--cfg loom" cargo test --profile loom -p hakmem-shared-pool --test loom_hint`
//!
//! Size: one SuperSlab, wholly taken, with the stale hints of that; one or two releasers and one
//! taker that finds nothing.
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
        let last = model.all_of_one().pop().unwrap();
        let releaser = {
            let model = Arc::clone(&model);
            thread::spawn(move || model.release(last))
        };
        let taker = {
            let model = Arc::clone(&model);
            thread::spawn(move || model.at_hand(1))
        };
        let early = taker.join().unwrap();
        releaser.join().unwrap();
        let late = model.at_hand(1);
        assert_eq!(usize::from(early.is_some()) + usize::from(late.is_some()), 1, "a unit is lost");
        count(&tally, usize::from(early.is_some()));
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
/// one of the two has to set the hint for two units.
fn two_releasers<P: Policy + 'static>(policy: fn() -> P) -> std::sync::Arc<[Tally; 2]> {
    let tally = tallies::<2>();
    let seen = std::sync::Arc::clone(&tally);
    loom::model(move || {
        let model = Arc::new(Model::new(policy()));
        let mut spans = model.all_of_one();
        let releasers = [spans.pop().unwrap(), spans.pop().unwrap()].map(|span| {
            let model = Arc::clone(&model);
            thread::spawn(move || model.release(span))
        });
        let taker = {
            let model = Arc::clone(&model);
            thread::spawn(move || model.at_hand(2))
        };
        let early = taker.join().unwrap();
        for releaser in releasers {
            releaser.join().unwrap();
        }
        let late = model.at_hand(2);
        assert_eq!(usize::from(early.is_some()) + usize::from(late.is_some()), 1, "a run is lost");
        count(&tally, usize::from(early.is_some()));
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
