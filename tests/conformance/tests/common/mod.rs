//! Boxes that are wrong in one way at a time, and which promises they break.

use std::collections::BTreeSet;
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU8, Ordering::SeqCst};

use hakmem_conformance::Promise;

/// What is wrong now. One type has all bugs, because suites take long to compile.
static BUG: AtomicU8 = AtomicU8::new(0);

/// Whether a box has this bug now; one with `WRONG == false` has none.
pub(crate) fn has<const WRONG: bool>(bug: u8) -> bool {
    WRONG && BUG.load(SeqCst) == bug
}

/// Each bug breaks the promises that are named with it, and each promise is broken by one.
pub(crate) fn check<Case>(promises: &[Promise<Case>], case: &Case, wrong: &[(u8, &[&str])]) {
    let broken = quietly(|| wrong.iter().map(|(bug, _)| broken(promises, case, *bug)).collect());
    let broken: Vec<BTreeSet<_>> = broken;
    for ((bug, named), broken) in wrong.iter().zip(&broken) {
        for name in *named {
            assert!(broken.contains(name), "bug {bug} keeps {name}, and breaks {broken:?}");
        }
    }
    for promise in promises {
        let is_broken = broken.iter().any(|broken| broken.contains(promise.name));
        assert!(is_broken, "no bug breaks {}", promise.name);
    }
}

/// The names of the promises that panic.
fn broken<Case>(promises: &[Promise<Case>], case: &Case, bug: u8) -> BTreeSet<&'static str> {
    BUG.store(bug, SeqCst);
    let check = |promise: &Promise<Case>| (promise.check)(case);
    let breaks =
        |promise: &&Promise<Case>| catch_unwind(AssertUnwindSafe(|| check(promise))).is_err();
    promises.iter().filter(breaks).map(|promise| promise.name).collect()
}

/// Without the messages of panics, which are many. What else panics meanwhile still fails.
fn quietly<T>(run: impl FnOnce() -> T) -> T {
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| ()));
    let result = run();
    panic::set_hook(hook);
    result
}
