//! Huge blocks with inaccessible pages on either side.
//!
//! A block ends where an OS page ends, and the guard begins there. What it was made of stands in a
//! header, at the other end of the guard before it; the registry's word of the block leads there.

use core::ptr::{self, NonNull};

use hakmem_contract::geometry::{MAX_REQUEST, OS_PAGE, round_up};
use hakmem_contract::{
    Fault, Guard, HugeBlocks, Memory, Pool, Registry, SUPERSLAB, Spans, Tag, UNIT,
};

use crate::pool::Guarded;
use crate::quarantine::Range;

/// The first bytes of a range, readable while the block lives.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
struct Header {
    /// Bytes of the block.
    usable: usize,
    /// Bytes of the whole range.
    range: usize,
}

/// Where things are in the range for a block of `bytes` at a multiple of `align`: the block's offset,
/// its bytes, and those of the range. `None` when that is more than can be.
fn layout(bytes: usize, align: usize) -> Option<(usize, usize, usize)> {
    if bytes > MAX_REQUEST {
        return None;
    }
    let before = align.max(SUPERSLAB);
    let usable = round_up(bytes.max(1), OS_PAGE)?;
    let all = before.checked_add(usable)?.checked_add(UNIT)?;
    Some((before, usable, round_up(all, SUPERSLAB)?))
}

/// `base`, `bytes` later, in the same range.
fn behind(base: NonNull<u8>, bytes: usize) -> NonNull<u8> {
    base.map_addr(|address| address.saturating_add(bytes))
}

// SAFETY: a block's tag is published before it is handed out; who retracts it releases it.
unsafe impl<P: Pool<Memory: Guard> + Spans> HugeBlocks for Guarded<P> {
    fn acquire_huge(&self, bytes: usize, align: usize) -> Option<(NonNull<u8>, bool)> {
        let (before, usable, all) = layout(bytes, align)?;
        let memory = self.pool.memory();
        let range = memory.acquire(all, before, true)?;
        let block = behind(range.base, before);
        if !self.pool.registry().cover(block.as_ptr().addr(), UNIT, memory) {
            // SAFETY: the range is ours and was not used.
            unsafe { memory.release(range.base, range.bytes) };
            return None;
        }
        let end = behind(block, usable);
        // Before the header is written: then no huge page is made for it.
        // SAFETY: pages of the range before the block, but the first.
        unsafe { self.close(behind(range.base, OS_PAGE), before - OS_PAGE) };
        // SAFETY: pages of the range behind the block.
        unsafe { self.close(end, range.bytes - before - usable) };
        let header = range.base.cast::<Header>();
        // SAFETY: the first page of the range, which is ours and accessible.
        unsafe { header.write(Header { usable, range: range.bytes }) };
        let word = header.as_ptr().expose_provenance();
        let address = block.as_ptr().addr();
        // SAFETY: just covered, and ours.
        unsafe { self.pool.registry().publish(address, 1, Tag::HUGE, Tag::HUGE, word) };
        Some((block, range.zeroed))
    }

    unsafe fn release_huge(&self, base: NonNull<u8>) -> Result<(), Fault> {
        let address = base.as_ptr().addr();
        if self.pool.registry().tag(address) != Tag::HUGE {
            return Err(Fault::Foreign(address));
        }
        if !address.is_multiple_of(UNIT) {
            return Err(Fault::Interior(address));
        }
        // SAFETY: its tag was not foreign, so it is covered; the caller gives it up.
        if !unsafe { self.pool.registry().retract(address, Tag::HUGE, Tag::FREED_HUGE) } {
            return Err(Fault::DoubleFree(address));
        }
        // SAFETY: the block was live until now.
        let (range, header) = unsafe { self.header(base) };
        // SAFETY: the range is ours: we retracted the tag.
        unsafe { self.retire(Range::Huge(range, header.range)) };
        Ok(())
    }

    #[inline]
    unsafe fn huge_bytes(&self, base: NonNull<u8>) -> usize {
        // SAFETY: the caller's live block.
        unsafe { self.header(base) }.1.usable
    }

    unsafe fn resize_huge(
        &self,
        base: NonNull<u8>,
        bytes: usize,
        _may_move: bool,
    ) -> Result<Option<NonNull<u8>>, Fault> {
        let address = base.as_ptr().addr();
        if self.pool.registry().tag(address) != Tag::HUGE {
            return Err(Fault::Foreign(address));
        }
        // SAFETY: the caller's live block.
        let old = unsafe { self.huge_bytes(base) };
        Ok((round_up(bytes.max(1), OS_PAGE) == Some(old)).then_some(base))
    }
}

impl<P: Pool<Memory: Guard>> Guarded<P> {
    /// The range of the huge block at `base`, and its header.
    ///
    /// # Safety
    ///
    /// The block lives, or its tag was retracted by the caller.
    unsafe fn header(&self, base: NonNull<u8>) -> (NonNull<u8>, Header) {
        // SAFETY: a block is covered.
        let word = unsafe { self.pool.registry().word_covered(base.as_ptr().addr()) };
        let header = ptr::with_exposed_provenance_mut::<Header>(word);
        let range = NonNull::new(header).unwrap_or(base.cast()).cast::<u8>();
        // SAFETY: the word of a huge block is its header.
        (range, unsafe { header.read() })
    }
}
