//! Models of edges R1, R2, R3 and R4, and of the trait's guarantee *Ordered*.
//!
//! `RUSTFLAGS="--cfg loom" cargo test --profile loom -p hakmem-superslab-registry --test loom_publish`
//!
//! Size: leaves of two units, a root of two; two threads. Leaves are loom's atomics, written when a
//! leaf is made, so a leaf that arrives before its contents is a race that loom sees.
#![cfg(loom)]
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::alloc::Layout;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize as Tally, Ordering::SeqCst};

use hakmem_contract::{MetaArena, Registry, Tag, UNIT};
use hakmem_superslab_registry::TwoLevel;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;

#[cfg(not(debug_assertions))]
compile_error!("models run with debug assertions on");

/// Leaks what it gives, and counts it. Outside the model.
#[derive(Default)]
struct Arena(Tally);

// SAFETY: zeroed, aligned, leaked.
unsafe impl MetaArena for Arena {
    fn alloc_meta(&self, bytes: usize) -> Option<NonNull<u8>> {
        self.0.fetch_add(1, SeqCst);
        // SAFETY: the size is not zero.
        NonNull::new(unsafe {
            std::alloc::alloc_zeroed(Layout::from_size_align(bytes, 64).unwrap())
        })
    }
}

/// A registry and its arena; the registry does not move any more.
struct Model {
    registry: TwoLevel,
    arena: Arena,
    /// How an address gets from one thread to another.
    mail: AtomicUsize,
}

fn model() -> Arc<Model> {
    // SAFETY: nothing is covered before it is in the `Arc`.
    let registry = unsafe { TwoLevel::new() };
    Arc::new(Model { registry, arena: Arena::default(), mail: AtomicUsize::new(0) })
}

fn tallies<const N: usize>() -> std::sync::Arc<[Tally; N]> {
    std::sync::Arc::new([const { Tally::new(0) }; N])
}

fn assert_all_seen<const N: usize>(tally: &[Tally; N]) {
    let tally = tally.each_ref().map(|n| n.load(SeqCst));
    assert!(tally.iter().all(|&n| n > 0), "the search skipped a case: {tally:?}");
}

const WORD: usize = 77;

/// *Ordered*: who was sent the address sees tag and word. `send` and `receive` are the program's.
fn hand_over(send: Ordering, receive: Ordering) -> std::sync::Arc<[Tally; 2]> {
    let tally = tallies::<2>();
    let seen = std::sync::Arc::clone(&tally);
    loom::model(move || {
        let model = model();
        let sender = {
            let model = Arc::clone(&model);
            thread::spawn(move || {
                assert!(model.registry.cover(UNIT, UNIT, &model.arena));
                // SAFETY: just covered.
                unsafe { model.registry.publish(UNIT, 1, Tag::HUGE, Tag::HUGE, WORD) };
                model.mail.store(UNIT, send);
            })
        };
        let receiver = {
            let model = Arc::clone(&model);
            thread::spawn(move || {
                let address = model.mail.load(receive);
                if address == 0 {
                    return false;
                }
                assert_eq!(model.registry.tag(address), Tag::HUGE, "the tag did not arrive");
                // SAFETY: its tag is not foreign.
                let word = unsafe { model.registry.word_covered(address) };
                assert_eq!(word, WORD, "the word did not arrive");
                true
            })
        };
        tally[usize::from(receiver.join().unwrap())].fetch_add(1, SeqCst);
        sender.join().unwrap();
    });
    seen
}

#[test]
fn who_gets_an_address_sees_what_was_published() {
    assert_all_seen(&hand_over(Ordering::Release, Ordering::Acquire));
}

/// The guarantee needs a hand-over that orders memory: the model would notice if it did not.
#[test]
#[should_panic(expected = "the tag did not arrive")]
fn an_address_that_was_not_handed_over_in_order_is_caught() {
    hand_over(Ordering::Relaxed, Ordering::Relaxed);
}

type Cover = fn(&TwoLevel, &Arena) -> bool;
type Publish = fn(&TwoLevel);

fn cover(registry: &TwoLevel, arena: &Arena) -> bool {
    registry.cover(UNIT, UNIT, arena)
}

fn publish(registry: &TwoLevel) {
    // SAFETY: the models cover it first.
    unsafe { registry.publish(UNIT, 1, Tag::HUGE, Tag::HUGE, WORD) };
}

/// R1, R2: who looks up an address that nobody sent sees nothing, or the tag with its word.
fn look_up(cover: Cover, publish: Publish) -> std::sync::Arc<[Tally; 2]> {
    let tally = tallies::<2>();
    let seen = std::sync::Arc::clone(&tally);
    loom::model(move || {
        let model = model();
        let publisher = {
            let model = Arc::clone(&model);
            thread::spawn(move || {
                assert!(cover(&model.registry, &model.arena));
                publish(&model.registry);
            })
        };
        let stranger = {
            let model = Arc::clone(&model);
            thread::spawn(move || {
                let known = model.registry.tag(UNIT) != Tag::FOREIGN;
                if known {
                    // SAFETY: its tag is not foreign.
                    let word = unsafe { model.registry.word_covered(UNIT) };
                    assert_eq!(word, WORD, "the word did not arrive");
                }
                known
            })
        };
        tally[usize::from(stranger.join().unwrap())].fetch_add(1, SeqCst);
        publisher.join().unwrap();
    });
    seen
}

#[test]
fn a_tag_that_is_seen_has_its_word() {
    assert_all_seen(&look_up(cover, publish));
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_missing_r1_is_caught() {
    look_up(|registry, arena| registry.cover_without_r1(UNIT, arena), publish);
}

#[test]
#[should_panic(expected = "the word did not arrive")]
fn a_missing_r2_is_caught() {
    // SAFETY: `look_up` covers it first.
    look_up(cover, |registry| unsafe { registry.publish_without_r2(UNIT, Tag::HUGE, WORD) });
}

/// Two threads cover one place: one leaf is published, the other, if there is one, is kept and used
/// for the next place.
#[test]
fn the_losers_leaf_is_used_for_the_next_place() {
    let tally = tallies::<2>();
    let seen = std::sync::Arc::clone(&tally);
    loom::model(move || {
        let model = model();
        let threads = [0, UNIT].map(|base| {
            let model = Arc::clone(&model);
            thread::spawn(move || {
                assert!(model.registry.cover(base, UNIT, &model.arena));
                // SAFETY: just covered, and this thread's.
                unsafe { model.registry.publish(base, 1, Tag::HUGE, Tag::HUGE, base + 1) };
            })
        });
        for thread in threads {
            thread.join().unwrap();
        }
        for base in [0, UNIT] {
            assert_eq!(model.registry.tag(base), Tag::HUGE, "a tag went to a leaf that lost");
            // SAFETY: covered.
            assert_eq!(unsafe { model.registry.word_covered(base) }, base + 1);
        }
        let leaves = model.arena.0.load(SeqCst);
        assert!(model.registry.cover(2 * UNIT, UNIT, &model.arena));
        assert_eq!(model.registry.tag(2 * UNIT), Tag::FOREIGN, "a used leaf is not empty");
        assert_eq!(model.arena.0.load(SeqCst), 2, "a leaf was lost");
        tally[leaves - 1].fetch_add(1, SeqCst);
    });
    assert_all_seen(&seen);
}

/// R3: a leaf is kept while another thread looks for one.
fn spare(order: Ordering) -> std::sync::Arc<[Tally; 2]> {
    let tally = tallies::<2>();
    let seen = std::sync::Arc::clone(&tally);
    loom::model(move || {
        let model = model();
        let loser = {
            let model = Arc::clone(&model);
            thread::spawn(move || model.registry.keep_spare(&model.arena, order))
        };
        let taker = {
            let model = Arc::clone(&model);
            thread::spawn(move || {
                assert!(cover(&model.registry, &model.arena));
                publish(&model.registry);
            })
        };
        taker.join().unwrap();
        loser.join().unwrap();
        assert_eq!(model.registry.tag(UNIT), Tag::HUGE);
        assert_eq!(model.registry.tag(0), Tag::FOREIGN);
        tally[model.arena.0.load(SeqCst) - 1].fetch_add(1, SeqCst);
    });
    seen
}

#[test]
fn a_spare_leaf_arrives_whole() {
    assert_all_seen(&spare(Ordering::Release));
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_missing_r3_is_caught() {
    spare(Ordering::Relaxed);
}

type Retract = fn(&TwoLevel) -> bool;

fn retract(registry: &TwoLevel) -> bool {
    // SAFETY: the models cover it first, and nobody uses it.
    unsafe { registry.retract(UNIT, Tag::HUGE, Tag::FOREIGN) }
}

/// R4: a unit is retracted while it is published. Outcomes: too early; in time.
fn retract_one(retract: Retract) -> std::sync::Arc<[Tally; 2]> {
    let tally = tallies::<2>();
    let seen = std::sync::Arc::clone(&tally);
    loom::model(move || {
        let model = model();
        assert!(cover(&model.registry, &model.arena));
        let publisher = {
            let model = Arc::clone(&model);
            thread::spawn(move || publish(&model.registry))
        };
        // Spawned last: loom would not search backwards past its first load.
        let taker = {
            let model = Arc::clone(&model);
            thread::spawn(move || {
                let taken = retract(&model.registry);
                if taken {
                    // SAFETY: covered.
                    let word = unsafe { model.registry.word_covered(UNIT) };
                    assert_eq!(word, WORD, "the word did not arrive");
                }
                taken
            })
        };
        let taken = taker.join().unwrap();
        publisher.join().unwrap();
        let expected = if taken { Tag::FOREIGN } else { Tag::HUGE };
        assert_eq!(model.registry.tag(UNIT), expected);
        tally[usize::from(taken)].fetch_add(1, SeqCst);
    });
    seen
}

#[test]
fn who_retracts_a_tag_has_its_word() {
    assert_all_seen(&retract_one(retract));
}

#[test]
#[should_panic(expected = "the word did not arrive")]
fn a_missing_r4_is_caught() {
    // SAFETY: the model covers it first, and nobody uses it.
    retract_one(|registry| unsafe { registry.retract_without_r4(UNIT, Tag::HUGE) });
}

/// R4: two threads retract one unit. Outcomes: the first was told that it did; the second.
fn retract_twice(retract: Retract) -> std::sync::Arc<[Tally; 2]> {
    let tally = tallies::<2>();
    let seen = std::sync::Arc::clone(&tally);
    loom::model(move || {
        let model = model();
        assert!(cover(&model.registry, &model.arena));
        publish(&model.registry);
        let takers = [(); 2].map(|()| {
            let model = Arc::clone(&model);
            thread::spawn(move || retract(&model.registry))
        });
        let taken = takers.map(|taker| taker.join().unwrap());
        assert_ne!(taken[0], taken[1], "one tag was retracted twice, or not at all");
        assert_eq!(model.registry.tag(UNIT), Tag::FOREIGN);
        tally[usize::from(taken[1])].fetch_add(1, SeqCst);
    });
    seen
}

#[test]
fn of_two_who_retract_a_tag_one_is_told() {
    assert_all_seen(&retract_twice(retract));
}

#[test]
#[should_panic(expected = "one tag was retracted twice")]
fn a_retraction_in_two_steps_is_caught() {
    // SAFETY: the model covers it first, and nobody uses it.
    retract_twice(|registry| unsafe { registry.retract_in_two_steps(UNIT, Tag::HUGE) });
}
