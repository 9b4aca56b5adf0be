//! No cache: every block comes straight from the source below and goes straight back.
//!
//! # Why it exists
//!
//! It is what a front cache is measured against, and what a composition takes that wants the page box
//! to see every call: a block that is freed twice is found at the second free, not when it leaves
//! a cache.
//!
//! # What it does not do
//!
//! It keeps nothing, so it has no state, no limit, and nothing to drain.
//!
//! # Invariants
//!
//! None: there is no state.
#![no_std]
#![warn(clippy::missing_inline_in_public_items)] // on the malloc path

use core::ptr;

use hakmem_contract::{Block, BlockSource, Class, FrontCache, Geometry, MetaArena};

/// See the [crate docs](crate).
#[derive(Debug)]
pub struct Direct;

// SAFETY: *conservation*: what is spilled goes to the source at once, and `refill` returns the one
// block that it took. *Empty is inert*: there is nothing to write.
unsafe impl FrontCache for Direct {
    const EMPTY: Self = Self;

    // There is nothing to be broken.
    const SURVIVES_CUT: bool = true;

    #[inline]
    unsafe fn open(_this: *mut Self, _limit_shift: u32) {}

    #[inline(always)]
    unsafe fn pop(_this: *mut Self, _class: Class) -> Option<Block> {
        None
    }

    #[inline(always)]
    unsafe fn push(_this: *mut Self, _class: Class, _block: Block) -> bool {
        false
    }

    #[inline]
    unsafe fn refill<S: BlockSource>(
        _this: *mut Self,
        class: Class,
        _geometry: &Geometry,
        source: &mut S,
        _meta: &impl MetaArena,
    ) -> Option<Block> {
        let mut block = ptr::null_mut();
        // SAFETY: room for one.
        unsafe { source.take(class, &raw mut block, 1) };
        // Not written without a block.
        Block::new(block)
    }

    #[inline]
    unsafe fn spill<S: BlockSource>(
        _this: *mut Self,
        class: Class,
        _geometry: &Geometry,
        block: Block,
        source: &mut S,
        _meta: &impl MetaArena,
    ) {
        let block = block.as_ptr();
        // SAFETY: the caller's block, of this thread's heap.
        unsafe { source.give(class, &raw const block, 1) };
    }

    #[inline]
    unsafe fn drain<S: BlockSource>(_this: *mut Self, _source: &mut S) {}
}
