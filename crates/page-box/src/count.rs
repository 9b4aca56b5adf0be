//! Looking at a slab's bits from outside: for tests, never on a path of the allocator.

use core::ptr::NonNull;

use crate::remote::Remote;
use crate::slab::{Slab, n_words};

impl Slab {
    /// How many blocks have a bit, here or in the part for others: those that nobody was handed or has
    /// cached. Counts the bits. For a census.
    ///
    /// # Safety
    ///
    /// `this` is an open slab, in a quiet moment.
    #[inline]
    #[must_use]
    pub unsafe fn n_free(this: NonNull<Self>) -> usize {
        let slab = this.as_ptr();
        // SAFETY: the caller's slab.
        let capacity = usize::from(unsafe { (*slab).local.capacity });
        let mut count = 0;
        for index in 0..n_words(capacity) {
            // SAFETY: one of the slab's words.
            count += unsafe { Self::words(slab).wrapping_add(index).read() }.count_ones();
            // SAFETY: the caller's slab.
            let remote = unsafe { Self::remote(slab) };
            // SAFETY: as many words as of free bits.
            count += unsafe { Remote::given(remote, index) }.count_ones();
        }
        count as usize
    }
}
