//! Units and spans, claimed and released on real memory.

mod common;

use criterion::Criterion;
use hakmem_contract::{Span, Spans, UnitPool};
use hakmem_os_acquire::{Acquire, Linux};
use hakmem_shared_pool::SharedPool;
use hakmem_superslab_registry::TwoLevel;

static POOL: SharedPool<Acquire<Linux>, TwoLevel> = SharedPool::new(
    Acquire::new(Linux),
    // SAFETY: a static does not move.
    unsafe { TwoLevel::new() },
);

fn release(spans: &[Span]) {
    for span in spans {
        // SAFETY: acquired, not used, and not published.
        unsafe { POOL.release(*span) };
    }
}

fn units(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("shared_pool");
    // A unit that stays away keeps its SuperSlab from becoming empty.
    let mut away = [Span::NONE];
    let n = POOL.acquire(1, &mut away);
    for units in [1, 8] {
        group.bench_function(format!("acquire and release, {units} units"), |bencher| {
            bencher.iter(|| {
                let mut out = [Span::NONE];
                let n = POOL.acquire(units, &mut out);
                release(&out[..n]);
            });
        });
    }
    group.bench_function("acquire and release, 8 times 1 unit in one step", |bencher| {
        bencher.iter(|| {
            let mut out = [Span::NONE; 8];
            let n = POOL.acquire(1, &mut out);
            release(&out[..n]);
        });
    });
    group.bench_function("40 SuperSlabs' worth, filled and emptied", |bencher| {
        bencher.iter(|| {
            let mut all = Vec::with_capacity(40 * 32);
            while all.len() < 40 * 32 {
                let mut out = [Span::NONE; 8];
                let n = POOL.acquire(1, &mut out);
                all.extend_from_slice(&out[..n]);
            }
            release(&all);
        });
    });
    release(&away[..n]);
    group.finish();
}

fn spans(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("shared_pool");
    for units in [1, 16] {
        group.bench_function(format!("a span of {units} units"), |bencher| {
            bencher.iter(|| {
                let Some((base, _)) = POOL.acquire_span(units) else { std::process::abort() };
                // SAFETY: the span is live, and nobody uses it.
                unsafe { POOL.release_span(base) }.is_ok()
            });
        });
    }
    group.finish();
}

fn main() {
    common::run(&[units, spans]);
}
