//! Making a range longer.
//!
//! In place if what is behind it is in the cache or not mapped at all; else its pages are moved
//! to a new aligned range by changing page tables, without touching them.

use core::ptr::NonNull;

use hakmem_contract::os::Purpose;
use hakmem_contract::{OsPort, SUPERSLAB};

use super::Acquire;
use super::mapping::HUGE_BLOCK;

impl<P: OsPort> Acquire<P> {
    /// Makes the range longer where it is.
    ///
    /// # Safety
    ///
    /// As [`resize`](hakmem_contract::Memory::resize).
    pub(super) unsafe fn grow_in_place(&self, base: NonNull<u8>, old: usize, new: usize) -> bool {
        let end = base.as_ptr().addr() + old;
        let more = new - old;
        if let Some(kept) = self.cache.take_at(end, more / SUPERSLAB) {
            self.books.cached.sub(kept.bytes());
        } else {
            // The last SuperSlab stands for the range: the system wants a range of one mapping,
            // and advice for the part before may have made two.
            // SAFETY: `old` is at least one SuperSlab, so this is inside the range.
            let last = unsafe { base.add(old - SUPERSLAB) };
            // SAFETY: the caller owns the range, of which this is the end.
            if !unsafe { self.os.grow(last, SUPERSLAB, SUPERSLAB + more) } {
                return false;
            }
            self.books.mapped.add(more);
        }
        self.books.handed_out.add(more);
        self.advise_resized(base, new);
        true
    }

    /// Moves the range to a new one of `new` bytes. `None`: it stays where it was.
    ///
    /// # Safety
    ///
    /// As [`resize`](hakmem_contract::Memory::resize).
    pub(super) unsafe fn move_to_new(
        &self,
        base: NonNull<u8>,
        old: usize,
        new: usize,
    ) -> Option<NonNull<u8>> {
        let target = self.map_aligned(new, SUPERSLAB)?;
        // SAFETY: the old range is the caller's; the target was mapped just now.
        if !unsafe { self.move_pages(base, old, target, new) } {
            self.give_back(target.as_ptr().expose_provenance(), new, true);
            return None;
        }
        self.books.handed_out.add(new - old);
        // Moved pages bring the name of where they were.
        self.name(target, new, Purpose::Huge);
        self.advise_resized(target, new);
        Some(target)
    }

    /// Moves `old` bytes to `to`, in as few pieces as the system allows: it moves one mapping at
    /// a time. `false`: nothing was moved. After the first piece nothing fails any more, because
    /// what cannot be moved is copied.
    ///
    /// # Safety
    ///
    /// Both ranges are the caller's; they do not overlap.
    unsafe fn move_pages(
        &self,
        from: NonNull<u8>,
        old: usize,
        to: NonNull<u8>,
        new: usize,
    ) -> bool {
        let mut done = 0;
        while done < old {
            // SAFETY: `done < old`, inside the old range.
            let source = unsafe { from.add(done) };
            // SAFETY: `done < old <= new`, inside the target.
            let target = unsafe { to.add(done) };
            // SAFETY: the rests of both ranges are the caller's.
            let piece = unsafe { self.move_piece(source, old - done, target, new - done) };
            if piece == 0 && done == 0 {
                return false;
            }
            if piece == 0 {
                // SAFETY: both are one SuperSlab at least, the caller's, and do not overlap.
                unsafe { target.copy_from_nonoverlapping(source, SUPERSLAB) };
                self.give_back(source.as_ptr().expose_provenance(), SUPERSLAB, false);
            } else {
                // The pages replaced as many of the target's.
                self.books.mapped.sub(piece);
            }
            done += piece.max(SUPERSLAB);
        }
        true
    }

    /// Moves as much as the system moves at once. Returns the bytes, 0 for none.
    ///
    /// # Safety
    ///
    /// As [`move_pages`](Self::move_pages).
    unsafe fn move_piece(
        &self,
        from: NonNull<u8>,
        old: usize,
        to: NonNull<u8>,
        new: usize,
    ) -> usize {
        let mut piece = old;
        loop {
            let room = if piece == old { new } else { piece };
            // SAFETY: parts of both ranges, the caller's.
            if unsafe { self.os.relocate(from, piece, to, room) } {
                return piece;
            }
            if piece <= SUPERSLAB {
                return 0;
            }
            // All but the last SuperSlab is what advice makes one mapping; else, by halves.
            let less = if piece == old { piece - SUPERSLAB } else { piece / 2 };
            piece = less.next_multiple_of(SUPERSLAB);
        }
    }

    /// Huge pages for all but the last SuperSlab of a range that became longer: how much of that
    /// one is wanted is not known here.
    fn advise_resized(&self, base: NonNull<u8>, new: usize) {
        if new > HUGE_BLOCK {
            self.advise(base, new - SUPERSLAB);
        }
    }
}
