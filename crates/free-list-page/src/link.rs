//! The link in a free block's first word. A cell of `hakmem-sync`, so that a model sees a link that
//! is read before it was written.

use hakmem_sync::cell::UnsafeCell;

/// What the first word of a free block is.
type Link = UnsafeCell<*mut u8>;

/// Writes the address of `next`, or null, to `block`.
///
/// # Safety
///
/// The block is the caller's, at least 16 bytes at a multiple of 16.
#[inline(always)]
pub(crate) unsafe fn write(block: *mut u8, next: *mut u8) {
    let link: *mut Link = block.cast();
    // SAFETY: the caller's block is large and aligned enough.
    unsafe { link.write(Link::new(next)) };
}

/// Reads the link of `block`.
///
/// # Safety
///
/// As [`write`], and a link was written to the block.
#[inline(always)]
pub(crate) unsafe fn read(block: *mut u8) -> *mut u8 {
    let link: *const Link = block.cast();
    // SAFETY: the caller's block, which holds a link; every word is a value of it.
    let link = unsafe { &*link };
    // SAFETY: nobody else uses the block.
    link.with(|next| unsafe { *next })
}
