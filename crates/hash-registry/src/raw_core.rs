//! Tables of `core`'s atomics: zero bytes are all they need.

use core::ptr::{self, NonNull};

use hakmem_contract::{Fresh, MetaArena, Unplaced};
use hakmem_sync::atomic::{AtomicPtr, AtomicU32};
use hakmem_sync::spares::Spares;

use crate::segment::Segment;
use crate::{DIRECTORY, Hash};

impl Hash {
    /// A registry in which everything is foreign. All zero bytes.
    #[inline]
    #[must_use]
    pub const fn new() -> Self {
        Self {
            levels: AtomicU32::new(0),
            spares: Spares::new(),
            directory: [const { AtomicPtr::new(ptr::null_mut()) }; DIRECTORY],
        }
    }
}

impl Default for Hash {
    #[inline]
    fn default() -> Self {
        Self::new()
    }
}

impl Fresh for Hash {
    const FRESH: Unplaced<Self> = Unplaced::new(Self::new());
}

/// A fresh segment: the arena's memory is zero, 64-byte aligned, and ours for ever.
pub(crate) fn open(meta: &impl MetaArena) -> Option<NonNull<Segment>> {
    meta.alloc_meta(size_of::<Segment>()).map(NonNull::cast)
}
