//! Arrays and leaves of `core`'s atomics: zero bytes are all they need.

use core::ptr::{self, NonNull};

use hakmem_contract::{Fresh, MetaArena, Unplaced};
use hakmem_sync::atomic::{AtomicPtr, AtomicU32, AtomicUsize};
use hakmem_sync::spares::Spares;

use crate::{Leaf, TwoLevel};

impl TwoLevel {
    /// A registry in which everything is foreign. All zero bytes.
    ///
    /// # Safety
    ///
    /// The value does not move any more once [`cover`](hakmem_contract::Registry::cover) was
    /// called: it holds distances from itself.
    #[inline]
    #[must_use]
    pub const unsafe fn new() -> Self {
        Self { leaves: no_leaves(), root: words(), zero: tags(), spares: Spares::new() }
    }
}

impl Fresh for TwoLevel {
    // SAFETY: whoever places the value promises that it does not move.
    const FRESH: Unplaced<Self> = Unplaced::new(unsafe { Self::new() });
}

/// Entries without leaves.
#[inline]
pub(crate) const fn no_leaves<const N: usize>() -> [AtomicPtr<Leaf>; N] {
    [const { AtomicPtr::new(ptr::null_mut()) }; N]
}

/// Zero words.
#[inline]
pub(crate) const fn words<const N: usize>() -> [AtomicUsize; N] {
    [const { AtomicUsize::new(0) }; N]
}

/// Zero tags.
#[inline]
pub(crate) const fn tags<const N: usize>() -> [AtomicU32; N] {
    [const { AtomicU32::new(0) }; N]
}

/// A fresh leaf: the arena's memory is zero, 64-byte aligned, and ours for ever.
pub(crate) fn open(meta: &impl MetaArena) -> Option<NonNull<Leaf>> {
    meta.alloc_meta(size_of::<Leaf>()).map(NonNull::cast)
}
