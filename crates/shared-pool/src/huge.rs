//! Blocks with a range of their own: larger than a span, or more aligned than a unit.
//!
//! Only the first unit has a tag; its word is the length of the range. The tag is retracted before
//! the range can be handed out again, and published when it cannot be anybody else's.
//!
//! Whoever retracts the tag owns the block: to give it back, or to make it longer or shorter and to
//! publish it again. So of two frees of one huge block, at the same moment too, one gets an answer and
//! the other a fault.

use core::ptr::NonNull;

use hakmem_contract::geometry::{MAX_REQUEST, round_up};
use hakmem_contract::{Fault, HugeBlocks, Memory, Registry, SUPERSLAB, Tag, UNIT};

use crate::policy::Policy;
use crate::pool::SharedPool;

// SAFETY: a huge block's tag is published before the block is handed out; `take_huge` decides by one
// read-modify-write who releases it.
unsafe impl<M: Memory, R: Registry, P: Policy> HugeBlocks for SharedPool<M, R, P> {
    fn acquire_huge(&self, bytes: usize, align: usize) -> Option<(NonNull<u8>, bool)> {
        let length = range_length(bytes)?;
        let range = self.memory.acquire(length, align.max(SUPERSLAB), true)?;
        if !self.cover(range.base, UNIT) {
            // SAFETY: the range is ours and was not used.
            unsafe { self.memory.release(range.base, range.bytes) };
            return None;
        }
        // SAFETY: just covered, and ours.
        unsafe { self.publish_huge(range.base, range.bytes) };
        Some((range.base, range.zeroed))
    }

    unsafe fn release_huge(&self, base: NonNull<u8>) -> Result<(), Fault> {
        // SAFETY: the caller gave the block up.
        let bytes = unsafe { self.take_huge(base) }?;
        // SAFETY: the range is ours, of the length that its word said, and not used again.
        unsafe { self.memory.release(base, bytes) };
        Ok(())
    }

    #[inline]
    unsafe fn huge_bytes(&self, base: NonNull<u8>) -> usize {
        // SAFETY: a live block is covered.
        unsafe { self.registry.word_covered(base.as_ptr().addr()) }
    }

    unsafe fn resize_huge(
        &self,
        base: NonNull<u8>,
        bytes: usize,
        may_move: bool,
    ) -> Result<Option<NonNull<u8>>, Fault> {
        let Some(new) = range_length(bytes) else { return Ok(None) };
        // Before a move: afterwards the old address may be somebody else's.
        // SAFETY: the block is the caller's.
        let old = unsafe { self.take_huge(base) }?;
        if new > old {
            // SAFETY: the range is ours since `take_huge`, and `old` is its length.
            return Ok(unsafe { self.grow_huge(base, old, new, may_move) });
        }
        // SAFETY: covered, since it was a block, and ours since `take_huge`.
        unsafe { self.publish_huge(base, new) };
        if new < old {
            // SAFETY: `new` is inside the range.
            let end = unsafe { base.add(new) };
            // SAFETY: whole SuperSlabs at the end of the range, which the caller gave up.
            unsafe { self.memory.release(end, old - new) };
        }
        Ok(Some(base))
    }
}

impl<M: Memory, R: Registry, P: Policy> SharedPool<M, R, P> {
    /// Makes a block longer whose tag was retracted, and publishes what it is then.
    ///
    /// # Safety
    ///
    /// The unit at `base` is covered; the range at `base` is the caller's, `old` bytes long, less than
    /// `new`.
    unsafe fn grow_huge(
        &self,
        base: NonNull<u8>,
        old: usize,
        new: usize,
        may_move: bool,
    ) -> Option<NonNull<u8>> {
        // What the new address may cost has to be at hand: a move cannot be undone.
        let loan = if may_move { self.reserve.lend::<M, P>(&self.memory) } else { None };
        // SAFETY: the range is the caller's, whole SuperSlabs, and to become longer.
        let moved = unsafe { self.memory.resize(base, old, new, loan.is_some()) };
        let (place, length) = moved.map_or((base, old), |place| (place, new));
        if let Some(loan) = &loan {
            self.registry.cover(place.as_ptr().addr(), UNIT, loan);
        }
        // SAFETY: covered: in place as before, or by the loan; and the caller's.
        unsafe { self.publish_huge(place, length) };
        moved
    }

    /// Makes the caller the only one who knows of the huge block at `base`. Returns the length of its
    /// range.
    ///
    /// # Safety
    ///
    /// The block, if there is one, is the caller's.
    unsafe fn take_huge(&self, base: NonNull<u8>) -> Result<usize, Fault> {
        let address = base.as_ptr().addr();
        if self.registry.tag(address) != Tag::HUGE {
            return Err(Fault::Foreign(address));
        }
        if !address.is_multiple_of(UNIT) {
            return Err(Fault::Interior(address));
        }
        // SAFETY: its tag was not foreign, so it is covered; the caller gives it up.
        let ours = unsafe { self.registry.retract(address, Tag::HUGE, Tag::FREED_HUGE) };
        if P::TAG_DECIDES && !ours {
            return Err(Fault::DoubleFree(address));
        }
        // P6: after the tag was retracted: at the first look it may have been another block's that was
        // here before.
        // SAFETY: as above.
        Ok(unsafe { self.registry.word_covered(address) })
    }

    /// # Safety
    ///
    /// The unit at `base` is covered and the caller's.
    unsafe fn publish_huge(&self, base: NonNull<u8>, bytes: usize) {
        // SAFETY: the caller's promise.
        unsafe { self.registry.publish(base.as_ptr().addr(), 1, Tag::HUGE, Tag::HUGE, bytes) };
    }
}

/// The length of the range for a block of `bytes`; `None` when that is more than can be.
const fn range_length(bytes: usize) -> Option<usize> {
    if bytes > MAX_REQUEST {
        return None;
    }
    round_up(if bytes == 0 { 1 } else { bytes }, SUPERSLAB)
}
