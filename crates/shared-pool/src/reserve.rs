//! Metadata memory set aside, so that a huge block that has moved can be published for sure.
//!
//! Where the pages of a huge block move to is known when they are there; the registry may then need
//! memory for the new address, and a move cannot be undone. So before a move a piece as large
//! as the registry ever asked for is borrowed from here. It relies on this: to cover one unit a
//! registry asks for one piece of memory at most, never for a larger one than before.

use core::cell::Cell;
use core::marker::PhantomData;
use core::ptr::{self, NonNull};

use hakmem_contract::MetaArena;
use hakmem_sync::atomic::{AtomicPtr, AtomicU32, AtomicUsize, Ordering};
use hakmem_sync::const_unless_loom;

use crate::policy::Policy;

/// Moves at the same time; with more, the blocks are copied by whoever wanted them moved.
const PIECES: usize = 2;

/// See the [module docs](self).
///
/// # Invariants
///
/// - `made` is at least the number of pieces in `slots` and in loans, and at most [`PIECES`] in a
///   quiet moment.
#[derive(Debug)]
pub(crate) struct Reserve {
    bytes: AtomicUsize,
    made: AtomicU32,
    slots: [AtomicPtr<u8>; PIECES],
}

impl Reserve {
    const_unless_loom! {
        /// Nothing is set aside.
        pub(crate) fn new() -> Self {
            Self {
                bytes: AtomicUsize::new(0),
                made: AtomicU32::new(0),
                slots: [AtomicPtr::new(ptr::null_mut()), AtomicPtr::new(ptr::null_mut())],
            }
        }
    }

    /// An arena that notes how much is asked for.
    pub(crate) const fn meter<'a, M>(&'a self, arena: &'a M) -> Meter<'a, M> {
        Meter { arena, reserve: self }
    }

    /// An arena that can serve one request even if `arena` fails; `None` when there is no memory
    /// for that.
    pub(crate) fn lend<'a, M: MetaArena, P: Policy>(
        &'a self,
        arena: &'a M,
    ) -> Option<Loan<'a, M, P>> {
        // Relaxed: the cover of the block that is to move is in the caller's past.
        let bytes = self.bytes.load(Ordering::Relaxed);
        let piece = if bytes == 0 { None } else { Some(self.piece(arena, bytes, P::BORROW)?) };
        Some(Loan { arena, reserve: self, piece: Cell::new(piece), policy: PhantomData })
    }

    /// A piece of `bytes`, from a slot or new.
    fn piece(&self, arena: &impl MetaArena, bytes: usize, borrow: Ordering) -> Option<NonNull<u8>> {
        for slot in &self.slots {
            // `borrow` is Acquire: the head of P5: the piece is as whoever made it left it.
            let piece = slot.swap(ptr::null_mut(), borrow);
            if let Some(piece) = NonNull::new(piece) {
                return Some(piece);
            }
        }
        // Relaxed, both: a limit, which orders nothing.
        let room = (self.made.fetch_add(1, Ordering::Relaxed) as usize) < PIECES;
        let piece = if room { arena.alloc_meta(bytes) } else { None };
        if piece.is_none() {
            self.made.fetch_sub(1, Ordering::Relaxed);
        }
        piece
    }

    /// Keeps `piece` for the next. There are as many slots as pieces.
    fn put_back(&self, piece: NonNull<u8>, publish: Ordering) {
        for slot in &self.slots {
            let new = piece.as_ptr();
            // `publish` is Release: the tail of P5. Relaxed on failure: the slot is taken, on to the
            // next.
            let put = slot.compare_exchange(ptr::null_mut(), new, publish, Ordering::Relaxed);
            if put.is_ok() {
                return;
            }
        }
    }
}

/// See [`Reserve::meter`].
#[derive(Debug)]
pub(crate) struct Meter<'a, M> {
    arena: &'a M,
    reserve: &'a Reserve,
}

// SAFETY: the memory is another `MetaArena`'s.
unsafe impl<M: MetaArena> MetaArena for Meter<'_, M> {
    fn alloc_meta(&self, bytes: usize) -> Option<NonNull<u8>> {
        // Relaxed: read by those who have this call in their past.
        self.reserve.bytes.fetch_max(bytes, Ordering::Relaxed);
        self.arena.alloc_meta(bytes)
    }

    // Not noted: a registry reserves before it has anything, and no block can move then.
    fn reserve_meta(&self, bytes: usize) -> Option<NonNull<u8>> {
        self.arena.reserve_meta(bytes)
    }

    unsafe fn unreserve_meta(&self, base: NonNull<u8>, bytes: usize) {
        // SAFETY: passed on.
        unsafe { self.arena.unreserve_meta(base, bytes) };
    }
}

/// See [`Reserve::lend`]. What was not used goes back on drop.
#[derive(Debug)]
pub(crate) struct Loan<'a, M, P: Policy> {
    arena: &'a M,
    reserve: &'a Reserve,
    piece: Cell<Option<NonNull<u8>>>,
    policy: PhantomData<P>,
}

// SAFETY: the memory is another `MetaArena`'s: new, or a piece of the reserve, which nobody has
// written to and which is handed on once.
unsafe impl<M: MetaArena, P: Policy> MetaArena for Loan<'_, M, P> {
    fn alloc_meta(&self, bytes: usize) -> Option<NonNull<u8>> {
        // Relaxed: our own past.
        let enough = bytes <= self.reserve.bytes.load(Ordering::Relaxed);
        self.arena.alloc_meta(bytes).or_else(|| {
            let piece = self.piece.take().filter(|_| enough)?;
            // Relaxed: see `Reserve::piece`.
            self.reserve.made.fetch_sub(1, Ordering::Relaxed);
            Some(piece)
        })
    }

    fn reserve_meta(&self, bytes: usize) -> Option<NonNull<u8>> {
        self.arena.reserve_meta(bytes)
    }

    unsafe fn unreserve_meta(&self, base: NonNull<u8>, bytes: usize) {
        // SAFETY: passed on.
        unsafe { self.arena.unreserve_meta(base, bytes) };
    }
}

impl<M, P: Policy> Drop for Loan<'_, M, P> {
    fn drop(&mut self) {
        if let Some(piece) = self.piece.take() {
            self.reserve.put_back(piece, P::PUT_BACK);
        }
    }
}
