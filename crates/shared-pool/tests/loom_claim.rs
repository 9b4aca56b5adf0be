//! Model of edge P1, and of claims against each other.
//!
//! `RUSTFLAGS="--cfg loom" cargo test --profile loom -p hakmem-shared-pool --test loom_claim`
//!
//! Size: one SuperSlab of which all but one or two units are taken, two threads. A third thread
//! would touch the same word in the same two ways.
#![cfg(loom)]
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

mod model;

use std::sync::atomic::Ordering;

use hakmem_contract::Span;
use hakmem_shared_pool::Policy;
use loom::sync::Arc;
use loom::thread;
use model::{Model, Whole, assert_all_seen, count, tallies};

/// P1 without its tail.
struct NoTail;

// SAFETY: wrong on purpose, for a negative control.
unsafe impl Policy for NoTail {
    const DECAY: bool = false;
    const GIVE: Ordering = Ordering::Relaxed;

    fn step(&self) {}
}

/// P1 without its head.
struct NoHead;

// SAFETY: wrong on purpose, for a negative control.
unsafe impl Policy for NoHead {
    const DECAY: bool = false;
    const CLAIM: Ordering = Ordering::Relaxed;

    fn step(&self) {}
}

#[test]
fn of_two_takers_of_the_last_unit_one_gets_it() {
    let tally = tallies::<2>();
    let seen = std::sync::Arc::clone(&tally);
    loom::model(move || {
        let model = Arc::new(Model::new(Whole));
        let last = model.all_of_one().pop().unwrap();
        model.release(last);
        let takers: Vec<_> = (1..=2)
            .map(|id| {
                let model = Arc::clone(&model);
                thread::spawn(move || {
                    let span = model.at_hand(1)?;
                    model.write(span, id);
                    Some(span)
                })
            })
            .collect();
        let got: Vec<_> = takers.into_iter().map(|taker| taker.join().unwrap()).collect();
        assert_eq!(got.iter().flatten().count(), 1, "the unit was lost, or handed out twice");
        count(&tally, usize::from(got[1].is_some()));
    });
    assert_all_seen(&seen);
}

#[test]
fn two_takers_of_two_units_get_one_each() {
    let tally = tallies::<2>();
    let seen = std::sync::Arc::clone(&tally);
    loom::model(move || {
        let model = Arc::new(Model::new(Whole));
        let mut spans = model.all_of_one();
        model.release(spans.pop().unwrap());
        model.release(spans.pop().unwrap());
        let takers: Vec<_> = (1..=2)
            .map(|id| {
                let model = Arc::clone(&model);
                thread::spawn(move || {
                    let span = model.at_hand(1).unwrap();
                    model.write(span, id);
                    span
                })
            })
            .collect();
        let got: Vec<_> = takers.into_iter().map(|taker| taker.join().unwrap()).collect();
        assert_ne!(got[0].address(), got[1].address(), "one unit was handed out twice");
        count(&tally, usize::from(got[0].address() < got[1].address()));
    });
    assert_all_seen(&seen);
}

/// A releaser that has used a unit, and a taker that uses it next: never, or afterwards.
fn hand_over<P: Policy + 'static>(
    policy: fn() -> P,
) -> std::sync::Arc<[std::sync::atomic::AtomicUsize; 2]> {
    let tally = tallies::<2>();
    let seen = std::sync::Arc::clone(&tally);
    loom::model(move || {
        let model = Arc::new(Model::new(policy()));
        let mut spans = model.all_of_one();
        // The highest unit is free all the time, so its hint is there all the time: the taker may
        // come to the mask without having seen what the releaser did, and no hint changes
        // (the two are no neighbours). So only P1 orders it.
        let free = spans.pop().unwrap();
        let _between = spans.pop();
        let last = Span { units: 1, ..spans.pop().unwrap() };
        model.release(free);
        let releaser = {
            let model = Arc::clone(&model);
            thread::spawn(move || {
                model.write(last, 1);
                model.release(last);
            })
        };
        // Spawned last: loom would not search backwards past its first load.
        let taker = {
            let model = Arc::clone(&model);
            thread::spawn(move || {
                let span = model.at_hand(1).unwrap();
                let contents = model.read(span);
                model.write(span, 2);
                (span.address() == last.address(), contents)
            })
        };
        let (theirs, contents) = taker.join().unwrap();
        releaser.join().unwrap();
        assert_eq!(contents, usize::from(theirs), "the unit came before its last owner's write");
        count(&tally, usize::from(theirs));
    });
    seen
}

#[test]
fn a_unit_arrives_after_its_last_owners_writes() {
    assert_all_seen(&hand_over(|| Whole));
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_missing_tail_of_p1_is_caught() {
    hand_over(|| NoTail);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_missing_head_of_p1_is_caught() {
    hand_over(|| NoHead);
}
