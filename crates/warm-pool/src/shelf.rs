//! The slabs of one class that have free blocks.

use core::ptr::{self, NonNull};

use hakmem_contract::Page;

/// A ring of partial slabs, which are used in the order in which they came, and a stack of
/// empty ones, which are used after those.
///
/// # Invariants
///
/// - `ring` is null or any slab of a circular list through `prev` and `next`; it is used next.
/// - `empties` links slabs whose blocks are all free through `next`.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Shelf<P> {
    ring: *mut P,
    empties: *mut P,
    /// How often the shelf ran dry; it saturates.
    pub(crate) dry: u8,
}

/// Reads or writes a link of a slab.
macro_rules! link {
    ($slab:expr, $name:ident) => {
        // SAFETY: slabs on a shelf are open, and this thread's.
        *unsafe { &mut (*P::local($slab)).$name }
    };
}

impl<P: Page> Shelf<P> {
    /// Nothing on it.
    pub(crate) const EMPTY: Self = Self { ring: ptr::null_mut(), empties: ptr::null_mut(), dry: 0 };

    /// Whether nothing is on it.
    pub(crate) fn is_bare(&self) -> bool {
        self.ring.is_null() && self.empties.is_null()
    }

    /// The partial slab to use next.
    #[inline]
    pub(crate) fn partial(&self) -> Option<NonNull<P>> {
        NonNull::new(self.ring)
    }

    /// Whether there is an empty slab.
    #[inline]
    pub(crate) fn has_empty(&self) -> bool {
        !self.empties.is_null()
    }

    /// Puts a partial slab at the ring's end, to be used last: until then more blocks may come
    /// back to it.
    ///
    /// # Safety
    ///
    /// `slab` is this thread's, and on no list.
    #[inline]
    pub(crate) unsafe fn append(&mut self, slab: NonNull<P>) {
        let Some(first) = NonNull::new(self.ring) else {
            // INVARIANT: a ring of one.
            link!(slab, prev) = slab.as_ptr();
            link!(slab, next) = slab.as_ptr();
            self.ring = slab.as_ptr();
            return;
        };
        let last = link!(first, prev);
        // INVARIANT: between the last and the first.
        link!(slab, prev) = last;
        link!(slab, next) = first.as_ptr();
        link!(first, prev) = slab.as_ptr();
        if let Some(last) = NonNull::new(last) {
            link!(last, next) = slab.as_ptr();
        }
    }

    /// Takes a slab off the ring.
    ///
    /// # Safety
    ///
    /// `slab` is on this ring.
    #[inline]
    pub(crate) unsafe fn remove(&mut self, slab: NonNull<P>) {
        let (prev, next) = (link!(slab, prev), link!(slab, next));
        if next == slab.as_ptr() {
            // INVARIANT: it was the only one.
            self.ring = ptr::null_mut();
            return;
        }
        if self.ring == slab.as_ptr() {
            self.ring = next;
        }
        // INVARIANT: the neighbours close the gap.
        if let (Some(prev), Some(next)) = (NonNull::new(prev), NonNull::new(next)) {
            link!(prev, next) = next.as_ptr();
            link!(next, prev) = prev.as_ptr();
        }
    }

    /// Puts an empty slab on the stack.
    ///
    /// # Safety
    ///
    /// `slab` is this thread's, on no list, and all its blocks are free.
    #[inline]
    pub(crate) unsafe fn push_empty(&mut self, slab: NonNull<P>) {
        link!(slab, next) = self.empties;
        // INVARIANT: linked above.
        self.empties = slab.as_ptr();
    }

    /// Takes an empty slab off the stack.
    #[inline]
    pub(crate) fn pop_empty(&mut self) -> Option<NonNull<P>> {
        let slab = NonNull::new(self.empties)?;
        // INVARIANT: the top leaves.
        self.empties = link!(slab, next);
        Some(slab)
    }
}
