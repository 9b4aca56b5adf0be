//! The protocol with an edge or a step cut, for the negative controls of the models, and what the
//! reuse of a slab's memory means to loom.
#![expect(clippy::missing_inline_in_public_items, reason = "no program has them")]

use hakmem_sync::atomic::Ordering;

pub use super::Edges as Orders;
use super::{Chain, Edges, Fault, FreeListSlab, Inbox, NonNull, Remote};

/// The protocol as it is.
pub const ALL: Edges = Edges::ALL;

/// `give_remote` with other orders.
///
/// # Safety
///
/// As `Page::give_remote`; wrong on purpose.
pub unsafe fn give(
    slab: NonNull<FreeListSlab>,
    word: usize,
    bits: u64,
    edges: Edges,
) -> Result<(), Fault> {
    // SAFETY: passed on.
    unsafe { Remote::give_with(slab.as_ptr(), word, bits, edges) }
}

/// `give_remote` that, when its CAS fails, leaves its last block linked to what it saw before.
///
/// # Safety
///
/// As `Page::give_remote`; wrong on purpose.
pub unsafe fn give_without_linking_again(slab: NonNull<FreeListSlab>, word: usize, bits: u64) {
    // SAFETY: the caller's blocks keep the slab open.
    let remote = unsafe { &*FreeListSlab::remote(slab.as_ptr()) };
    // SAFETY: the caller's blocks.
    let (ours, last) = unsafe { remote.link(word, bits) };
    // Relaxed: as in the protocol.
    let mut seen = Chain::from_bits(remote.chain.load(Ordering::Relaxed));
    // SAFETY: the caller's blocks.
    _ = unsafe { remote.link_to(ours, last, seen) };
    loop {
        let (old, new) = (seen.bits(), ours.before(seen).bits());
        // AcqRel and Relaxed: as in the protocol.
        match remote.chain.compare_exchange(old, new, Ordering::AcqRel, Ordering::Relaxed) {
            Ok(_) => break,
            Err(other) => seen = Chain::from_bits(other),
        }
    }
    if seen.is_empty() {
        // SAFETY: the inbox outlives the slab.
        let inbox = unsafe { &*remote.inbox };
        // SAFETY: we put the first chain there, so the link is ours, and the slab open until it is collected.
        unsafe { inbox.push(slab.as_ptr(), &remote.next, ALL.push) };
    }
}

/// `give_remote` that looks at the slab once more when its blocks are on the chain.
///
/// # Safety
///
/// As `Page::give_remote`; wrong on purpose: the blocks may be collected by then.
pub unsafe fn give_and_look_back(slab: NonNull<FreeListSlab>, word: usize, bits: u64) {
    // SAFETY: passed on.
    _ = unsafe { give(slab, word, bits, ALL) };
    // SAFETY: wrong on purpose: nothing keeps the slab open.
    let remote = unsafe { &*FreeListSlab::remote(slab.as_ptr()) };
    // Relaxed: only that there is a look.
    remote.chain.load(Ordering::Relaxed);
}

/// `collect_local` with other orders.
///
/// # Safety
///
/// As `Page::collect_local`; wrong on purpose.
pub unsafe fn collect(
    inbox: *const Inbox,
    relist: impl FnMut(NonNull<FreeListSlab>),
    edges: Edges,
) -> Result<(), Fault> {
    // SAFETY: passed on.
    unsafe { Remote::collect_with(inbox, relist, edges) }
}

/// Takes the chain of `slab`.
///
/// # Safety
///
/// The slab is open, and this thread's.
unsafe fn take_chain(slab: NonNull<FreeListSlab>) -> Result<(), Fault> {
    // SAFETY: the caller's slab.
    let remote = unsafe { &*FreeListSlab::remote(slab.as_ptr()) };
    // AcqRel: as in the protocol.
    let chain = Chain::from_bits(remote.chain.swap(0, Ordering::AcqRel));
    if chain.is_empty() {
        return Ok(());
    }
    // SAFETY: as above.
    let own = unsafe { FreeListSlab::own(slab) };
    // SAFETY: just taken.
    unsafe { own.merge(chain) }
}

/// `collect_local` that visits `slab` whether or not it is in the inbox.
///
/// # Safety
///
/// The slab is open, and this thread's; wrong on purpose.
pub unsafe fn collect_unasked(slab: NonNull<FreeListSlab>) -> Result<(), Fault> {
    // SAFETY: passed on.
    unsafe { take_chain(slab) }
}

/// `collect_local` that reads the link when the slab may be on its way to the inbox again.
///
/// # Safety
///
/// As `Page::collect_local`; wrong on purpose.
pub unsafe fn collect_link_late(inbox: *const Inbox) -> Result<(), Fault> {
    // SAFETY: the caller's inbox.
    let mut head = unsafe { &*inbox }.take_all(ALL.take_all);
    while let Some(slab) = NonNull::new(head) {
        // SAFETY: this thread's slab.
        unsafe { take_chain(slab) }?;
        // SAFETY: a slab in an inbox is open.
        let remote = unsafe { &*FreeListSlab::remote(slab.as_ptr()) };
        // SAFETY: wrong on purpose: the link is not ours any more.
        head = unsafe { remote.next.below() };
    }
    Ok(())
}

/// `collect_local` that reads the chain and empties it in two steps.
///
/// # Safety
///
/// As `Page::collect_local`; wrong on purpose.
pub unsafe fn collect_in_two_steps(inbox: *const Inbox) -> Result<(), Fault> {
    // SAFETY: the caller's inbox.
    let mut head = unsafe { &*inbox }.take_all(ALL.take_all);
    while let Some(slab) = NonNull::new(head) {
        // SAFETY: a slab in an inbox is open.
        let remote = unsafe { &*FreeListSlab::remote(slab.as_ptr()) };
        // SAFETY: L2 made the link ours.
        head = unsafe { remote.next.below() };
        // Acquire and Release: the two halves of the protocol's swap.
        let chain = Chain::from_bits(remote.chain.load(Ordering::Acquire));
        remote.chain.store(0, Ordering::Release);
        // SAFETY: this thread's slab.
        let own = unsafe { FreeListSlab::own(slab) };
        // SAFETY: of this slab.
        unsafe { own.merge(chain) }?;
    }
    Ok(())
}

/// Tells loom that the memory of `slab` goes to another use: it panics unless every access of
/// another thread happened before.
///
/// # Safety
///
/// The slab is this thread's, and whole.
pub unsafe fn close(slab: NonNull<FreeListSlab>) {
    let remote = FreeListSlab::remote(slab.as_ptr()).cast_mut();
    // SAFETY: the caller's slab; nobody else uses it, which loom checks.
    let remote = unsafe { &mut *remote };
    remote.chain.with_mut(|_| ());
    remote.next.close();
}
