//! Ranges from the cache of empty ones, and from the system.

mod common;

use std::ptr::NonNull;

use criterion::Criterion;
use hakmem_contract::geometry::OS_PAGE;
use hakmem_contract::{Memory, OsPort, SUPERSLAB, UNIT};
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

/// Writes to each page of a range that the system has given just now.
fn touch(base: NonNull<u8>) {
    for page in (0..SUPERSLAB).step_by(OS_PAGE) {
        // SAFETY: inside a mapping of the caller's.
        unsafe { base.as_ptr().wrapping_add(page).write_volatile(1) };
    }
}

/// Maps a SuperSlab, does `first` to it, writes to each page, and unmaps it.
fn first_touches(first: impl Fn(NonNull<u8>)) {
    let Some(whole) = Linux.map(0, 2 * SUPERSLAB) else { std::process::abort() };
    let aligned = whole.as_ptr().align_offset(SUPERSLAB);
    // SAFETY: less than a SuperSlab on, in a mapping of two.
    let base = unsafe { whole.add(aligned) };
    first(base);
    touch(base);
    // SAFETY: mapped above, and not used any more.
    unsafe { Linux.unmap(whole, 2 * SUPERSLAB) };
}

/// What the pages of a SuperSlab cost that is filled for the first time: what `startup` is made of.
fn touches(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("first touches of a SuperSlab");
    // SAFETY: each is called with a mapping of the caller's, of two SuperSlabs.
    let populate = |base, bytes| unsafe { Linux.populate(base, bytes) };
    // SAFETY: as above.
    let advise = |base| unsafe { Linux.advise_huge(base, SUPERSLAB, true) };
    group.bench_function("page by page", |bencher| bencher.iter(|| first_touches(|_| ())));
    group.bench_function("unit by unit, populated", |bencher| {
        bencher.iter(|| {
            first_touches(|base| {
                for unit in (0..SUPERSLAB).step_by(UNIT) {
                    // SAFETY: inside the mapping.
                    populate(unsafe { base.add(unit) }, UNIT);
                }
            });
        });
    });
    group.bench_function("populated at once", |bencher| {
        bencher.iter(|| first_touches(|base| _ = populate(base, SUPERSLAB)));
    });
    group.bench_function("one huge page", |bencher| {
        bencher.iter(|| first_touches(|base| _ = advise(base)));
    });
    group.finish();
}

fn main() {
    common::run(&[ranges, touches]);
}
