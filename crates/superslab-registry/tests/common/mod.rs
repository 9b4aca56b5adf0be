//! An arena that can fail, and a registry on the heap.
#![allow(dead_code, clippy::allow_attributes, reason = "each test uses a part of it")]
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::alloc::{Layout, alloc_zeroed};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use hakmem_contract::MetaArena;
use hakmem_superslab_registry::TwoLevel;

/// Serves a number of requests, refuses the rest. What it gave is leaked.
#[derive(Debug)]
pub(crate) struct Arena {
    calls: AtomicUsize,
    served: AtomicUsize,
    limit: AtomicUsize,
}

impl Default for Arena {
    fn default() -> Self {
        let limit = AtomicUsize::new(usize::MAX);
        Self { calls: AtomicUsize::new(0), served: AtomicUsize::new(0), limit }
    }
}

impl Arena {
    pub(crate) fn refuse_after(&self, limit: usize) {
        self.limit.store(limit, SeqCst);
    }

    pub(crate) fn n_calls(&self) -> usize {
        self.calls.load(SeqCst)
    }

    pub(crate) fn n_served(&self) -> usize {
        self.served.load(SeqCst)
    }
}

// SAFETY: zeroed, 64-byte aligned, never given back.
unsafe impl MetaArena for Arena {
    fn alloc_meta(&self, bytes: usize) -> Option<NonNull<u8>> {
        self.calls.fetch_add(1, SeqCst);
        if self.served.load(SeqCst) >= self.limit.load(SeqCst) {
            return None;
        }
        self.served.fetch_add(1, SeqCst);
        // SAFETY: the size is not zero.
        NonNull::new(unsafe { alloc_zeroed(Layout::from_size_align(bytes, 64).unwrap()) })
    }
}

/// A registry on the heap. Zero bytes are one.
pub(crate) fn registry() -> Box<TwoLevel> {
    // SAFETY: the size is not zero.
    let place = unsafe { alloc_zeroed(Layout::new::<TwoLevel>()) };
    assert!(!place.is_null());
    // SAFETY: of the type's layout, zero, and it is not moved out of the box.
    unsafe { Box::from_raw(place.cast()) }
}
