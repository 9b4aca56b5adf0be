//! Ranges from the cache of empty ones, and from the system.

mod common;

use criterion::Criterion;
use hakmem_contract::{Memory, SUPERSLAB};
use hakmem_os_acquire::{Acquire, Linux};

static MEMORY: Acquire<Linux> = Acquire::new(Linux);

fn there_and_back(bytes: usize, huge: bool) {
    let Some(range) = MEMORY.acquire(bytes, SUPERSLAB, huge) else { std::process::abort() };
    // SAFETY: just acquired, and not used.
    unsafe { MEMORY.release(range.base, range.bytes) };
}

fn ranges(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("os_acquire");
    for (name, superslabs, huge) in [
        ("a SuperSlab from the cache", 1, false),
        ("4 SuperSlabs from the cache", 4, false),
        ("8 MiB for a huge block", 4, true),
    ] {
        there_and_back(superslabs * SUPERSLAB, huge);
        group.bench_function(name, |bencher| {
            bencher.iter(|| there_and_back(superslabs * SUPERSLAB, huge));
        });
    }
    group.bench_function("a SuperSlab from the system and back", |bencher| {
        bencher.iter(|| {
            there_and_back(SUPERSLAB, false);
            MEMORY.trim(true)
        });
    });
    group.finish();
}

fn main() {
    common::run(&[ranges]);
}
