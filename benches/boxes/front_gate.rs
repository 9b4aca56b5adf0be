//! Size to class, size to tier.

mod common;

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use hakmem_contract::{Class, SizeClasses};
use hakmem_front_gate::{FourPerDoubling, Gate};

const N: usize = 1024;

fn classes(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("front_gate");
    group.throughput(Throughput::Elements(N as u64));
    let mut over = |name: &str, bound: usize, look: fn(usize) -> usize| {
        let sizes = common::random(N, bound);
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                for size in &sizes {
                    black_box(look(*size));
                }
            });
        });
    };
    over("class_of_fast, to 1 KiB", 1024, |size| {
        FourPerDoubling::class_of_fast(size).map_or(0, Class::bits)
    });
    over("class_of, to 32 KiB", 32 << 10, |size| {
        FourPerDoubling::class_of(size).map_or(0, Class::bits)
    });
    over("tier at 64, to 2 MiB", 2 << 20, |size| {
        black_box(Gate::<FourPerDoubling>::tier(size, 64));
        0
    });
    group.finish();
}

fn main() {
    common::run(&[classes]);
}
