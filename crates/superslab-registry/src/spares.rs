//! Leaves that lost the race to be published: kept for the next root entry.

use core::ptr::{self, NonNull};

use hakmem_sync::atomic::{AtomicPtr, Ordering};
use hakmem_sync::const_unless_loom;

use crate::leaf::Leaf;

/// A stack of unused leaves, linked through their first word.
///
/// # Invariants
///
/// - Every leaf in it is zero but for the first word, which holds the address of the next leaf.
/// - The provenance of every leaf in it is exposed.
#[derive(Debug)]
pub(crate) struct Spares {
    head: AtomicPtr<Leaf>,
}

impl Spares {
    const_unless_loom! {
        /// None.
        pub(crate) fn new() -> Self {
            Self { head: AtomicPtr::new(ptr::null_mut()) }
        }
    }

    /// An unused leaf, if there is one. Who comes while another thread looks may be told that there
    /// is none.
    pub(crate) fn take(&self) -> Option<NonNull<Leaf>> {
        // Relaxed: a stale null costs one more leaf, no more.
        if self.head.load(Ordering::Relaxed).is_null() {
            return None;
        }
        // Acquire: the head of R3. The whole list is taken, so nothing can change under us and an
        // address that comes back (ABA) is no matter.
        let first = NonNull::new(self.head.swap(ptr::null_mut(), Ordering::Acquire))?;
        // SAFETY: the list was ours from the swap on, and leaves live for ever.
        let mut rest = unsafe { first.as_ref() }.link();
        // INVARIANT: without the link the leaf is zero again.
        // SAFETY: as above.
        unsafe { first.as_ref() }.set_word(0, 0);
        while let Some(leaf) = rest {
            // SAFETY: as above.
            rest = unsafe { leaf.as_ref() }.link();
            // SAFETY: `leaf` was in the list, which is ours.
            unsafe { self.put(leaf) };
        }
        Some(first)
    }

    /// Keeps `leaf`.
    ///
    /// # Safety
    ///
    /// The leaf is the caller's, zero but for the first word, exposed, and not used again.
    pub(crate) unsafe fn put(&self, leaf: NonNull<Leaf>) {
        // Release: the tail of R3.
        // SAFETY: the caller's promise.
        unsafe { self.put_with(leaf, Ordering::Release) }
    }

    /// # Safety
    ///
    /// As [`put`](Self::put).
    #[inline]
    pub(crate) unsafe fn put_with(&self, leaf: NonNull<Leaf>, order: Ordering) {
        // Relaxed: the value is only stored and compared.
        let mut head = self.head.load(Ordering::Relaxed);
        loop {
            // INVARIANT: the link is the first word; `head` was exposed when it was put here.
            // SAFETY: the caller owns the leaf until the CAS succeeds.
            unsafe { leaf.as_ref() }.set_word(0, head.expose_provenance());
            let new = leaf.as_ptr();
            // `order` is Release: the tail of R3. Relaxed on failure: as at the load above.
            match self.head.compare_exchange_weak(head, new, order, Ordering::Relaxed) {
                Ok(_) => return,
                Err(seen) => head = seen,
            }
        }
    }
}

impl Leaf {
    /// The next leaf of the list.
    fn link(&self) -> Option<NonNull<Self>> {
        let [first, ..] = &self.words;
        // Relaxed: the list is the caller's by R3.
        NonNull::new(ptr::with_exposed_provenance_mut(first.load(Ordering::Relaxed)))
    }
}
