//! Model of edge G1: a range goes into the only slot, and the next one takes it out.
//!
//! `RUSTFLAGS="--cfg loom" cargo test --profile loom -p hakmem-guarded-pool --test loom_quarantine`
//!
//! Size: two threads with a range each, one slot. More slots are more of the same: each is a word of
//! its own.
#![cfg(loom)]
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize as Tally, Ordering::SeqCst};

use hakmem_contract::SUPERSLAB;
use hakmem_guarded_pool::quarantine::{Edges, Quarantine, Range};
use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::sync::atomic::Ordering;
use loom::thread;

#[cfg(not(debug_assertions))]
compile_error!("models run with debug assertions on");

/// A quarantine, and what the last user of each range wrote to it.
struct World {
    quarantine: Quarantine,
    contents: [UnsafeCell<usize>; 2],
}

// SAFETY: contents are used by whose range it is; loom checks it.
unsafe impl Sync for World {}

fn range(number: usize) -> Range {
    let address = std::ptr::without_provenance_mut((number + 1) * SUPERSLAB);
    Range::Huge(NonNull::new(address).unwrap(), SUPERSLAB)
}

/// Uses its range, puts it in, and uses the one that comes out. Returns whether one did.
fn user(world: &World, number: usize, edges: Edges) -> bool {
    // SAFETY: our range.
    world.contents[number].with_mut(|contents| unsafe { *contents += 1 });
    // SAFETY: ours, and not used any more.
    let Some(other) = (unsafe { world.quarantine.put_with(range(number), edges) }) else {
        return false;
    };
    assert_eq!(other, range(1 - number));
    // SAFETY: ours now.
    world.contents[1 - number].with_mut(|contents| unsafe { *contents += 1 });
    true
}

/// Outcomes: the first thread got the other's range, or the second.
fn explore(edges: Edges) -> std::sync::Arc<[Tally; 2]> {
    let tally = std::sync::Arc::new([const { Tally::new(0) }; 2]);
    let seen = std::sync::Arc::clone(&tally);
    loom::model(move || {
        let world = Arc::new(World {
            quarantine: Quarantine::new(),
            contents: [const { 0 }; 2].map(UnsafeCell::new),
        });
        let users = [0, 1].map(|number| {
            let world = Arc::clone(&world);
            thread::spawn(move || user(&world, number, edges))
        });
        let got = users.map(|user| user.join().unwrap());
        assert_ne!(got[0], got[1], "one goes in, one comes out");
        assert!(world.quarantine.take().is_some(), "the last one is still there");
        seen[usize::from(got[1])].fetch_add(1, SeqCst);
    });
    tally
}

#[test]
fn a_range_comes_out_after_its_last_use() {
    let tally = explore(Edges::ALL);
    let tally = tally.each_ref().map(|n| n.load(SeqCst));
    assert!(tally.iter().all(|&n| n > 0), "the search skipped a case: {tally:?}");
}

/// Negative control: the model can fail.
#[test]
#[should_panic(expected = "Causality violation")]
fn a_missing_g1_is_caught() {
    explore(Edges { put: Ordering::Relaxed });
}
