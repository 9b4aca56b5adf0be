//! A few slots in which empty ranges wait. Lock-free: a range goes in with one CAS and comes out
//! with one CAS.
//!
//! # What it does not do
//!
//! It knows no limits and makes no system call, and it never touches a range.
//!
//! # Protocol
//!
//! | edge | from | to | what travels |
//! |------|------|----|--------------|
//! | A1 | [`Slots::put`]: Release CAS of a slot, empty to range | [`Slots::take_best`] and the others that take: Acquire CAS of that slot, range to empty or to the rest of the range | the last user's writes to the range, and the purging of it |
//!
//! The word *is* the range, so a CAS that succeeds took exactly what its owner looked at. That
//! the same word left and came back in between harms nobody: then it was put again. A CAS that
//! leaves the rest behind is a read-modify-write, so it continues the release sequence, and who
//! takes the rest later still acquires from the `put`.
//!
//! Modelled in `tests/loom_cache.rs`.

pub mod state;

use hakmem_contract::SUPERSLAB;
use hakmem_sync::const_unless_loom;

pub use state::{Kept, Slot};

/// Slots for empty ranges. Two under loom: the second one is searched as the sixty-fourth is.
pub const N_CACHED: usize = if cfg!(loom) { 2 } else { 64 };

/// Slots for memory mapped ahead: how many threads can map a chunk at the same time without
/// having to use the cache for what is left of it.
pub const N_FRESH: usize = if cfg!(loom) { 1 } else { 4 };

/// See the [module docs](self).
///
/// # Invariants
///
/// - No two slots name the same SuperSlab.
#[derive(Debug)]
pub struct Slots<const N: usize> {
    slots: [Slot; N],
}

impl<const N: usize> Slots<N> {
    const_unless_loom! {
        /// All slots are empty. All zero bytes.
        pub fn new() -> Self {
            Self { slots: state::empty() }
        }
    }

    /// Puts a range into an empty slot, if fewer than `limit` are in use. The range is then
    /// everybody's (edge A1).
    #[must_use = "a range that was not put is still the caller's"]
    pub fn put(&self, kept: Kept, limit: usize) -> bool {
        let in_use = self.slots.iter().filter(|slot| slot.peek().is_some()).count();
        in_use < limit && self.slots.iter().any(|slot| slot.put(kept))
    }

    /// `put` with edge A1 cut, for the model's negative control.
    #[cfg(loom)]
    pub fn put_without_a1(&self, kept: Kept) -> bool {
        self.slots.iter().any(|slot| slot.put_without_a1(kept))
    }

    /// Takes `count` SuperSlabs, aligned to `align`, off the smallest range that has them; of
    /// equals, the one at the lowest address.
    ///
    /// What comes back is exactly that, or, if the range does not begin aligned, the whole of it.
    pub fn take_best(&self, count: usize, align: usize) -> Option<Kept> {
        // Every failed CAS means that somebody else succeeded, so this ends.
        loop {
            let (slot, kept) = self.best(count, align)?;
            let piece = kept.front(count).filter(|_| kept.base() & (align - 1) == 0);
            match piece {
                Some(piece) if slot.take_front(kept, count) => return Some(piece),
                None if slot.take(kept) => return Some(kept),
                _ => {}
            }
        }
    }

    /// Takes a range that ends where `kept` begins, or begins where it ends.
    pub fn take_neighbour(&self, kept: Kept) -> Option<Kept> {
        self.take_if(|other| other.end() == kept.base() || other.base() == kept.end())
    }

    /// Takes the first `count` SuperSlabs of the range that begins at `base`.
    pub fn take_at(&self, base: usize, count: usize) -> Option<Kept> {
        self.slots.iter().find_map(|slot| {
            let kept = slot.peek().filter(|kept| kept.base() == base)?;
            let piece = kept.front(count)?;
            slot.take_front(kept, count).then_some(piece)
        })
    }

    /// Takes a range of which `wanted` says so.
    pub fn take_if(&self, wanted: impl Fn(Kept) -> bool) -> Option<Kept> {
        self.slots.iter().find_map(|slot| slot.take_if(&wanted))
    }

    /// The slots one by one, for who takes several.
    pub fn iter(&self) -> impl Iterator<Item = &Slot> {
        self.slots.iter()
    }

    /// Bytes of all ranges, in a quiet moment.
    pub fn bytes(&self) -> usize {
        self.slots.iter().filter_map(Slot::peek).map(Kept::bytes).sum()
    }

    fn best(&self, count: usize, align: usize) -> Option<(&Slot, Kept)> {
        let mut best: Option<(&Slot, Kept)> = None;
        for slot in &self.slots {
            let Some(kept) = slot.peek().filter(|kept| fits(*kept, count, align)) else { continue };
            let key = (kept.count(), kept.base());
            if best.is_none_or(|(_, other)| key < (other.count(), other.base())) {
                best = Some((slot, kept));
            }
        }
        best
    }
}

impl<const N: usize> Default for Slots<N> {
    fn default() -> Self {
        Self::new()
    }
}

/// Whether `kept` has `count` SuperSlabs in a row that begin at a multiple of `align`.
fn fits(kept: Kept, count: usize, align: usize) -> bool {
    let begin = hakmem_contract::geometry::round_up(kept.base(), align);
    let end = begin.and_then(|begin| begin.checked_add(count.checked_mul(SUPERSLAB)?));
    end.is_some_and(|end| end <= kept.end())
}
