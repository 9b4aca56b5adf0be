//! A pool of explicit huge pages, with the rules that Linux has for them.

use core::ptr::{self, NonNull};

use hakmem_contract::{OsPort, SUPERSLAB};

use super::space::Mapping;
use super::{Call, Simulated, State};
use crate::huge::HugePages;
use crate::linux::Linux;

impl Simulated {
    /// The machine's pool has so many explicit huge pages that nobody uses.
    pub fn set_pool(&self, pages: usize) {
        self.lock().pool = pages * SUPERSLAB;
    }

    /// How many are left.
    #[must_use]
    pub fn pool(&self) -> usize {
        self.lock().pool / SUPERSLAB
    }
}

impl State {
    /// Whether a range has explicit pages.
    pub(super) fn has_explicit(&self, base: NonNull<u8>, bytes: usize) -> bool {
        self.space.explicit_in(base.as_ptr().addr(), bytes) != 0
    }

    /// Whether an end of a range is inside of an explicit page.
    pub(super) fn cuts_explicit(&self, base: NonNull<u8>, bytes: usize) -> bool {
        let begin = base.as_ptr().addr();
        [begin, begin + bytes].into_iter().any(|end| self.space.is_inside_explicit(end))
    }

    /// Panics if a range has explicit pages.
    pub(super) fn refuse_explicit(&self, base: NonNull<u8>, bytes: usize) {
        let explicit = self.has_explicit(base, bytes);
        assert!(!explicit, "explicit pages are purged: the next touch may end the process");
    }

    /// The explicit pages of a range go back to the pool; `false` when that would cut one.
    pub(super) fn leave_pool(&mut self, base: NonNull<u8>, bytes: usize) -> bool {
        let whole = !self.cuts_explicit(base, bytes);
        if whole {
            self.pool += self.space.explicit_in(base.as_ptr().addr(), bytes);
        }
        whole
    }
}

/// `bytes` of memory at a multiple of a SuperSlab.
fn map_aligned(bytes: usize) -> Option<NonNull<u8>> {
    let longer = Linux.map(0, bytes + SUPERSLAB)?;
    let before = longer.as_ptr().addr().next_multiple_of(SUPERSLAB) - longer.as_ptr().addr();
    let base = longer.map_addr(|address| address.saturating_add(before));
    // What is cut off, which may be nothing.
    let _ = (before > 0)
        // SAFETY: mapped just now.
        .then(|| unsafe { Linux.unmap(longer, before) });
    let end = base.map_addr(|address| address.saturating_add(bytes));
    // SAFETY: mapped just now; a part of it, and not nothing.
    let _ = unsafe { Linux.unmap(end, SUPERSLAB - before) };
    Some(base)
}

// SAFETY: memory comes from `Linux`, zeroed, at a multiple of a SuperSlab; virtual ranges have none, and
// no test touches them. `Space` knows which pages are explicit.
unsafe impl HugePages for Simulated {
    fn map_explicit(&self, near: usize, bytes: usize) -> Option<NonNull<u8>> {
        assert!(bytes > 0 && bytes.is_multiple_of(SUPERSLAB), "explicit map of {bytes:#x} bytes");
        let mut state = self.begin(Call::MapExplicit, bytes)?;
        if state.pool < bytes || state.exceeds(bytes) {
            return None;
        }
        let base = if self.real {
            map_aligned(bytes)?
        } else {
            let near = near & !(SUPERSLAB - 1);
            let free = near != 0 && state.space.is_free(near, bytes);
            let below = state.space.place(0, bytes + SUPERSLAB)?;
            let address = if free { near } else { below.next_multiple_of(SUPERSLAB) };
            NonNull::new(ptr::without_provenance_mut(address))?
        };
        state.pool -= bytes;
        let mapping = Mapping { explicit: true, ..Mapping::plain(bytes) };
        state.space.add(base.as_ptr().addr(), mapping);
        Some(base)
    }

    unsafe fn has_explicit(&self, base: NonNull<u8>, bytes: usize) -> bool {
        self.lock().has_explicit(base, bytes)
    }

    unsafe fn collapse(&self, base: NonNull<u8>, bytes: usize) -> bool {
        let state = self.lock();
        let whole = base.as_ptr().addr().is_multiple_of(SUPERSLAB);
        assert!(whole && bytes.is_multiple_of(SUPERSLAB), "collapse of {bytes:#x} bytes");
        state.refuse_explicit(base, bytes);
        true
    }
}
