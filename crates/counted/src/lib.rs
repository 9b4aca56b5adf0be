//! Boxes that count what they are asked for, around the boxes that do it.
//!
//! ```text
//!  facade ──▶ Counted<front> ──▶ front ──▶ Counted source ──▶ warm pool ──▶ Counted<page> ──▶ page
//!                   │                                            │ Warm        │
//!                   └────────────────────▶ Counters ◀────────────┴─────────────┘
//! ```
//!
//! # Why it exists
//!
//! Time says that one composition is slower than another, not why. How often each box was asked, how often
//! it could answer by itself, and how much it passed on in one step, says more. A box that counted would pay for
//! it in every program. So [`Counted`] implements each trait of `contract` for a box that does, passes every
//! call on, and counts it; a composition that is to be looked at is made of wrapped boxes, and no other has a
//! trace of it.
//!
//! # What it does not do
//!
//! It changes no answer, and knows no box: it sees what goes through the traits, not what happens behind them. It
//! holds no state: the numbers lie in a static of the composition, which a [`Ledger`] leads to. Counting costs
//! time, so nothing that is timed is made of these.
//!
//! # Reading order
//!
//! [`Event`] (what is counted), [`Counters`] and [`Ledger`] (where), then any of the wrappers; `front.rs` is the
//! one with a trap in it.
#![cfg_attr(not(loom), no_std)]
// A provided method that is not passed on would take the place of the box's own.
#![warn(clippy::missing_trait_methods)]

mod event;
mod front;
mod ledger;
mod memory;
mod page;
mod pool;
mod registry;
mod warm;

pub use event::{EVENTS, Event, NAMES};
pub use ledger::{Counters, Ledger, read};
pub use warm::Warm;

use core::fmt;
use core::marker::PhantomData;

/// The box `T`, and what it is asked for, counted in `L`.
#[repr(transparent)]
pub struct Counted<T, L> {
    inner: T,
    ledger: PhantomData<fn() -> L>,
}

impl<T, L> Counted<T, L> {
    /// Counts what `inner` is asked for.
    #[inline]
    pub const fn new(inner: T) -> Self {
        Self { inner, ledger: PhantomData }
    }

    /// The box itself.
    #[inline]
    pub const fn inner(&self) -> &T {
        &self.inner
    }
}

impl<T: fmt::Debug, L> fmt::Debug for Counted<T, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Counted").field(&self.inner).finish()
    }
}

#[cfg(not(loom))]
impl<T: hakmem_contract::Fresh, L> hakmem_contract::Fresh for Counted<T, L> {
    // SAFETY: no function is called here, and whoever places this places that.
    const FRESH: hakmem_contract::Unplaced<Self> =
        hakmem_contract::Unplaced::new(Self::new(unsafe { T::FRESH.place() }));
}
