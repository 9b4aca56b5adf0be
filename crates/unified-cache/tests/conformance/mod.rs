//! What every front cache does, whatever it is made of. To run it on another one:
//!
//! ```ignore
//! #[path = "../../unified-cache/tests/conformance/mod.rs"]
//! mod conformance;
//!
//! #[test]
//! fn conforms() {
//!     conformance::run::<YourCache>();
//! }
//! ```
#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    clippy::allow_attributes,
    reason = "shared by path: each test uses a part of it"
)]
#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

pub mod fakes;
pub mod program;

use std::ptr::NonNull;
use std::slice;

use hakmem_contract::{Class, FrontCache, MAX_CLASSES, SizeClasses};
use hakmem_front_gate::FourPerDoubling;
use program::{Program, SMALL};

/// All of it. Random programs are in `fuzz/tests/front_caches.rs`.
pub fn run<F: FrontCache>() {
    promises::<F>();
    limits_are_reached_and_kept::<F>();
}

/// What a front is to do even if it caches nothing.
pub fn promises<F: FrontCache>() {
    empty_is_inert::<F>();
    a_new_cache_is_small::<F>();
    a_refill_leaves_in_ascending_order::<F>();
    a_refused_refill_changes_nothing::<F>();
    a_short_refill_is_used::<F>();
    no_memory_for_a_larger_bin_is_no_harm::<F>();
    a_drained_cache_can_be_used_again::<F>();
}

/// Class number `index`.
pub fn class(index: usize) -> Class {
    Class::new(index).unwrap()
}

/// The limits of class 0 after each of `n` misses: doubled, and one, up to the class's own.
pub fn limits(n: usize, shift: u32) -> Vec<usize> {
    let most = usize::from(FourPerDoubling::geometry(class(0)).cache_limit) >> shift;
    let limits = std::iter::successors(Some(7), |limit| Some(limit * 2 + 1));
    limits.map(|limit| most.min(limit)).take(n).collect()
}

/// Every class.
pub fn classes() -> impl Iterator<Item = Class> {
    (0..MAX_CLASSES).filter_map(Class::new)
}

/// `pop` finds nothing, `push` is refused, and no byte of the cache changes.
fn empty_is_inert<F: FrontCache>() {
    let mut cache = F::EMPTY;
    let this = &raw mut cache;
    let bytes = |this: *mut F| {
        // SAFETY: the cache's own bytes. A cache with padding would be wrong here.
        unsafe { slice::from_raw_parts(this.cast::<u8>(), size_of::<F>()) }.to_vec()
    };
    let before = bytes(this);
    let mut block = 0_u128;
    for class in classes() {
        // SAFETY: the empty cache.
        assert_eq!(unsafe { F::pop(this, class) }, None);
        let block = NonNull::from(&mut block).cast();
        // SAFETY: the empty cache; the block is ours.
        assert!(!unsafe { F::push(this, class, block) });
    }
    assert_eq!(before, bytes(this));
    assert_eq!(block, 0, "the block was written to");
}

fn a_new_cache_is_small<F: FrontCache>() {
    let mut program = Program::<F>::new(0);
    for class in classes() {
        assert!(program.allocate(class));
        assert!(program.source.n_out(class) <= SMALL, "too much in advance: {class:?}");
    }
    assert_eq!(program.source.takes, MAX_CLASSES, "one refill a class");
    program.finish();
}

fn limits_are_reached_and_kept<F: FrontCache>() {
    for (class, shift) in classes().flat_map(|class| [(class, 0), (class, 1), (class, 5)]) {
        let mut program = Program::<F>::new(shift);
        let limit = program.limit(class);
        // `allocate` and `free` check that the limit is kept.
        while program.n_live(class) < limit * 4 + 64 {
            assert!(program.allocate(class));
        }
        while program.n_live(class) > 0 {
            program.free(class, 7);
            assert!(program.n_cached(class) > 0, "the block was not cached");
        }
        let n_cached = program.n_cached(class);
        assert!(shift > 1 || n_cached * 4 >= limit, "{n_cached} of {limit}: {class:?}");
        program.finish();
    }
}

fn a_refill_leaves_in_ascending_order<F: FrontCache>() {
    for class in classes() {
        let mut program = Program::<F>::new(0);
        let mut before = None;
        for _ in 0..1000 {
            let takes = program.source.takes;
            assert!(program.allocate(class));
            let (refilled, block) = (program.source.takes > takes, program.last(class));
            // Only blocks of one refill are compared.
            assert!(refilled || before < block, "{class:?}: {before:?}, then {block:?}");
            before = block;
        }
        program.finish();
    }
}

fn a_refused_refill_changes_nothing<F: FrontCache>() {
    let mut program = Program::<F>::new(0);
    for round in 0..20 {
        for class in classes() {
            program.source.most = 0;
            while program.allocate(class) {}
            assert!(!program.allocate(class), "a block of nothing");
            program.source.most = usize::MAX;
            assert!(program.allocate(class), "the cache is of no use after a refusal");
            (0..round).for_each(|_| program.free(class, round));
        }
    }
    program.finish();
}

fn a_short_refill_is_used<F: FrontCache>() {
    let mut program = Program::<F>::new(0);
    for n in [1, 2, 3, 5, 63, 65] {
        program.source.most = n;
        for class in classes() {
            (0..100).for_each(|_| assert!(program.allocate(class)));
            (0..100).for_each(|i| program.free(class, i));
        }
    }
    program.finish();
}

fn no_memory_for_a_larger_bin_is_no_harm<F: FrontCache>() {
    let mut program = Program::<F>::new(0);
    for refuses in [true, false, true] {
        program.meta.refuses.set(refuses);
        for class in classes() {
            (0..500).for_each(|_| assert!(program.allocate(class)));
            (0..500).for_each(|i| program.free(class, i));
        }
    }
    program.finish();
}

fn a_drained_cache_can_be_used_again<F: FrontCache>() {
    let mut program = Program::<F>::new(0);
    program.drain();
    assert_eq!(program.source.gives, 0, "nothing to give");
    for _ in 0..10 {
        for class in classes() {
            (0..50).for_each(|_| assert!(program.allocate(class)));
            (0..40).for_each(|i| program.free(class, i));
        }
        program.drain();
        let gives = program.source.gives;
        program.drain();
        assert_eq!(gives, program.source.gives, "given twice");
    }
    program.finish();
}
