//! Which promises a box breaks.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use hakmem_conformance::Promise;

/// The names of those that panic.
pub(crate) fn broken<Case>(promises: &[Promise<Case>], case: &Case) -> BTreeSet<&'static str> {
    let breaks =
        |promise: &Promise<Case>| catch_unwind(AssertUnwindSafe(|| (promise.check)(case))).is_err();
    promises.iter().filter(|promise| breaks(promise)).map(|promise| promise.name).collect()
}

/// Each wrong box breaks the promises that are named with it, and each promise is broken by one.
pub(crate) fn check<Case>(
    promises: &[Promise<Case>],
    wrong: impl IntoIterator<Item = (BTreeSet<&'static str>, Vec<&'static str>)>,
) {
    let mut unbroken: BTreeSet<_> = promises.iter().map(|promise| promise.name).collect();
    for (number, (broken, named)) in wrong.into_iter().enumerate() {
        for name in named {
            assert!(broken.contains(name), "wrong box {number} keeps {name}, breaks {broken:?}");
        }
        unbroken.retain(|name| !broken.contains(name));
    }
    assert!(unbroken.is_empty(), "no wrong box breaks {unbroken:?}");
}
