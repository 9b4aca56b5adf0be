//! Size to class, size to tier.

mod common;

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use hakmem_contract::SizeClasses;
use hakmem_front_gate::{FourPerDoubling, Gate};

const N: usize = 1024;

/// Measures `look` on sizes up to `bound`.
fn over<T>(criterion: &mut Criterion, name: &str, bound: usize, look: impl Fn(usize) -> T) {
    let sizes = common::random(N, bound);
    let mut group = criterion.benchmark_group("front_gate");
    group.throughput(Throughput::Elements(N as u64));
    group.bench_function(name, |bencher| {
        bencher.iter(|| {
            for size in &sizes {
                black_box(look(*size));
            }
        });
    });
    group.finish();
}

fn classes(criterion: &mut Criterion) {
    over(criterion, "class_of_fast, to 1 KiB", 1024, FourPerDoubling::class_of_fast);
    over(criterion, "class_of, to 32 KiB", 32 << 10, FourPerDoubling::class_of);
    over(criterion, "tier, to 32 KiB", 32 << 10, |size| Gate::<FourPerDoubling>::tier(size, 16));
    over(criterion, "tier at 64, to 2 MiB", 2 << 20, |size| {
        Gate::<FourPerDoubling>::tier(size, 64)
    });
}

fn main() {
    common::run(&[classes]);
}
