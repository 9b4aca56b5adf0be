//! Other choices of boxes pass what the default one passes, side by side with it.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

mod common;

use common::{Shadow, basic_suite};
use hakmem_alloc::classic::{self, Classic};
use hakmem_alloc::hardened::Hardened;
use hakmem_alloc::{Allocator, Boxes, Hakmem, compose, parts};

/// Linked lists through the blocks in front, instead of arrays.
mod listed {
    use super::*;

    compose! {
        /// The front cache is a list.
        pub(crate) Listed, "hakmem_test_listed_word" {
            classes: parts::FourPerDoubling,
            front: hakmem_tls_sll::TlsSll,
            counters: parts::NoCounters,
            page: parts::Slab,
            pool: parts::SharedPool<parts::Acquire<parts::Linux>, parts::TwoLevel>,
        }
    }
}

/// Slabs whose free blocks are lists, instead of bitmaps.
mod chained {
    use super::*;

    compose! {
        /// The page box is a list.
        pub(crate) Chained, "hakmem_test_chained_word" {
            classes: parts::FourPerDoubling,
            front: parts::UnifiedCache,
            counters: parts::NoCounters,
            page: parts::FreeListSlab,
            pool: parts::SharedPool<parts::Acquire<parts::Linux>, parts::TwoLevel>,
        }
    }
}

/// A hash table instead of two levels.
mod hashed {
    use super::*;

    compose! {
        /// The registry is a hash table.
        pub(crate) Hashed, "hakmem_test_hashed_word" {
            classes: parts::FourPerDoubling,
            front: parts::UnifiedCache,
            counters: parts::NoCounters,
            page: parts::Slab,
            pool: parts::SharedPool<parts::Acquire<parts::Linux>, hakmem_hash_registry::Hash>,
        }
    }
}

/// One array instead of two levels.
mod flat {
    use super::*;

    compose! {
        /// The registry is flat.
        pub(crate) Flattened, "hakmem_test_flat_word" {
            classes: parts::FourPerDoubling,
            front: parts::UnifiedCache,
            counters: parts::NoCounters,
            page: parts::Slab,
            pool: parts::SharedPool<parts::Acquire<parts::Linux>, hakmem_flat_registry::Flat>,
        }
    }
}

/// Explicit huge pages, where the machine has them.
mod huge {
    use super::*;

    compose! {
        /// The system gives huge pages.
        pub(crate) OnHugePages, "hakmem_test_huge_word" {
            classes: parts::FourPerDoubling,
            front: parts::UnifiedCache,
            counters: parts::NoCounters,
            page: parts::Slab,
            pool: parts::SharedPool<parts::Acquire<hakmem_os_acquire::LinuxHuge>, parts::TwoLevel>,
        }
    }
}

/// A pool with one lock.
mod fitted {
    use super::*;
    use hakmem_shared_pool::{FirstFit, SharedPool};

    compose! {
        /// The pool takes the first SuperSlab that has room.
        pub(crate) Fitted, "hakmem_test_fitted_word" {
            classes: parts::FourPerDoubling,
            front: parts::UnifiedCache,
            counters: parts::NoCounters,
            page: parts::Slab,
            pool: SharedPool<parts::Acquire<parts::Linux>, parts::TwoLevel, FirstFit>,
        }
    }
}

/// The warm pool counts.
mod counted {
    use super::*;

    compose! {
        /// With counters.
        pub(crate) Counted, "hakmem_test_counted_word" {
            classes: parts::FourPerDoubling,
            front: parts::UnifiedCache,
            counters: parts::Counts,
            page: parts::Slab,
            pool: parts::SharedPool<parts::Acquire<parts::Linux>, parts::TwoLevel>,
        }
    }
}

/// Classes that are powers of two: a block may be twice as large as asked for.
mod doubled {
    use super::*;

    compose! {
        /// Twelve classes.
        pub(crate) Doubled, "hakmem_test_doubled_word" {
            classes: parts::PowersOfTwo,
            front: parts::UnifiedCache,
            counters: parts::NoCounters,
            page: parts::Slab,
            pool: parts::SharedPool<parts::Acquire<parts::Linux>, parts::TwoLevel>,
        }
    }
}

/// A magazine in front of the arrays.
mod racked {
    use super::*;

    compose! {
        /// The hottest blocks are in one line.
        pub(crate) Racked, "hakmem_test_racked_word" {
            classes: parts::FourPerDoubling,
            front: parts::Magazine<parts::UnifiedCache>,
            counters: parts::NoCounters,
            page: parts::Slab,
            pool: parts::SharedPool<parts::Acquire<parts::Linux>, parts::TwoLevel>,
        }
    }
}

/// Eight classes per doubling.
#[cfg(feature = "many-classes")]
mod many {
    use super::*;

    compose! {
        /// All classes that there is room for.
        pub(crate) Many, "hakmem_test_many_word" {
            classes: parts::EightPerDoubling,
            front: parts::UnifiedCache,
            counters: parts::NoCounters,
            page: parts::Slab,
            pool: parts::SharedPool<parts::Acquire<parts::Linux>, parts::TwoLevel>,
        }
    }

    #[test]
    fn passes() {
        static MANY: Many = Many::new();
        basic_suite(&MANY);
    }
}

static DOUBLED: doubled::Doubled = doubled::Doubled::new();
static RACKED: racked::Racked = racked::Racked::new();
static CLASSIC: Classic = Classic::with(classic::OPTIONS);
static HARDENED: Hardened = Hardened::new();
static DEFAULT: Hakmem = Hakmem::new();
static LISTED: listed::Listed = listed::Listed::new();
static CHAINED: chained::Chained = chained::Chained::new();
static HASHED: hashed::Hashed = hashed::Hashed::new();
static FLAT: flat::Flattened = flat::Flattened::new();
static HUGE: huge::OnHugePages = huge::OnHugePages::new();
static FITTED: fitted::Fitted = fitted::Fitted::new();
static COUNTED: counted::Counted = counted::Counted::new();

#[test]
fn the_default_passes() {
    basic_suite(&DEFAULT);
}

#[test]
fn a_listed_front_cache_passes() {
    basic_suite(&LISTED);
}

#[test]
fn powers_of_two_pass() {
    basic_suite(&DOUBLED);
}

#[test]
fn slabs_of_lists_pass() {
    basic_suite(&CHAINED);
}

#[test]
fn huge_pages_pass() {
    basic_suite(&HUGE);
}

#[test]
fn one_lock_and_first_fit_pass() {
    basic_suite(&FITTED);
}

#[test]
fn a_flat_registry_passes() {
    basic_suite(&FLAT);
}

#[test]
fn a_hash_registry_passes() {
    basic_suite(&HASHED);
}

#[test]
fn a_magazine_passes() {
    basic_suite(&RACKED);
}

#[test]
fn the_classic_one_passes() {
    basic_suite(&CLASSIC);
}

#[test]
fn the_hardened_one_passes() {
    basic_suite(&HARDENED);
}

#[test]
fn counters_pass() {
    basic_suite(&COUNTED);
}

/// Allocates from all in turn, and leaves every second block.
fn mix<A: Boxes, B: Boxes>(a: &'static Allocator<A>, b: &'static Allocator<B>) {
    let (mut of_a, mut of_b) = (Shadow::new(a, 1), Shadow::new(b, 1 << 30));
    for i in 0..3_000 {
        let size = if i % 100 == 0 { i * 1_000 } else { i * 7 % 2_000 };
        assert!(of_a.get(size, 16), "{size}");
        assert!(of_b.get_zeroed(size, 16), "{size}");
        if i % 2 == 0 {
            of_a.give(i / 3 % of_a.live.len());
            of_b.give(i / 5 % of_b.live.len());
        }
    }
    a.trim();
    of_b.check();
    of_a.check_apart();
    of_a.clear();
    b.trim();
    of_b.check_apart();
    of_b.clear();
}

/// A thread has a heap of each; what one does is nothing to the other.
#[test]
fn two_in_one_process_do_not_meet() {
    let threads: Vec<_> = (0..4)
        .map(|i| {
            std::thread::spawn(move || match i {
                0 => mix(&DEFAULT, &COUNTED),
                1 => mix(&DEFAULT, &CHAINED),
                2 => mix(&LISTED, &HASHED),
                _ => mix(&FITTED, &HASHED),
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    mix(&COUNTED, &LISTED);
    mix(&CHAINED, &LISTED);
}

/// Threads that want units of the pool with one lock, all at once.
#[test]
fn threads_take_turns_at_one_lock() {
    let threads: Vec<_> = (0..4).map(|_| std::thread::spawn(|| mix(&FITTED, &FITTED))).collect();
    for thread in threads {
        thread.join().unwrap();
    }
}

/// A block of one is foreign to the other.
#[test]
fn each_knows_its_own_blocks() {
    let pairs: [(*mut u8, *mut u8); 3] =
        [100, 100_000, 3 << 20].map(|size| (DEFAULT.allocate(size), COUNTED.allocate(size)));
    for (a, b) in pairs {
        let (tag_a, tag_b) = (tags(a.addr()), tags(b.addr()));
        assert!(tag_a.0 && !tag_a.1, "{tag_a:?}");
        assert!(tag_b.1 && !tag_b.0, "{tag_b:?}");
        // SAFETY: a live block of this allocator.
        unsafe { DEFAULT.deallocate(a) };
        // SAFETY: as above.
        unsafe { COUNTED.deallocate(b) };
    }
}

/// Whether the default composition and the one with counters have something at `address`.
fn tags(address: usize) -> (bool, bool) {
    (
        has::<hakmem_alloc::composition::Composed>(address),
        has::<counted::composition::Composed>(address),
    )
}

fn has<B: Boxes>(address: usize) -> bool {
    use parts::contract::{Kind, Pool, Registry};
    B::shared().pool().registry().tag(address).kind() != Kind::Foreign
}
