//! The pool as the facade sees it.

use core::ptr::NonNull;

use hakmem_contract::{Fatal, Fault, HugeBlocks, Memory, Pool, Registry, Span, Spans};

use crate::policy::Policy;
use crate::pool::SharedPool;

// SAFETY: the pool covers its units in its registry, and its memory is where they come from.
unsafe impl<M: Memory + Fatal, R: Registry, P: Policy> Pool for SharedPool<M, R, P> {
    type Registry = R;
    type Memory = M;

    #[inline(always)]
    fn registry(&self) -> &R {
        self.registry()
    }

    #[inline]
    fn memory(&self) -> &M {
        self.memory()
    }

    #[inline]
    fn acquire_at_hand(&self, units: usize, out: &mut [Span]) -> usize {
        self.acquire_at_hand(units, out)
    }

    #[inline]
    fn purge_all(&self) -> usize {
        self.purge(0, true)
    }
}

// SAFETY: `take_span` decides by one read-modify-write who releases a span.
unsafe impl<M: Memory, R: Registry, P: Policy> Spans for SharedPool<M, R, P> {
    #[inline]
    fn acquire_span(&self, units: usize) -> Option<(NonNull<u8>, bool)> {
        self.acquire_span(units)
    }

    #[inline]
    unsafe fn adopt_span(&self, span: Span) -> (NonNull<u8>, bool) {
        // SAFETY: passed on.
        unsafe { self.adopt_span(span) }
    }

    #[inline]
    unsafe fn release_span(&self, base: NonNull<u8>) -> Result<(), Fault> {
        // SAFETY: passed on.
        unsafe { self.release_span(base) }
    }

    #[inline]
    unsafe fn resize_span(&self, base: NonNull<u8>, units: usize) -> Result<bool, Fault> {
        // SAFETY: passed on.
        unsafe { self.resize_span(base, units) }
    }
}

// SAFETY: a huge block's tag is published before the block is handed out, and retracted when it is
// released.
unsafe impl<M: Memory, R: Registry, P: Policy> HugeBlocks for SharedPool<M, R, P> {
    #[inline]
    fn acquire_huge(&self, bytes: usize, align: usize) -> Option<(NonNull<u8>, bool)> {
        self.acquire_huge(bytes, align)
    }

    #[inline]
    unsafe fn release_huge(&self, base: NonNull<u8>) -> Result<(), Fault> {
        // SAFETY: passed on.
        unsafe { self.release_huge(base) }
    }

    #[inline]
    unsafe fn huge_bytes(&self, base: NonNull<u8>) -> usize {
        // SAFETY: passed on.
        unsafe { self.huge_bytes(base) }
    }

    #[inline]
    unsafe fn resize_huge(
        &self,
        base: NonNull<u8>,
        bytes: usize,
        may_move: bool,
    ) -> Option<NonNull<u8>> {
        // SAFETY: passed on.
        unsafe { self.resize_huge(base, bytes, may_move) }
    }
}
