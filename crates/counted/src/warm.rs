//! What warm pools count, in the same place as all the rest.

use core::fmt;
use core::marker::PhantomData;

use hakmem_warm_pool::{Counters, Counts};

use crate::{Event, Ledger};

/// Counters for a warm pool that has none of its own: no size, and every count in `L`.
pub struct Warm<L>(PhantomData<fn() -> L>);

impl<L: Ledger> Counters for Warm<L> {
    const ZERO: Self = Self(PhantomData);

    fn hit(&mut self) {
        L::note(Event::WarmHit);
    }

    fn miss(&mut self, extra: usize) {
        L::note(Event::WarmMiss);
        L::add(Event::WarmPrefill, extra as u64);
    }

    fn adopted(&mut self) {
        L::note(Event::WarmAdopted);
    }

    fn relieved(&mut self) {
        L::note(Event::WarmRelieved);
    }

    fn counts(&self) -> Option<Counts> {
        None
    }
}

impl<L> fmt::Debug for Warm<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Warm")
    }
}
