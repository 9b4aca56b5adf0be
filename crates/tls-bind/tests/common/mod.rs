//! A table, and heaps that are addresses.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::alloc::{Layout, alloc_zeroed, handle_alloc_error};
use std::ptr::{self, NonNull};

use hakmem_contract::Owner;
use hakmem_tls_bind::HeapTable;

/// A heap is its address here; nobody looks at it.
pub(crate) type Heap = u64;

pub(crate) fn owner(index: usize) -> Owner {
    Owner::new(index).unwrap()
}

/// The heap of number `index`. There is no memory at it.
pub(crate) fn heap(index: usize) -> NonNull<Heap> {
    NonNull::new(ptr::without_provenance_mut((index + 1) * 64)).unwrap()
}

/// A table; two megabytes of zero bytes, as in a program.
pub(crate) fn table() -> Box<HeapTable<Heap>> {
    let layout = Layout::new::<HeapTable<Heap>>();
    // SAFETY: a table is not empty.
    let memory = NonNull::new(unsafe { alloc_zeroed(layout) });
    let memory = memory.unwrap_or_else(|| handle_alloc_error(layout)).cast();
    // SAFETY: allocated as a box is, and an empty table is all zero bytes.
    unsafe { Box::from_raw(memory.as_ptr()) }
}
