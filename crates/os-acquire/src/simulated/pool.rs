//! A pool of explicit huge pages, with the rules that Linux has for them.

use core::ptr::{self, NonNull};

use hakmem_contract::{OsPort, SUPERSLAB};

use super::space::Mapping;
use super::state::State;
use super::{Call, Misuse, Mode, Simulated};
use crate::huge::HugePages;
use crate::linux::Linux;

impl Simulated {
    /// The machine's pool has so many explicit huge pages that nobody uses.
    pub fn set_pool(&self, pages: usize) {
        self.with(|state| state.pool = pages * SUPERSLAB);
    }

    /// How many are left.
    #[must_use]
    pub fn pool(&self) -> usize {
        self.with(|state| state.pool) / SUPERSLAB
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

/// `bytes` of addresses at a multiple of a SuperSlab.
fn addresses(state: &State, near: usize, bytes: usize) -> Option<NonNull<u8>> {
    let near = near & !(SUPERSLAB - 1);
    let free = near != 0 && state.space().is_free(near, bytes);
    let below = state.space().place(0, bytes + SUPERSLAB)?;
    let address = if free { near } else { below.next_multiple_of(SUPERSLAB) };
    NonNull::new(ptr::without_provenance_mut(address))
}

// SAFETY: memory comes from `Linux`, zeroed, at a multiple of a SuperSlab; virtual ranges have none, and
// no test touches them. `Space` knows which pages are explicit.
unsafe impl HugePages for Simulated {
    fn map_explicit(&self, near: usize, bytes: usize) -> Option<NonNull<u8>> {
        self.checked(|state| {
            if bytes == 0 || !bytes.is_multiple_of(SUPERSLAB) {
                return Err(Misuse::new(Call::MapExplicit, near, bytes, Misuse::NOT_PAGES));
            }
            if !state.begin(Call::MapExplicit, bytes) || state.pool < bytes || state.exceeds(bytes)
            {
                return Ok(None);
            }
            let base = match self.mode {
                Mode::Virtual => addresses(state, near, bytes),
                Mode::Placed | Mode::Real => map_aligned(bytes),
            };
            let Some(base) = base else { return Ok(None) };
            state.pool -= bytes;
            let mapping = Mapping::plain(base.as_ptr().addr(), bytes);
            state.note(Call::MapExplicit, Mapping { explicit: true, ..mapping })?;
            Ok(Some(base))
        })
    }

    unsafe fn has_explicit(&self, base: NonNull<u8>, bytes: usize) -> bool {
        self.with(|state| state.has_explicit(base, bytes))
    }

    unsafe fn collapse(&self, base: NonNull<u8>, bytes: usize) -> bool {
        let address = base.as_ptr().addr();
        self.checked(|state| {
            if !address.is_multiple_of(SUPERSLAB) || !bytes.is_multiple_of(SUPERSLAB) {
                return Err(Misuse::new(Call::Populate, address, bytes, Misuse::NOT_PAGES));
            }
            state.refuse_explicit(Call::Populate, base, bytes).map(|()| true)
        })
    }
}
