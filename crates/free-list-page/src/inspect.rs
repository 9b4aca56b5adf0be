//! Looking at a slab from outside: for tests and a census, never on a path of the allocator.

use core::ptr::NonNull;

use hakmem_contract::class::index_in;

use crate::link;
use crate::remote::Remote;
use crate::slab::FreeListSlab;

/// Words for a bit for each block of the largest slab.
const WORDS: usize = 4096 / 64;

impl FreeListSlab {
    /// How many blocks nobody was handed or has cached: free ones, and those that others gave back. For
    /// a census.
    ///
    /// # Safety
    ///
    /// `this` is an open slab, in a quiet moment.
    #[inline]
    #[must_use]
    pub unsafe fn n_free(this: NonNull<Self>) -> usize {
        // SAFETY: the caller's slab.
        let free = unsafe { Self::own(this) }.local.free;
        // SAFETY: as above.
        let given = unsafe { Remote::given(Self::remote(this.as_ptr())) };
        usize::from(free) + given
    }

    /// Checks the accounting: the count against the list, in which each block is once. O(blocks), for
    /// debug builds and tests.
    ///
    /// # Safety
    ///
    /// `this` is this thread's slab.
    #[inline]
    #[must_use]
    pub unsafe fn check(this: NonNull<Self>) -> bool {
        // SAFETY: the caller's slab.
        let slab = unsafe { Self::own(this) };
        let (free, capacity) = (slab.local.free, slab.local.capacity);
        if free > capacity || slab.carved > capacity || capacity - slab.carved > free {
            return false;
        }
        let mut seen = [0_u64; WORDS];
        let mut block = slab.head;
        for _ in 0..slab.listed() {
            let base = slab.local.span.base;
            let index = index_in(base, block.addr(), slab.reciprocal, slab.carved);
            let Some((index, word)) = index.and_then(|i| Some((i, seen.get_mut(i / 64)?))) else {
                return false;
            };
            if *word >> (index % 64) & 1 != 0 {
                return false;
            }
            *word |= 1 << (index % 64);
            // SAFETY: a block of the slab's, which is listed.
            block = unsafe { link::read(block) };
        }
        block.is_null()
    }
}
