//! Stages: which heaps a forked process may take over.
#![cfg(not(loom))]

use hakmem_tls_bind::{ForkHandler, ForkHook, Forks, Stage};
use std::cell::Cell;

#[test]
fn a_quiet_heap_is_left_behind_once() {
    let (stage, hook) = (Stage::new(), ForkHook::new());
    stage.bind(hook.now());
    let fork = hook.begin();
    assert!(stage.leave_behind(fork));
    assert!(!stage.leave_behind(fork), "it is parked");
    assert!(stage.claim(), "its caches are not drained");
    assert!(!stage.claim(), "they are now");
}

#[test]
fn a_busy_heap_is_not() {
    let (stage, hook) = (Stage::new(), ForkHook::new());
    assert!(!stage.leave_behind(hook.begin()), "not bound");
    stage.bind(hook.now());
    let before = stage.enter();
    assert!(before.was_quiet());
    assert!(!stage.leave_behind(hook.begin()), "in a slow path");
    let inner = stage.enter();
    assert!(!inner.was_quiet());
    stage.leave(inner);
    assert!(!stage.leave_behind(hook.begin()), "the outer one goes on");
    stage.leave(before);
    assert!(stage.leave_behind(hook.begin()));
}

#[test]
fn a_heap_bound_after_the_fork_began_is_the_childs() {
    let (early, late, hook) = (Stage::new(), Stage::new(), ForkHook::new());
    early.bind(hook.now());
    let fork = hook.begin();
    late.bind(hook.now());
    assert!(early.leave_behind(fork));
    assert!(!late.leave_behind(fork));
    assert!(late.leave_behind(hook.begin()), "the next fork leaves it behind");
}

#[derive(Default)]
struct Counted(Cell<u32>);

impl Forks for Counted {
    fn register(&self, _before: ForkHandler, _child: ForkHandler) {
        self.0.set(self.0.get() + 1);
    }
}

unsafe extern "C" fn nothing() {}

#[test]
fn handlers_are_entered_once() {
    let (hook, forks) = (ForkHook::new(), Counted::default());
    for _ in 0..3 {
        hook.arm(&forks, nothing, nothing);
    }
    assert_eq!(forks.0.get(), 1);
}
