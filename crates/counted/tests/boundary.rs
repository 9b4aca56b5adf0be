//! A wrapped box does what the box does: the suites of its slot, run on both.
#![cfg(not(loom))]

use hakmem_alloc::parts::{Slab, TwoLevel, UnifiedCache};
use hakmem_counted::{Counted, Counters, Ledger};

/// What the suites count is of no interest here.
#[derive(Debug)]
struct Here;

static COUNTERS: Counters = Counters::new();

impl Ledger for Here {
    fn counters() -> &'static Counters {
        &COUNTERS
    }
}

mod front {
    use super::*;

    hakmem_conformance::front!(Counted<UnifiedCache, Here>, caches, small, ascending);
}

mod registry {
    use super::*;

    hakmem_conformance::registry!(Counted<TwoLevel, Here>);
}

mod page {
    use super::*;

    hakmem_conformance::page!(
        Counted<Slab, Here>,
        ascending,
        untouched,
        double_frees,
        remote_double_frees,
        wrong_addresses
    );
}
