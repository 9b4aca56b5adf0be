//! Model of edge P1 where a purge is one side of it: what is claimed during a purge is not dropped.
//!
//! `RUSTFLAGS="--cfg loom" cargo test --profile loom -p hakmem-shared-pool --test loom_purge`
//!
//! Size: one SuperSlab of which one unit is free; a thread that purges, and one that takes the unit,
//! uses it and gives it back. A purge writes to the unit's contents, so loom sees who else does.
#![cfg(loom)]
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

mod model;

use std::sync::atomic::{AtomicUsize as Tally, Ordering};

use hakmem_contract::{Pool, UNIT};
use hakmem_shared_pool::Policy;
use loom::sync::Arc;
use loom::thread;
use model::{Model, Whole, assert_all_seen, count, tallies};

/// Contents are dropped first, and the units claimed afterwards.
struct DropFirst;

// SAFETY: wrong on purpose, for a negative control.
unsafe impl Policy for DropFirst {
    const DECAY: bool = false;
    const PURGE_CLAIMED: bool = false;

    fn step(&self) {}
}

/// P1 without its tail: the taker of a purged unit may come before the purge.
struct NoTail;

// SAFETY: wrong on purpose, for a negative control.
unsafe impl Policy for NoTail {
    const DECAY: bool = false;
    const GIVE: Ordering = Ordering::Relaxed;

    fn step(&self) {}
}

/// Outcomes: the purge had the unit; the taker had it first, and the purge nothing; the taker gave
/// it back to the purge; the taker got it from the purge.
fn explore<P: Policy + 'static>(policy: fn() -> P) -> std::sync::Arc<[Tally; 4]> {
    let tally = tallies::<4>();
    let seen = std::sync::Arc::clone(&tally);
    loom::model(move || {
        let model = Arc::new(Model::new(policy()));
        let last = model.all_of_one().pop().unwrap();
        model.write(last, 1);
        model.release(last);
        let purger = {
            let model = Arc::clone(&model);
            thread::spawn(move || model.pool.purge_all())
        };
        // Spawned last: loom would not search backwards past its first load.
        let taker = {
            let model = Arc::clone(&model);
            thread::spawn(move || {
                let span = model.at_hand(1)?;
                let zeroed = span.zeroed != 0;
                assert_eq!(model.read(span), usize::from(!zeroed), "dropped, or not zero");
                model.write(span, 2);
                thread::yield_now();
                assert_eq!(model.read(span), 2, "dropped while it was somebody's");
                model.release(span);
                Some(zeroed)
            })
        };
        let taken = taker.join().unwrap();
        let purged = purger.join().unwrap() / UNIT;
        assert!(model.pool.is_consistent());
        assert_eq!(model.pool.census().free_units, 1);
        count(
            &tally,
            match taken {
                None => 0,
                Some(false) => 1 + purged,
                Some(true) => 3,
            },
        );
        let span = model.at_hand(1).unwrap();
        let contents = if span.zeroed != 0 { 0 } else { 2 };
        assert_eq!(model.read(span), contents, "a unit that is not as it was left");
    });
    seen
}

#[test]
fn what_is_claimed_is_not_dropped() {
    assert_all_seen(&explore(|| Whole));
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_purge_that_does_not_claim_first_is_caught() {
    explore(|| DropFirst);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_missing_tail_of_p1_is_caught() {
    explore(|| NoTail);
}
