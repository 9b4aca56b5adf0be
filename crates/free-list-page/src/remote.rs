//! The slab's part for other threads, and the owner's inbox. Edges L1 to L3 of the crate docs.

use core::mem::size_of;
use core::ptr::{self, NonNull};

use hakmem_contract::class::index_in;
use hakmem_contract::{Fault, Geometry};
use hakmem_sync::atomic::{AtomicU64, Ordering};
use hakmem_sync::stack::{Link, Stack};
use static_assertions::const_assert;

use crate::chain::Chain;
use crate::link;
use crate::slab::FreeListSlab;

#[cfg(loom)]
#[path = "remote_mutants.rs"]
pub mod mutants;

/// Blocks that one `give_remote` can name.
pub(crate) const WORD: usize = u64::BITS as usize;

/// The slabs that others gave blocks back to, and that the owner has not looked at since. Every slab on it has
/// a chain.
pub type Inbox = Stack<FreeListSlab>;

/// The slab's part that any thread may use. It has its own copy of where the blocks are, so that a
/// remote free leaves the owner's line alone.
///
/// # Invariants
///
/// - `inbox` is the owner's, and outlives the slab.
/// - `next` belongs to whoever put the first chain on the slab, until the owner takes the chain.
/// - The blocks of `chain` are linked, from its first to its last, and are nobody's.
/// - `base`, `reciprocal`, `block_size` and `capacity` are not written after `open_local`.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Remote {
    chain: AtomicU64,
    inbox: *const Inbox,
    next: Link<FreeListSlab>,
    base: NonNull<u8>,
    reciprocal: u64,
    block_size: u32,
    capacity: u16,
}

const_assert!(cfg!(loom) || size_of::<Remote>() <= 64);

/// The orders of the protocol's edges, so that a model can cut one.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(not(loom), expect(unreachable_pub, reason = "models name it"))]
pub struct Edges {
    /// Order of the CAS that puts blocks on a chain.
    pub give: Ordering,
    /// Order of the owner's swap of a chain.
    pub take: Ordering,
    /// Order of the CAS that puts a slab on the inbox.
    pub push: Ordering,
    /// Order of the owner's swap of the inbox.
    pub take_all: Ordering,
}

impl Edges {
    /// The protocol as it is.
    pub(crate) const ALL: Self = Self {
        // Release: the tail of L1. Acquire: the head of L3.
        give: Ordering::AcqRel,
        // Acquire: the head of L1, for all who gave, because each CAS is a read-modify-write and
        // continues the release sequences of those before it. Release: the tail of L3.
        take: Ordering::AcqRel,
        // Release: the tail of L2.
        push: Ordering::Release,
        // Acquire: the head of L2, for every slab on the stack, as above. Nothing is published,
        // so no Release.
        take_all: Ordering::Acquire,
    };
}

impl Remote {
    /// The part of a slab that nobody knows yet.
    #[inline]
    pub(crate) fn new(inbox: *const Inbox, base: NonNull<u8>, geometry: &Geometry) -> Self {
        let Geometry { reciprocal, block_size, capacity, .. } = *geometry;
        let chain = AtomicU64::new(Chain::EMPTY.bits());
        let next = Link::new();
        Self { chain, inbox, next, base, reciprocal, block_size, capacity }
    }

    /// Which block is at `address`, if any.
    #[inline(always)]
    pub(crate) fn index_of(&self, address: usize) -> Option<usize> {
        index_in(self.base, address, self.reciprocal, self.capacity)
    }

    /// The address of block `index`.
    #[inline(always)]
    const fn block(&self, index: usize) -> *mut u8 {
        self.base.as_ptr().wrapping_add(index * self.block_size as usize)
    }

    /// How many blocks were given back and not collected.
    ///
    /// # Safety
    ///
    /// `this` is the part of an open slab.
    pub(crate) unsafe fn given(this: *const Self) -> usize {
        // SAFETY: the caller's slab.
        let remote = unsafe { &*this };
        // Relaxed: for a census, in a quiet moment.
        Chain::from_bits(remote.chain.load(Ordering::Relaxed)).count()
    }

    /// Links the blocks `bits` of word `word`, one at least, lowest first. The last one's link is left
    /// to the caller, who gets its address, too.
    ///
    /// # Safety
    ///
    /// They are the caller's blocks.
    #[inline(always)]
    unsafe fn link(&self, word: usize, bits: u64) -> (Chain, *mut u8) {
        let size = self.block_size as usize;
        let base = self.block(word * WORD);
        let first = bits.trailing_zeros() as usize;
        let (mut last, mut block) = (first, base.wrapping_add(first * size));
        let mut rest = bits & (bits - 1);
        while rest != 0 {
            last = rest.trailing_zeros() as usize;
            let next = base.wrapping_add(last * size);
            // SAFETY: the caller's block.
            unsafe { link::write(block, next) };
            block = next;
            rest &= rest - 1;
        }
        let count = bits.count_ones() as usize;
        (Chain::new(word * WORD + first, word * WORD + last, count), block)
    }

    /// See [`Page::give_remote`](hakmem_contract::Page::give_remote).
    ///
    /// # Safety
    ///
    /// As there.
    #[inline]
    pub(crate) unsafe fn give(
        slab: *mut FreeListSlab,
        word: usize,
        bits: u64,
    ) -> Result<(), Fault> {
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
        slab: *mut FreeListSlab,
        word: usize,
        bits: u64,
        edges: Edges,
    ) -> Result<(), Fault> {
        if bits == 0 {
            return Ok(());
        }
        // SAFETY: the caller's blocks keep the slab open.
        let remote = unsafe { &*FreeListSlab::remote(slab) };
        // SAFETY: the caller's blocks.
        let (ours, last) = unsafe { remote.link(word, bits) };
        // Relaxed: what it says is stored and compared, and its blocks are not looked at.
        let mut seen = Chain::from_bits(remote.chain.load(Ordering::Relaxed));
        loop {
            // SAFETY: the last of the caller's blocks.
            unsafe { remote.link_to(ours, last, seen) }?;
            let (old, new) = (seen.bits(), ours.before(seen).bits());
            // Failure Relaxed: as for the load above.
            match remote.chain.compare_exchange_weak(old, new, edges.give, Ordering::Relaxed) {
                Ok(_) => break,
                Err(other) => seen = Chain::from_bits(other),
            }
        }
        if seen.is_empty() {
            // SAFETY: our blocks, not collected before the slab is pushed, keep it open; the inbox
            // outlives it.
            let inbox = unsafe { &*remote.inbox };
            // SAFETY: we put the first chain there, so the link is ours, and the slab open until it is collected.
            unsafe { inbox.push(slab, &remote.next, edges.push) };
        }
        // Otherwise whoever put the first chain there has pushed the slab, or is about to, and our
        // blocks may be collected already: nothing keeps the slab open for us any more.
        Ok(())
    }

    /// Links `last`, the last block of `ours`, to the first one of `seen`, which it is to go in front
    /// of.
    ///
    /// # Safety
    ///
    /// `last` is the caller's.
    #[inline(always)]
    unsafe fn link_to(&self, ours: Chain, last: *mut u8, seen: Chain) -> Result<(), Fault> {
        let mut behind = ptr::null_mut();
        if !seen.is_empty() {
            behind = self.block(seen.first());
            let twice = seen.first() == ours.first();
            if twice || seen.count() + ours.count() > usize::from(self.capacity) {
                return Err(Fault::DoubleFree(self.block(ours.first()).addr()));
            }
        }
        // SAFETY: the caller's block.
        unsafe { link::write(last, behind) };
        Ok(())
    }

    /// See [`Page::collect_local`](hakmem_contract::Page::collect_local).
    ///
    /// # Safety
    ///
    /// As there.
    #[inline]
    pub(crate) unsafe fn collect(
        inbox: *const Inbox,
        relist: impl FnMut(NonNull<FreeListSlab>),
    ) -> Result<(), Fault> {
        // SAFETY: passed on.
        unsafe { Self::collect_with(inbox, relist, Edges::ALL) }
    }

    /// `collect` with the orders of `edges`.
    ///
    /// # Safety
    ///
    /// As [`Page::collect_local`](hakmem_contract::Page::collect_local).
    #[inline(always)]
    unsafe fn collect_with(
        inbox: *const Inbox,
        mut relist: impl FnMut(NonNull<FreeListSlab>),
        edges: Edges,
    ) -> Result<(), Fault> {
        // SAFETY: the caller's inbox.
        let inbox = unsafe { &*inbox };
        let mut head = inbox.take_all(edges.take_all);
        while let Some(slab) = NonNull::new(head) {
            // SAFETY: a slab in an inbox has a chain, so it is open.
            let remote = unsafe { &*FreeListSlab::remote(slab.as_ptr()) };
            // The link first: after the swap below another thread may push the slab again.
            // SAFETY: L2 made the link ours.
            head = unsafe { remote.next.below() };
            let chain = Chain::from_bits(remote.chain.swap(Chain::EMPTY.bits(), edges.take));
            // SAFETY: the slabs in an inbox are its owner's, this thread's.
            let own = unsafe { FreeListSlab::own(slab) };
            // SAFETY: just taken from this slab.
            unsafe { own.merge(chain) }?;
            if own.is_noticed() {
                relist(slab);
            }
        }
        Ok(())
    }
}
