//! Thread and heap: first use, exit, and looking after orphans.

use core::ffi::c_void;
use core::mem::size_of;
use core::ptr::NonNull;

use hakmem_contract::{Backend, FrontCache, Memory, MetaArena, Owner, Pool};
use hakmem_tls_bind::{Claim, PthreadKeys, ThreadWord};
use hakmem_warm_pool::Source;

use crate::boxes::Boxes;
use crate::heap::Heap;
use crate::options::Options;
use crate::paths::fork;
use crate::shared::Shared;

/// The warm pool of a heap at work.
pub(crate) type SourceOf<'a, B> =
    Source<'a, <B as Boxes>::Classes, <B as Boxes>::Page, <B as Boxes>::Counters, Shared<B>>;

/// This thread's heap; one is bound if it has none. `None` without memory.
#[inline]
pub(crate) fn heap<B: Boxes>(options: &Options) -> Option<NonNull<Heap<B>>> {
    let heap = NonNull::new(B::Word::get())?;
    // SAFETY: this thread's heap, or the empty one, of which only this is looked at.
    let state = unsafe { heap.as_ref() };
    if state.is_empty_heap() {
        return bind_cold::<B>(options);
    }
    if !state.armed {
        arm_cold::<B>(heap);
    }
    Some(heap)
}

/// Arms the exit hook in a later call than the one that bound the heap. That one may have come from
/// inside of `pthread_setspecific`, which then puts its new page of values in the place of the one
/// that ours was written to.
#[cold]
#[inline(never)]
fn arm_cold<B: Boxes>(heap: NonNull<Heap<B>>) {
    // SAFETY: this thread's heap.
    unsafe { (*heap.as_ptr()).armed = true };
    // SAFETY: `on_exit` takes this thread's heap, and runs in this thread.
    unsafe { B::shared().hook.arm(&PthreadKeys, on_exit::<B>, heap) };
}

/// The front cache of `heap`, and a source for it made of the rest.
#[inline]
pub(crate) fn parts<B: Boxes>(heap: &mut Heap<B>) -> (*mut B::Front, SourceOf<'_, B>) {
    let inbox = heap.inbox.0.as_ptr();
    // SAFETY: heaps are never unmapped, and this one is the caller's, with its owner number.
    let source = unsafe { Source::new(&mut heap.warm, inbox, heap.owner, B::shared()) };
    (&raw mut heap.front, source)
}

/// Gives this thread a heap: an orphan, or a new one.
#[cold]
#[inline(never)]
fn bind_cold<B: Boxes>(options: &Options) -> Option<NonNull<Heap<B>>> {
    let heap = claim::<B>(options)?;
    let shared = B::shared();
    // SAFETY: claimed, so ours.
    unsafe { (*heap.as_ptr()).armed = true };
    B::Word::set(heap.as_ptr());
    // SAFETY: this thread's heap; the stage may be changed by its thread.
    unsafe { &(*heap.as_ptr()).stage }.bind(shared.forks.now());
    // Before the hook is armed: what disarms it is in the program because it is used here.
    core::hint::black_box(B::AT_UNLOAD);
    // After the word: these may call `calloc`, which then finds this heap.
    fork::arm::<B>();
    // SAFETY: `on_exit` takes this thread's heap, and runs in this thread.
    unsafe { shared.hook.arm(&PthreadKeys, on_exit::<B>, heap) };
    // SAFETY: this thread's heap.
    unsafe { (*heap.as_ptr()).armed = false };
    Some(heap)
}

/// Works in this thread's heap. Meanwhile the thread has none: a signal handler that interrupts the
/// work, and allocates, binds another one; so does the thread if the handler never returns here.
///
/// # Safety
///
/// The heap is the one that the thread's word leads to.
#[inline]
pub(crate) unsafe fn work_in<B: Boxes, T>(
    heap: NonNull<Heap<B>>,
    work: impl FnOnce(&mut Heap<B>) -> T,
) -> T {
    let heap = heap.as_ptr();
    // SAFETY: this thread's heap; the stage may be changed by its thread.
    let before = unsafe { &(*heap).stage }.enter();
    B::Word::set(B::Word::empty());
    // SAFETY: this thread's heap, which nobody finds.
    let result = work(unsafe { &mut *heap });
    if B::Word::get() == B::Word::empty() {
        B::Word::set(heap);
        // SAFETY: as above.
        unsafe { &(*heap).stage }.leave(before);
    } else if before.was_quiet() {
        // SAFETY: this thread's heap until now; it has another one.
        unsafe { replaced_cold::<B>(heap) };
    }
    result
}

/// A signal handler has bound another heap.
///
/// # Safety
///
/// The heap is the caller's, who gives it up.
#[cold]
#[inline(never)]
unsafe fn replaced_cold<B: Boxes>(heap: *mut Heap<B>) {
    // SAFETY: the caller's heap.
    let heap = unsafe { &mut *heap };
    // SAFETY: as above.
    unsafe { park::<B>(heap) };
}

/// A heap that is the caller's from here on: an orphan, or a new one.
pub(crate) fn claim<B: Boxes>(options: &Options) -> Option<NonNull<Heap<B>>> {
    let shared = B::shared();
    shared.configure(options);
    let Claim { owner, heap } = shared.heaps.claim()?;
    if let Some(heap) = heap {
        // SAFETY: the claim made the orphan ours.
        unsafe { settle::<B>(heap) };
        // SAFETY: as above.
        unsafe { (*heap.as_ptr()).warm.note_adopted() };
        return Some(heap);
    }
    let Some(memory) = shared.pool.memory().alloc_meta(size_of::<Heap<B>>()) else {
        // The number is kept for the next one.
        shared.heaps.park(owner);
        return None;
    };
    let heap = memory.cast::<Heap<B>>();
    // SAFETY: the memory is ours, large enough, and 64-byte aligned.
    unsafe { open(heap, owner, options) };
    shared.heaps.enlist(owner, heap);
    shared.pool.memory().note_heaps(shared.heaps.made());
    Some(heap)
}

/// What the word of a thread says whose exit hook has run: a second empty heap. It may run
/// no more, so a heap that was bound now could be lost with the thread.
pub(crate) fn late<B: Boxes>() -> *mut Heap<B> {
    B::Word::empty().wrapping_add(1)
}

/// Makes a heap an orphan that holds back nothing.
///
/// # Safety
///
/// The heap is the caller's, who gives it up.
pub(crate) unsafe fn park<B: Boxes>(heap: &mut Heap<B>) {
    // SAFETY: the caller's heap.
    unsafe { flush::<B>(heap) };
    B::shared().heaps.park(heap.owner);
}

/// Drains a heap that was claimed, if a fork left it behind as it was.
///
/// # Safety
///
/// The heap is the caller's.
unsafe fn settle<B: Boxes>(mut heap: NonNull<Heap<B>>) {
    // SAFETY: the caller's heap.
    let heap = unsafe { heap.as_mut() };
    heap.outbox.reopen();
    if heap.stage.claim() {
        // SAFETY: as above.
        unsafe { flush::<B>(heap) };
    }
}

/// Makes a heap.
///
/// # Safety
///
/// `heap` is valid for writes, and the caller's for ever.
unsafe fn open<B: Boxes>(heap: NonNull<Heap<B>>, owner: Owner, options: &Options) {
    // SAFETY: the caller's memory.
    unsafe { heap.write(Heap::new(owner, options.budget)) };
    // SAFETY: just written.
    let front = unsafe { &raw mut (*heap.as_ptr()).front };
    // SAFETY: a cache without blocks, which stays at its address.
    unsafe { B::Front::open(front, options.cache_shift) };
}

/// Gives back all that the heap's caches hold: blocks to their slabs, other threads' blocks to
/// them, empty slabs to the shared pool.
///
/// # Safety
///
/// The heap is the caller's.
pub(crate) unsafe fn flush<B: Boxes>(heap: &mut Heap<B>) {
    // SAFETY: the outbox holds what the heap's thread gave up.
    if let Err(fault) = unsafe { heap.outbox.flush() } {
        B::shared().fault(fault);
    }
    let (front, mut source) = parts::<B>(heap);
    // SAFETY: the caller's cache, opened when the heap was made.
    unsafe { B::Front::drain(front, &mut source) };
    source.collect();
    source.trim();
}

/// The thread ends: its heap becomes an orphan. What the thread does later finds an empty heap.
///
/// # Safety
///
/// `value` is the running thread's heap.
unsafe extern "C" fn on_exit<B: Boxes>(value: *mut c_void) {
    let heap = value.cast::<Heap<B>>();
    // SAFETY: this thread's heap; the stage may be changed by its thread.
    let before = unsafe { &(*heap).stage }.enter();
    B::Word::set(late::<B>());
    if !before.was_quiet() {
        // The thread left its work by a jump, and ends: what the heap has is lost.
        return;
    }
    // SAFETY: the caller's promise; the word does not lead to it any more.
    let heap = unsafe { &mut *heap };
    // SAFETY: this thread's heap.
    unsafe { park::<B>(heap) };
}

/// Takes back what was freed to one orphan, and gives its empty slabs to the shared pool. False if
/// there is no orphan.
pub(crate) fn relieve_orphan<B: Boxes>(shared: &Shared<B>) -> bool {
    let Some(Claim { owner, heap }) = shared.heaps.claim_orphan() else { return false };
    if let Some(mut heap) = heap {
        // SAFETY: the claim made the orphan ours.
        unsafe { settle::<B>(heap) };
        // SAFETY: as above.
        let heap = unsafe { heap.as_mut() };
        heap.warm.note_relieved();
        let (_, mut source) = parts::<B>(heap);
        source.collect();
        source.trim();
    }
    shared.heaps.park(owner);
    true
}

/// Does the same for every orphan that there is now.
pub(crate) fn relieve_orphans<B: Boxes>(shared: &Shared<B>) {
    // One orphan after the other, round the table: as many turns as there are heaps come by all.
    for _ in 0..shared.heaps.made() {
        if !relieve_orphan(shared) {
            return;
        }
    }
}
