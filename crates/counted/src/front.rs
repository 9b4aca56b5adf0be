//! A front cache that counts.
//!
//! The empty cache of threads without a heap is one static for all of them, and nobody may write to it. Nothing is
//! written here, either: the counts lie elsewhere. But a miss on it is not this cache's, so misses are counted where
//! a heap is refilled.

use hakmem_contract::{Block, BlockSource, Class, FrontCache, Geometry, MetaArena};

use crate::{Counted, Event, Ledger};

/// The source below a front cache, and the number of blocks that went through it.
struct Passing<'a, S> {
    source: &'a mut S,
    taken: u64,
    given: u64,
}

impl<'a, S> Passing<'a, S> {
    const fn new(source: &'a mut S) -> Self {
        Self { source, taken: 0, given: 0 }
    }
}

// SAFETY: every call is passed on, and its answer back.
unsafe impl<S: BlockSource> BlockSource for Passing<'_, S> {
    #[inline]
    unsafe fn take(&mut self, class: Class, out: *mut *mut u8, want: usize) -> usize {
        // SAFETY: passed on.
        let n = unsafe { self.source.take(class, out, want) };
        self.taken += n as u64;
        n
    }

    #[inline]
    unsafe fn give(&mut self, class: Class, blocks: *const *mut u8, n: usize) {
        self.given += n as u64;
        // SAFETY: passed on.
        unsafe { self.source.give(class, blocks, n) };
    }
}

// SAFETY: every call is passed on, and its answer back.
unsafe impl<F: FrontCache, L: Ledger> FrontCache for Counted<F, L> {
    const EMPTY: Self = Self::new(F::EMPTY);
    const SURVIVES_CUT: bool = F::SURVIVES_CUT;

    #[inline]
    unsafe fn open(this: *mut Self, limit_shift: u32) {
        // SAFETY: passed on: the same address, as the type is transparent.
        unsafe { F::open(this.cast(), limit_shift) };
    }

    #[inline(always)]
    unsafe fn pop(this: *mut Self, class: Class) -> Option<Block> {
        // SAFETY: passed on.
        let block = unsafe { F::pop(this.cast(), class) };
        if block.is_some() {
            L::note(Event::FrontHit);
        }
        block
    }

    #[inline(always)]
    unsafe fn push(this: *mut Self, class: Class, block: Block) -> bool {
        // SAFETY: passed on.
        let cached = unsafe { F::push(this.cast(), class, block) };
        if cached {
            L::note(Event::FrontFree);
        }
        cached
    }

    #[inline]
    unsafe fn refill<S: BlockSource>(
        this: *mut Self,
        class: Class,
        geometry: &Geometry,
        source: &mut S,
        meta: &impl MetaArena,
    ) -> Option<Block> {
        let mut passing = Passing::new(source);
        // SAFETY: passed on.
        let block = unsafe { F::refill(this.cast(), class, geometry, &mut passing, meta) };
        L::note(Event::FrontRefill);
        L::add(Event::FrontRefilled, passing.taken);
        // A cache that drains now and then may do so here.
        L::add(Event::FrontSpilled, passing.given);
        block
    }

    #[inline]
    unsafe fn spill<S: BlockSource>(
        this: *mut Self,
        class: Class,
        geometry: &Geometry,
        block: Block,
        source: &mut S,
        meta: &impl MetaArena,
    ) {
        let mut passing = Passing::new(source);
        // SAFETY: passed on.
        unsafe { F::spill(this.cast(), class, geometry, block, &mut passing, meta) };
        L::note(Event::FrontSpill);
        L::add(Event::FrontSpilled, passing.given);
    }

    #[inline]
    unsafe fn drain_class<S: BlockSource>(this: *mut Self, class: Class, source: &mut S) {
        let mut passing = Passing::new(source);
        // SAFETY: passed on.
        unsafe { F::drain_class(this.cast(), class, &mut passing) };
        L::add(Event::FrontDrained, passing.given);
    }

    #[inline]
    unsafe fn drain<S: BlockSource>(this: *mut Self, source: &mut S) {
        let mut passing = Passing::new(source);
        // SAFETY: passed on.
        unsafe { F::drain(this.cast(), &mut passing) };
        L::add(Event::FrontDrained, passing.given);
    }
}
