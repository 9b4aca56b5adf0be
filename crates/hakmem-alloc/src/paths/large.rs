//! Every other request: larger, aligned, zeroed; and what is asked about a block.

use core::ptr::{self, NonNull};

use hakmem_contract::geometry::UNIT;
use hakmem_contract::{
    Backend, Fault, HugeBlocks, Kind, Memory, Pool, Registry, SizeClasses, Span, Spans,
};
use hakmem_front_gate::{Gate, Tier};
use hakmem_tls_bind::ThreadWord;

use super::{bind, small};
use crate::boxes::Boxes;
use crate::heap::Heap;
use crate::options::Options;

/// Blocks up to this size are cleared to their end, not only as far as was asked for: a program that
/// uses all of a block finds no old contents. It takes no longer up to here; of 9000 bytes in a block
/// of 10 240 it takes a tenth longer.
const CLEARED_WHOLE: usize = 1024;

/// `size` bytes at a multiple of `align`, a power of two. Any size, any alignment.
#[inline(never)]
pub(crate) fn allocate_any<B: Boxes>(size: usize, align: usize, options: &Options) -> *mut u8 {
    allocate_tier::<B>(size, align, options).0
}

/// The same, zero: what is known to be zero is not cleared.
#[inline]
pub(crate) fn allocate_zeroed<B: Boxes>(size: usize, align: usize, options: &Options) -> *mut u8 {
    let (block, dirty) = allocate_tier::<B>(size, align, options);
    if dirty != 0 && !block.is_null() {
        // SAFETY: the block has `dirty` bytes and is ours to give.
        unsafe { block.write_bytes(0, dirty) };
    }
    block
}

/// A block from whoever serves the request, and how many bytes have to be cleared if it is to be zero.
#[inline]
fn allocate_tier<B: Boxes>(size: usize, align: usize, options: &Options) -> (*mut u8, usize) {
    match Gate::<B::Classes>::tier(size, align) {
        Tier::Small(class) => {
            let usable = B::Classes::geometry(class).usable();
            let dirty = if usable <= CLEARED_WHOLE { usable } else { size };
            (small::allocate_class::<B>(class, options), dirty)
        }
        tier => match acquire_cold::<B>(tier, align, options) {
            Some((block, zeroed)) => (block.as_ptr(), if zeroed { 0 } else { size }),
            None => (ptr::null_mut(), 0),
        },
    }
}

/// A span or a huge block, and whether it is known to be zero. When memory has run out, what
/// the caches hold is given back first, once.
#[cold]
#[inline(never)]
fn acquire_cold<B: Boxes>(
    tier: Tier,
    align: usize,
    options: &Options,
) -> Option<(NonNull<u8>, bool)> {
    B::shared().configure(options);
    acquire::<B>(tier, align).or_else(|| {
        trim::<B>();
        acquire::<B>(tier, align)
    })
}

fn acquire<B: Boxes>(tier: Tier, align: usize) -> Option<(NonNull<u8>, bool)> {
    let shared = B::shared();
    match tier {
        Tier::Span(block_units) => {
            let Some(units) = shared.pool.span_units(block_units) else {
                return shared.pool.acquire_huge(block_units * UNIT, align);
            };
            let mut span = [Span::NONE];
            if shared.acquire(units, &mut span) == 0 {
                return None;
            }
            let [span] = span;
            // SAFETY: just acquired.
            Some(unsafe { shared.pool.adopt_span(span) })
        }
        Tier::Huge(bytes) => shared.pool.acquire_huge(bytes, align),
        Tier::Small(_) | Tier::Refused => None,
    }
}

/// Bytes of the block at this address; zero for null. An address that is no block's ends the
/// process.
///
/// # Safety
///
/// `block` is null or a live block of ours.
#[inline]
pub(crate) unsafe fn usable_size<B: Boxes>(block: *const u8) -> usize {
    let shared = B::shared();
    let address = block.addr();
    let Some(base) = NonNull::new(block.cast_mut()) else { return 0 };
    match shared.pool.registry().tag(address).kind() {
        Kind::Slab(_, class) => B::Classes::geometry(class).usable(),
        Kind::SpanHead(units) => units * UNIT,
        // SAFETY: the tag says so.
        Kind::Huge => unsafe { shared.pool.huge_bytes(base) },
        Kind::SpanTail => shared.fault(Fault::Interior(address)),
        Kind::Foreign => shared.fault(Fault::Foreign(address)),
    }
}

/// Ends the process if a request for `size` bytes at a multiple of `align`, a power of two, would not
/// have got the block at this address. An address that is no block's is left to who frees it.
///
/// # Safety
///
/// As [`usable_size`].
pub(crate) unsafe fn expect_size<B: Boxes>(block: NonNull<u8>, size: usize, align: usize) {
    let shared = B::shared();
    let kind = shared.pool.registry().tag(block.as_ptr().addr()).kind();
    let usable = match kind {
        Kind::Foreign | Kind::SpanTail => return,
        // SAFETY: passed on.
        _ => unsafe { usable_size::<B>(block.as_ptr()) },
    };
    let fits = match (kind, Gate::<B::Classes>::tier(size, align)) {
        (Kind::Slab(_, class), Tier::Small(asked)) => class == asked,
        (Kind::SpanHead(units), Tier::Span(asked)) => units == asked,
        // A span may have become a huge block.
        (Kind::Huge, Tier::Span(asked)) => usable == asked * UNIT,
        (Kind::Huge, Tier::Huge(_)) => size <= usable,
        _ => false,
    };
    if !fits && (size > usable || !shared.has_kept_larger()) {
        shared.fault(Fault::WrongSize(block.as_ptr().addr()));
    }
}

/// Gives the system what is free.
pub(crate) fn trim<B: Boxes>() -> usize {
    let shared = B::shared();
    if let Some(heap) = NonNull::new(B::Word::get())
        // SAFETY: this thread's heap, or the empty one, of which only the owner is looked at.
        && !unsafe { heap.as_ref() }.is_empty_heap()
    {
        // SAFETY: in `work_in` the heap is the caller's.
        let flush = |heap: &mut Heap<B>| unsafe { bind::flush::<B>(heap) };
        // SAFETY: this thread's heap.
        unsafe { bind::work_in::<B, _>(heap, flush) };
    }
    bind::relieve_orphans(shared);
    shared.pool.purge_all() + shared.pool.memory().trim(true)
}
