//! What was freed can be had again: in any form, and by any thread.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

mod common;

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;

use common::Shadow;
use hakmem_alloc::{Boxes, parts};
use hakmem_contract::{Pool, SUPERSLAB, UNIT};
use hakmem_os_acquire::simulated::Call;
use hakmem_os_acquire::{Acquire, Simulated};

mod limited {
    use super::*;

    hakmem_alloc::compose! {
        /// The default boxes on a system that can fail.
        pub(crate) Limited, "hakmem_test_limited_word" {
            classes: parts::FourPerDoubling,
            front: parts::UnifiedCache,
            counters: parts::NoCounters,
            page: parts::Slab,
            pool: parts::SharedPool<Acquire<Simulated>, parts::TwoLevel>,
        }
    }
}

use limited::composition::Composed;

static LIMITED: limited::Limited = limited::Limited::new();

/// One test at a time: they share a heap.
static ALONE: Mutex<()> = Mutex::new(());

fn pool() -> &'static parts::SharedPool<Acquire<Simulated>, parts::TwoLevel> {
    Composed::shared().pool()
}

fn os() -> &'static Simulated {
    pool().memory().os()
}

/// Runs `work` in a thread and waits until it has ended, its exit hook too.
fn in_a_thread(work: impl FnOnce() + Send + 'static) {
    thread::spawn(work).join().unwrap();
}

/// Lets the system map so many bytes in all.
fn limit(most: usize) {
    let mapped = AtomicUsize::new(os().mapped());
    os().fail_when(move |call, bytes| match call {
        Call::Map if mapped.load(Relaxed) + bytes > most => true,
        Call::Map => {
            mapped.fetch_add(bytes, Relaxed);
            false
        }
        Call::Unmap => {
            mapped.fetch_sub(bytes, Relaxed);
            false
        }
        _ => false,
    });
}

/// Blocks of many classes, filled and freed.
fn use_up(n: usize) {
    let mut blocks = Shadow::new(&LIMITED, 1);
    for i in 0..n {
        assert!(blocks.get(16 + i * 37 % 20_000, 16), "block {i}");
    }
    blocks.clear();
}

#[test]
fn a_thread_that_ends_leaves_nothing_in_its_caches() {
    let _alone = ALONE.lock().unwrap();
    in_a_thread(|| use_up(5_000));
    let (stats, census) = (pool().memory().stats(), pool().census());
    assert_eq!(stats.handed_out, census.free_units * UNIT, "{stats:?} {census:?}");
}

#[test]
fn a_large_request_gets_what_the_caches_hold() {
    const SUPERSLABS: usize = 40;
    let _alone = ALONE.lock().unwrap();
    in_a_thread(|| {
        LIMITED.trim();
        use_up(5_000);
        limit(os().mapped() + SUPERSLABS * SUPERSLAB);
        // All there is, in small blocks; freed, some of it is in slabs and SuperSlabs kept.
        let mut small = Shadow::new(&LIMITED, 1);
        while small.get(900, 16) {}
        let total = small.live.len() * 900;
        small.clear();
        let mut large = Shadow::new(&LIMITED, 2);
        while large.get(2 * SUPERSLAB, 16) {}
        let got = large.live.len() * 2 * SUPERSLAB;
        large.clear();
        os().fail_never();
        // One block may not fit any more.
        assert!(got + 2 * SUPERSLAB > total, "{got} bytes of {total}");
    });
}
