//! An allocator of wrapped boxes counts what happens to it. One test in a process, and one thread but where it says
//! so: nobody else counts.
#![cfg(not(loom))]
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::thread;

use hakmem_alloc::{compose, parts};
use hakmem_counted::{Counted, Counters, EVENTS, Event, Ledger, NAMES, Warm, read};

/// Where this test counts.
#[derive(Debug)]
pub struct Here;

static COUNTERS: Counters = Counters::new();

impl Ledger for Here {
    fn counters() -> &'static Counters {
        &COUNTERS
    }
}

type Os = Counted<parts::Linux, Here>;
type Memory = Counted<parts::Acquire<Os>, Here>;
type Registry = Counted<parts::TwoLevel, Here>;

mod counting {
    use super::*;

    compose! {
        /// The default boxes, wrapped.
        pub(crate) Counting, "hakmem_test_counting_word" {
            classes: parts::FourPerDoubling,
            front: Counted<parts::UnifiedCache, Here>,
            counters: Warm<Here>,
            page: Counted<parts::Slab, Here>,
            pool: Counted<parts::SharedPool<Memory, Registry>, Here>,
        }
    }
}

static ALLOCATOR: counting::Counting = counting::Counting::new();

/// What was counted since the last call.
struct Since(Vec<u64>);

impl Since {
    fn now() -> Vec<u64> {
        let mut counts = vec![0; EVENTS.len()];
        read::<Here>(&mut counts);
        counts
    }

    fn new() -> Self {
        Self(Self::now())
    }

    fn skip(&mut self) {
        self.0 = Self::now();
    }

    fn take(&mut self) -> impl Fn(Event) -> u64 + use<> {
        let before = std::mem::replace(&mut self.0, Self::now());
        let counts = self.0.clone();
        move |event| counts[event as usize] - before[event as usize]
    }
}

fn allocate(n: usize, size: usize) -> Vec<usize> {
    let block = |_| ALLOCATOR.allocate(size).expose_provenance();
    (0..n).map(block).collect()
}

fn free(blocks: Vec<usize>) {
    for block in blocks {
        // SAFETY: from `allocate`, and freed once.
        unsafe { ALLOCATOR.deallocate(std::ptr::with_exposed_provenance_mut(block)) };
    }
}

/// Blocks of 64 bytes: more than a slab's 1024, so that the warm pool is dry twice.
const BLOCKS: usize = 1500;

#[test]
fn every_request_is_counted_once_by_each_box_on_its_way() {
    let mut since = Since::new();
    let blocks = allocate(BLOCKS, 64);
    let count = since.take();
    requests_are_hits_or_refills(&count);
    units_come_through_every_box(&count);

    free(blocks);
    let count = since.take();
    frees_are_cached_or_spilled(&count);

    frees_of_others_come_in_batches(&mut since);
    a_heap_finds_a_new_thread(&mut since);
    larger_blocks_are_the_pools(&mut since);
    assert_eq!(NAMES.len(), EVENTS.len());
}

fn requests_are_hits_or_refills(count: &impl Fn(Event) -> u64) {
    let n = BLOCKS as u64;
    assert_eq!(count(Event::FrontHit) + count(Event::FrontRefill), n);
    // A refill brings at least the block that was asked for; the last one may leave some.
    assert!(count(Event::FrontRefilled) >= n && count(Event::FrontRefill) > 1);
    assert_eq!(count(Event::PageTaken), count(Event::FrontRefilled));
    assert_eq!(count(Event::WarmHit) + count(Event::WarmMiss), count(Event::PageTake));
    assert_eq!(count(Event::FrontFree) + count(Event::FrontSpill), 0, "nothing was freed");
}

fn units_come_through_every_box(count: &impl Fn(Event) -> u64) {
    assert_eq!(count(Event::WarmMiss) + count(Event::WarmPrefill), count(Event::PageOpen));
    assert_eq!(count(Event::PageOpen), 2, "of 1024 blocks each");
    assert_eq!(count(Event::PoolSpans), 2);
    assert_eq!(count(Event::PoolNotAtHand), count(Event::PoolNew), "one thread, no orphans");
    assert_eq!((count(Event::PoolNew), count(Event::PoolAtHand)), (1, 1));
    assert_eq!((count(Event::CacheMiss), count(Event::CacheHit)), (1, 0));
    assert_eq!(count(Event::RegistryPublish), 2);
    assert!(count(Event::Map) >= 2, "a SuperSlab, and metadata");
    assert!(count(Event::Meta) > 0 && count(Event::MetaBytes) >= count(Event::Meta));
}

fn frees_are_cached_or_spilled(count: &impl Fn(Event) -> u64) {
    let n = BLOCKS as u64;
    // A spill makes room, and puts its block there.
    assert_eq!(count(Event::FrontFree) + count(Event::FrontSpill), n);
    assert!(count(Event::FrontSpill) > 0);
    assert_eq!(count(Event::FrontSpilled), count(Event::PageGiven));
    // Once each, and once more where the slow path begins again.
    assert_eq!(count(Event::RegistryLookup), n + count(Event::FrontSpill) + count(Event::PageGive));
    assert_eq!(count(Event::RegistryForeign), 0);
}

/// 100 neighbours are two words of a slab's bits, or three.
fn frees_of_others_come_in_batches(since: &mut Since) {
    let blocks = allocate(100, 64);
    since.skip();
    thread::spawn(move || {
        // A heap of its own, so that frees are gathered.
        free(allocate(1, 2000));
        free(blocks);
    })
    .join()
    .unwrap();
    let count = since.take();
    assert_eq!(count(Event::PageRemoteBlocks), 100);
    assert!((2..100).contains(&count(Event::PageRemote)), "{}", count(Event::PageRemote));
    assert_eq!(count(Event::WarmAdopted), 0, "the first thread beside this one");
    assert!(count(Event::FrontDrained) > 0, "it ended");
}

fn a_heap_finds_a_new_thread(since: &mut Since) {
    thread::spawn(|| free(allocate(1, 64))).join().unwrap();
    assert_eq!(since.take()(Event::WarmAdopted), 1);
}

fn larger_blocks_are_the_pools(since: &mut Since) {
    free(allocate(1, 100_000));
    free(allocate(1, 5 << 20));
    let count = since.take();
    assert_eq!((count(Event::PoolBlock), count(Event::PoolBlockFree)), (1, 1));
    assert_eq!((count(Event::PoolHuge), count(Event::PoolHugeFree)), (1, 1));
    assert_eq!((count(Event::CacheRelease), count(Event::CacheKept)), (1, 1));
    free(allocate(1, 5 << 20));
    let count = since.take();
    assert_eq!((count(Event::CacheHit), count(Event::Map)), (1, 0), "from the cache");
    // SAFETY: null is no block.
    unsafe { ALLOCATOR.deallocate(std::ptr::null_mut()) };
    assert_eq!(since.take()(Event::RegistryForeign), 2, "looked up, and again on the slow path");
}
