//! Tables of loom's atomics, which have to be made one by one.

use core::array::from_fn;
use core::ptr::{self, NonNull};

use hakmem_contract::MetaArena;
use hakmem_sync::atomic::{AtomicPtr, AtomicU32, AtomicU64};
use hakmem_sync::marks::Marks;
use hakmem_sync::spares::Spares;

use crate::Hash;
use crate::segment::{Bucket, Segment};

impl Hash {
    /// A registry in which everything is foreign.
    #[inline]
    #[must_use]
    pub fn new() -> Self {
        let directory = from_fn(|_| AtomicPtr::new(ptr::null_mut()));
        Self { levels: AtomicU32::new(0), spares: Spares::new(), directory }
    }
}

impl Default for Hash {
    #[inline]
    fn default() -> Self {
        Self::new()
    }
}

/// A fresh segment.
pub(crate) fn open(meta: &impl MetaArena) -> Option<NonNull<Segment>> {
    let segment = meta.alloc_meta(size_of::<Segment>())?.cast::<Segment>();
    let new = Segment {
        buckets: from_fn(|_| Bucket(from_fn(|_| AtomicU32::new(0)))),
        marks: from_fn(|_| Marks::new()),
        classes: from_fn(|_| from_fn(|_| AtomicU64::new(0))),
    };
    // SAFETY: the arena's memory is ours, of the size asked for, and 64-byte aligned.
    unsafe { segment.write(new) };
    Some(segment)
}
