//! A table of `core`'s atomics: zero bytes are all it needs.

use core::ptr::{self, NonNull};

use hakmem_contract::{Fresh, MetaArena, Unplaced};
use hakmem_sync::atomic::{AtomicPtr, AtomicU64};

use crate::{Flat, PART_WORDS, Table, reserve};

impl Flat {
    /// A registry in which everything is foreign. All zero bytes.
    #[inline]
    #[must_use]
    pub const fn new() -> Self {
        let covered = [const { AtomicU64::new(0) }; PART_WORDS];
        Self { table: AtomicPtr::new(ptr::null_mut()), covered }
    }
}

impl Default for Flat {
    #[inline]
    fn default() -> Self {
        Self::new()
    }
}

impl Fresh for Flat {
    const FRESH: Unplaced<Self> = Unplaced::new(Self::new());
}

/// A fresh table: the arena's memory is zero, aligned, and ours for ever.
pub(crate) fn open(meta: &impl MetaArena) -> Option<NonNull<Table>> {
    reserve(meta)
}
