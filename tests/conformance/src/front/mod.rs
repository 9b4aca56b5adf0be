//! What every front cache does, whatever it is made of.
//!
//! The functions are the promises. [`Program`] and [`Source`] are for a box's own tests, too.

mod program;
mod source;

use std::ptr::{self, NonNull};

use fastrand::Rng;
use hakmem_contract::{Class, FrontCache, MAX_CLASSES, SizeClasses};
use hakmem_front_gate::FourPerDoubling;

use crate::Promise;

pub use program::Program;
pub use source::{Source, block_size, fill, is_filled};

/// The most blocks that a class may cache before it has missed more than once, and that it may
/// cache whatever its limit is shifted by.
pub const SMALL: usize = 8;

/// What is told of a box.
#[derive(Clone, Copy, Debug, Default)]
pub struct Case {
    slack: usize,
}

impl Case {
    /// It may keep so many blocks of each class above the class's limit, such as those of a magazine
    /// in front.
    #[must_use]
    pub const fn slack(mut self, slack: usize) -> Self {
        self.slack = slack;
        self
    }

    fn program<F: FrontCache>(&self, limit_shift: u32) -> Program<F> {
        Program::new(limit_shift).with_slack(self.slack)
    }
}

/// Tests of a front cache, from the promises of `FrontCache`.
///
/// ```ignore
/// hakmem_conformance::front!(MyFront);
/// hakmem_conformance::front!(MyFront, caches, small, ascending);
/// hakmem_conformance::front!(MyFront, caches; slack(8));
/// ```
///
/// Words that ask for more than the trait promises:
///
/// - `caches`: a block that is freed is kept, and a busy class is kept a quarter of its limit at least;
/// - `small`: a class gets at most [`SMALL`](crate::front::SMALL) blocks at its first miss, in one step;
/// - `ascending`: the blocks of one refill come out by rising addresses.
///
/// Behind a semicolon are functions of [`Case`](crate::front::Case).
#[macro_export]
macro_rules! front {
    ($front:ty $(, $word:ident)* $(; $($set:ident($value:expr)),+)?) => {
        $crate::__words! {
            __front [$front] [$crate::front::Case::default()$($(.$set($value))+)?]
            promises $($word)*
        }
    };
}

/// The lists of promises.
#[doc(hidden)]
#[macro_export]
macro_rules! __front {
    (promises $make:ident $($for:tt)*) => {
        $crate::$make! { front $($for)*
            empty_is_inert
            it_opens_from_zero_bytes_and_again
            every_block_comes_out_once_or_goes_back_once
            what_is_cached_is_found
            the_limit_is_kept
            a_refused_refill_changes_nothing
            a_short_refill_is_used
            no_memory_for_a_larger_bin_is_no_harm
            a_drained_cache_is_empty_and_of_use
        }
    };
    (caches $make:ident $($for:tt)*) => {
        $crate::$make! { front $($for)* freed_blocks_are_kept }
    };
    (small $make:ident $($for:tt)*) => {
        $crate::$make! { front $($for)* a_new_cache_is_small }
    };
    (ascending $make:ident $($for:tt)*) => {
        $crate::$make! { front $($for)* a_refill_leaves_in_ascending_order }
    };
    ($other:ident $($for:tt)*) => {
        ::core::compile_error! { "a front may be said to be: caches, small, ascending" }
    };
}

/// Every promise, those that have to be asked for at the end: for controls.
#[must_use]
pub fn promises<F: FrontCache>() -> Vec<Promise<Case>> {
    let mut all = crate::__front! { promises __table [F] [Case] }.to_vec();
    all.extend(crate::__front! { caches __table [F] [Case] });
    all.extend(crate::__front! { small __table [F] [Case] });
    all.extend(crate::__front! { ascending __table [F] [Case] });
    all
}

/// Class number `index` of the scheme whose blocks the suite uses.
#[must_use]
pub fn class(index: usize) -> Class {
    Class::new(index).unwrap()
}

/// Every class of that scheme.
pub fn classes() -> impl Iterator<Item = Class> {
    (0..FourPerDoubling::COUNT).map(class)
}

/// The limits of class 0 after each of `n` misses, for a cache that begins with three blocks:
/// doubled, and one, up to the class's own, which is shifted.
#[must_use]
pub fn doubled_limits(n: usize, shift: u32) -> Vec<usize> {
    let most = usize::from(FourPerDoubling::geometry(class(0)).cache_limit) >> shift;
    let limits = std::iter::successors(Some(7), |limit| Some(limit * 2 + 1));
    limits.map(|limit| most.min(limit)).take(n).collect()
}

/// `pop` finds nothing, `push` is refused, and no byte of the cache or of the block changes.
pub fn empty_is_inert<F: FrontCache>(_: &Case) {
    let mut cache = F::EMPTY;
    let this = &raw mut cache;
    let bytes = |this: *mut F| -> Vec<u8> {
        // SAFETY: the cache's own bytes.
        let byte = |at| unsafe { ptr::read_volatile(this.cast::<u8>().wrapping_add(at)) };
        (0..size_of::<F>()).map(byte).collect()
    };
    let before = bytes(this);
    let mut block = 0_u128;
    for class in (0..MAX_CLASSES).map(class) {
        // SAFETY: the empty cache.
        assert_eq!(unsafe { F::pop(this, class) }, None, "a block of nobody");
        let block = NonNull::from(&mut block).cast();
        // SAFETY: the empty cache; the block is ours.
        assert!(!unsafe { F::push(this, class, block) }, "room in the empty cache");
        // SAFETY: the empty cache.
        assert_eq!(unsafe { F::pop(this, class) }, None, "it keeps what it refused");
    }
    assert!(before == bytes(this), "the empty cache was written to");
    assert_eq!(block, 0, "the block was written to");
}

/// A cache may begin as zero bytes, as a copy of the empty one, or as one that was drained, and works the
/// same.
pub fn it_opens_from_zero_bytes_and_again<F: FrontCache>(case: &Case) {
    let mut program = case.program::<F>(0);
    let cache = program.cache();
    // SAFETY: zero bytes until now, or opened and without blocks; it stays.
    unsafe { cache.write(F::EMPTY) };
    for _ in 0..4 {
        program.open_again();
        for class in classes() {
            (0..40).for_each(|_| assert!(program.allocate(class), "no block: {class:?}"));
            (0..40).for_each(|i| program.free(class, i));
        }
    }
    program.finish();
}

/// Random programs: every block that the program gets is checked against all others, and at the end
/// none is missing.
pub fn every_block_comes_out_once_or_goes_back_once<F: FrontCache>(case: &Case) {
    // Neighbours, so that one class's overrun hits another; the smallest and the largest limit.
    let some = [0, 1, 2, 19, 38, 39].map(class);
    for seed in 0..if cfg!(miri) { 2 } else { 32 } {
        let mut rng = Rng::with_seed(seed);
        let mut program = case.program::<F>([0, 1, 2, 3][rng.usize(..4)]);
        for _ in 0..if cfg!(miri) { 20 } else { 120 } {
            let class = some[rng.usize(..some.len())];
            let n = [1 + rng.usize(..4), rng.usize(..40), rng.usize(..360)][rng.usize(..3)];
            match rng.usize(..100) {
                0..44 => (0..n).for_each(|_| {
                    let refused = program.source.most == 0 && program.n_cached(class) == 0;
                    assert!(
                        program.allocate(class) != refused,
                        "of nothing, or nothing: {class:?}"
                    );
                }),
                44..88 => (0..n).for_each(|_| program.free(class, rng.usize(..))),
                88..90 => program.drain(),
                90..96 => program.source.most = [0, 1, 7, 40, usize::MAX][rng.usize(..5)],
                _ => program.meta.refuse(rng.bool()),
            }
        }
        program.finish();
    }
}

/// While blocks of a class are cached, a program gets one, whatever the source says.
pub fn what_is_cached_is_found<F: FrontCache>(case: &Case) {
    let mut program = case.program::<F>(0);
    for class in classes() {
        (0..200).for_each(|_| assert!(program.allocate(class), "no block: {class:?}"));
        (0..150).for_each(|i| program.free(class, i));
    }
    program.source.most = 0;
    for class in classes() {
        for n in (0..program.n_cached(class)).rev() {
            assert!(program.allocate(class), "a cached block was not found: {class:?}");
            assert_eq!(program.n_cached(class), n, "it did not come from the cache: {class:?}");
        }
    }
    program.source.most = usize::MAX;
    program.finish();
}

/// No class ever keeps more than its limit, shifted by what `open` was told.
pub fn the_limit_is_kept<F: FrontCache>(case: &Case) {
    for (class, shift) in classes().flat_map(|class| [0, 1, 5, 15].map(|shift| (class, shift))) {
        let mut program = case.program::<F>(shift);
        // `allocate` and `free` look at the limit.
        busy(&mut program, class);
        program.finish();
    }
}

/// Four times the limit in blocks, and all of them freed.
fn busy<F: FrontCache>(program: &mut Program<F>, class: Class) {
    while program.n_live(class) < program.limit(class) * 4 + 64 {
        assert!(program.allocate(class), "no block: {class:?}");
    }
    while program.n_live(class) > 0 {
        program.free(class, 7);
    }
}

/// When the source has nothing, `refill` is `None`, and all is as it was.
pub fn a_refused_refill_changes_nothing<F: FrontCache>(case: &Case) {
    let mut program = case.program::<F>(0);
    for round in 0..20 {
        for class in classes() {
            program.source.most = 0;
            while program.allocate(class) {}
            assert!(!program.allocate(class), "a block of nothing: {class:?}");
            program.source.most = usize::MAX;
            assert!(program.allocate(class), "of no use after a refusal: {class:?}");
            (0..round).for_each(|_| program.free(class, round));
        }
    }
    program.finish();
}

/// When the source has fewer blocks than were asked for, those are used and no more.
pub fn a_short_refill_is_used<F: FrontCache>(case: &Case) {
    let mut program = case.program::<F>(0);
    for n in [1, 2, 3, 5, 63, 65] {
        program.source.most = n;
        for class in classes() {
            (0..100).for_each(|_| assert!(program.allocate(class), "no block: {class:?}"));
            (0..100).for_each(|i| program.free(class, i));
        }
    }
    program.finish();
}

/// Without memory for larger bins the cache works on, and it may ask again later.
pub fn no_memory_for_a_larger_bin_is_no_harm<F: FrontCache>(case: &Case) {
    let mut program = case.program::<F>(0);
    for refuses in [true, false, true] {
        program.meta.refuse(refuses);
        for class in classes() {
            (0..500).for_each(|_| assert!(program.allocate(class), "no block: {class:?}"));
            (0..500).for_each(|i| program.free(class, i));
        }
    }
    program.finish();
}

/// `drain` gives everything once, nothing if there is nothing, and the cache can be used again.
pub fn a_drained_cache_is_empty_and_of_use<F: FrontCache>(case: &Case) {
    let mut program = case.program::<F>(0);
    program.drain();
    assert_eq!(program.source.gives, 0, "there was nothing to give");
    for _ in 0..10 {
        for class in classes() {
            (0..50).for_each(|_| assert!(program.allocate(class), "no block: {class:?}"));
            (0..40).for_each(|i| program.free(class, i));
        }
        program.drain();
        let gives = program.source.gives;
        program.drain();
        assert_eq!(gives, program.source.gives, "given twice");
    }
    program.finish();
}

/// `caches`: a freed block is kept, and a busy class keeps a quarter of its limit at least.
pub fn freed_blocks_are_kept<F: FrontCache>(case: &Case) {
    for (class, shift) in classes().flat_map(|class| [(class, 0), (class, 1)]) {
        let mut program = case.program::<F>(shift);
        assert!(program.allocate(class), "no block: {class:?}");
        program.free(class, 0);
        assert!(program.n_cached(class) > 0, "the block was not kept: {class:?}");
        busy(&mut program, class);
        let (n_cached, limit) = (program.n_cached(class), program.limit(class));
        assert!(n_cached * 4 >= limit, "{n_cached} of {limit} are kept: {class:?}");
        program.finish();
    }
}

/// `small`: a program that allocates once takes few blocks from others, in one step a class.
pub fn a_new_cache_is_small<F: FrontCache>(case: &Case) {
    let mut program = case.program::<F>(0);
    for class in classes() {
        assert!(program.allocate(class), "no block: {class:?}");
        assert!(program.source.n_out(class) <= SMALL, "too much in advance: {class:?}");
    }
    assert_eq!(program.source.takes, FourPerDoubling::COUNT, "one refill a class");
    program.finish();
}

/// `ascending`: the source hands out runs by rising addresses; so does the cache.
pub fn a_refill_leaves_in_ascending_order<F: FrontCache>(case: &Case) {
    for class in classes() {
        let mut program = case.program::<F>(0);
        let mut before = None;
        for _ in 0..1000 {
            let takes = program.source.takes;
            assert!(program.allocate(class), "no block: {class:?}");
            let (refilled, block) = (program.source.takes > takes, program.last(class));
            // Only blocks of one refill are compared.
            assert!(refilled || before < block, "{class:?}: {before:?}, then {block:?}");
            before = block;
        }
        program.finish();
    }
}
