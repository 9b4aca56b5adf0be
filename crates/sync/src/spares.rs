//! Pieces of memory that lost the race to be published: kept for the next who needs one.
//!
//! # Protocol
//!
//! | edge | from | to | what travels |
//! |------|------|----|--------------|
//! | S1 | [`Spares::put`]: Release CAS of the list's head | [`Spares::take`]: Acquire swap | the links of the pieces in it |
//!
//! Modelled where it is used: in `tests/loom_publish.rs` of the registries.

use core::ptr::{self, NonNull};

use crate::atomic::{AtomicPtr, AtomicUsize, Ordering};
use crate::const_unless_loom;

/// A piece that can be on the list.
///
/// # Safety
///
/// Implementors promise the *Guarantees* below; unsafe code relies on them.
///
/// # Guarantees
///
/// - A piece is never given back.
/// - `link` is the same word each time.
pub unsafe trait Spare {
    /// A word that is zero in a piece that nobody uses.
    fn link(&self) -> Option<&AtomicUsize>;
}

/// A stack of unused pieces, linked through a word of theirs.
///
/// # Invariants
///
/// - Every piece in it is unused but for the link, which holds the address of the next piece.
/// - The provenance of every piece in it is exposed.
#[derive(Debug)]
pub struct Spares<T> {
    head: AtomicPtr<T>,
}

impl<T: Spare> Spares<T> {
    const_unless_loom! {
        /// None. All zero bytes.
        pub fn new() -> Self {
            Self { head: AtomicPtr::new(ptr::null_mut()) }
        }
    }

    /// An unused piece, if there is one. Who comes while another thread looks may be told that there
    /// is none.
    pub fn take(&self) -> Option<NonNull<T>> {
        // Relaxed: a stale null costs one more piece, no more.
        if self.head.load(Ordering::Relaxed).is_null() {
            return None;
        }
        // Acquire: the head of S1. The whole list is taken, so nothing can change under us and an
        // address that comes back (ABA) is no matter.
        let first = NonNull::new(self.head.swap(ptr::null_mut(), Ordering::Acquire))?;
        // SAFETY: the list was ours from the swap on, and pieces live for ever.
        let piece = unsafe { first.as_ref() };
        let mut rest = next(piece);
        // INVARIANT: without the link the piece is unused again.
        set_link(piece, 0);
        while let Some(piece) = rest {
            // SAFETY: as above.
            rest = next(unsafe { piece.as_ref() });
            // SAFETY: `piece` was in the list, which is ours.
            unsafe { self.put(piece) };
        }
        Some(first)
    }

    /// Keeps `piece`.
    ///
    /// # Safety
    ///
    /// The piece is the caller's, unused but for the link, exposed, and not used again.
    pub unsafe fn put(&self, piece: NonNull<T>) {
        // Release: the tail of S1.
        // SAFETY: the caller's promise.
        unsafe { self.put_with(piece, Ordering::Release) }
    }

    /// [`put`](Self::put), with the order of its half of the edge, which a model can cut.
    ///
    /// # Safety
    ///
    /// As [`put`](Self::put).
    #[inline]
    pub unsafe fn put_with(&self, piece: NonNull<T>, order: Ordering) {
        // Relaxed: the value is only stored and compared.
        let mut head = self.head.load(Ordering::Relaxed);
        loop {
            // INVARIANT: `head` was exposed when it was put here.
            // SAFETY: the caller owns the piece until the CAS succeeds.
            set_link(unsafe { piece.as_ref() }, head.expose_provenance());
            let new = piece.as_ptr();
            // `order` is Release: the tail of S1. Relaxed on failure: as at the load above.
            match self.head.compare_exchange_weak(head, new, order, Ordering::Relaxed) {
                Ok(_) => return,
                Err(seen) => head = seen,
            }
        }
    }
}

impl<T: Spare> Default for Spares<T> {
    fn default() -> Self {
        Self::new()
    }
}

/// The piece behind `piece` in a list that is the caller's.
fn next<T: Spare>(piece: &T) -> Option<NonNull<T>> {
    // Relaxed: the list is the caller's by S1.
    let address = piece.link()?.load(Ordering::Relaxed);
    NonNull::new(ptr::with_exposed_provenance_mut(address))
}

/// Links a piece that is the caller's.
fn set_link<T: Spare>(piece: &T, address: usize) {
    if let Some(link) = piece.link() {
        // Relaxed: S1 orders it.
        link.store(address, Ordering::Relaxed);
    }
}
