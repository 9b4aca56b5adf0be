//! Arrays whose zero bytes are their initial state.

use core::ptr::NonNull;

use hakmem_contract::{Fresh, Unplaced};
use hakmem_sync::tree::{BitTree, CAPACITY};

use crate::entry::Entry;
use crate::pool::SharedPool;

/// Entries of numbers that no SuperSlab has.
pub(crate) const fn entries() -> [Entry; CAPACITY] {
    [const { Entry::new() }; CAPACITY]
}

/// Empty trees.
pub(crate) const fn trees<const N: usize>() -> [BitTree; N] {
    [const { BitTree::new() }; N]
}

impl<M: Fresh, R: Fresh, P: Fresh> Fresh for SharedPool<M, R, P> {
    const FRESH: Unplaced<Self> = {
        // SAFETY: a part of this value, which whoever places it does not move.
        let memory = unsafe { M::FRESH.place() };
        // SAFETY: as above.
        let registry = unsafe { R::FRESH.place() };
        // SAFETY: as above.
        let policy = unsafe { P::FRESH.place() };
        Unplaced::new(Self::with_policy(memory, registry, policy))
    };
}

impl<M, R, P> SharedPool<M, R, P> {
    /// Makes a pool where it is going to stay: it is too large for most stacks.
    ///
    /// # Safety
    ///
    /// `place` is valid for writes, aligned, the caller's, and all its bytes are zero.
    pub unsafe fn open_in(place: NonNull<Self>, memory: M, registry: R, policy: P) {
        // INVARIANT: zero bytes are the initial state of all but these three.
        // SAFETY: the caller's promise.
        unsafe { Self::fill(place.as_ptr(), memory, registry, policy) };
    }
}
