//! An allocator as the driver sees it.

use std::alloc::{GlobalAlloc, Layout};
use std::fmt::Debug;
use std::ptr::{self, NonNull};

use hakmem_alloc::{Allocator, Boxes, parts};
use hakmem_contract::{OsPort, Pool, Registry};
use hakmem_os_acquire::Acquire;
use hakmem_shared_pool::{Census, Policy};

/// An allocator that can run a [`Program`](crate::Program).
pub trait Subject: Sync + Debug {
    /// `size` bytes at a multiple of `align`, or null.
    fn allocate(&self, size: usize, align: usize) -> *mut u8;

    /// The same, all zero.
    fn allocate_zeroed(&self, size: usize, align: usize) -> *mut u8;

    /// Another size; `known`: the allocator is told the old layout.
    ///
    /// # Safety
    ///
    /// A live block of this layout; if it moves, nobody uses the old address.
    unsafe fn reallocate(
        &self,
        block: NonNull<u8>,
        old: Layout,
        size: usize,
        known: bool,
    ) -> *mut u8;

    /// A free; `known`: the allocator is told the layout.
    ///
    /// # Safety
    ///
    /// A live block of this layout, which nobody uses any more.
    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout, known: bool);

    /// Bytes that may be used.
    ///
    /// # Safety
    ///
    /// A live block.
    unsafe fn usable_size(&self, block: NonNull<u8>) -> usize;

    /// Gives the system what is free.
    fn trim(&self);

    /// Has system calls fail. Whether that was done.
    fn refuse(&self, _from: usize, _all: bool) -> bool {
        false
    }

    /// Lets time pass, if it is ours to make.
    fn wait(&self, _ms: u64) {}

    /// Whether the accounting holds, in a quiet moment.
    fn check(&self) {}

    /// Whether every byte is back, when nothing is live and no thread has a heap.
    fn check_empty(&self) {}

    /// Whether threads leave heaps behind, which others must look after before nothing is left.
    fn leaves_heaps(&self) -> bool {
        true
    }
}

/// A pool that can be checked.
pub trait Ledger {
    /// The system below.
    type Os: OsPort + Faults + 'static;

    /// Where SuperSlabs come from.
    fn mappings(&self) -> &Acquire<Self::Os>;

    /// What it holds, if it can say so, and whether that is consistent.
    fn holds(&self) -> Option<(Census, bool)>;
}

impl<O: OsPort + Faults + 'static, R: Registry, P: Policy> Ledger
    for parts::SharedPool<Acquire<O>, R, P>
{
    type Os = O;

    fn mappings(&self) -> &Acquire<O> {
        self.memory()
    }

    fn holds(&self) -> Option<(Census, bool)> {
        Some((self.census(), self.is_consistent()))
    }
}

impl<P: Pool<Memory = Acquire<O>>, O: OsPort + Faults + 'static> Ledger for parts::Guarded<P> {
    type Os = O;

    fn mappings(&self) -> &Acquire<O> {
        self.memory()
    }

    fn holds(&self) -> Option<(Census, bool)> {
        None
    }
}

impl<B: Boxes<Pool: Ledger>> Subject for Allocator<B> {
    fn allocate(&self, size: usize, align: usize) -> *mut u8 {
        match Layout::from_size_align(size, align) {
            // SAFETY: this allocator serves size 0, too.
            Ok(layout) => unsafe { self.alloc(layout) },
            Err(_) => self.allocate_aligned(size, align),
        }
    }

    fn allocate_zeroed(&self, size: usize, align: usize) -> *mut u8 {
        Self::allocate_zeroed(self, size, align)
    }

    unsafe fn reallocate(
        &self,
        block: NonNull<u8>,
        old: Layout,
        size: usize,
        known: bool,
    ) -> *mut u8 {
        if known && size <= isize::MAX.cast_unsigned() - old.align() {
            // SAFETY: passed on; the size is not too large for a layout.
            unsafe { self.realloc(block.as_ptr(), old, size) }
        } else {
            // SAFETY: passed on.
            unsafe { Self::reallocate(self, block, size, old.align()) }
        }
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout, known: bool) {
        if known {
            // SAFETY: passed on.
            unsafe { self.dealloc(block.as_ptr(), layout) };
        } else {
            // SAFETY: passed on.
            unsafe { Self::deallocate(self, block.as_ptr()) };
        }
    }

    unsafe fn usable_size(&self, block: NonNull<u8>) -> usize {
        // SAFETY: passed on.
        unsafe { Self::usable_size(self, block.as_ptr()) }
    }

    fn trim(&self) {
        Self::trim(self);
    }

    fn refuse(&self, from: usize, all: bool) -> bool {
        mappings::<B>().os().refuse(from, all)
    }

    fn wait(&self, ms: u64) {
        mappings::<B>().os().wait(ms);
    }

    fn check(&self) {
        let stats = mappings::<B>().stats();
        assert!(stats.is_balanced(), "{stats:?}");
        let mapped = mappings::<B>().os().mapped();
        assert_eq!(mapped.unwrap_or(stats.mapped), stats.mapped, "{stats:?}");
        if let Some((census, consistent)) = B::shared().pool().holds() {
            assert!(consistent, "{census:?}");
        }
    }

    fn check_empty(&self) {
        self.check();
        let stats = mappings::<B>().stats();
        let (census, _) = B::shared().pool().holds().unwrap_or_default();
        let left = (stats.handed_out, stats.cached, stats.fresh, census.free_units);
        assert_eq!(left, (0, 0, 0, 0), "not everything came back: {stats:?} {census:?}");
    }
}

fn mappings<B: Boxes<Pool: Ledger>>() -> &'static Acquire<<B::Pool as Ledger>::Os> {
    B::shared().pool().mappings()
}

/// What a system can be told to do.
pub trait Faults {
    /// Calls fail: call `from` from now, and perhaps all that follow. 0: none. Whether it does so.
    fn refuse(&self, _from: usize, _all: bool) -> bool {
        false
    }

    /// Time passes.
    fn wait(&self, _ms: u64) {}

    /// How many bytes are mapped, if it counts.
    fn mapped(&self) -> Option<usize> {
        None
    }
}

impl Faults for parts::Linux {}

/// The system's allocator: whatever serves C in this process.
#[derive(Clone, Copy, Debug, Default)]
pub struct System;

impl Subject for System {
    fn allocate(&self, size: usize, align: usize) -> *mut u8 {
        if align <= 16 {
            // SAFETY: any size may be asked for.
            return unsafe { libc::malloc(size) }.cast();
        }
        let mut block = ptr::null_mut();
        // SAFETY: a place for the answer; the alignment is a power of two and large enough.
        let result = unsafe { libc::posix_memalign(&raw mut block, align, size) };
        if result == 0 { block.cast() } else { ptr::null_mut() }
    }

    fn allocate_zeroed(&self, size: usize, align: usize) -> *mut u8 {
        if align <= 16 {
            // SAFETY: any size may be asked for.
            return unsafe { libc::calloc(1, size) }.cast();
        }
        let block = self.allocate(size, align);
        if !block.is_null() {
            // SAFETY: the block has so many bytes.
            unsafe { block.write_bytes(0, size) };
        }
        block
    }

    unsafe fn reallocate(
        &self,
        block: NonNull<u8>,
        old: Layout,
        size: usize,
        _known: bool,
    ) -> *mut u8 {
        if old.align() <= 16 {
            // SAFETY: passed on.
            return unsafe { libc::realloc(block.as_ptr().cast(), size) }.cast();
        }
        let new = self.allocate(size, old.align());
        if !new.is_null() {
            let n = old.size().min(size);
            // SAFETY: both have so many bytes, and they are two.
            unsafe { ptr::copy_nonoverlapping(block.as_ptr(), new, n) };
            // SAFETY: passed on.
            unsafe { libc::free(block.as_ptr().cast()) };
        }
        new
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, _layout: Layout, _known: bool) {
        // SAFETY: passed on.
        unsafe { libc::free(block.as_ptr().cast()) };
    }

    unsafe fn usable_size(&self, block: NonNull<u8>) -> usize {
        // SAFETY: passed on.
        unsafe { libc::malloc_usable_size(block.as_ptr().cast()) }
    }

    fn trim(&self) {
        // SAFETY: has no conditions.
        unsafe { libc::malloc_trim(0) };
    }

    fn leaves_heaps(&self) -> bool {
        false
    }
}
