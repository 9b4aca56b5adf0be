//! The thread's word: in assembly, and by way of the standard library.

mod common;

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use hakmem_tls_bind::{ThreadWord, thread_word, thread_word_std};

static EMPTY: u64 = 0;

thread_word! {
    /// As good as the target can.
    struct Best: u64 = EMPTY, "hakmem_bench_word"
}

thread_word_std! {
    /// As every target can.
    struct Std: u64 = EMPTY, "hakmem_bench_word_std"
}

/// Reads the word 64 times, as 64 calls of `malloc` would.
fn read<W: ThreadWord>() {
    for _ in 0..64 {
        black_box(W::get());
    }
}

fn words(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("tls_bind");
    group.throughput(Throughput::Elements(64));
    group.bench_function("get 64 times, best", |bencher| bencher.iter(read::<Best>));
    group.bench_function("get 64 times, std", |bencher| bencher.iter(read::<Std>));
    group.throughput(Throughput::Elements(1));
    group.bench_function("set, best", |bencher| bencher.iter(|| Best::set(Best::empty())));
    group.bench_function("set, std", |bencher| bencher.iter(|| Std::set(Std::empty())));
    group.finish();
}

fn main() {
    common::run(&[words]);
}
