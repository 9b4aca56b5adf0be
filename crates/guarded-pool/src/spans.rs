//! Spans with a guard unit on either side.

use core::ptr::NonNull;

use hakmem_contract::{Fault, Guard, Kind, Pool, Registry, Span, Spans, UNIT};

use crate::pool::Guarded;
use crate::quarantine::Range;

/// Units around a block.
const GUARDS: u16 = 2;

/// `block` with its guards.
fn widened(block: Span) -> Span {
    // The guard before the block was acquired with it: not null.
    let base = NonNull::new(block.base.as_ptr().wrapping_sub(UNIT));
    Span { base: base.unwrap_or(block.base), units: block.units + GUARDS, ..block }
}

/// `units` units later, in the same SuperSlab.
fn behind(base: NonNull<u8>, units: u16) -> NonNull<u8> {
    base.map_addr(|address| address.saturating_add(usize::from(units) * UNIT))
}

/// The block between the guards of `span`.
fn middle(span: Span) -> Span {
    Span { base: behind(span.base, 1), units: span.units - GUARDS, ..span }
}

// SAFETY: the pool below keeps the books of the blocks; we add units on either side, which go with
// them.
unsafe impl<P: Pool<Memory: Guard> + Spans> Spans for Guarded<P> {
    fn span_units(&self, units: usize) -> Option<usize> {
        self.pool.span_units(units + usize::from(GUARDS))
    }

    unsafe fn adopt_span(&self, span: Span) -> (NonNull<u8>, bool) {
        let block = middle(span);
        // SAFETY: the first unit of the caller's span.
        unsafe { self.close(span.base, UNIT) };
        // SAFETY: the last one.
        unsafe { self.close(behind(block.base, block.units), UNIT) };
        // SAFETY: the units are the caller's.
        unsafe { self.pool.adopt_span(block) }
    }

    unsafe fn retire_span(&self, base: NonNull<u8>) -> Result<Span, Fault> {
        // SAFETY: passed on.
        let span = widened(unsafe { self.pool.retire_span(base) }?);
        let bytes = usize::from(span.units) * UNIT;
        // SAFETY: the block's units and its guards are the caller's.
        let whole = unsafe { self.open(span.base, bytes) };
        // Guards that stay are nobody's.
        Ok(if whole { span } else { middle(span) })
    }

    unsafe fn release_span(&self, base: NonNull<u8>) -> Result<(), Fault> {
        // SAFETY: passed on.
        let span = unsafe { self.pool.retire_span(base) }?;
        // SAFETY: the block's units and its guards are ours now.
        unsafe { self.retire(Range::Units(widened(span))) };
        Ok(())
    }

    unsafe fn resize_span(&self, base: NonNull<u8>, units: usize) -> Result<bool, Fault> {
        let address = base.as_ptr().addr();
        match self.pool.registry().tag(address).kind() {
            Kind::SpanHead(old) if address.is_multiple_of(UNIT) => Ok(old == units),
            Kind::SpanHead(_) | Kind::SpanTail => Err(Fault::Interior(address)),
            Kind::Foreign | Kind::Huge | Kind::Slab(..) => Err(Fault::Foreign(address)),
        }
    }
}
