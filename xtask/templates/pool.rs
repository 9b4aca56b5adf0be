//! my-box: units, spans and huge blocks. For now, those of `hakmem-shared-pool`, passed on.
//!
//! # Why it exists
//!
//! To be changed: one call after the other, or all of them for another pool.
//!
//! # What it does not do
//!
//! It looks into no unit, makes no system call, and knows neither classes nor slabs nor threads.
//!
//! # Where to start
//!
//! 1. `acquire` and `release` are called for every slab and span, by any thread at any time. More than one span
//!    in a call saves calls: hand them out if they are at hand.
//! 2. `acquire_at_hand` is asked first: a thread looks after the blocks of threads that ended before it lets
//!    the system be asked.
//! 3. A span is in one SuperSlab. What is handed out is covered in the registry, so that its tags can be
//!    published.
//! 4. Who takes a lock says so: a thread that stops inside (a fork, a signal) stops the others.
//! 5. `cargo test` says whether it still keeps the promises; `cargo xtask bench --swap` what it is
//!    worth.
//!
//! # Reading order
//!
//! The traits, in `hakmem-contract`'s `pool.rs`, then [`MyBox`].
#![no_std]

use core::ptr::NonNull;

use hakmem_contract::{
    Fatal, Fault, Fresh, HugeBlocks, Memory, Pool, Registry, Span, Spans, Superslabs, UnitPool,
    Unplaced,
};
use hakmem_shared_pool::SharedPool;

/// See the [crate docs](crate).
#[derive(Debug)]
pub struct MyBox<M, R> {
    pool: SharedPool<M, R>,
}

impl<M: Fresh, R: Fresh> Fresh for MyBox<M, R> {
    const FRESH: Unplaced<Self> = Unplaced::new(Self {
        // SAFETY: a part of this value, which whoever places it does not move.
        pool: unsafe { SharedPool::FRESH.place() },
    });
}

// SAFETY: every call is passed on to a pool that promises the same.
unsafe impl<M: Memory + Fatal, R: Registry> UnitPool for MyBox<M, R> {
    #[inline]
    fn acquire(&self, units: usize, out: &mut [Span]) -> usize {
        self.pool.acquire(units, out)
    }

    #[inline]
    fn acquire_at_hand(&self, units: usize, out: &mut [Span]) -> usize {
        self.pool.acquire_at_hand(units, out)
    }

    #[inline]
    unsafe fn release(&self, span: Span) {
        // SAFETY: passed on.
        unsafe { self.pool.release(span) };
    }

    #[inline]
    unsafe fn extend(&self, span: Span, more: usize) -> Option<bool> {
        // SAFETY: passed on.
        unsafe { self.pool.extend(span, more) }
    }
}

// SAFETY: every call is passed on to a pool that promises the same.
unsafe impl<M: Memory + Fatal, R: Registry> Pool for MyBox<M, R> {
    type Registry = R;
    type Memory = M;

    #[inline]
    fn registry(&self) -> &R {
        self.pool.registry()
    }

    #[inline]
    fn memory(&self) -> &M {
        self.pool.memory()
    }

    #[inline]
    fn purge_all(&self) -> usize {
        self.pool.purge_all()
    }
}

impl<M: Memory + Fatal, R: Registry> Superslabs for MyBox<M, R> {
    #[inline]
    fn superslabs(&self) -> usize {
        self.pool.superslabs()
    }
}

// SAFETY: every call is passed on to a pool that promises the same.
unsafe impl<M: Memory + Fatal, R: Registry> Spans for MyBox<M, R> {
    #[inline]
    fn span_units(&self, units: usize) -> Option<usize> {
        self.pool.span_units(units)
    }

    #[inline]
    unsafe fn adopt_span(&self, span: Span) -> (NonNull<u8>, bool) {
        // SAFETY: passed on.
        unsafe { self.pool.adopt_span(span) }
    }

    #[inline]
    unsafe fn retire_span(&self, base: NonNull<u8>) -> Result<Span, Fault> {
        // SAFETY: passed on.
        unsafe { self.pool.retire_span(base) }
    }

    #[inline]
    unsafe fn release_span(&self, base: NonNull<u8>) -> Result<(), Fault> {
        // SAFETY: passed on.
        unsafe { self.pool.release_span(base) }
    }

    #[inline]
    unsafe fn resize_span(&self, base: NonNull<u8>, units: usize) -> Result<bool, Fault> {
        // SAFETY: passed on.
        unsafe { self.pool.resize_span(base, units) }
    }
}

// SAFETY: every call is passed on to a pool that promises the same.
unsafe impl<M: Memory + Fatal, R: Registry> HugeBlocks for MyBox<M, R> {
    #[inline]
    fn acquire_huge(&self, bytes: usize, align: usize) -> Option<(NonNull<u8>, bool)> {
        self.pool.acquire_huge(bytes, align)
    }

    #[inline]
    unsafe fn release_huge(&self, base: NonNull<u8>) -> Result<(), Fault> {
        // SAFETY: passed on.
        unsafe { self.pool.release_huge(base) }
    }

    #[inline]
    unsafe fn huge_bytes(&self, base: NonNull<u8>) -> usize {
        // SAFETY: passed on.
        unsafe { self.pool.huge_bytes(base) }
    }

    #[inline]
    unsafe fn resize_huge(
        &self,
        base: NonNull<u8>,
        bytes: usize,
        may_move: bool,
    ) -> Result<Option<NonNull<u8>>, Fault> {
        // SAFETY: passed on.
        unsafe { self.pool.resize_huge(base, bytes, may_move) }
    }
}
