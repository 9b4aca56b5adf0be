//! Model of edge P4: two frees of one span at the same moment.
//!
//! `RUSTFLAGS="--cfg loom" cargo test --profile loom -p hakmem-shared-pool --test loom_span`
//!
//! Size: one span, two threads that free it. The registry is outside the model, a table with a
//! lock: who wins is decided by the head bit alone.
#![cfg(loom)]
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

mod model;

use std::sync::atomic::AtomicUsize as Tally;

use hakmem_contract::{Fault, Spans};
use hakmem_shared_pool::Policy;
use loom::sync::Arc;
use loom::thread;
use model::{Model, Whole, assert_all_seen, count, tallies};

/// P4 cut: the tag decides alone.
struct TagDecides;

// SAFETY: wrong on purpose, for a negative control.
unsafe impl Policy for TagDecides {
    const DECAY: bool = false;
    const HEAD_DECIDES: bool = false;

    fn step(&self) {}
}

/// Outcomes: the loser saw the tag gone; it saw the head bit gone.
fn explore<P: Policy + 'static>(policy: fn() -> P) -> std::sync::Arc<[Tally; 2]> {
    let tally = tallies::<2>();
    let seen = std::sync::Arc::clone(&tally);
    loom::model(move || {
        let model = Arc::new(Model::new(policy()));
        let _other = model.acquire(1);
        let (base, _) = model.pool.acquire_span(2).unwrap();
        let address = base.as_ptr().addr();
        let frees = [(); 2].map(|()| {
            let model = Arc::clone(&model);
            let base = std::ptr::without_provenance_mut::<u8>(address);
            let base = std::ptr::NonNull::new(base).unwrap();
            // SAFETY: nobody uses the block; that it is freed twice is what is tested.
            thread::spawn(move || unsafe { model.pool.release_span(base) })
        });
        let answers = frees.map(|free| free.join().unwrap());
        let faults: Vec<_> = answers.iter().filter_map(|answer| answer.err()).collect();
        assert_eq!(faults.len(), 1, "one span was freed twice, or not at all");
        count(&tally, usize::from(faults[0] == Fault::DoubleFree(address)));
    });
    seen
}

#[test]
fn of_two_frees_of_one_span_one_is_a_fault() {
    assert_all_seen(&explore(|| Whole));
}

#[test]
#[should_panic(expected = "units released twice")]
fn a_tag_alone_does_not_decide() {
    explore(|| TagDecides);
}
