//! One slab's bits, or its list: in order, scattered, and from other threads.

mod common;

use std::ptr::{self, NonNull};

use criterion::{BatchSize, Criterion, Throughput};
use hakmem_contract::{Block, Owner, Page, SizeClasses, Span, Tag, UNIT};
use hakmem_free_list_page::FreeListSlab;
use hakmem_front_gate::FourPerDoubling;
use hakmem_page_box::Slab;

const N: usize = 64;

/// A slab of 16-byte blocks, of which a quarter has been taken.
fn slab<P: Page<Inbox: 'static>>(inbox: &'static P::Inbox) -> (NonNull<P>, Vec<*mut u8>) {
    let class = common::class(common::TINY);
    let geometry = FourPerDoubling::geometry(class);
    let memory = common::memory(P::footprint(geometry));
    let tag = Tag::slab(Owner::new(0).unwrap_or(Owner::NOBODY), class);
    let span = Span { base: common::memory(UNIT), superslab: 0, units: 1, zeroed: 0 };
    // SAFETY: memory for ever, and a span of one unit.
    let slab = unsafe { P::open_local(memory, span, geometry, tag, inbox) };
    let mut blocks = vec![ptr::null_mut(); 1024];
    let n = take(slab, &mut blocks);
    blocks.truncate(n);
    (slab, blocks)
}

fn take<P: Page>(slab: NonNull<P>, out: &mut [*mut u8]) -> usize {
    // SAFETY: our slab; as long as it says.
    unsafe { P::take_local(slab, out.as_mut_ptr(), out.len()) }.unwrap_or(0)
}

fn give<P: Page>(slab: NonNull<P>, blocks: &[*mut u8]) {
    let mut rest = blocks;
    while !rest.is_empty() {
        // SAFETY: our slab, and blocks of it that were taken.
        match unsafe { P::give_local(slab, rest.as_ptr(), rest.len()) } {
            Ok(given) => rest = &rest[given.taken..],
            Err(_) => std::process::abort(),
        }
    }
}

fn local<P: Page<Inbox: Default + 'static>>(criterion: &mut Criterion, name: &str) {
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Elements(N as u64));
    let (slab, taken) = slab::<P>(Box::leak(Box::default()));
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

fn remote<P: Page<Inbox: Default + 'static>>(criterion: &mut Criterion, name: &str) {
    let mut group = criterion.benchmark_group(name);
    let inbox: &P::Inbox = Box::leak(Box::default());
    let (slab, taken) = slab::<P>(inbox);
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
                    let collected = unsafe { P::collect_local(inbox, |_| {}) };
                    (collected.is_ok(), take(slab, &mut [ptr::null_mut(); N][..n]))
                },
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

fn give_remote<P: Page>(slab: NonNull<P>, block: Block) {
    // SAFETY: a live block of the slab.
    let Ok((word, bit)) = (unsafe { P::locate(slab, block) }) else { std::process::abort() };
    // SAFETY: the block is ours to give.
    if unsafe { P::give_remote(slab, word, bit) }.is_err() {
        std::process::abort();
    }
}

fn bitmap(criterion: &mut Criterion) {
    local::<Slab>(criterion, "page_box");
    remote::<Slab>(criterion, "page_box");
}

fn free_list(criterion: &mut Criterion) {
    local::<FreeListSlab>(criterion, "free_list_page");
    remote::<FreeListSlab>(criterion, "free_list_page");
}

fn main() {
    common::run(&[bitmap, free_list]);
}
