//! Models of edges X1, X2, X3 and X4, of the trait's guarantee *Ordered*, and of a level that is known
//! in time.
//!
//! `RUSTFLAGS="--cfg loom" cargo test --profile loom -p hakmem-hash-registry --test loom_publish`
//!
//! Size: four keys of two units each, buckets of two keys, two levels; two threads.
#![cfg(loom)]
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

#[path = "../../superslab-registry/tests/models/mod.rs"]
mod models;

use std::sync::atomic::Ordering::SeqCst;

use hakmem_contract::{Registry, Tag, UNIT};
use hakmem_hash_registry::Hash;
use loom::sync::Arc;
use loom::sync::atomic::Ordering;
use loom::thread;
use models::{Arena, Modelled, Seen, WORD, assert_all_seen, cover, model, publish, retract};

/// Bytes of a key.
const REGION: usize = 2 * UNIT;

impl Modelled for Hash {
    fn made() -> Self {
        Self::new()
    }
}

#[test]
fn who_gets_an_address_sees_what_was_published() {
    let tally = models::hand_over::<Hash>(Ordering::Release, Ordering::Acquire);
    assert_all_seen(&tally);
}

/// The guarantee needs a hand-over that orders memory: the model would notice if it did not.
#[test]
#[should_panic(expected = "the tag did not arrive")]
fn an_address_that_was_not_handed_over_in_order_is_caught() {
    models::hand_over::<Hash>(Ordering::Relaxed, Ordering::Relaxed);
}

#[test]
fn a_tag_that_is_seen_has_its_word() {
    let tally = models::look_up::<Hash>(cover, publish);
    assert_all_seen(&tally);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_missing_x1_is_caught() {
    models::look_up::<Hash>(|registry, arena| registry.cover_without_x1(UNIT, arena), publish);
}

#[test]
#[should_panic(expected = "the word did not arrive")]
fn a_missing_x2_is_caught() {
    models::look_up::<Hash>(cover, |hash| hash.publish_without_x2(UNIT, Tag::HUGE, WORD));
}

/// Two units of one SuperSlab, at once: one slot for both. A segment that lost is kept.
#[test]
fn two_who_bring_one_key_meet_in_one_slot() {
    let tally = models::one_place::<Hash>(REGION, 2);
    assert_all_seen(&tally);
}

#[test]
fn a_spare_segment_arrives_whole() {
    let tally = models::spare::<Hash>(|registry, arena| {
        registry.keep_spare(arena, Ordering::Release);
    });
    assert_all_seen(&tally);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_missing_x3_is_caught() {
    models::spare::<Hash>(|registry, arena| registry.keep_spare(arena, Ordering::Relaxed));
}

#[test]
fn who_retracts_a_tag_has_its_word() {
    let tally = models::retract_one::<Hash>(retract);
    assert_all_seen(&tally);
}

#[test]
#[should_panic(expected = "the word did not arrive")]
fn a_missing_x4_is_caught() {
    models::retract_one::<Hash>(|hash| hash.retract_without_x4(UNIT, Tag::HUGE));
}

#[test]
fn of_two_who_retract_a_tag_one_is_told() {
    let tally = models::retract_twice::<Hash>(retract);
    assert_all_seen(&tally);
}

#[test]
#[should_panic(expected = "one tag was retracted twice")]
fn a_retraction_in_two_steps_is_caught() {
    models::retract_twice::<Hash>(|hash| hash.retract_in_two_steps(UNIT, Tag::HUGE));
}

/// One SuperSlab, covered by two threads, of which one finds the other's key. Whoever has covered it
/// finds what it publishes, though the other may not have said yet at which level to look.
/// Outcomes: one segment was made; two.
fn known_in_time(cover: fn(&Hash, &Arena) -> bool) -> Seen<2> {
    let tally = models::tallies::<2>();
    let seen = std::sync::Arc::clone(&tally);
    loom::model(move || {
        let model = model::<Hash>();
        let threads = [0, UNIT].map(|base| {
            let model = Arc::clone(&model);
            thread::spawn(move || {
                assert!(cover(&model.registry, &model.arena));
                // SAFETY: just covered, and this thread's.
                unsafe { model.registry.publish(base, 1, Tag::HUGE, Tag::HUGE, WORD) };
                assert_eq!(model.registry.tag(base), Tag::HUGE, "covered, and not found");
            })
        });
        for thread in threads {
            thread.join().unwrap();
        }
        tally[model.arena.served() - 1].fetch_add(1, SeqCst);
    });
    seen
}

#[test]
fn who_covers_finds_what_it_publishes() {
    let tally = known_in_time(cover);
    assert_all_seen(&tally);
}

#[test]
#[should_panic(expected = "covered, and not found")]
fn a_level_that_is_left_to_the_other_to_make_known_is_caught() {
    known_in_time(|hash, arena| hash.cover_without_level(UNIT, arena));
}

/// Two more SuperSlabs than the first level has room for, both of which belong to one segment of the
/// second. Outcomes: one segment was made for both; two, of which one is kept.
#[test]
fn a_second_level_is_opened_by_two() {
    let tally = models::tallies::<2>();
    let seen = std::sync::Arc::clone(&tally);
    loom::model(move || {
        let model = model::<Hash>();
        for base in [REGION, 2 * REGION] {
            assert!(model.registry.cover(base, UNIT, &model.arena));
        }
        assert_eq!(model.arena.served(), 1, "two keys have room in the first level");
        let threads = [0, 3 * REGION].map(|base| {
            let model = Arc::clone(&model);
            thread::spawn(move || {
                assert!(model.registry.cover(base, UNIT, &model.arena));
                // SAFETY: just covered, and this thread's.
                unsafe { model.registry.publish(base, 1, Tag::HUGE, Tag::HUGE, base) };
                assert_eq!(model.registry.tag(base), Tag::HUGE, "covered, and not found");
            })
        });
        for thread in threads {
            thread.join().unwrap();
        }
        for base in [0, 3 * REGION] {
            assert_eq!(model.registry.tag(base), Tag::HUGE, "a tag went to a segment that lost");
            // SAFETY: covered.
            assert_eq!(unsafe { model.registry.word_covered(base) }, base);
        }
        for base in [REGION, 2 * REGION] {
            assert_eq!(model.registry.tag(base), Tag::FOREIGN);
        }
        tally[model.arena.served() - 2].fetch_add(1, SeqCst);
    });
    assert_all_seen(&seen);
}
