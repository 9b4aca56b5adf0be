//! Blocks from the slabs of a thread and back, above units that cost nothing.

mod common;

use std::ptr;

use common::units::Units;
use criterion::{Criterion, Throughput};
use hakmem_contract::{BlockSource, Owner};
use hakmem_front_gate::FourPerDoubling;
use hakmem_page_box::{Inbox, Slab};
use hakmem_warm_pool::{Budget, NoCounters, Source, WarmPool};

const BATCH: usize = 64;

type Pool = WarmPool<Slab, NoCounters>;

/// Takes and gives through a fresh [`Source`], as the facade does.
struct Rig {
    pool: Pool,
    inbox: Box<Inbox>,
    units: Units,
}

impl Rig {
    fn new() -> Self {
        Self {
            pool: Pool::new(Budget::DEFAULT),
            inbox: Box::new(Inbox::new()),
            units: Units::new(1),
        }
    }

    fn source(&mut self) -> Source<'_, FourPerDoubling, Slab, NoCounters, Units> {
        let owner = Owner::new(0).unwrap_or(Owner::NOBODY);
        // SAFETY: one owner, one thread, one inbox, which lives as long as the pool.
        unsafe { Source::new(&mut self.pool, &raw const *self.inbox, owner, &self.units) }
    }

    fn take(&mut self, index: usize, out: &mut [*mut u8]) -> usize {
        // SAFETY: as long as it says.
        unsafe { self.source().take(common::class(index), out.as_mut_ptr(), out.len()) }
    }

    fn give(&mut self, index: usize, blocks: &[*mut u8]) {
        // SAFETY: blocks that were taken, and are not used.
        unsafe { self.source().give(common::class(index), blocks.as_ptr(), blocks.len()) };
    }
}

fn blocks(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("warm_pool");
    group.throughput(Throughput::Elements(BATCH as u64));
    let mut rig = Rig::new();
    let mut batch = [ptr::null_mut(); BATCH];
    // The slab is not to become empty.
    rig.take(common::TINY, &mut [ptr::null_mut()]);
    group.bench_function("64 blocks of 16 B of one slab", |bencher| {
        bencher.iter(|| {
            let n = rig.take(common::TINY, &mut batch);
            rig.give(common::TINY, &batch[..n]);
        });
    });
    // Blocks from all over 32 slabs: 64 go back, 64 others are taken.
    let mut live = vec![ptr::null_mut(); 2048];
    let n = (0..2048).step_by(64).map(|at| rig.take(common::MIDDLE, &mut live[at..at + 64])).sum();
    let mut live = common::shuffled(&live[..n]);
    let mut at = 0;
    group.bench_function("64 blocks of 1 KiB from all over 32 slabs", |bencher| {
        bencher.iter(|| {
            at = (at + BATCH) % (n - BATCH);
            rig.give(common::MIDDLE, &live[at..at + BATCH]);
            let mut from = at;
            while from < at + BATCH {
                from += rig.take(common::MIDDLE, &mut live[from..at + BATCH]);
            }
        });
    });
    group.finish();
}

fn slabs(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("warm_pool");
    let mut rig = Rig::new();
    let mut batch = [ptr::null_mut(); BATCH];
    group.bench_function("a slab of 1 KiB to the kept ones and back", |bencher| {
        bencher.iter(|| {
            let n = rig.take(common::MIDDLE, &mut batch);
            rig.give(common::MIDDLE, &batch[..n]);
        });
    });
    group.bench_function("a slab of 1 KiB, released and acquired", |bencher| {
        bencher.iter(|| {
            let n = rig.take(common::MIDDLE, &mut batch);
            rig.give(common::MIDDLE, &batch[..n]);
            rig.source().trim()
        });
    });
    group.finish();
}

fn main() {
    common::run(&[blocks, slabs]);
}
