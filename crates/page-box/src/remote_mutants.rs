//! The protocol with an edge or a step cut, for the negative controls of the models, and what the
//! reuse of a slab's memory means to loom.
#![expect(clippy::missing_inline_in_public_items, reason = "no program has them")]

use hakmem_sync::atomic::{AtomicU64, Ordering};

pub use super::Edges as Orders;
use super::{Edges, Fault, Inbox, NonNull, Remote, Slab};
use crate::slab::n_words;

/// The protocol as it is.
pub const ALL: Edges = Edges::ALL;

/// `give_remote` with other orders.
///
/// # Safety
///
/// As `Page::give_remote`; wrong on purpose.
pub unsafe fn give(slab: NonNull<Slab>, word: usize, bits: u64, edges: Edges) -> Result<(), Fault> {
    // SAFETY: passed on.
    unsafe { Remote::give_with(slab.as_ptr(), word, bits, edges) }
}

/// `give_remote` of one word that goes on to the summary even if the word was not zero.
///
/// # Safety
///
/// As `Page::give_remote`; wrong on purpose: the blocks may be collected by then.
pub unsafe fn give_without_short_cut(slab: NonNull<Slab>, word: usize, bits: u64) {
    // SAFETY: the caller's blocks keep the slab open.
    let part = unsafe { Slab::remote(slab.as_ptr()) };
    // SAFETY: as above.
    let remote = unsafe { &*part };
    // Release: the tail of B1.
    // SAFETY: one of the slab's words.
    unsafe { Remote::word(part, word) }.fetch_or(bits, Ordering::Release);
    // AcqRel: as in the protocol.
    if remote.summary.fetch_or(1 << word, Ordering::AcqRel) == 0 {
        // SAFETY: the inbox outlives the slab.
        let inbox = unsafe { &*remote.inbox };
        // SAFETY: we made the summary non-zero, so the link is ours, and the slab open until it is collected.
        unsafe { inbox.push(slab.as_ptr(), &remote.next, ALL.b3) };
    }
}

/// `collect_local` with other orders.
///
/// # Safety
///
/// As `Page::collect_local`; wrong on purpose.
pub unsafe fn collect(
    inbox: *const Inbox,
    relist: impl FnMut(NonNull<Slab>),
    edges: Edges,
) -> Result<(), Fault> {
    // SAFETY: the slabs in an inbox are its owner's, this thread's.
    let each = unsafe { Slab::if_noticed(relist) };
    // SAFETY: passed on.
    unsafe { Remote::collect_with(inbox, each, edges) }
}

/// Takes the bits of all words of `slab`.
///
/// # Safety
///
/// The slab is open, and this thread's.
unsafe fn take_words(slab: NonNull<Slab>) -> Result<(), Fault> {
    // SAFETY: the caller's slab.
    let part = unsafe { Slab::remote(slab.as_ptr()) };
    // SAFETY: as above.
    for index in 0..unsafe { words_of(slab) } {
        // SAFETY: one of the slab's words.
        let word = unsafe { Remote::word(part, index) };
        // Acquire: the head of B1.
        let bits = word.swap(0, Ordering::Acquire);
        // SAFETY: this thread's slab.
        unsafe { Slab::merge(slab.as_ptr(), index, bits) }?;
    }
    Ok(())
}

/// Words of `slab`.
///
/// # Safety
///
/// The slab is open.
unsafe fn words_of(slab: NonNull<Slab>) -> usize {
    let local = slab.cast::<hakmem_contract::page::Local<Slab>>();
    // SAFETY: the slab is open; it begins with this.
    n_words(usize::from(unsafe { local.as_ref() }.capacity))
}

/// `collect_local` that visits `slab` whether or not it is in the inbox.
///
/// # Safety
///
/// The slab is open, and this thread's; wrong on purpose.
pub unsafe fn collect_unasked(slab: NonNull<Slab>) -> Result<(), Fault> {
    // SAFETY: passed on.
    unsafe { take_words(slab) }
}

/// `collect_local` that takes the words first and clears the summary afterwards.
///
/// # Safety
///
/// As `Page::collect_local`; wrong on purpose.
pub unsafe fn collect_words_first(inbox: *const Inbox) -> Result<(), Fault> {
    // SAFETY: the caller's inbox.
    let mut head = unsafe { &*inbox }.take_all(ALL.b3_head);
    while let Some(slab) = NonNull::new(head) {
        // SAFETY: a slab in an inbox is open.
        let part = unsafe { Slab::remote(slab.as_ptr()) };
        // SAFETY: as above.
        let remote = unsafe { &*part };
        // SAFETY: B3 made the link ours.
        head = unsafe { remote.next.below() };
        // SAFETY: this thread's slab.
        unsafe { take_words(slab) }?;
        // AcqRel: as in the protocol; only the place is wrong.
        remote.summary.swap(0, Ordering::AcqRel);
    }
    Ok(())
}

/// `collect_local` that reads the link when the slab may be on its way to the inbox again.
///
/// # Safety
///
/// As `Page::collect_local`; wrong on purpose.
pub unsafe fn collect_link_late(inbox: *const Inbox) -> Result<(), Fault> {
    // SAFETY: the caller's inbox.
    let mut head = unsafe { &*inbox }.take_all(ALL.b3_head);
    while let Some(slab) = NonNull::new(head) {
        // SAFETY: a slab in an inbox is open.
        let part = unsafe { Slab::remote(slab.as_ptr()) };
        // SAFETY: as above.
        let remote = unsafe { &*part };
        // AcqRel: as in the protocol; only the place is wrong.
        remote.summary.swap(0, Ordering::AcqRel);
        // SAFETY: wrong on purpose: the link is not ours any more.
        head = unsafe { remote.next.below() };
        // SAFETY: this thread's slab.
        unsafe { take_words(slab) }?;
    }
    Ok(())
}

/// Tells loom that the memory of `slab` goes to another use: it panics unless every access of
/// another thread happened before.
///
/// # Safety
///
/// The slab is this thread's, and whole.
pub unsafe fn close(slab: NonNull<Slab>) {
    // SAFETY: the caller's slab.
    let part = unsafe { Slab::remote(slab.as_ptr()) }.cast_mut();
    // SAFETY: as above.
    for index in 0..unsafe { words_of(slab) } {
        let word = part.wrapping_add(1).cast::<AtomicU64>().wrapping_add(index);
        // SAFETY: one of the slab's words; nobody else uses it, which loom checks.
        unsafe { &mut *word }.with_mut(|_| ());
    }
    // SAFETY: as above.
    let remote = unsafe { &mut *part };
    remote.summary.with_mut(|_| ());
    remote.next.close();
}
