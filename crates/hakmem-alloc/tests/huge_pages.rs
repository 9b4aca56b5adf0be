//! Huge pages begin later the more heaps there are.

use std::sync::Barrier;
use std::thread;

use hakmem_alloc::parts::contract::SUPERSLAB;
use hakmem_alloc::{Boxes, parts};
use hakmem_contract::Pool;
use hakmem_os_acquire::simulated::Call;
use hakmem_os_acquire::{Acquire, Simulated};

mod noted {
    use super::*;

    hakmem_alloc::compose! {
        /// The default boxes, each call of the system noted.
        pub(crate) Noted, "hakmem_test_huge_pages_word" {
            classes: parts::FourPerDoubling,
            front: parts::UnifiedCache,
            counters: parts::NoCounters,
            page: parts::Slab,
            pool: parts::SharedPool<Acquire<Simulated>, parts::TwoLevel>,
        }
    }
}

use noted::composition::Composed;

static HEAP: noted::Noted = noted::Noted::new();

/// How many SuperSlabs are mapped for slabs when the first of them is to have a huge page.
fn first_advised() -> usize {
    let os = Composed::shared().pool().memory().os();
    for mapped in 0..200 {
        if os.count(Call::Advise) > 0 {
            return mapped;
        }
        // A span that fills half of one.
        assert!((0..2).all(|_| !HEAP.allocate(SUPERSLAB / 2).is_null()));
    }
    usize::MAX
}

/// One test, because what is mapped is the process's. Nothing is freed: it ends.
#[test]
fn eight_heaps_fill_30_superslabs_first() {
    let all = Barrier::new(8);
    let bind = || {
        assert!(!HEAP.allocate(100).is_null());
        all.wait();
    };
    thread::scope(|scope| {
        let others: Vec<_> = (1..8).map(|_| scope.spawn(bind)).collect();
        bind();
        others.into_iter().for_each(|other| other.join().unwrap());
    });
    assert_eq!(HEAP.usage().heaps, 8);
    let first = first_advised();
    // Steps are an eighth of what there is, and advice is for a step that is mapped ahead.
    assert!((24..=36).contains(&first), "{first}");
}
