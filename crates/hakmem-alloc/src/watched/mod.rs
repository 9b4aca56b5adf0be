//! The allocator as valgrind's memcheck is to see it: the feature `valgrind`.
//!
//! [`Allocator`] stands for the one of `global.rs`, with the same functions. It tells memcheck
//! which bytes are a block, keeps [`ZONE`] forbidden bytes behind each, and hides what the boxes
//! do with free memory. Without the feature none of this is compiled.
//!
//! # What it does not do
//!
//! A block that is freed can be handed out again at once: memcheck's own allocator waits a while.
//! A block always moves when its size changes, as under memcheck's own: so stale pointers are
//! found, and the ways in place do not run.

mod port;
mod request;

use core::alloc::{GlobalAlloc, Layout};
use core::ptr::{self, NonNull};

use hakmem_contract::Limits;
use hakmem_contract::geometry::MIN_ALIGN;

use crate::boxes::Boxes;
use crate::global;
use crate::options::Options;
use crate::shared::Shared;
use crate::usage::Usage;
pub use port::Linux;
use request::Quiet;

/// Bytes behind each block that are nobody's.
const ZONE: usize = 16;

/// An allocator of the boxes `B` that tells memcheck what it does. See the
/// [unwatched one](global::Allocator), whose functions these are.
#[derive(Debug)]
pub struct Allocator<B>(global::Allocator<B>);

/// What a request for a block came to: tells memcheck, and passes it on.
fn announce(block: *mut u8, size: usize, zeroed: bool) -> *mut u8 {
    if !block.is_null() {
        request::allocated(block.addr(), size, zeroed);
    }
    block
}

/// Hides the static that the threads share, if that was not done: an address in it, such as that
/// of the newest SuperSlab, is no pointer to the block there.
fn hide<B: Boxes>() {
    let shared = ptr::from_ref(B::shared()).addr();
    if request::is_allowed(shared) == Some(true) {
        request::forbid(shared, size_of::<Shared<B>>());
        request::forgive(shared, size_of::<Shared<B>>());
    }
}

impl<B: Boxes> Allocator<B> {
    /// With the default options.
    #[inline]
    #[must_use]
    pub const fn new() -> Self {
        Self(global::Allocator::new())
    }

    /// With `options`.
    #[inline]
    #[must_use]
    pub const fn with(options: Options) -> Self {
        Self(global::Allocator::with(options))
    }

    /// `size` bytes at a multiple of 16, or null.
    #[inline]
    pub fn allocate(&self, size: usize) -> *mut u8 {
        self.allocate_aligned(size, MIN_ALIGN)
    }

    /// Always "ask `allocate`".
    #[inline]
    pub fn allocate_cached(&self, _size: usize) -> Option<NonNull<u8>> {
        None
    }

    /// `size` bytes at a multiple of `align`, a power of two, or null.
    #[inline]
    pub fn allocate_aligned(&self, size: usize, align: usize) -> *mut u8 {
        let quiet = Quiet::new();
        let block = self.0.allocate_aligned(size.saturating_add(ZONE), align);
        hide::<B>();
        drop(quiet);
        announce(block, size, false)
    }

    /// `size` zero bytes at a multiple of `align`, a power of two, or null.
    #[inline]
    pub fn allocate_zeroed(&self, size: usize, align: usize) -> *mut u8 {
        let quiet = Quiet::new();
        let block = self.0.allocate_zeroed(size.saturating_add(ZONE), align);
        hide::<B>();
        drop(quiet);
        announce(block, size, true)
    }

    /// Takes back a block, or null.
    ///
    /// # Safety
    ///
    /// Nobody uses the block any more.
    #[inline]
    pub unsafe fn deallocate(&self, block: *mut u8) {
        if block.is_null() {
            return;
        }
        // Before another thread can have it.
        request::freed(block.addr());
        let _quiet = Quiet::new();
        // SAFETY: passed on.
        unsafe { self.0.deallocate(block) };
    }

    /// Makes a block `size` bytes large, elsewhere; its contents stay. Null: it stays as it was.
    ///
    /// # Safety
    ///
    /// As the unwatched one's.
    #[inline]
    pub unsafe fn reallocate(&self, block: NonNull<u8>, size: usize, align: usize) -> *mut u8 {
        // SAFETY: passed on.
        let old = unsafe { self.usable_size(block.as_ptr()) };
        let new = self.allocate_aligned(size, align);
        if new.is_null() {
            return new;
        }
        // SAFETY: both have so many bytes, and the new block overlaps nothing.
        unsafe { ptr::copy_nonoverlapping(block.as_ptr(), new, old.min(size)) };
        // SAFETY: the contents have moved; the caller does not use the old address.
        unsafe { self.deallocate(block.as_ptr()) };
        new
    }

    /// Bytes that were asked for: what lies behind them is forbidden. Zero for null.
    ///
    /// # Safety
    ///
    /// `block` is null or a live block of ours.
    #[inline]
    pub unsafe fn usable_size(&self, block: *const u8) -> usize {
        let quiet = Quiet::new();
        // SAFETY: passed on.
        let (mut low, mut high) = (0, unsafe { self.0.usable_size(block) }.saturating_sub(ZONE));
        drop(quiet);
        // The allowed bytes are the first ones, and at most these.
        while low < high {
            let middle = low + (high - low) / 2;
            match request::is_allowed(block.addr() + middle) {
                Some(true) => low = middle + 1,
                Some(false) => high = middle,
                None => return high,
            }
        }
        low
    }

    /// Writes `line` to the standard error stream and aborts, without using memory.
    #[cold]
    #[inline(never)]
    pub fn die(&self, line: &[u8]) -> ! {
        self.0.die(line)
    }

    /// Gives the system all memory that is free and known to be so. Returns the bytes.
    #[inline]
    pub fn trim(&self) -> usize {
        let _quiet = Quiet::new();
        self.0.trim()
    }

    /// Where the memory is.
    #[inline]
    pub fn usage(&self) -> Usage {
        self.0.usage()
    }

    /// What the cache of empty SuperSlabs may keep.
    #[inline]
    pub fn limits(&self) -> Limits {
        self.0.limits()
    }

    /// Changes what the cache of empty SuperSlabs may keep.
    #[inline]
    pub fn set_limits(&self, limits: Limits) {
        self.0.set_limits(limits);
    }

    /// Maps up to `superslabs` of 2 MiB ahead. Returns how many.
    #[inline]
    pub fn prewarm(&self, superslabs: usize) -> usize {
        self.0.prewarm(superslabs)
    }
}

impl<B: Boxes> Default for Allocator<B> {
    #[inline]
    fn default() -> Self {
        Self::new()
    }
}

// SAFETY: blocks are the unwatched allocator's, with room for what was asked for.
unsafe impl<B: Boxes> GlobalAlloc for Allocator<B> {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.allocate_aligned(layout.size(), layout.align())
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, _layout: Layout) {
        // SAFETY: passed on.
        unsafe { self.deallocate(block) };
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        self.allocate_zeroed(layout.size(), layout.align())
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        match NonNull::new(block) {
            // SAFETY: passed on.
            Some(block) => unsafe { self.reallocate(block, size, layout.align()) },
            None => ptr::null_mut(),
        }
    }
}
