//! `realloc`: in place where it can be, by moving pages where that is cheaper than copying.

use core::ptr::{self, NonNull};

use hakmem_contract::geometry::{MIN_ALIGN, SUPERSLAB};
use hakmem_contract::{Backend, Class, HugeBlocks, Kind, Pool, Registry, SizeClasses, Spans};
use hakmem_front_gate::{Gate, Tier};

use super::{large, small};
use crate::boxes::Boxes;
use crate::options::Options;

/// `realloc` of a block whose size is known, for Rust: what is small on both sides is settled here,
/// in the caller.
///
/// # Safety
///
/// `block` is a live block of ours, of `old` bytes at a multiple of `align`; if it moves, nobody
/// uses the old address.
#[inline(always)]
pub(crate) unsafe fn reallocate_known<B: Boxes>(
    block: NonNull<u8>,
    old: usize,
    size: usize,
    align: usize,
    options: &Options,
) -> *mut u8 {
    if align <= MIN_ALIGN
        && let Some(from) = B::Classes::class_of_fast(old)
        && let Some(to) = B::Classes::class_of_fast(size)
    {
        if from == to {
            return block.as_ptr();
        }
        // SAFETY: passed on; the block of class `to` has `size` bytes, and this one `old`.
        if let Some(new) = unsafe { move_cached::<B>(block, to, old.min(size)) } {
            return new.as_ptr();
        }
    }
    // SAFETY: passed on.
    unsafe { reallocate::<B>(block, size, align, options) }
}

/// Moves `n` bytes into a cached block of class `to`, and frees the old block; `None` if there is
/// no cached block.
///
/// # Safety
///
/// `block` is a live block of ours, of another class; it and blocks of `to` have `n` bytes; nobody
/// uses the old address if it moves.
#[inline(always)]
unsafe fn move_cached<B: Boxes>(block: NonNull<u8>, to: Class, n: usize) -> Option<NonNull<u8>> {
    let new = small::pop::<B>(to)?;
    // SAFETY: both have so many bytes, and the new block overlaps nothing.
    unsafe { ptr::copy_nonoverlapping(block.as_ptr(), new.as_ptr(), n) };
    // SAFETY: the contents have moved; the caller does not use the old address.
    unsafe { small::deallocate_known::<B>(block.as_ptr()) };
    Some(new)
}

/// See [`Allocator::reallocate`](crate::Allocator::reallocate).
///
/// # Safety
///
/// As there.
#[inline(never)]
pub(crate) unsafe fn reallocate<B: Boxes>(
    block: NonNull<u8>,
    size: usize,
    align: usize,
    options: &Options,
) -> *mut u8 {
    let kind = B::shared().pool.registry().tag(block.as_ptr().addr()).kind();
    if let Kind::Slab(_, from) = kind
        && align <= MIN_ALIGN
        && let Some(to) = B::Classes::class_of_fast(size)
        && from != to
    {
        let old = B::Classes::geometry(from).usable();
        // SAFETY: passed on; the block of class `to` has `size` bytes, and this one `old`.
        if let Some(new) = unsafe { move_cached::<B>(block, to, old.min(size)) } {
            return new.as_ptr();
        }
    }
    let wanted = Gate::<B::Classes>::tier(size, align);
    let in_place = match (kind, wanted) {
        (Kind::Slab(_, old), Tier::Small(new)) if old == new => Some(block),
        // SAFETY: the caller's block.
        (Kind::SpanHead(old), Tier::Span(new)) => unsafe { resize_span::<B>(block, old, new) },
        // SAFETY: the caller's block.
        (Kind::Huge, Tier::Huge(bytes)) => unsafe { resize_huge::<B>(block, bytes, align) },
        (_, Tier::Refused) => return ptr::null_mut(),
        _ => None,
    };
    match in_place {
        Some(block) => block.as_ptr(),
        // SAFETY: passed on.
        None => unsafe { move_cold::<B>(block, size, align, options) },
    }
}

/// # Safety
///
/// `block` is a live span of `old` units, the caller's.
unsafe fn resize_span<B: Boxes>(block: NonNull<u8>, old: usize, new: usize) -> Option<NonNull<u8>> {
    if old == new {
        return Some(block);
    }
    let shared = B::shared();
    // SAFETY: the caller's block.
    match unsafe { shared.pool.resize_span(block, new) } {
        Ok(resized) => resized.then_some(block),
        Err(fault) => shared.fault(fault),
    }
}

/// # Safety
///
/// `block` is a live huge block, the caller's.
unsafe fn resize_huge<B: Boxes>(
    block: NonNull<u8>,
    bytes: usize,
    align: usize,
) -> Option<NonNull<u8>> {
    let shared = B::shared();
    let may_move = align <= SUPERSLAB;
    // SAFETY: the caller's block.
    match unsafe { shared.pool.resize_huge(block, bytes, may_move) } {
        Ok(place) => place,
        Err(fault) => shared.fault(fault),
    }
}

/// A new block, and the contents copied.
///
/// # Safety
///
/// As [`reallocate`].
#[cold]
#[inline(never)]
unsafe fn move_cold<B: Boxes>(
    block: NonNull<u8>,
    size: usize,
    align: usize,
    options: &Options,
) -> *mut u8 {
    // SAFETY: the caller's block.
    let old = unsafe { large::usable_size::<B>(block.as_ptr()) };
    let new = large::allocate_any::<B>(size, align, options);
    if new.is_null() {
        if size > old {
            return new;
        }
        // Smaller is always possible: where the block is, if nowhere else.
        B::shared().note_kept_larger();
        return block.as_ptr();
    }
    // SAFETY: both have so many bytes, and the new block overlaps nothing.
    unsafe { ptr::copy_nonoverlapping(block.as_ptr(), new, old.min(size)) };
    // SAFETY: the contents have moved; the caller does not use the old address.
    unsafe { small::deallocate_known::<B>(block.as_ptr()) };
    new
}
