//! The same calls for every front cache.

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use hakmem_contract::{Block, BlockSource, Class, FrontCache, SizeClasses};
use hakmem_front_gate::FourPerDoubling;

use super::{MIDDLE, Meta, TINY, class, memory};

/// Blocks of one class on a stack.
struct Stack(Vec<*mut u8>);

impl Stack {
    fn new(class: Class, n: usize) -> Self {
        let size = FourPerDoubling::geometry(class).block_size as usize;
        let base = memory(size * n).as_ptr();
        Self((0..n).rev().map(|i| base.wrapping_add(i * size)).collect())
    }
}

// SAFETY: a block is on the stack or out.
unsafe impl BlockSource for Stack {
    #[inline]
    unsafe fn take(&mut self, _class: Class, out: *mut *mut u8, want: usize) -> usize {
        let n = want.min(self.0.len());
        for (slot, block) in self.0.drain(self.0.len() - n..).enumerate() {
            // SAFETY: `slot < want`.
            unsafe { out.wrapping_add(slot).write(block) };
        }
        n
    }

    #[inline]
    unsafe fn give(&mut self, _class: Class, blocks: *const *mut u8, n: usize) {
        // SAFETY: the caller's promise.
        self.0.extend_from_slice(unsafe { std::slice::from_raw_parts(blocks, n) });
    }
}

/// A cache and what feeds it.
struct Rig<F> {
    cache: *mut F,
    source: Stack,
}

impl<F: FrontCache> Rig<F> {
    fn new(class: Class) -> Self {
        let cache = memory(size_of::<F>()).cast().as_ptr();
        // SAFETY: zero bytes, and ours for ever.
        unsafe { F::open(cache, 0) };
        Self { cache, source: Stack::new(class, 4096) }
    }

    #[inline]
    fn allocate(&mut self, class: Class) -> Option<Block> {
        // SAFETY: our cache.
        if let Some(block) = unsafe { F::pop(self.cache, class) } {
            return Some(block);
        }
        let geometry = FourPerDoubling::geometry(class);
        // SAFETY: our cache, opened, and empty for the class.
        unsafe { F::refill(self.cache, class, geometry, &mut self.source, &Meta) }
    }

    #[inline]
    fn free(&mut self, class: Class, block: Block) {
        // SAFETY: our cache and block.
        if unsafe { F::push(self.cache, class, block) } {
            return;
        }
        let geometry = FourPerDoubling::geometry(class);
        // SAFETY: our cache and block.
        unsafe { F::spill(self.cache, class, geometry, block, &mut self.source, &Meta) };
    }

    /// Allocates `n` blocks, then frees them.
    #[inline]
    fn swing(&mut self, class: Class, live: &mut Vec<Block>, n: usize) {
        live.extend((0..n).filter_map(|_| self.allocate(class)));
        for block in live.drain(..) {
            self.free(class, block);
        }
    }
}

/// Measures `F`.
pub fn bench<F: FrontCache>(criterion: &mut Criterion, name: &str) {
    let mut group = criterion.benchmark_group(name);
    for (size, index) in [("16 B", TINY), ("1 KiB", MIDDLE)] {
        let class = class(index);
        let mut rig = Rig::<F>::new(class);
        let mut live = Vec::new();
        // The limit is reached.
        (0..20).for_each(|_| rig.swing(class, &mut live, 2000));
        group.throughput(Throughput::Elements(1));
        group.bench_function(format!("pop and push, {size}"), |bencher| {
            bencher.iter(|| {
                if let Some(block) = rig.allocate(class) {
                    rig.free(class, black_box(block));
                }
            });
        });
        for (what, n) in [("hits", 32), ("refills and spills", 2000)] {
            group.throughput(Throughput::Elements(n as u64));
            group.bench_function(format!("{n} out and back, {what}, {size}"), |bencher| {
                bencher.iter(|| rig.swing(class, &mut live, n));
            });
        }
    }
    group.finish();
}
