//! Model of edge P3: a SuperSlab leaves the pool and its number is given to another, while a
//! taker holds the number from a hint.
//!
//! `RUSTFLAGS="--cfg loom" cargo test --profile loom -p hakmem-shared-pool --test loom_retire`
//!
//! Size: two SuperSlabs, one after the other, of two spans each; one thread that gives both
//! back and maps anew, one taker. Under loom no empty SuperSlab is kept.
#![cfg(loom)]
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

mod model;

use std::sync::atomic::AtomicUsize as Tally;

use hakmem_contract::Pool;
use hakmem_shared_pool::Policy;
use loom::sync::Arc;
use loom::thread;
use model::{Model, Whole, assert_all_seen, count, tallies};

/// P3 without its order: the address is looked up before the claim.
struct LookFirst;

// SAFETY: wrong on purpose, for a negative control.
unsafe impl Policy for LookFirst {
    const DECAY: bool = false;
    const CLAIM_FIRST: bool = false;

    fn step(&self) {}
}

/// Outcomes: the taker got nothing; of the first SuperSlab; of the second.
fn explore<P: Policy + 'static>(policy: fn() -> P) -> std::sync::Arc<[Tally; 3]> {
    let tally = tallies::<3>();
    let seen = std::sync::Arc::clone(&tally);
    loom::model(move || {
        let model = Arc::new(Model::new(policy()));
        let first = [model.acquire(16), model.acquire(16)];
        let worker = {
            let model = Arc::clone(&model);
            thread::spawn(move || {
                for span in first {
                    model.release(span);
                }
                let span = model.acquire(16);
                model.write(span, 1);
                span
            })
        };
        let taker = {
            let model = Arc::clone(&model);
            thread::spawn(move || {
                let span = model.at_hand(16)?;
                model.write(span, 2);
                Some(span)
            })
        };
        let theirs = taker.join().unwrap();
        let mine = worker.join().unwrap();
        assert_ne!(theirs.map(|span| span.address()), Some(mine.address()), "handed out twice");
        let of_first =
            theirs.map(|span| span.address() / (32 << 16) == first[0].address() / (32 << 16));
        for span in theirs.into_iter().chain([mine]) {
            model.write(span, 3);
            model.release(span);
        }
        assert_eq!(model.pool.memory().outstanding(), 0, "an empty SuperSlab stayed");
        count(
            &tally,
            match of_first {
                None => 0,
                Some(true) => 1,
                Some(false) => 2,
            },
        );
    });
    seen
}

#[test]
fn a_number_means_the_superslab_that_has_it_now() {
    assert_all_seen(&explore(|| Whole));
}

#[test]
#[should_panic(expected = "a unit of a SuperSlab that was retired")]
fn a_look_before_the_claim_is_caught() {
    explore(|| LookFirst);
}
