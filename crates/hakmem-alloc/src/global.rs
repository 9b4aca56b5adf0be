//! The allocator type, and Rust's interface to it.

use core::alloc::{GlobalAlloc, Layout};
use core::fmt;
use core::marker::PhantomData;
use core::ptr::{self, NonNull};

use hakmem_contract::geometry::MIN_ALIGN;
use hakmem_contract::{Fatal, Inspect, Limits, Memory, Pool};

use crate::boxes::Boxes;
use crate::options::Options;
use crate::paths::{large, resize, small};
use crate::usage::{self, Usage};

/// An allocator of the boxes `B`: zero state of its own but the options, so every value of the type
/// serves the same heap.
pub struct Allocator<B> {
    options: Options,
    boxes: PhantomData<fn() -> B>,
}

impl<B> fmt::Debug for Allocator<B> {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Allocator").field("options", &self.options).finish()
    }
}

impl<B: Boxes> Allocator<B> {
    /// With the default options.
    #[inline]
    #[must_use]
    pub const fn new() -> Self {
        Self::with(Options::new())
    }

    /// With `options`. The value that serves the first request decides for all.
    #[inline]
    #[must_use]
    pub const fn with(options: Options) -> Self {
        Self { options, boxes: PhantomData }
    }

    /// `size` bytes at a multiple of 16, or null. For C: `malloc`.
    #[inline(always)]
    pub fn allocate(&self, size: usize) -> *mut u8 {
        match self.allocate_cached(size) {
            Some(block) => block.as_ptr(),
            None => large::allocate_any::<B>(size, MIN_ALIGN, &self.options),
        }
    }

    /// What [`allocate`](Self::allocate) does without a call: `None` means "ask `allocate`", not
    /// "no memory".
    #[inline(always)]
    pub fn allocate_cached(&self, size: usize) -> Option<NonNull<u8>> {
        small::allocate_cached::<B>(size)
    }

    /// `size` bytes at a multiple of `align`, a power of two, or null.
    #[inline]
    pub fn allocate_aligned(&self, size: usize, align: usize) -> *mut u8 {
        large::allocate_any::<B>(size, align, &self.options)
    }

    /// `size` zero bytes at a multiple of `align`, a power of two, or null.
    #[inline]
    pub fn allocate_zeroed(&self, size: usize, align: usize) -> *mut u8 {
        large::allocate_zeroed::<B>(size, align, &self.options)
    }

    /// Takes back a block, or null. Whatever the address, nothing is touched that it points
    /// to; one that is no block of ours ends the process with a line that says so. For C:
    /// `free`.
    ///
    /// # Safety
    ///
    /// Nobody uses the block any more.
    #[inline(always)]
    pub unsafe fn deallocate(&self, block: *mut u8) {
        // SAFETY: passed on.
        unsafe { small::deallocate::<B>(block) };
    }

    /// [`deallocate`](Self::deallocate) of a block that was asked for with `size` and `align`, a power of
    /// two; otherwise the process ends with a line that says so. O(1), but slower.
    ///
    /// # Safety
    ///
    /// As there.
    #[inline]
    pub unsafe fn deallocate_sized(&self, block: *mut u8, size: usize, align: usize) {
        if let Some(block) = NonNull::new(block) {
            // SAFETY: passed on.
            unsafe { large::expect_size::<B>(block, size, align) };
        }
        // SAFETY: passed on.
        unsafe { self.deallocate(block) };
    }

    /// Makes a block `size` bytes large, here or elsewhere; its contents stay. Null: it stays as
    /// it was.
    ///
    /// # Safety
    ///
    /// `block` is a live block of ours, of an alignment of at most `align`; if it moves, nobody
    /// uses the old address.
    #[inline]
    pub unsafe fn reallocate(&self, block: NonNull<u8>, size: usize, align: usize) -> *mut u8 {
        // SAFETY: passed on.
        unsafe { resize::reallocate::<B>(block, size, align, &self.options) }
    }

    /// Bytes that the block at this address has, all of which may be used. Zero for null.
    ///
    /// # Safety
    ///
    /// `block` is null or a live block of ours.
    #[inline]
    pub unsafe fn usable_size(&self, block: *const u8) -> usize {
        // SAFETY: passed on.
        unsafe { large::usable_size::<B>(block) }
    }

    /// Writes `line` to the standard error stream and aborts, without using memory.
    #[cold]
    #[inline(never)]
    pub fn die(&self, line: &[u8]) -> ! {
        B::shared().pool().memory().die(line)
    }

    /// Gives the system all memory that is free and known to be so: this thread's caches and
    /// empty slabs, and everything in the shared pool. Returns the bytes.
    #[inline]
    pub fn trim(&self) -> usize {
        large::trim::<B>()
    }

    /// Where the memory is. Counted now: O(units of the address space in use).
    #[inline]
    pub fn usage(&self) -> Usage {
        usage::count::<B>()
    }

    /// What the cache of empty SuperSlabs may keep.
    #[inline]
    pub fn limits(&self) -> Limits {
        let shared = B::shared();
        shared.configure(&self.options);
        shared.pool().memory().limits()
    }

    /// Changes what the cache of empty SuperSlabs may keep. Holds from the next release on.
    #[inline]
    pub fn set_limits(&self, limits: Limits) {
        let shared = B::shared();
        // The options would be set over it by the first request.
        shared.configure(&self.options);
        shared.pool().memory().configure(limits);
    }

    /// Maps up to `superslabs` of 2 MiB ahead. Returns how many.
    #[inline]
    pub fn prewarm(&self, superslabs: usize) -> usize {
        let shared = B::shared();
        shared.configure(&self.options);
        shared.pool().memory().prewarm(superslabs)
    }
}

impl<B: Boxes> Default for Allocator<B> {
    #[inline]
    fn default() -> Self {
        Self::new()
    }
}

// SAFETY: blocks are exclusive (the boxes' promise), large and aligned enough for their tier, and
// nothing here unwinds.
unsafe impl<B: Boxes> GlobalAlloc for Allocator<B> {
    #[inline(always)]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if layout.align() <= MIN_ALIGN {
            self.allocate(layout.size())
        } else {
            self.allocate_aligned(layout.size(), layout.align())
        }
    }

    #[inline(always)]
    unsafe fn dealloc(&self, block: *mut u8, _layout: Layout) {
        // SAFETY: the caller gives up a live block of ours.
        unsafe { small::deallocate_known::<B>(block) };
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        self.allocate_zeroed(layout.size(), layout.align())
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        match NonNull::new(block) {
            // SAFETY: passed on.
            Some(block) => unsafe {
                resize::reallocate_known::<B>(
                    block,
                    layout.size(),
                    size,
                    layout.align(),
                    &self.options,
                )
            },
            None => ptr::null_mut(),
        }
    }
}
