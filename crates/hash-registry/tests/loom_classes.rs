//! Models of edge X5: a slab is published while a survey of its class clears what is stale.
//!
//! `RUSTFLAGS="--cfg loom" cargo test --profile loom -p hakmem-hash-registry --test loom_classes`
//!
//! Size: one SuperSlab, two classes; two threads.
#![cfg(loom)]
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

#[path = "../../superslab-registry/tests/models/mod.rs"]
mod models;

use std::sync::atomic::Ordering::SeqCst;

use hakmem_contract::{Class, Owner, Registry, Tag, UNIT};
use hakmem_hash_registry::Hash;
use loom::sync::Arc;
use loom::thread;
use models::{Modelled, Seen, assert_all_seen, cover, model};

impl Modelled for Hash {
    fn made() -> Self {
        Self::new()
    }
}

fn class() -> Class {
    Class::new(1).unwrap()
}

fn slab() -> Tag {
    Tag::slab(Owner::new(0).unwrap(), class())
}

/// Publishes a slab of the class.
fn publish(registry: &Hash) {
    // SAFETY: the model covers it first.
    unsafe { registry.publish(UNIT, 1, slab(), slab(), 0) };
}

/// How many SuperSlabs the index has.
fn indexed(registry: &Hash) -> usize {
    let mut n = 0;
    registry.survey_class(class(), |base| {
        assert_eq!(base, 0);
        n += 1;
    });
    n
}

/// There was a slab, and it is gone; its bit is stale. Now another is published while a survey looks.
/// Outcomes: the survey does not see it; it does.
fn publish_and_survey(publish_again: fn(&Hash), survey: fn(&Hash) -> usize) -> Seen<2> {
    let tally = models::tallies::<2>();
    let seen = std::sync::Arc::clone(&tally);
    loom::model(move || {
        let model = model::<Hash>();
        assert!(cover(&model.registry, &model.arena));
        publish(&model.registry);
        // SAFETY: covered.
        unsafe { model.registry.publish(UNIT, 1, Tag::FOREIGN, Tag::FOREIGN, 0) };
        let publisher = {
            let model = Arc::clone(&model);
            thread::spawn(move || publish_again(&model.registry))
        };
        let surveyor = {
            let model = Arc::clone(&model);
            thread::spawn(move || survey(&model.registry))
        };
        let found = surveyor.join().unwrap();
        publisher.join().unwrap();
        assert_eq!(indexed(&model.registry), 1, "the index lost a slab");
        tally[found].fetch_add(1, SeqCst);
    });
    seen
}

#[test]
fn a_slab_is_not_lost_to_a_survey() {
    let tally = publish_and_survey(publish, indexed);
    assert_all_seen(&tally);
}

#[test]
#[should_panic(expected = "the index lost a slab")]
fn a_missing_x5_is_caught() {
    publish_and_survey(|hash| hash.publish_without_x5(UNIT, slab(), class()), indexed);
}

#[test]
#[should_panic(expected = "the index lost a slab")]
fn a_survey_that_clears_without_its_half_of_x5_is_caught() {
    publish_and_survey(publish, |hash| hash.survey_class_without_x5(class()));
}
