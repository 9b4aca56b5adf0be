//! A tree on the heap: it is too large for a stack.

use std::alloc::{Layout, alloc_zeroed};

use hakmem_sync::tree::BitTree;

/// An empty tree. All zero bytes are one.
pub(crate) fn tree() -> Box<BitTree> {
    // SAFETY: the size is not zero.
    let place = unsafe { alloc_zeroed(Layout::new::<BitTree>()) };
    assert!(!place.is_null());
    // SAFETY: of the type's layout, zero, which is the empty tree, and ours.
    unsafe { Box::from_raw(place.cast()) }
}
