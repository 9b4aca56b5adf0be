//! Blocks of whole units: larger than any class, at most [`MAX_SPAN_UNITS`].
//!
//! The registry says where a span begins (its head's tag holds the length) and which SuperSlab it
//! is of (the word). Beside that each SuperSlab has a word with a bit for each unit at which a live
//! span begins: whoever takes the bit away owns the span. So of two frees of one span, at the
//! same moment too, one gets an answer and the other a fault.
//!
//! [`MAX_SPAN_UNITS`]: hakmem_contract::geometry::MAX_SPAN_UNITS

use core::ptr::NonNull;

use hakmem_contract::geometry::MAX_SPAN_UNITS;
use hakmem_contract::{Fault, Kind, Memory, Registry, Span, Spans, Tag, UNIT, UnitPool};

use crate::entry::{Entry, unit_at};
use crate::policy::Policy;
use crate::pool::SharedPool;
use crate::state::low_u32;

// SAFETY: `take_span` decides by one read-modify-write who releases a span.
unsafe impl<M: Memory, R: Registry, P: Policy> Spans for SharedPool<M, R, P> {
    #[inline]
    fn span_units(&self, units: usize) -> Option<usize> {
        (1..=MAX_SPAN_UNITS).contains(&units).then_some(units)
    }

    unsafe fn adopt_span(&self, span: Span) -> (NonNull<u8>, bool) {
        let units = usize::from(span.units);
        // SAFETY: the units are covered, as all that the pool hands out, and the caller's.
        unsafe { self.publish_span(span.address(), units, span.superslab) };
        if let Some(entry) = self.entry(span.superslab) {
            entry.heads.set(unit_at(span.address()));
        }
        (span.base, span.zeroed != 0)
    }

    #[inline]
    unsafe fn retire_span(&self, base: NonNull<u8>) -> Result<Span, Fault> {
        let span = self.take_span(base)?;
        // SAFETY: the units are covered, and ours since `take_span`.
        unsafe { self.publish_freed(span.address(), usize::from(span.units)) };
        Ok(span)
    }

    unsafe fn release_span(&self, base: NonNull<u8>) -> Result<(), Fault> {
        // SAFETY: passed on.
        let span = unsafe { self.retire_span(base) }?;
        // SAFETY: the units are ours, and their tags are gone.
        unsafe { self.release(span) };
        Ok(())
    }

    unsafe fn resize_span(&self, base: NonNull<u8>, units: usize) -> Result<bool, Fault> {
        let span = self.take_span(base)?;
        let address = span.address();
        let old = usize::from(span.units);
        let resized = if units > old {
            // SAFETY: `take_span` made the span ours.
            unsafe { self.extend(span, units - old) }.is_some()
        } else {
            units != 0
        };
        if resized && units < old {
            let tail = address + units * UNIT;
            let (tag, word) = (Tag::FREED_TAIL, 0);
            // SAFETY: the units are covered and ours.
            unsafe { self.registry.publish(tail, old - units, tag, tag, word) };
        }
        if resized {
            // SAFETY: the units are covered and ours: the old ones, or those and the extension.
            unsafe { self.publish_span(address, units, span.superslab) };
        }
        if let Some(entry) = self.entry(span.superslab) {
            entry.heads.set(unit_at(address));
        }
        if resized && units < old {
            // SAFETY: the units behind the block are ours, and their tags are gone.
            unsafe { self.release(behind(span, units)) };
        }
        Ok(resized)
    }
}

impl<M: Memory, R: Registry, P: Policy> SharedPool<M, R, P> {
    /// A block of `units` units, and whether every byte is known to be zero.
    pub fn acquire_span(&self, units: usize) -> Option<(NonNull<u8>, bool)> {
        let mut span = [Span::NONE];
        if self.acquire(self.span_units(units)?, &mut span) == 0 {
            return None;
        }
        let [span] = span;
        // SAFETY: `acquire` gave us the span.
        Some(unsafe { self.adopt_span(span) })
    }

    /// Units of the span at `base`.
    fn length(&self, base: NonNull<u8>) -> Result<usize, Fault> {
        let address = base.as_ptr().addr();
        match self.registry.tag(address).kind() {
            Kind::SpanHead(units) if address.is_multiple_of(UNIT) => Ok(units),
            Kind::SpanHead(_) | Kind::SpanTail => Err(Fault::Interior(address)),
            Kind::Foreign | Kind::Huge | Kind::Slab(..) => Err(Fault::Foreign(address)),
        }
    }

    /// Makes the caller the only one who knows of the span at `base`.
    fn take_span(&self, base: NonNull<u8>) -> Result<Span, Fault> {
        let address = base.as_ptr().addr();
        self.length(base)?;
        // SAFETY: its tag is not foreign, so it is covered.
        let superslab = low_u32(unsafe { self.registry.word_covered(address) });
        let entry = self.entry(superslab).ok_or(Fault::Foreign(address))?;
        if P::HEAD_DECIDES && !entry.heads.clear(unit_at(address)) {
            return Err(Fault::DoubleFree(address));
        }
        // P4: the span is ours, and now its tag cannot change: the first look may have been at
        // another span that was here before.
        let units = self.owned_units(entry, base)?;
        let [low, high, ..] = units.to_le_bytes();
        Ok(Span { base, superslab, units: u16::from_le_bytes([low, high]), zeroed: 0 })
    }

    /// The length of a span whose head bit the caller took.
    fn owned_units(&self, entry: &Entry, base: NonNull<u8>) -> Result<usize, Fault> {
        let address = base.as_ptr().addr();
        let units = self.length(base);
        if units.is_err() || entry.unit(unit_at(address)) != address {
            // The bit was that of another SuperSlab, which took over the number meanwhile.
            entry.heads.set(unit_at(address));
            return Err(Fault::DoubleFree(address));
        }
        units
    }

    /// Says that `units` units at `address` are one span.
    ///
    /// # Safety
    ///
    /// The units are covered and the caller's.
    unsafe fn publish_span(&self, address: usize, units: usize, superslab: u32) {
        let (head, tail) = (Tag::span_head(units), Tag::SPAN_TAIL);
        // SAFETY: the caller's promise.
        unsafe { self.registry.publish(address, units, head, tail, superslab as usize) };
    }

    /// Says that `units` units at `address` were a span.
    ///
    /// # Safety
    ///
    /// The units are covered and the caller's.
    unsafe fn publish_freed(&self, address: usize, units: usize) {
        let (head, tail) = (Tag::freed_span(units), Tag::FREED_TAIL);
        // SAFETY: the caller's promise.
        unsafe { self.registry.publish(address, units, head, tail, 0) };
    }
}

/// What is left of `span` behind its first `units` units.
fn behind(span: Span, units: usize) -> Span {
    // Inside the span: no wrap.
    let base = span.base.map_addr(|address| address.saturating_add(units * UNIT));
    let [low, high, ..] = units.to_le_bytes();
    Span { base, units: span.units - u16::from_le_bytes([low, high]), ..span }
}
