//! Models of edges R1, R2, R3 and R4, and of the trait's guarantee *Ordered*.
//!
//! `RUSTFLAGS="--cfg loom" cargo test --profile loom -p hakmem-superslab-registry --test loom_publish`
//!
//! Size: leaves of two units, a root of two; two threads.
#![cfg(loom)]
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

mod models;

use hakmem_contract::{Tag, UNIT};
use hakmem_superslab_registry::TwoLevel;
use loom::sync::atomic::Ordering;
use models::{Modelled, assert_all_seen, cover, publish, retract};

impl Modelled for TwoLevel {
    fn made() -> Self {
        // SAFETY: nothing is covered before it is where it stays.
        unsafe { Self::new() }
    }
}

#[test]
fn who_gets_an_address_sees_what_was_published() {
    let tally = models::hand_over::<TwoLevel>(Ordering::Release, Ordering::Acquire);
    assert_all_seen(&tally);
}

/// The guarantee needs a hand-over that orders memory: the model would notice if it did not.
#[test]
#[should_panic(expected = "the tag did not arrive")]
fn an_address_that_was_not_handed_over_in_order_is_caught() {
    models::hand_over::<TwoLevel>(Ordering::Relaxed, Ordering::Relaxed);
}

#[test]
fn a_tag_that_is_seen_has_its_word() {
    let tally = models::look_up::<TwoLevel>(cover, publish);
    assert_all_seen(&tally);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_missing_r1_is_caught() {
    models::look_up::<TwoLevel>(|registry, arena| registry.cover_without_r1(UNIT, arena), publish);
}

#[test]
#[should_panic(expected = "the word did not arrive")]
fn a_missing_r2_is_caught() {
    models::look_up::<TwoLevel>(cover, |registry| {
        // SAFETY: `look_up` covers it first.
        unsafe { registry.publish_without_r2(UNIT, Tag::HUGE, models::WORD) };
    });
}

/// One leaf is published; the other, if there is one, is kept and used for the next place.
#[test]
fn the_losers_leaf_is_used_for_the_next_place() {
    let tally = models::one_place::<TwoLevel>(2 * UNIT, 2);
    assert_all_seen(&tally);
}

#[test]
fn a_spare_leaf_arrives_whole() {
    let tally = models::spare::<TwoLevel>(|registry, arena| {
        registry.keep_spare(arena, Ordering::Release);
    });
    assert_all_seen(&tally);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_missing_r3_is_caught() {
    models::spare::<TwoLevel>(|registry, arena| registry.keep_spare(arena, Ordering::Relaxed));
}

#[test]
fn who_retracts_a_tag_has_its_word() {
    let tally = models::retract_one::<TwoLevel>(retract);
    assert_all_seen(&tally);
}

#[test]
#[should_panic(expected = "the word did not arrive")]
fn a_missing_r4_is_caught() {
    // SAFETY: the model covers it first, and nobody uses it.
    models::retract_one::<TwoLevel>(|registry| unsafe {
        registry.retract_without_r4(UNIT, Tag::HUGE)
    });
}

#[test]
fn of_two_who_retract_a_tag_one_is_told() {
    let tally = models::retract_twice::<TwoLevel>(retract);
    assert_all_seen(&tally);
}

#[test]
#[should_panic(expected = "one tag was retracted twice")]
fn a_retraction_in_two_steps_is_caught() {
    // SAFETY: the model covers it first, and nobody uses it.
    models::retract_twice::<TwoLevel>(|registry| unsafe {
        registry.retract_in_two_steps(UNIT, Tag::HUGE)
    });
}
