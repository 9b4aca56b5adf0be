//! No call costs more as the number of SuperSlabs grows: steps are counted, not timed.
#![cfg(not(loom))]

mod common;

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use common::{Fake, Table, acquire, pool, release};
use hakmem_contract::{Span, UNIT, UnitPool};
use hakmem_shared_pool::{Policy, SharedPool};

#[derive(Debug, Default)]
struct Steps(AtomicUsize);

// SAFETY: the constants are the trait's.
unsafe impl Policy for Steps {
    fn step(&self) {
        self.0.fetch_add(1, Relaxed);
    }
}

type Pool = SharedPool<Fake, Table, Steps>;

/// Steps of `work`.
fn steps(pool: &Pool, work: impl FnOnce()) -> usize {
    let before = pool.policy().0.load(Relaxed);
    work();
    pool.policy().0.load(Relaxed) - before
}

/// Steps of each of several uses of a pool with `n_superslabs` that are in use.
fn uses(n_superslabs: usize) -> Vec<usize> {
    let pool = pool(Fake::default(), Steps::default());
    // Filled unit by unit: all hints were set, and have to be gone.
    let mut held: Vec<Span> = Vec::new();
    while held.len() < n_superslabs * 32 {
        held.extend(acquire(&pool, 1, 1));
    }
    // Every second SuperSlab gets a hole of 8 units, and some were retired.
    let last = held.pop();
    let (holes, held): (Vec<_>, Vec<_>) = held
        .into_iter()
        .partition(|span| span.superslab % 2 == 0 && span.address() / UNIT % 32 / 8 == 1);
    release(&pool, holes);
    let (gone, _held): (Vec<_>, Vec<_>) = held
        .into_iter()
        .partition(|span| (3..n_superslabs / 2).contains(&(span.superslab as usize)));
    release(&pool, gone);
    let counts = vec![
        // The last unit of all.
        steps(&pool, || release(&pool, last)),
        // From a hole, and back.
        steps(&pool, || release(&pool, acquire(&pool, 1, 1))),
        steps(&pool, || release(&pool, acquire(&pool, 8, 1))),
        steps(&pool, || release(&pool, acquire(&pool, 3, 2))),
        // None has room: a SuperSlab is mapped, and it stays.
        steps(&pool, || release(&pool, acquire(&pool, 16, 1))),
        steps(&pool, || release(&pool, acquire(&pool, 16, 2))),
        steps(&pool, || assert_eq!(pool.acquire_at_hand(16, &mut [Span::NONE]), 1)),
    ];
    // Purging takes as much from many as from few, at a call.
    for now in [1100, 1200, 2100, 2200] {
        assert!(steps(&pool, || _ = pool.purge_aged(now)) < 300);
    }
    assert!(pool.is_consistent());
    counts
}

#[test]
fn ten_superslabs_and_a_hundred_thousand_take_the_same_steps() {
    let few = uses(10);
    let many = uses(100_000);
    assert_eq!(few, many);
    assert!(few.iter().all(|&n| n < 60), "{few:?}");
}

/// Steps of the first request for 16, 8, 4 and 2 units when every SuperSlab is full.
fn first_uses(n_superslabs: usize) -> Vec<usize> {
    let pool = pool(Fake::default(), Steps::default());
    for _ in 0..n_superslabs * 32 {
        assert_eq!(acquire(&pool, 1, 1).len(), 1);
    }
    let first = |units| steps(&pool, || assert_eq!(acquire(&pool, units, 1).len(), 1));
    [16, 8, 4, 2].map(first).to_vec()
}

#[test]
fn full_superslabs_are_not_passed_on_the_way() {
    let few = first_uses(10);
    assert_eq!(few, first_uses(10_000));
}
