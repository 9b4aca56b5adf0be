//! The accounting equation, checked: the system's own record against a walk through the allocator,
//! and that against what the program knows it has.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;

use hakmem_contract::Pool;
use hakmem_os_acquire::simulated::Call;

use crate::common::{Shadow, USABLE};
use crate::{FAILING, os, pool};

/// Checks of one child while calls fail one after the other. A walk takes a tenth of a millisecond.
const MOST_CHECKS: usize = 24;

/// `mapped == live + cached + free + metadata + stranded`, of which `mapped` is the system's record,
/// `live` what the program knows too, and the rest is counted where it is.
pub(crate) fn check(when: &str) {
    // SAFETY: of the threads of a scenario one runs at a time.
    let census = unsafe { FAILING.census() };
    let mapped = os().mapped();
    assert!(census.accounts_for(mapped), "{when}: {mapped} bytes are mapped: {census:?}");
    let live = USABLE.load(Ordering::Relaxed);
    assert_eq!(census.live, live, "{when}: the program has {live} bytes: {census:?}");
    let refused = os().refused_bytes(Call::Unmap);
    assert!(census.stranded <= refused, "{when}: more stranded than was refused: {census:?}");

    // What the boxes count for themselves says the same.
    let stats = pool().memory().stats();
    assert!(stats.is_balanced() && stats.mapped == mapped, "{when}: {stats:?}");
    assert_eq!(stats.cached, census.cached.ranges, "{when}: {stats:?}");
    assert_eq!(stats.fresh, census.cached.ahead, "{when}: {stats:?}");
    assert!(pool().is_consistent(), "{when}: {:?}", pool().census());
}

/// After a call of the allocator: if the system has refused something since the last check, the
/// equation holds at once.
pub(crate) fn watch() {
    static SEEN: AtomicUsize = AtomicUsize::new(0);
    let refused = os().refused();
    // Relaxed: one thread at a time.
    let seen = SEEN.load(Ordering::Relaxed);
    if refused > seen && seen < MOST_CHECKS {
        SEEN.store(refused, Ordering::Relaxed);
        check("right after a failure");
    }
}

/// Nothing is in the program's hands any more.
pub(crate) fn check_all_freed() {
    check("freed");
    // SAFETY: as in `check`.
    let census = unsafe { FAILING.census() };
    assert_eq!(census.live, 0, "{census:?}");
}

/// When nothing is live and everything was trimmed, there is metadata and nothing else.
pub(crate) fn check_nothing_is_lost() {
    // First what we gathered for others; in the end what others gave to us.
    FAILING.trim();
    settle_orphans();
    FAILING.trim();
    check("at the end");
    // SAFETY: as in `check`.
    let census = unsafe { FAILING.census() };
    assert_eq!((census.live, census.cached.total(), census.free), (0, 0, 0), "{census:?}");
    assert!(census.metadata < 16 << 20, "{census:?}");
}

/// How many threads end at once with all the orphans that a scenario left.
const ADOPTERS: usize = 6;

/// Has every heap of a thread that has ended looked after, by threads that claim them.
fn settle_orphans() {
    let all_bound = Arc::new(Barrier::new(ADOPTERS));
    let threads: Vec<_> = (0..ADOPTERS)
        .map(|tag| {
            let all_bound = Arc::clone(&all_bound);
            thread::spawn(move || {
                let mut blocks = Shadow::new(&FAILING, tag);
                assert!(blocks.get(100, 16), "there is memory again");
                all_bound.wait();
                blocks.clear();
                FAILING.trim();
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
}
