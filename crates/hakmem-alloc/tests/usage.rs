//! What the allocator says of itself: statistics, limits, memory mapped ahead. One test, because the
//! numbers are the process's.

use hakmem_alloc::parts::contract::{Limits, SUPERSLAB, UNIT};
use hakmem_alloc::{Hakmem, Options, Usage};

static ALLOC: Hakmem = Hakmem::with(Options::new().superslab_cache_bytes(5 << 20));

/// The numbers, which agree with each other.
fn usage() -> Usage {
    let usage = ALLOC.usage();
    assert!(usage.memory.is_balanced(), "{usage:?}");
    assert_eq!(usage.memory.handed_out, usage.used() + usage.free_units());
    let classes: usize = usage.classes.iter().map(|class| class.bytes).sum();
    assert_eq!(classes, usage.slab_bytes);
    assert!(usage.classes.iter().all(|class| class.bytes == 0 || class.block_size > 0));
    usage
}

fn get(size: usize, n: usize) -> Vec<*mut u8> {
    let blocks: Vec<*mut u8> = (0..n).map(|_| ALLOC.allocate(size)).collect();
    assert!(blocks.iter().all(|block| !block.is_null()));
    blocks
}

fn give(blocks: &[*mut u8]) {
    for &block in blocks {
        // SAFETY: a live block, not used any more.
        unsafe { ALLOC.deallocate(block) };
    }
}

/// What is kept of `bytes` that are freed at once.
fn kept_of(bytes: usize) -> usize {
    ALLOC.trim();
    give(&get(bytes, 1));
    usage().memory.cached
}

/// The options count, though nothing was allocated yet; then what is set.
fn limits_hold() {
    assert_eq!(ALLOC.limits(), Limits::new().bytes(5 << 20));
    ALLOC.set_limits(ALLOC.limits().bytes(9 << 20));
    give(&get(1000, 1));
    assert_eq!(ALLOC.limits(), Limits::new().bytes(9 << 20));
    assert_eq!(kept_of(8 << 20), 8 << 20);
    assert_eq!(kept_of(10 << 20), 0);
}

fn numbers_follow_the_program() {
    // SuperSlabs that are gone count for nothing.
    give(&get(16 * UNIT, 20));
    ALLOC.trim();
    let small = get(1000, 1);
    let before = usage();
    assert_eq!(before.heaps, 1);
    let class = before.classes.iter().find(|class| class.block_size == 1024);
    assert_eq!(class.map(|class| class.bytes), Some(UNIT));
    let (spans, huge) = (get(3 * UNIT, 7), get(3 * SUPERSLAB - 5, 2));
    let with = usage();
    assert_eq!((with.spans, with.span_bytes), (7, 21 * UNIT));
    assert_eq!((with.huge_blocks, with.huge_bytes), (2, 6 * SUPERSLAB));
    assert_eq!(with.slab_bytes, before.slab_bytes);
    give(&spans);
    give(&huge);
    assert_eq!(usage().used(), before.used());
    give(&small);
    ALLOC.trim();
    assert_eq!(usage().used(), 0);
}

fn what_is_mapped_ahead_is_fresh() {
    let fresh = usage().memory.fresh;
    assert_eq!(ALLOC.prewarm(3), 3);
    assert_eq!(usage().memory.fresh, fresh + 3 * SUPERSLAB);
    ALLOC.trim();
    assert_eq!(usage().memory.fresh, 0);
}

#[test]
fn it_knows_where_its_memory_is() {
    let nothing = usage();
    assert_eq!((nothing.memory.mapped, nothing.used(), nothing.heaps), (0, 0, 0));
    assert_eq!(nothing.classes.map(|class| class.block_size).iter().max(), Some(&(32 << 10)));
    limits_hold();
    numbers_follow_the_program();
    what_is_mapped_ahead_is_fresh();
}
