//! Models of edges F1, F2 and F3, and of the trait's guarantee *Ordered*.
//!
//! `RUSTFLAGS="--cfg loom" cargo test --profile loom -p hakmem-flat-registry --test loom_publish`
//!
//! Size: a table of four units; two threads.
#![cfg(loom)]
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

#[path = "../../superslab-registry/tests/models/mod.rs"]
mod models;

use hakmem_contract::{Tag, UNIT};
use hakmem_flat_registry::Flat;
use loom::sync::atomic::Ordering;
use models::{Modelled, WORD, assert_all_seen, cover, publish, retract};

impl Modelled for Flat {
    fn made() -> Self {
        Self::new()
    }
}

#[test]
fn who_gets_an_address_sees_what_was_published() {
    let tally = models::hand_over::<Flat>(Ordering::Release, Ordering::Acquire);
    assert_all_seen(&tally);
}

/// The guarantee needs a hand-over that orders memory: the model would notice if it did not.
#[test]
#[should_panic(expected = "the tag did not arrive")]
fn an_address_that_was_not_handed_over_in_order_is_caught() {
    models::hand_over::<Flat>(Ordering::Relaxed, Ordering::Relaxed);
}

#[test]
fn a_tag_that_is_seen_has_its_word() {
    let tally = models::look_up::<Flat>(cover, publish);
    assert_all_seen(&tally);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_missing_f1_is_caught() {
    models::look_up::<Flat>(|registry, arena| registry.cover_without_f1(UNIT, arena), publish);
}

#[test]
#[should_panic(expected = "the word did not arrive")]
fn a_missing_f2_is_caught() {
    models::look_up::<Flat>(cover, |flat| flat.publish_without_f2(UNIT, Tag::HUGE, WORD));
}

/// Two reserve the table at once: one table is for both, the other goes back.
#[test]
fn there_is_one_table() {
    let tally = models::one_place::<Flat>(2 * UNIT, 2);
    assert_all_seen(&tally);
}

#[test]
fn who_retracts_a_tag_has_its_word() {
    let tally = models::retract_one::<Flat>(retract);
    assert_all_seen(&tally);
}

#[test]
#[should_panic(expected = "the word did not arrive")]
fn a_missing_f3_is_caught() {
    models::retract_one::<Flat>(|flat| flat.retract_without_f3(UNIT, Tag::HUGE));
}

#[test]
fn of_two_who_retract_a_tag_one_is_told() {
    let tally = models::retract_twice::<Flat>(retract);
    assert_all_seen(&tally);
}

#[test]
#[should_panic(expected = "one tag was retracted twice")]
fn a_retraction_in_two_steps_is_caught() {
    models::retract_twice::<Flat>(|flat| flat.retract_in_two_steps(UNIT, Tag::HUGE));
}
