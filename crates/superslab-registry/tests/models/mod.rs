//! Models of what every registry promises, for any registry and for those with an edge cut.
//!
//! Two threads each. Memory from the arena is filled with loom's atomics when it is made, so what
//! arrives before its contents is a race that loom sees.
#![allow(dead_code, clippy::allow_attributes, reason = "each registry uses a part of it")]

use std::alloc::Layout;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize as Tally, Ordering::SeqCst};

use hakmem_contract::{MetaArena, Registry, Tag, UNIT};
use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;

#[cfg(not(debug_assertions))]
compile_error!("models run with debug assertions on");

/// Leaks what it gives, and counts it. Outside the model.
#[derive(Default)]
pub(crate) struct Arena(Tally);

impl Arena {
    /// How many pieces it gave.
    pub(crate) fn served(&self) -> usize {
        self.0.load(SeqCst)
    }
}

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

/// A registry that a model can make.
pub(crate) trait Modelled: Registry + Send + Sync + 'static {
    /// One in which everything is foreign. It moves once more, before it is used.
    fn made() -> Self;
}

/// A registry and its arena; the registry does not move any more.
pub(crate) struct Model<R> {
    pub(crate) registry: R,
    pub(crate) arena: Arena,
    /// How an address gets from one thread to another.
    mail: AtomicUsize,
}

pub(crate) fn model<R: Modelled>() -> Arc<Model<R>> {
    let (registry, arena) = (R::made(), Arena::default());
    Arc::new(Model { registry, arena, mail: AtomicUsize::new(0) })
}

/// How often the search saw each outcome.
pub(crate) type Seen<const N: usize> = std::sync::Arc<[Tally; N]>;

pub(crate) fn tallies<const N: usize>() -> Seen<N> {
    std::sync::Arc::new([const { Tally::new(0) }; N])
}

pub(crate) fn assert_all_seen<const N: usize>(tally: &[Tally; N]) {
    let tally = tally.each_ref().map(|n| n.load(SeqCst));
    assert!(tally.iter().all(|&n| n > 0), "the search skipped a case: {tally:?}");
}

pub(crate) const WORD: usize = 77;

pub(crate) type Cover<R> = fn(&R, &Arena) -> bool;
pub(crate) type Publish<R> = fn(&R);
pub(crate) type Retract<R> = fn(&R) -> bool;

pub(crate) fn cover<R: Registry>(registry: &R, arena: &Arena) -> bool {
    registry.cover(UNIT, UNIT, arena)
}

pub(crate) fn publish<R: Registry>(registry: &R) {
    // SAFETY: the models cover it first.
    unsafe { registry.publish(UNIT, 1, Tag::HUGE, Tag::HUGE, WORD) };
}

pub(crate) fn retract<R: Registry>(registry: &R) -> bool {
    // SAFETY: the models cover it first, and nobody uses it.
    unsafe { registry.retract(UNIT, Tag::HUGE, Tag::FOREIGN) }
}

/// *Ordered*: who was sent the address sees tag and word. `send` and `receive` are the program's.
pub(crate) fn hand_over<R: Modelled>(send: Ordering, receive: Ordering) -> Seen<2> {
    let tally = tallies::<2>();
    let seen = std::sync::Arc::clone(&tally);
    loom::model(move || {
        let model = model::<R>();
        let sender = {
            let model = Arc::clone(&model);
            thread::spawn(move || {
                assert!(cover(&model.registry, &model.arena));
                publish(&model.registry);
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

/// Who looks up an address that nobody sent sees nothing, or the tag with its word.
pub(crate) fn look_up<R: Modelled>(cover: Cover<R>, publish: Publish<R>) -> Seen<2> {
    let tally = tallies::<2>();
    let seen = std::sync::Arc::clone(&tally);
    loom::model(move || {
        let model = model::<R>();
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

/// A piece that lost a race is kept by `keep` while another thread looks for one. Outcomes: it is
/// used; it came too late.
pub(crate) fn spare<R: Modelled>(keep: fn(&R, &Arena)) -> Seen<2> {
    let tally = tallies::<2>();
    let seen = std::sync::Arc::clone(&tally);
    loom::model(move || {
        let model = model::<R>();
        let loser = {
            let model = Arc::clone(&model);
            thread::spawn(move || keep(&model.registry, &model.arena))
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
        tally[model.arena.served() - 1].fetch_add(1, SeqCst);
    });
    seen
}

/// A unit is retracted while it is published. Outcomes: too early; in time.
pub(crate) fn retract_one<R: Modelled>(retract: Retract<R>) -> Seen<2> {
    let tally = tallies::<2>();
    let seen = std::sync::Arc::clone(&tally);
    loom::model(move || {
        let model = model::<R>();
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

/// Two threads retract one unit. Outcomes: the first was told that it did; the second.
pub(crate) fn retract_twice<R: Modelled>(retract: Retract<R>) -> Seen<2> {
    let tally = tallies::<2>();
    let seen = std::sync::Arc::clone(&tally);
    loom::model(move || {
        let model = model::<R>();
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

/// Two threads cover one place, each a unit of its own. Outcomes: one piece was made for both; two, of
/// which one was kept and is used for `next`.
pub(crate) fn one_place<R: Modelled>(next: usize, most: usize) -> Seen<2> {
    let tally = tallies::<2>();
    let seen = std::sync::Arc::clone(&tally);
    loom::model(move || {
        let model = model::<R>();
        let threads = [0, UNIT].map(|base| {
            let model = Arc::clone(&model);
            thread::spawn(move || {
                assert!(model.registry.cover(base, UNIT, &model.arena));
                // SAFETY: just covered, and this thread's.
                unsafe { model.registry.publish(base, 1, Tag::HUGE, Tag::HUGE, base + 1) };
                assert_eq!(model.registry.tag(base), Tag::HUGE, "covered, and not found");
            })
        });
        for thread in threads {
            thread.join().unwrap();
        }
        for base in [0, UNIT] {
            assert_eq!(model.registry.tag(base), Tag::HUGE, "a tag went to a piece that lost");
            // SAFETY: covered.
            assert_eq!(unsafe { model.registry.word_covered(base) }, base + 1);
        }
        let pieces = model.arena.served();
        assert!(model.registry.cover(next, UNIT, &model.arena));
        assert_eq!(model.registry.tag(next), Tag::FOREIGN, "a used piece is not empty");
        assert!(model.arena.served() <= most, "a piece was lost");
        tally[pieces - 1].fetch_add(1, SeqCst);
    });
    seen
}
