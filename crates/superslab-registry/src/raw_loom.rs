//! Arrays and leaves of loom's atomics, which have to be made one by one.

use core::ptr::{self, NonNull};

use hakmem_contract::MetaArena;
use hakmem_sync::atomic::{AtomicPtr, AtomicU32, AtomicUsize};
use hakmem_sync::marks::Marks;
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
    pub unsafe fn new() -> Self {
        Self { leaves: no_leaves(), root: words(), zero: tags(), spares: Spares::new() }
    }
}

/// Entries without leaves.
pub(crate) fn no_leaves<const N: usize>() -> [AtomicPtr<Leaf>; N] {
    core::array::from_fn(|_| AtomicPtr::new(ptr::null_mut()))
}

/// Zero words.
pub(crate) fn words<const N: usize>() -> [AtomicUsize; N] {
    core::array::from_fn(|_| AtomicUsize::new(0))
}

/// Zero tags.
pub(crate) fn tags<const N: usize>() -> [AtomicU32; N] {
    core::array::from_fn(|_| AtomicU32::new(0))
}

/// A fresh leaf.
pub(crate) fn open(meta: &impl MetaArena) -> Option<NonNull<Leaf>> {
    let leaf = meta.alloc_meta(size_of::<Leaf>())?.cast::<Leaf>();
    // SAFETY: the arena's memory is ours, of the size asked for, and 64-byte aligned.
    unsafe { leaf.write(Leaf(Marks::new())) };
    Some(leaf)
}
