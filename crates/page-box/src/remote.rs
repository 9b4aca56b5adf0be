//! The slab's part for other threads, and the owner's inbox. Edges B1 to B4 of the crate docs.

use core::mem::size_of;
use core::ptr::NonNull;

use hakmem_contract::Fault;
use hakmem_sync::atomic::{AtomicU64, Ordering};
use hakmem_sync::stack::{Link, Stack};

use crate::slab::Slab;

#[cfg(loom)]
#[path = "remote_mutants.rs"]
pub mod mutants;

/// The slabs that others gave blocks back to, and that the owner has not looked at since. Every slab on it has
/// a non-zero remote summary.
pub type Inbox = Stack<Slab>;

/// The slab's part that any thread may write. As many words of remote bits follow as the slab has
/// words of free bits.
///
/// # Invariants
///
/// - `inbox` is the owner's, and outlives the slab.
/// - `next` belongs to whoever made the summary non-zero, until the owner makes it zero again.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Remote {
    summary: AtomicU64,
    inbox: *const Inbox,
    next: Link<Slab>,
}

/// The orders of the protocol's edges, so that a model can cut one.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(not(loom), expect(unreachable_pub, reason = "models name it"))]
pub struct Edges {
    /// Order of the OR of a remote word.
    pub b1: Ordering,
    /// Order of the owner's swap of a remote word.
    pub b1_head: Ordering,
    /// Order of the OR of the remote summary.
    pub b2: Ordering,
    /// Order of the CAS that puts a slab on the inbox.
    pub b3: Ordering,
    /// Order of the owner's swap of the inbox.
    pub b3_head: Ordering,
    /// Order of the owner's swap of the summary.
    pub b4: Ordering,
}

impl Edges {
    /// The protocol as it is.
    pub(crate) const ALL: Self = Self {
        // Release: the tail of B1. No Acquire: a giver reads nothing that others gave.
        b1: Ordering::Release,
        // Acquire: the head of B1. No Release: no giver reads what the owner did with the word.
        b1_head: Ordering::Acquire,
        // Release: the tail of B2. Acquire: the head of B4.
        b2: Ordering::AcqRel,
        // Release: the tail of B3.
        b3: Ordering::Release,
        // Acquire: the head of B3, for every slab on the list, because each push is a
        // read-modify-write and continues the release sequence of the one below. Nothing is
        // published, so no Release.
        b3_head: Ordering::Acquire,
        // Acquire: the head of B2. Release: the tail of B4.
        b4: Ordering::AcqRel,
    };
}

impl Remote {
    /// Bytes of this part of a slab with `words` words.
    pub(crate) const fn footprint(words: usize) -> usize {
        size_of::<Self>() + words * size_of::<AtomicU64>()
    }

    /// Makes the part of a slab that nobody knows yet.
    ///
    /// # Safety
    ///
    /// `this` is valid for `footprint(words)` bytes, and the caller's.
    pub(crate) unsafe fn open(this: *mut Self, inbox: *const Inbox, words: usize) {
        let part = Self { summary: AtomicU64::new(0), inbox, next: Link::new() };
        // SAFETY: the caller's memory.
        unsafe { this.write(part) };
        for i in 0..words {
            let word = this.wrapping_add(1).cast::<AtomicU64>().wrapping_add(i);
            // SAFETY: the words follow the header, inside the footprint.
            unsafe { word.write(AtomicU64::new(0)) };
        }
    }

    /// The remote word `index`.
    ///
    /// # Safety
    ///
    /// `this` is the part of an open slab with more than `index` words.
    #[inline]
    unsafe fn word<'slab>(this: *const Self, index: usize) -> &'slab AtomicU64 {
        let word = this.wrapping_add(1).cast::<AtomicU64>().wrapping_add(index);
        // SAFETY: the words follow the header; atomics may be shared.
        unsafe { &*word }
    }

    /// What is in the remote word `index` now.
    ///
    /// # Safety
    ///
    /// As [`word`](Self::word).
    pub(crate) unsafe fn given(this: *const Self, index: usize) -> u64 {
        // Relaxed: for a census, in a quiet moment.
        // SAFETY: passed on.
        unsafe { Self::word(this, index) }.load(Ordering::Relaxed)
    }

    /// See [`Page::give_remote`](hakmem_contract::Page::give_remote).
    ///
    /// # Safety
    ///
    /// As there.
    #[inline]
    pub(crate) unsafe fn give(slab: *mut Slab, word: usize, bits: u64) -> Result<(), Fault> {
        // SAFETY: passed on.
        unsafe { Self::give_with(slab, word, bits, Edges::ALL) }
    }

    /// `give` with the orders of `edges`.
    ///
    /// # Safety
    ///
    /// As [`Page::give_remote`](hakmem_contract::Page::give_remote).
    #[inline(always)]
    unsafe fn give_with(
        slab: *mut Slab,
        word: usize,
        bits: u64,
        edges: Edges,
    ) -> Result<(), Fault> {
        // SAFETY: the caller's blocks keep the slab open.
        let this = unsafe { Slab::remote(slab) };
        // SAFETY: as above.
        // An addition, which is one instruction where an OR that returns the old value is a loop.
        // They differ only if a bit was set before, and then the process ends.
        let old = unsafe { Self::word(this, word) }.fetch_add(bits, edges.b1);
        if old & bits != 0 {
            // SAFETY: as above.
            return Err(unsafe { Slab::double_free_cold(slab, word, old & bits) });
        }
        if old != 0 {
            // Whoever made the word non-zero has set its summary bit, or is about to. The owner
            // takes the word only after that, so our bits go along.
            return Ok(());
        }
        // SAFETY: our bits, not collected before the summary bit is set, keep the slab open.
        let remote = unsafe { &*this };
        if remote.summary.fetch_or(1 << word, edges.b2) == 0 {
            // SAFETY: the inbox outlives the slab.
            let inbox = unsafe { &*remote.inbox };
            // SAFETY: we made the summary non-zero, so the link is ours, and the slab open until it is collected.
            unsafe { inbox.push(slab, &remote.next, edges.b3) };
        }
        Ok(())
    }

    /// As [`Page::collect_local`](hakmem_contract::Page::collect_local), with each slab that something
    /// was given back to, whether or not it is to change lists.
    ///
    /// # Safety
    ///
    /// As there.
    #[inline]
    pub(crate) unsafe fn collect(
        inbox: *const Inbox,
        each: impl FnMut(NonNull<Slab>) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        // SAFETY: passed on.
        unsafe { Self::collect_with(inbox, each, Edges::ALL) }
    }

    /// `collect` with the orders of `edges`.
    ///
    /// # Safety
    ///
    /// As [`Page::collect_local`](hakmem_contract::Page::collect_local).
    #[inline(always)]
    unsafe fn collect_with(
        inbox: *const Inbox,
        mut each: impl FnMut(NonNull<Slab>) -> Result<(), Fault>,
        edges: Edges,
    ) -> Result<(), Fault> {
        // SAFETY: the caller's inbox.
        let inbox = unsafe { &*inbox };
        let mut head = inbox.take_all(edges.b3_head);
        while let Some(slab) = NonNull::new(head) {
            // SAFETY: a slab in an inbox has remote bits, so it is open.
            let part = unsafe { Slab::remote(slab.as_ptr()) };
            // SAFETY: as above.
            let remote = unsafe { &*part };
            // The link first: after the swap below another thread may push the slab again.
            // SAFETY: B3 made the link ours.
            head = unsafe { remote.next.below() };
            let mut words = remote.summary.swap(0, edges.b4);
            while words != 0 {
                let index = words.trailing_zeros() as usize;
                words &= words - 1;
                // SAFETY: the summary names words that exist.
                let bits = unsafe { Self::word(part, index) }.swap(0, edges.b1_head);
                // SAFETY: this thread's slab.
                unsafe { Slab::merge(slab.as_ptr(), index, bits) }?;
            }
            each(slab)?;
        }
        Ok(())
    }
}
