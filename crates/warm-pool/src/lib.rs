//! Warm pool: a thread's slabs with free blocks, per class, and a few empty ones.
//!
//! ```text
//!  unified cache ──take──▶ shelf of the class ──dry──▶ shared pool (several slabs in one step)
//!                ──give──▶ the block's slab   ──empty─▶ kept, or back to the shared pool
//! ```
//!
//! # Why it exists
//!
//! Somebody has to know which slab of a class has free blocks, without looking at slabs that have
//! none. A slab is on its class's shelf exactly while it has free blocks; full slabs are on no
//! list, and come back when a block of theirs does. A thread whose live set swings across a slab's
//! edge would cross the shared pool at every swing; the kept empty slabs absorb that.
//!
//! # What it does not do
//!
//! It never looks inside a slab or at a block, and shares nothing with other threads: which
//! blocks are free the page box knows, and units come from the shared pool.
//!
//! # Invariants
//!
//! - A slab is *full* (on no list, notice 1), *partial* (on its class's ring, notice =
//!   capacity) or *empty* (on its class's stack of empties, every block free).
//! - `kept` is the number of units of all empty slabs; an empty slab that would make it more than
//!   `keep_units` goes back to the shared pool, apart from those that prefill brought.
//! - A descriptor's memory is part of an open slab, or on the stock list of its size.
//!
//! # Reading order
//!
//! [`WarmPool`], then [`Source`], which lends it what it stands on, then `shelf.rs`.
#![no_std]
#![warn(clippy::missing_inline_in_public_items)] // on the malloc fast path

mod counters;
mod shelf;
mod source;
mod stock;

pub use counters::{Counters, Counts, NoCounters};
pub use source::Source;

use hakmem_contract::{MAX_CLASSES, Page};

use shelf::Shelf;
use stock::Stock;

/// How much a warm pool may hold back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// The most slabs acquired in one step when a shelf runs dry for the third time or later.
    pub prefill: u8,
    /// The most units that empty slabs may keep.
    pub keep_units: u8,
}

impl Budget {
    /// Two slabs a step and 512 KiB a thread; `docs/why/warm-pool.md` has a sweep.
    pub const DEFAULT: Self = Self { prefill: 2, keep_units: 8 };

    /// The most slabs that one step can bring.
    pub const MAX_PREFILL: usize = 8;
}

impl Default for Budget {
    #[inline]
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// See the [crate docs](crate).
#[derive(Debug)]
#[repr(C)]
pub struct WarmPool<P, C = NoCounters> {
    shelves: [Shelf<P>; MAX_CLASSES],
    stock: Stock,
    kept: usize,
    budget: Budget,
    counters: C,
}

impl<P: Page, C: Counters> WarmPool<P, C> {
    /// A pool with nothing in it. Acquires nothing.
    #[inline]
    #[must_use]
    pub const fn new(budget: Budget) -> Self {
        Self {
            shelves: [const { Shelf::EMPTY }; MAX_CLASSES],
            stock: Stock::EMPTY,
            kept: 0,
            budget,
            counters: C::ZERO,
        }
    }

    /// Counts that the pool, which had lost its thread, has another one.
    #[inline]
    pub fn note_adopted(&mut self) {
        self.counters.adopted();
    }

    /// Counts that another thread has looked after the pool, which has none.
    #[inline]
    pub fn note_relieved(&mut self) {
        self.counters.relieved();
    }

    /// What the counters say; `None` when they are off.
    #[inline]
    pub fn counts(&self) -> Option<Counts> {
        self.counters.counts()
    }

    /// Whether every slab has gone back. For tests: a pool that gave all its blocks back and was
    /// trimmed owns nothing but descriptors.
    #[inline]
    pub fn is_bare(&self) -> bool {
        self.kept == 0 && self.shelves.iter().all(Shelf::is_bare)
    }
}
