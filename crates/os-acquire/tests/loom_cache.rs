//! Model of edge A1: ranges that go into slots and come out of them.
//!
//! `RUSTFLAGS="--cfg loom" cargo test --profile loom -p hakmem-os-acquire --test loom_cache`
//!
//! Size: two slots, one or two ranges of at most two SuperSlabs, one thread that puts and two
//! that take. More slots are searched in the same way; more threads only repeat the races, since
//! each change is one CAS of one word.
//!
//! Not covered: load buffering, which needs two words, where A1 has one.
#![cfg(loom)]

use std::sync::atomic::{AtomicUsize as Tally, Ordering::SeqCst};

use hakmem_contract::SUPERSLAB;
use hakmem_os_acquire::cache::state::Stamp;
use hakmem_os_acquire::cache::{Kept, Slots};
use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread;

#[cfg(not(debug_assertions))]
compile_error!("models run with debug assertions on");

/// Where the range of the model lies.
const BASE: usize = 64 * SUPERSLAB;

/// Slots, and the contents of the two SuperSlabs that travel through them.
struct World {
    slots: Slots<2>,
    contents: [UnsafeCell<usize>; 2],
}

impl World {
    fn new() -> Self {
        Self { slots: Slots::new(), contents: [UnsafeCell::new(0), UnsafeCell::new(0)] }
    }

    /// Writes to all of the range, as its last user.
    fn fill(&self, kept: Kept) {
        self.each(kept, |contents| {
            contents.with_mut(|value| {
                // SAFETY: the range is this thread's; loom panics if it is not.
                unsafe { *value = 1 };
            });
        });
    }

    /// Checks that the last user's writes are there, and writes again.
    fn consume(&self, kept: Kept) -> usize {
        self.each(kept, |contents| {
            contents.with_mut(|value| {
                // SAFETY: the range is this thread's; loom panics if it is not.
                assert_eq!(unsafe { value.replace(2) }, 1, "taken twice, or before it was put");
            });
        });
        kept.count()
    }

    fn each(&self, kept: Kept, visit: impl Fn(&UnsafeCell<usize>)) {
        let first = (kept.base() - BASE) / SUPERSLAB;
        self.contents.iter().skip(first).take(kept.count()).for_each(visit);
    }
}

fn range(first: usize, count: usize) -> Kept {
    let kept = Kept::pack(BASE + first * SUPERSLAB, count, Stamp::at(0), false);
    kept.unwrap_or_else(|| unreachable!("the fields fit"))
}

fn take_one(world: &World) -> usize {
    world.slots.take_best(1, SUPERSLAB).map_or(0, |kept| world.consume(kept))
}

/// What is in the slots once all is quiet.
fn take_rest(world: &World) -> usize {
    let mut count = 0;
    while let Some(kept) = world.slots.take_if(|_| true) {
        count += world.consume(kept);
    }
    count
}

type Put = fn(&World, Kept);

fn put(world: &World, kept: Kept) {
    assert!(world.slots.put(kept, 2));
}

fn put_without_a1(world: &World, kept: Kept) {
    assert!(world.slots.put_without_a1(kept));
}

/// One thread puts a range of two SuperSlabs, two threads take one each. Returns how many
/// executions saw 0, 1 and 2 taken before the end.
fn explore_cutting(put: Put) -> [usize; 3] {
    let tally = std::sync::Arc::new([const { Tally::new(0) }; 3]);
    let seen = std::sync::Arc::clone(&tally);
    loom::model(move || {
        let world = Arc::new(World::new());
        let putter = {
            let world = Arc::clone(&world);
            thread::spawn(move || {
                world.fill(range(0, 2));
                put(&world, range(0, 2));
            })
        };
        // The takers are spawned last: their first access is a load (see `Slots::take_best`),
        // and loom does not search backwards past a load that a later access hides.
        let takers = [0; 2].map(|_| {
            let world = Arc::clone(&world);
            thread::spawn(move || take_one(&world))
        });
        let early: usize = takers.into_iter().map(joined).sum();
        joined(putter);
        assert_eq!(early + take_rest(&world), 2, "lost or duplicated a SuperSlab");
        tally[early].fetch_add(1, SeqCst);
    });
    seen.each_ref().map(|count| count.load(SeqCst))
}

fn joined<T>(thread: thread::JoinHandle<T>) -> T {
    thread.join().unwrap_or_else(|_| unreachable!("loom ends the model at the first panic"))
}

#[test]
fn a_range_that_is_cut_is_handed_out_once_and_after_its_last_use() {
    let tally = explore_cutting(put);
    assert!(tally.iter().all(|&n| n > 0), "the search skipped a case: {tally:?}");
}

/// Negative control: without the edge, somebody gets a range before its last user is done.
#[test]
#[should_panic(expected = "Causality violation")]
fn a_missing_a1_is_caught() {
    explore_cutting(put_without_a1);
}

type Take = fn(&World) -> usize;

fn take_unchecked(world: &World) -> usize {
    let kept = world.slots.iter().find_map(|slot| slot.take_unchecked());
    kept.map_or(0, |kept| world.consume(kept))
}

/// A range of one SuperSlab is there; two threads want it. Returns how often each got it.
fn explore_race(take: Take) -> [usize; 2] {
    let tally = std::sync::Arc::new([const { Tally::new(0) }; 2]);
    let seen = std::sync::Arc::clone(&tally);
    loom::model(move || {
        let world = Arc::new(World::new());
        world.fill(range(0, 1));
        put(&world, range(0, 1));
        let takers = [0; 2].map(|_| {
            let world = Arc::clone(&world);
            thread::spawn(move || take(&world))
        });
        let got = takers.map(joined);
        assert_eq!(got.iter().sum::<usize>(), 1, "handed out {got:?} times");
        tally[got[1]].fetch_add(1, SeqCst);
    });
    seen.each_ref().map(|count| count.load(SeqCst))
}

#[test]
fn of_two_takers_one_gets_the_range() {
    let tally = explore_race(take_one);
    assert!(tally.iter().all(|&n| n > 0), "the search skipped a case: {tally:?}");
}

/// Negative control: with a load and a store in place of the CAS, both get it.
#[test]
#[should_panic(expected = "violation")]
fn taking_in_two_steps_is_caught() {
    explore_race(take_unchecked);
}

/// A thread takes a range, uses it and puts it back, while another one wants it, too: the word
/// is the same before and after, and that harms nobody.
#[test]
fn a_word_that_comes_back_is_a_range_that_came_back() {
    let tally = std::sync::Arc::new([const { Tally::new(0) }; 3]);
    let seen = std::sync::Arc::clone(&tally);
    loom::model(move || {
        let world = Arc::new(World::new());
        world.fill(range(0, 1));
        put(&world, range(0, 1));
        let threads = [0; 2].map(|_| {
            let world = Arc::clone(&world);
            thread::spawn(move || {
                let Some(kept) = world.slots.take_best(1, SUPERSLAB) else { return 0 };
                let count = world.consume(kept);
                world.fill(kept);
                put(&world, kept);
                count
            })
        });
        let turns: usize = threads.into_iter().map(joined).sum();
        assert_eq!(take_rest(&world), 1);
        tally[turns].fetch_add(1, SeqCst);
    });
    let tally = seen.each_ref().map(|count| count.load(SeqCst));
    assert!(tally[0] == 0 && tally[1] > 0 && tally[2] > 0, "{tally:?}");
}

/// Takes a whole range, whatever it is.
fn take_whole(world: &World) -> usize {
    world.slots.take_if(|_| true).map_or(0, |kept| world.consume(kept))
}

/// Two threads put, into two slots, while a third takes. Returns how often it got 0 and 1.
fn explore_putting(put: Put, take: Take) -> [usize; 2] {
    let tally = std::sync::Arc::new([const { Tally::new(0) }; 2]);
    let seen = std::sync::Arc::clone(&tally);
    loom::model(move || {
        let world = Arc::new(World::new());
        let putters = [0, 1].map(|first| {
            let world = Arc::clone(&world);
            thread::spawn(move || {
                world.fill(range(first, 1));
                put(&world, range(first, 1));
            })
        });
        // Last, as in `explore_cutting`.
        let taker = {
            let world = Arc::clone(&world);
            thread::spawn(move || take(&world))
        };
        let early = joined(taker);
        putters.into_iter().for_each(joined);
        assert_eq!(early + take_rest(&world), 2, "lost a range");
        tally[early].fetch_add(1, SeqCst);
    });
    seen.each_ref().map(|count| count.load(SeqCst))
}

#[test]
fn two_putters_use_two_slots() {
    let tally = explore_putting(put, take_one);
    assert!(tally.iter().all(|&n| n > 0), "the search skipped a case: {tally:?}");
}

#[test]
fn a_whole_range_is_taken_after_its_last_use() {
    let tally = explore_putting(put, take_whole);
    assert!(tally.iter().all(|&n| n > 0), "the search skipped a case: {tally:?}");
}

/// Negative control, as above.
#[test]
#[should_panic(expected = "Causality violation")]
fn a_missing_a1_is_caught_with_two_putters() {
    explore_putting(put_without_a1, take_whole);
}
