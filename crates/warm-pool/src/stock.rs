//! Memory for slab descriptors: from the arena, and back to a list of its size.

use core::ptr::{self, NonNull};

use hakmem_contract::MetaArena;

/// Bytes of a cache line, the unit of descriptor sizes.
const LINE: usize = 64;

/// Sizes in lines that have a list. The descriptors of 16-byte blocks are the largest: 18 lines, and 27
/// with the held bits of a checked slab.
const LINES: usize = 32;

/// Spare descriptors by size.
///
/// # Invariants
///
/// - List `i` links memory of `i + 1` lines which nobody else uses.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Stock {
    lists: [*mut Spare; LINES],
}

#[derive(Debug)]
struct Spare {
    next: *mut Spare,
}

/// The list for `bytes`.
#[inline]
const fn list_of(bytes: usize) -> usize {
    bytes.div_ceil(LINE).saturating_sub(1)
}

impl Stock {
    /// No spares.
    pub(crate) const EMPTY: Self = Self { lists: [ptr::null_mut(); LINES] };

    /// Memory for a descriptor of `bytes`: a spare one, or new.
    #[inline]
    pub(crate) fn take(&mut self, bytes: usize, meta: &impl MetaArena) -> Option<NonNull<u8>> {
        let list = self.lists.get_mut(list_of(bytes))?;
        let Some(spare) = NonNull::new(*list) else {
            return meta.alloc_meta(bytes.next_multiple_of(LINE));
        };
        // INVARIANT: the first spare leaves the list.
        // SAFETY: what is on a list is ours and holds a link.
        *list = unsafe { spare.as_ref() }.next;
        Some(spare.cast())
    }

    /// Keeps the memory of a descriptor of `bytes` for later.
    ///
    /// # Safety
    ///
    /// `memory` came from `take(bytes)`, and nobody uses it.
    #[inline]
    pub(crate) unsafe fn keep(&mut self, memory: NonNull<u8>, bytes: usize) {
        let Some(list) = self.lists.get_mut(list_of(bytes)) else { return };
        let spare = memory.cast::<Spare>();
        // SAFETY: the memory is ours, and a descriptor is larger than a link.
        unsafe { spare.write(Spare { next: *list }) };
        // INVARIANT: linked above.
        *list = spare.as_ptr();
    }
}
