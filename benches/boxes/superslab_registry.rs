//! What is at an address: addresses that are somebody's, and that are nobody's. For each registry.

mod common;

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use hakmem_contract::{Registry, SUPERSLAB, Tag, UNIT};
use hakmem_flat_registry::Flat;
use hakmem_hash_registry::Hash;
use hakmem_superslab_registry::TwoLevel;

// SAFETY: a static does not move.
static TWO_LEVEL: TwoLevel = unsafe { TwoLevel::new() };
static FLAT: Flat = Flat::new();
static HASH: Hash = Hash::new();

const BASE: usize = 0x7f00_0000_0000;
const COVERED: usize = 64 * SUPERSLAB;
const N: usize = 1024;

/// Measures `look` on addresses from `base` on.
fn over<T>(
    criterion: &mut Criterion,
    [registry, name]: [&str; 2],
    base: usize,
    look: impl Fn(usize) -> T,
) {
    let addresses = common::random(N, COVERED);
    let mut group = criterion.benchmark_group(registry);
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

fn lookups(criterion: &mut Criterion, name: &str, registry: &impl Registry) {
    if !registry.cover(BASE, COVERED, &common::Meta) {
        std::process::abort();
    }
    for unit in (BASE..BASE + COVERED).step_by(UNIT) {
        // SAFETY: covered, and ours.
        unsafe { registry.publish(unit, 1, Tag::HUGE, Tag::HUGE, unit) };
    }
    let tag = |address| registry.tag(address);
    over(criterion, [name, "tag, hit"], BASE, tag);
    over(criterion, [name, "tag, beside what is covered"], BASE + COVERED, tag);
    over(criterion, [name, "tag, nothing near"], 0x10_0000_0000, tag);
    over(criterion, [name, "tag, no address of a program"], usize::MAX / 2, tag);
    over(criterion, [name, "tag_covered"], BASE, |address| {
        // SAFETY: covered.
        unsafe { registry.tag_covered(address) }
    });
    over(criterion, [name, "word_covered"], BASE, |address| {
        // SAFETY: covered.
        unsafe { registry.word_covered(address) }
    });
}

fn publish(criterion: &mut Criterion, name: &str, registry: &impl Registry) {
    let mut group = criterion.benchmark_group(name);
    for units in [1, 8] {
        group.bench_function(format!("publish, {units} units"), |bencher| {
            // SAFETY: covered, and ours.
            bencher.iter(|| unsafe { registry.publish(BASE, units, Tag::HUGE, Tag::HUGE, 7) });
        });
    }
    group.finish();
}

/// Everything of one.
fn measure(criterion: &mut Criterion, name: &str, registry: &impl Registry) {
    lookups(criterion, name, registry);
    publish(criterion, name, registry);
}

fn main() {
    common::run(&[
        |criterion| measure(criterion, "superslab_registry", &TWO_LEVEL),
        |criterion| measure(criterion, "flat_registry", &FLAT),
        |criterion| measure(criterion, "hash_registry", &HASH),
    ]);
}
