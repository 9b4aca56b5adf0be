//! A program whose allocator stands on the simulated system: it runs, every byte that is mapped is in the
//! books, and the system refuses what it is told to.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::collections::BTreeMap;
use std::sync::mpsc;
use std::thread;

use hakmem_alloc::{Boxes, parts};
use hakmem_contract::Pool;
use hakmem_os_acquire::simulated::Call;
use hakmem_os_acquire::{Acquire, Simulated};

mod noted {
    use super::*;

    hakmem_alloc::compose! {
        /// The default boxes, each call of the system noted.
        pub(crate) Noted, "hakmem_test_on_books_word" {
            classes: parts::FourPerDoubling,
            front: parts::UnifiedCache,
            counters: parts::NoCounters,
            page: parts::Slab,
            pool: parts::SharedPool<Acquire<Simulated>, parts::TwoLevel>,
        }
    }
}

use noted::composition::Composed;

#[global_allocator]
static HEAP: noted::Noted = noted::Noted::new();

fn memory() -> &'static Acquire<Simulated> {
    Composed::shared().pool().memory()
}

/// Threads that build things, and send them to others who drop them.
fn work() -> usize {
    let (send, receive) = mpsc::channel::<BTreeMap<usize, Vec<u8>>>();
    let drops = thread::spawn(move || receive.iter().map(|map| map.len()).sum::<usize>());
    let makers: Vec<_> = (1..=3_usize)
        .map(|maker| {
            let send = send.clone();
            thread::spawn(move || {
                for round in 1..40 {
                    let item = |n: usize| (n, vec![maker as u8; n * n * round % 300_000]);
                    let map: BTreeMap<_, _> = (0..100).map(item).collect();
                    assert!(map.values().all(|item| item.iter().all(|&byte| byte == maker as u8)));
                    send.send(map).unwrap();
                }
            })
        })
        .collect();
    drop(send);
    makers.into_iter().for_each(|maker| maker.join().unwrap());
    drops.join().unwrap()
}

/// One test, because the books are the process's: the other thread waits for this one.
#[test]
fn a_program_runs_on_it_and_is_refused_what_it_is_to_be_refused() {
    assert_eq!(work(), 3 * 39 * 100);
    assert!(memory().os().count(Call::Map) > 0, "it is not this system that it runs on");
    assert_eq!(memory().stats().mapped, memory().os().mapped(), "the two books differ");
    // More than was ever free.
    let more = memory().stats().mapped + (64 << 20);
    let mut large = Vec::<u8>::new();
    memory().os().fail_when(|call, bytes| call == Call::Map && bytes >= 1 << 20);
    assert!(large.try_reserve_exact(more).is_err(), "there was memory");
    assert!(memory().os().refused() > 0, "nothing was refused");
    memory().os().fail_never();
    large.try_reserve_exact(more).unwrap();
    large.resize(more, 1);
    assert!(memory().os().covers(large.as_ptr().addr(), more));
    drop(large);
    HEAP.trim();
    assert_eq!(memory().stats().mapped, memory().os().mapped(), "the two books differ");
}
