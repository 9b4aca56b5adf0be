//! Blocks of slabs. `allocate` and `deallocate` are what is inlined; the rest is out of line.

use core::ptr::{self, NonNull};

use hakmem_contract::HugeBlocks;
use hakmem_contract::tag::CLASS_LIMIT;
use hakmem_contract::{
    Backend, Class, Fault, FrontCache, Kind, Page, Pool, Registry, SizeClasses, Spans, Tag,
};
use hakmem_tls_bind::ThreadWord;

use super::{bind, large};
use crate::boxes::Boxes;
use crate::heap::Heap;
use crate::options::Options;
use crate::report;

/// remote frees of blocks at least this large are not gathered: one atomic addition is little beside
/// what the block was used for, and its owner wants it back.
const GATHER_BELOW: u32 = 1024;

/// A cached block of `size` bytes at a multiple of 16, if the class is known at once and there is
/// one.
#[inline(always)]
pub(crate) fn allocate_cached<B: Boxes>(size: usize) -> Option<NonNull<u8>> {
    pop::<B>(B::Classes::class_of_fast(size)?)
}

/// A block of `class`.
#[inline]
pub(crate) fn allocate_class<B: Boxes>(class: Class, options: &Options) -> *mut u8 {
    match pop::<B>(class) {
        Some(block) => block.as_ptr(),
        None => allocate_class_cold::<B>(class, options),
    }
}

/// A cached block of `class`.
#[inline(always)]
pub(crate) fn pop<B: Boxes>(class: Class) -> Option<NonNull<u8>> {
    let heap = B::Word::get();
    // SAFETY: this thread's heap, or the empty one.
    let front = unsafe { &raw mut (*heap).front };
    // SAFETY: as above.
    unsafe { B::Front::pop(front, class) }
}

/// The front cache has no block of `class`, or the thread has no heap. When memory has run out, what
/// the caches and orphans hold is given back first, once.
#[cold]
#[inline(never)]
fn allocate_class_cold<B: Boxes>(class: Class, options: &Options) -> *mut u8 {
    let allocate = match B::Word::get() == bind::late::<B>() {
        true => allocate_late::<B>,
        false => allocate_bound::<B>,
    };
    let block = allocate(class, options);
    if !block.is_null() {
        return block;
    }
    large::trim::<B>();
    allocate(class, options)
}

/// A block of `class` by way of this thread's heap; one is bound if it has none.
fn allocate_bound<B: Boxes>(class: Class, options: &Options) -> *mut u8 {
    let Some(heap) = bind::heap::<B>(options) else { return ptr::null_mut() };
    let allocate = |heap: &mut Heap<B>| {
        // Binding may have allocated, and left blocks in the cache; so may a signal handler.
        // SAFETY: in `work_in` the heap is the caller's.
        match unsafe { B::Front::pop(&raw mut heap.front, class) } {
            Some(block) => block.as_ptr(),
            None => refill::<B>(heap, class),
        }
    };
    // SAFETY: this thread's heap.
    unsafe { bind::work_in::<B, _>(heap, allocate) }
}

/// A block of `class` by way of the warm pool, for a heap whose cache has none.
fn refill<B: Boxes>(heap: &mut Heap<B>, class: Class) -> *mut u8 {
    let shared = B::shared();
    // What is for others goes to them before we ask for more.
    // SAFETY: the outbox holds what this thread gave up.
    if let Err(fault) = unsafe { heap.outbox.flush() } {
        shared.fault(fault);
    }
    let (front, mut source) = bind::parts::<B>(heap);
    let geometry = B::Classes::geometry(class);
    // SAFETY: the caller's cache, opened when the heap was made, and empty for the class.
    let block =
        unsafe { B::Front::refill(front, class, geometry, &mut source, shared.pool.memory()) };
    block.map_or(ptr::null_mut(), NonNull::as_ptr)
}

/// The thread's exit hook has run: a heap is borrowed for this block.
fn allocate_late<B: Boxes>(class: Class, options: &Options) -> *mut u8 {
    let Some(mut heap) = bind::claim::<B>(options) else { return ptr::null_mut() };
    // SAFETY: the claim made it ours.
    let heap = unsafe { heap.as_mut() };
    let block = refill::<B>(heap, class);
    // SAFETY: ours, and not used any more.
    unsafe { bind::park::<B>(heap) };
    block
}

/// Takes back the block at an address that may be anything.
///
/// # Safety
///
/// Nobody uses the block any more.
#[inline(always)]
pub(crate) unsafe fn deallocate<B: Boxes>(block: *mut u8) {
    match B::shared().pool.registry().tag_in_reach(block.addr()) {
        // SAFETY: passed on.
        Some(tag) => unsafe { deallocate_tagged::<B>(block, tag) },
        // SAFETY: passed on.
        None => unsafe { deallocate_cold::<B>(block) },
    }
}

/// Takes back a block that is known to be one.
///
/// # Safety
///
/// A live block of ours, which nobody uses any more.
#[inline(always)]
pub(crate) unsafe fn deallocate_known<B: Boxes>(block: *mut u8) {
    // SAFETY: a live block is covered.
    let tag = unsafe { B::shared().pool.registry().tag_covered(block.addr()) };
    // SAFETY: passed on.
    unsafe { deallocate_tagged::<B>(block, tag) };
}

/// Takes back the block at an address with `tag`.
///
/// # Safety
///
/// Nobody uses the block any more.
#[inline(always)]
unsafe fn deallocate_tagged<B: Boxes>(block: *mut u8, tag: Tag) {
    let heap = B::Word::get();
    // SAFETY: this thread's heap, or the empty one.
    let bin = tag.bits() as usize ^ unsafe { (*heap).owner_bits };
    if bin < CLASS_LIMIT as usize {
        // SAFETY: below the limit, and tags have zeros below the kind.
        let class = unsafe { Class::from_bits_unchecked(bin) };
        // SAFETY: a tag is only published for units that exist, so the address is not null.
        let block = unsafe { NonNull::new_unchecked(block) };
        // SAFETY: this thread's heap: the empty one's owner is in no tag.
        let front = unsafe { &raw mut (*heap).front };
        // SAFETY: this thread's cache; the tag says that the block is of the class and ours.
        if !unsafe { B::Front::push(front, class, block) } {
            // SAFETY: as above.
            unsafe { spill_cold::<B>(block) };
        }
    } else {
        // SAFETY: passed on.
        unsafe { deallocate_cold::<B>(block) };
    }
}

/// The front cache has no room for `block`. The cold functions look the tag up again, so that the
/// hot path need not keep it.
///
/// # Safety
///
/// As [`FrontCache::spill`].
#[cold]
#[inline(never)]
unsafe fn spill_cold<B: Boxes>(block: NonNull<u8>) {
    let tag = B::shared().pool.registry().tag(block.as_ptr().addr());
    let Kind::Slab(_, class) = tag.kind() else { return };
    let Some(heap) = NonNull::new(B::Word::get()) else { return };
    let geometry = B::Classes::geometry(class);
    let meta = B::shared().pool.memory();
    let spill = |heap: &mut Heap<B>| {
        let (front, mut source) = bind::parts::<B>(heap);
        // SAFETY: passed on; a heap with blocks was opened.
        unsafe { B::Front::spill(front, class, geometry, block, &mut source, meta) };
    };
    // SAFETY: the class was this thread's, so the thread has a heap.
    unsafe { bind::work_in::<B, _>(heap, spill) };
}

/// Another thread's block, most often; or a span, a huge block, null, or nothing of ours.
///
/// # Safety
///
/// Nobody uses the block any more.
#[cold]
#[inline(never)]
unsafe fn deallocate_cold<B: Boxes>(block: *mut u8) {
    let kind = B::shared().pool.registry().tag(block.addr()).kind();
    if let Kind::Slab(_, class) = kind
        && let Some(base) = NonNull::new(block)
    {
        // SAFETY: passed on.
        if let Err(fault) = unsafe { give_remote::<B>(base, class) } {
            fault_cold::<B>(fault);
        }
    } else {
        // SAFETY: passed on.
        unsafe { deallocate_large_cold::<B>(block, kind) };
    }
}

/// What is not in a slab.
///
/// # Safety
///
/// Nobody uses the block any more; `kind` is what the registry says of it.
#[cold]
#[inline(never)]
unsafe fn deallocate_large_cold<B: Boxes>(block: *mut u8, kind: Kind) {
    let Some(base) = NonNull::new(block) else { return };
    let pool = &B::shared().pool;
    let result = match kind {
        // SAFETY: passed on.
        Kind::SpanHead(_) => unsafe { pool.release_span(base) },
        // SAFETY: passed on.
        Kind::Huge => unsafe { pool.release_huge(base) },
        Kind::SpanTail => Err(Fault::Interior(block.addr())),
        Kind::Foreign | Kind::Slab(..) => Err(Fault::Foreign(block.addr())),
    };
    match result {
        Ok(()) => {}
        Err(Fault::Foreign(address)) => {
            fault_cold::<B>(report::free_of_nothing(pool.registry(), address))
        }
        Err(fault) => fault_cold::<B>(fault),
    }
}

/// The program is wrong.
#[cold]
#[inline(never)]
fn fault_cold<B: Boxes>(fault: Fault) -> ! {
    B::shared().fault(fault)
}

/// Gives a block of another thread back, by way of the outbox if this thread has a heap.
///
/// # Safety
///
/// Nobody uses the block any more.
#[inline]
unsafe fn give_remote<B: Boxes>(block: NonNull<u8>, class: Class) -> Result<(), Fault> {
    // SAFETY: a unit with a tag is covered.
    let word = unsafe { B::shared().pool.registry().word_covered(block.as_ptr().addr()) };
    let Some(slab) = NonNull::new(ptr::with_exposed_provenance_mut::<B::Page>(word)) else {
        return Err(Fault::DoubleFree(block.as_ptr().addr()));
    };
    // SAFETY: the word of a slab's unit is its descriptor, and the block keeps it open.
    let (word, bit) = unsafe { B::Page::locate(slab, block) }?;
    // SAFETY: this thread's heap, or the empty one, of which only the owner is looked at.
    let heap = unsafe { &*B::Word::get() };
    if heap.is_empty_heap() || B::Classes::geometry(class).block_size >= GATHER_BELOW {
        // SAFETY: the caller gives the block up.
        return unsafe { B::Page::give_remote(slab, word, bit) };
    }
    // SAFETY: this thread's heap, not the empty one.
    let heap: &mut Heap<B> = unsafe { &mut *B::Word::get() };
    // SAFETY: the caller gives the block up.
    unsafe { heap.outbox.push(slab.as_ptr(), word, bit) }
}
