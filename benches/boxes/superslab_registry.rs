//! What is at an address: addresses that are somebody's, and that are nobody's.

mod common;

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use hakmem_contract::{Registry, SUPERSLAB, Tag, UNIT};
use hakmem_superslab_registry::TwoLevel;

// SAFETY: a static does not move.
static REGISTRY: TwoLevel = unsafe { TwoLevel::new() };

const BASE: usize = 0x7f00_0000_0000;
const COVERED: usize = 64 * SUPERSLAB;
const N: usize = 1024;

/// Measures `look` on addresses from `base` on.
fn over<T>(criterion: &mut Criterion, name: &str, base: usize, look: impl Fn(usize) -> T) {
    let addresses = common::random(N, COVERED);
    let mut group = criterion.benchmark_group("superslab_registry");
    group.throughput(Throughput::Elements(N as u64));
    group.bench_function(name, |bencher| {
        bencher.iter(|| {
            for address in &addresses {
                black_box(look(base + address));
            }
        });
    });
    group.finish();
}

fn lookups(criterion: &mut Criterion) {
    if !REGISTRY.cover(BASE, COVERED, &common::Meta) {
        std::process::abort();
    }
    for unit in (BASE..BASE + COVERED).step_by(UNIT) {
        // SAFETY: covered, and ours.
        unsafe { REGISTRY.publish(unit, 1, Tag::HUGE, Tag::HUGE, unit) };
    }
    let tag = |address| REGISTRY.tag(address);
    over(criterion, "tag, hit", BASE, tag);
    over(criterion, "tag, beside what is covered", BASE + COVERED, tag);
    over(criterion, "tag, nothing near", 0x10_0000_0000, tag);
    over(criterion, "tag, no address of a program", usize::MAX / 2, tag);
    over(criterion, "tag_covered", BASE, |address| {
        // SAFETY: covered.
        unsafe { REGISTRY.tag_covered(address) }
    });
    over(criterion, "word_covered", BASE, |address| {
        // SAFETY: covered.
        unsafe { REGISTRY.word_covered(address) }
    });
}

fn publish(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("superslab_registry");
    for units in [1, 8] {
        group.bench_function(format!("publish, {units} units"), |bencher| {
            // SAFETY: covered, and ours.
            bencher.iter(|| unsafe { REGISTRY.publish(BASE, units, Tag::HUGE, Tag::HUGE, 7) });
        });
    }
    group.finish();
}

fn main() {
    common::run(&[lookups, publish]);
}
