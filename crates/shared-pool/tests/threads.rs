//! Real threads: no unit has two owners.
#![cfg(not(loom))]
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

mod common;

use std::ptr::NonNull;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use common::{Fake, START, Table, acquire, pool};
use hakmem_contract::{Fault, HugeBlocks, Pool, Registry, Span, Tag, UNIT, UnitPool};
use hakmem_shared_pool::{FirstFit, Policy, SharedPool, Standard};

const THREADS: u32 = 4;
const ROUNDS: u32 = if cfg!(miri) { 50 } else { 100_000 };
/// Units that the test may see: new SuperSlabs are mapped when none is at hand.
const UNITS: usize = 1 << 14;

/// Who owns which unit; 0: nobody.
struct Owners(Vec<AtomicU32>);

impl Owners {
    fn change(&self, span: Span, from: u32, to: u32) {
        let first = (span.address() - START) / UNIT;
        for owner in &self.0[first..first + usize::from(span.units)] {
            let before = owner.swap(to, Relaxed);
            assert_eq!(before, from, "a unit has two owners");
        }
    }
}

fn work<P: Policy>(pool: &SharedPool<Fake, Table, P>, owners: &Owners, id: u32) {
    let mut seed = id;
    let mut random = move |below: u32| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 8) % below
    };
    let mut held: Vec<Span> = Vec::new();
    let release = |span: Span| {
        owners.change(span, id, 0);
        // SAFETY: this thread owns the span.
        unsafe { pool.release(span) };
    };
    for round in 0..ROUNDS {
        if random(2) == 0 || held.is_empty() {
            let units = 1 + random(16) as usize;
            let mut out = [Span::NONE; 3];
            let n_spans = pool.acquire(units, &mut out);
            for &span in &out[..n_spans] {
                owners.change(span, 0, id);
                held.push(span);
            }
        } else {
            release(held.swap_remove(random(u32::try_from(held.len()).unwrap()) as usize));
        }
        if held.len() > 40 {
            held.drain(..).for_each(release);
        }
        if round % 1000 == 0 {
            if random(8) == 0 {
                pool.purge_all();
            } else {
                pool.purge_aged(u64::from(round));
            }
        }
    }
    held.into_iter().for_each(release);
}

#[test]
fn no_unit_has_two_owners() {
    contend(Standard);
}

#[test]
fn no_unit_has_two_owners_where_there_is_one_lock() {
    contend(FirstFit::new());
}

fn contend(policy: impl Policy + Sync) {
    let pool = pool(Fake::default(), policy);
    let owners = Owners((0..UNITS).map(|_| AtomicU32::new(0)).collect());
    std::thread::scope(|scope| {
        for id in 1..=THREADS {
            let (pool, owners) = (&pool, &owners);
            scope.spawn(move || work(pool, owners, id));
        }
    });
    assert!(pool.is_consistent());
    assert_eq!(pool.census().free_units * UNIT, pool.memory().outstanding());
    pool.purge_all();
    assert_eq!(pool.memory().outstanding(), 0);
    assert_eq!(acquire(&pool, 16, 2).len(), 2);
}

/// Of two frees of one huge block at the same moment, one succeeds.
#[test]
fn a_huge_block_is_freed_once() {
    let pool = pool(Fake::default(), Standard);
    let barrier = Barrier::new(2);
    for _ in 0..ROUNDS / 10 {
        let address = pool.acquire_huge(1, 1).unwrap().0.as_ptr().addr();
        let answers = std::thread::scope(|scope| {
            let free = || {
                let base = NonNull::new(std::ptr::without_provenance_mut(address)).unwrap();
                barrier.wait();
                // SAFETY: nobody uses the block; that it is freed twice is what is tested.
                unsafe { pool.release_huge(base) }
            };
            [(); 2].map(|()| scope.spawn(free)).map(|thread| thread.join().unwrap())
        });
        let faults: Vec<_> = answers.iter().filter_map(|answer| answer.err()).collect();
        assert_eq!(faults.len(), 1, "one block was freed twice, or not at all");
        let late_or_not = [Fault::Foreign(address), Fault::DoubleFree(address)];
        assert!(late_or_not.contains(&faults[0]), "{:?}", faults[0]);
        assert_eq!(pool.registry().tag(address), Tag::FREED_HUGE);
    }
    assert_eq!(pool.memory().outstanding(), 0);
}
