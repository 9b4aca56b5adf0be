//! The composition of the library: the default one, which tells the [`log`](crate::log).
//!
//! An allocation is told of when it is done, a free before it is: in the order of the log, a block
//! that two threads share is allocated before it is freed, and freed before its address is
//! somebody else's.

use core::ops::Deref;
use core::ptr::NonNull;

use hakmem_alloc::Hakmem;

use crate::log::LOG;
use crate::raw::kind;

/// What the C library calls its allocator.
#[derive(Debug)]
pub(crate) struct Composition(Hakmem);

const MIN_ALIGN: usize = 16;

impl Composition {
    pub(crate) const fn new() -> Self {
        Self(Hakmem::new())
    }

    pub(crate) fn allocate(&self, size: usize) -> *mut u8 {
        self.allocated(kind::ALLOCATED, self.0.allocate(size), size, MIN_ALIGN)
    }

    /// Always "ask `allocate`".
    #[expect(clippy::unused_self, reason = "as the allocator's own")]
    pub(crate) fn allocate_cached(&self, _size: usize) -> Option<NonNull<u8>> {
        None
    }

    pub(crate) fn allocate_aligned(&self, size: usize, align: usize) -> *mut u8 {
        self.allocated(kind::ALLOCATED, self.0.allocate_aligned(size, align), size, align)
    }

    pub(crate) fn allocate_zeroed(&self, size: usize, align: usize) -> *mut u8 {
        self.allocated(kind::ZEROED, self.0.allocate_zeroed(size, align), size, align)
    }

    /// # Safety
    ///
    /// The allocator's own.
    pub(crate) unsafe fn deallocate(&self, block: *mut u8) {
        if !block.is_null() {
            LOG.note(kind::FREED, block.addr(), 0, 0);
        }
        // SAFETY: passed on.
        unsafe { self.0.deallocate(block) };
    }

    /// # Safety
    ///
    /// The allocator's own.
    pub(crate) unsafe fn reallocate(
        &self,
        block: NonNull<u8>,
        size: usize,
        align: usize,
    ) -> *mut u8 {
        let begun = LOG.note(kind::RESIZING, block.addr().get(), 0, 0);
        // SAFETY: passed on.
        let moved = unsafe { self.0.reallocate(block, size, align) };
        match begun {
            None => {}
            Some(begun) if moved.is_null() => {
                LOG.note(kind::REFUSED, block.addr().get(), size, begun);
            }
            Some(begun) => {
                LOG.note(kind::RESIZED, moved.addr(), size, begun);
            }
        }
        moved
    }

    fn allocated(&self, kind: u32, block: *mut u8, size: usize, align: usize) -> *mut u8 {
        if !block.is_null() {
            LOG.note(kind, block.addr(), size, align as u64);
        }
        block
    }
}

/// What is not recorded.
impl Deref for Composition {
    type Target = Hakmem;

    fn deref(&self) -> &Hakmem {
        &self.0
    }
}
