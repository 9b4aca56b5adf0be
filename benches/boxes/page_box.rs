//! One slab's bits: in order, scattered, and from other threads.

mod common;

use std::ptr::{self, NonNull};

use common::units::Units;
use criterion::{BatchSize, Criterion, Throughput};
use hakmem_contract::{Block, Owner, Page, SizeClasses, Tag};
use hakmem_front_gate::FourPerDoubling;
use hakmem_page_box::{Inbox, Slab};

const N: usize = 64;

/// A slab of 16-byte blocks, of which a quarter has been taken.
fn slab(inbox: &'static Inbox) -> (NonNull<Slab>, Vec<*mut u8>) {
    let class = common::class(common::TINY);
    let geometry = FourPerDoubling::geometry(class);
    let memory = common::memory(Slab::footprint(geometry));
    let tag = Tag::slab(Owner::new(0).unwrap_or(Owner::NOBODY), class);
    // SAFETY: memory for ever, and a span of one unit.
    let slab = unsafe { Slab::open_local(memory, Units::new(1).one(), geometry, tag, inbox) };
    let mut blocks = vec![ptr::null_mut(); 1024];
    let n = take(slab, &mut blocks);
    blocks.truncate(n);
    (slab, blocks)
}

fn take(slab: NonNull<Slab>, out: &mut [*mut u8]) -> usize {
    // SAFETY: our slab; as long as it says.
    unsafe { Slab::take_local(slab, out.as_mut_ptr(), out.len()) }.unwrap_or(0)
}

fn give(slab: NonNull<Slab>, blocks: &[*mut u8]) {
    let mut rest = blocks;
    while !rest.is_empty() {
        // SAFETY: our slab, and blocks of it that were taken.
        match unsafe { Slab::give_local(slab, rest.as_ptr(), rest.len()) } {
            Ok(given) => rest = &rest[given.taken..],
            Err(_) => std::process::abort(),
        }
    }
}

fn local(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("page_box");
    group.throughput(Throughput::Elements(N as u64));
    let (slab, taken) = slab(Box::leak(Box::new(Inbox::new())));
    let mut out = [ptr::null_mut(); N];
    group.bench_function("64 blocks in order", |bencher| {
        bencher.iter(|| {
            let n = take(slab, &mut out);
            give(slab, &out[..n]);
        });
    });
    let mut scattered = common::shuffled(&taken);
    let mut at = 0;
    group.bench_function("64 blocks scattered over 16 KiB", |bencher| {
        bencher.iter(|| {
            at = (at + N) % (scattered.len() - N);
            give(slab, &scattered[at..at + N]);
            take(slab, &mut scattered[at..at + N])
        });
    });
    group.finish();
}

fn remote(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("page_box");
    let inbox = Box::leak(Box::new(Inbox::new()));
    let (slab, taken) = slab(inbox);
    let blocks: Vec<Block> = taken.into_iter().filter_map(Block::new).collect();
    for (name, n) in [("give_remote and collect, 1 block", 1), ("the same, 64 blocks", N)] {
        group.throughput(Throughput::Elements(n as u64));
        group.bench_function(name, |bencher| {
            bencher.iter_batched(
                || common::shuffled(&blocks[..n]),
                |blocks| {
                    for block in blocks {
                        give_remote(slab, block);
                    }
                    // SAFETY: our inbox.
                    let collected = unsafe { Slab::collect_local(inbox, |_| {}) };
                    (collected.is_ok(), take(slab, &mut [ptr::null_mut(); N][..n]))
                },
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

fn give_remote(slab: NonNull<Slab>, block: Block) {
    // SAFETY: a live block of the slab.
    let Ok((word, bit)) = (unsafe { Slab::locate(slab, block) }) else { std::process::abort() };
    // SAFETY: the block is ours to give.
    if unsafe { Slab::give_remote(slab, word, bit) }.is_err() {
        std::process::abort();
    }
}

fn main() {
    common::run(&[local, remote]);
}
