//! A pool that counts.

use core::ptr::NonNull;

use hakmem_contract::{Fault, HugeBlocks, Pool, Span, Spans, Superslabs, UnitPool};

use crate::{Counted, Event, Ledger};

// SAFETY: every call is passed on, and its answer back.
unsafe impl<P: UnitPool, L: Ledger> UnitPool for Counted<P, L> {
    #[inline]
    fn acquire(&self, units: usize, out: &mut [Span]) -> usize {
        let n_spans = self.inner().acquire(units, out);
        L::note(if n_spans == 0 { Event::PoolFailed } else { Event::PoolNew });
        L::add(Event::PoolSpans, n_spans as u64);
        n_spans
    }

    #[inline]
    fn acquire_at_hand(&self, units: usize, out: &mut [Span]) -> usize {
        let n_spans = self.inner().acquire_at_hand(units, out);
        L::note(if n_spans == 0 { Event::PoolNotAtHand } else { Event::PoolAtHand });
        L::add(Event::PoolSpans, n_spans as u64);
        n_spans
    }

    #[inline]
    unsafe fn release(&self, span: Span) {
        L::note(Event::PoolRelease);
        // SAFETY: passed on.
        unsafe { self.inner().release(span) };
    }

    #[inline]
    unsafe fn extend(&self, span: Span, more: usize) -> Option<bool> {
        // SAFETY: passed on.
        unsafe { self.inner().extend(span, more) }
    }
}

// SAFETY: as above.
unsafe impl<P: Pool, L: Ledger> Pool for Counted<P, L> {
    type Registry = P::Registry;
    type Memory = P::Memory;

    #[inline(always)]
    fn registry(&self) -> &P::Registry {
        self.inner().registry()
    }

    #[inline]
    fn memory(&self) -> &P::Memory {
        self.inner().memory()
    }

    fn purge_all(&self) -> usize {
        self.inner().purge_all()
    }
}

impl<P: Superslabs, L: Ledger> Superslabs for Counted<P, L> {
    fn superslabs(&self) -> usize {
        self.inner().superslabs()
    }
}

// SAFETY: as above.
unsafe impl<P: Spans, L: Ledger> Spans for Counted<P, L> {
    fn span_units(&self, units: usize) -> Option<usize> {
        self.inner().span_units(units)
    }

    unsafe fn adopt_span(&self, span: Span) -> (NonNull<u8>, bool) {
        L::note(Event::PoolBlock);
        // SAFETY: passed on.
        unsafe { self.inner().adopt_span(span) }
    }

    unsafe fn retire_span(&self, base: NonNull<u8>) -> Result<Span, Fault> {
        L::note(Event::PoolBlockFree);
        // SAFETY: passed on.
        unsafe { self.inner().retire_span(base) }
    }

    unsafe fn release_span(&self, base: NonNull<u8>) -> Result<(), Fault> {
        L::note(Event::PoolBlockFree);
        // SAFETY: passed on.
        unsafe { self.inner().release_span(base) }
    }

    unsafe fn resize_span(&self, base: NonNull<u8>, units: usize) -> Result<bool, Fault> {
        L::note(Event::PoolBlockResize);
        // SAFETY: passed on.
        unsafe { self.inner().resize_span(base, units) }
    }
}

// SAFETY: as above.
unsafe impl<P: HugeBlocks, L: Ledger> HugeBlocks for Counted<P, L> {
    fn acquire_huge(&self, bytes: usize, align: usize) -> Option<(NonNull<u8>, bool)> {
        L::note(Event::PoolHuge);
        self.inner().acquire_huge(bytes, align)
    }

    unsafe fn release_huge(&self, base: NonNull<u8>) -> Result<(), Fault> {
        L::note(Event::PoolHugeFree);
        // SAFETY: passed on.
        unsafe { self.inner().release_huge(base) }
    }

    unsafe fn huge_bytes(&self, base: NonNull<u8>) -> usize {
        // SAFETY: passed on.
        unsafe { self.inner().huge_bytes(base) }
    }

    unsafe fn resize_huge(
        &self,
        base: NonNull<u8>,
        bytes: usize,
        may_move: bool,
    ) -> Result<Option<NonNull<u8>>, Fault> {
        L::note(Event::PoolHugeResize);
        // SAFETY: passed on.
        unsafe { self.inner().resize_huge(base, bytes, may_move) }
    }
}
