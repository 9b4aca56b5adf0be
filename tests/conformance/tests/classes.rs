//! Schemes of size classes that are wrong in one way each, and one that is right.

mod common;

use common::{check, has};
use hakmem_conformance::classes::{self, Case};
use hakmem_contract::{Class, Geometry, SizeClasses};

const NO_ZERO: u8 = 1;
const ONE_BYTE_SHORT: u8 = 2;
const A_HOLE: u8 = 3;
const FAST_WRAPS: u8 = 4;
const IGNORES_ALIGNMENT: u8 = 5;
const REFUSES_ALIGNMENT: u8 = 6;
const WRAPS: u8 = 7;
const FEW_BLOCKS: u8 = 8;
const RECIPROCAL_TOO_SMALL: u8 = 9;
const BACKWARDS: u8 = 10;
const NONE: u8 = 11;

/// 16 to 16384 bytes, by powers of two.
const COUNT: usize = 11;
const SMALL_MAX: usize = 16 << 10;

static RIGHT: [Geometry; COUNT] = {
    let mut all = [Geometry::new(16, 1 << 16, [4, 1024]); COUNT];
    let mut i = 0;
    while i < COUNT {
        all[i] = Geometry::new(16 << i, 1 << 16, [4, 1024]);
        i += 1;
    }
    all
};

/// With what is wrong of each class.
static OF_FEW: [Geometry; COUNT] = {
    let mut all = RIGHT;
    all[7].capacity = 15;
    all
};
static INEXACT: [Geometry; COUNT] = {
    let mut all = RIGHT;
    all[3].reciprocal -= 1;
    all
};

#[derive(Debug)]
struct Powers<const WRONG: bool>;

// SAFETY: not all of them: that is the test. No memory is at stake.
unsafe impl<const WRONG: bool> SizeClasses for Powers<WRONG> {
    // What is constant is wrong when it is used.
    const COUNT: usize = COUNT;
    const SMALL_MAX: usize = SMALL_MAX;

    fn class_of_fast(size: usize) -> Option<Class> {
        let wraps = has::<WRONG>(FAST_WRAPS);
        (size <= 64 || (wraps && size == usize::MAX)).then(|| Self::class_of(size & 127)).flatten()
    }

    fn class_of(size: usize) -> Option<Class> {
        let size = if has::<WRONG>(WRAPS) && size > usize::MAX - 16 { 1 } else { size };
        let size = if has::<WRONG>(ONE_BYTE_SHORT) { size.saturating_sub(1) } else { size };
        let hole = has::<WRONG>(A_HOLE) && (1025..2048).contains(&size);
        if size > SMALL_MAX || (has::<WRONG>(NO_ZERO) && size == 0) || hole {
            return None;
        }
        let index = size.max(16).next_power_of_two().ilog2() as usize - 4;
        Class::new(if has::<WRONG>(BACKWARDS) && index == 3 && size > 100 { 5 } else { index })
    }

    fn class_of_aligned(size: usize, align: usize) -> Option<Class> {
        if has::<WRONG>(REFUSES_ALIGNMENT) && align == 4096 {
            return None;
        }
        Self::class_of(if has::<WRONG>(IGNORES_ALIGNMENT) { size } else { size.max(align) })
    }

    fn geometry(class: Class) -> &'static Geometry {
        if has::<WRONG>(FEW_BLOCKS) {
            &OF_FEW[class.index()]
        } else if has::<WRONG>(RECIPROCAL_TOO_SMALL) {
            &INEXACT[class.index()]
        } else {
            &RIGHT[class.index()]
        }
    }
}

/// More classes than there is room for.
#[derive(Debug)]
struct TooMany;

// SAFETY: as above.
unsafe impl SizeClasses for TooMany {
    const COUNT: usize = 1000;
    const SMALL_MAX: usize = SMALL_MAX;

    fn class_of_fast(_: usize) -> Option<Class> {
        None
    }

    fn class_of(size: usize) -> Option<Class> {
        Powers::<false>::class_of(size)
    }

    fn class_of_aligned(size: usize, align: usize) -> Option<Class> {
        Powers::<false>::class_of_aligned(size, align)
    }

    fn geometry(class: Class) -> &'static Geometry {
        Powers::<false>::geometry(class)
    }
}

hakmem_conformance::classes!(Powers<false>);

#[test]
fn wrong_schemes_are_noticed() {
    let mut promises = classes::promises::<Powers<true>>();
    // The number of classes is a constant: another type has a wrong one.
    promises[0] = classes::promises::<TooMany>()[0];
    check(
        &promises,
        &Case,
        &[
            (NONE, &["there_is_room_for_the_classes"]),
            (NO_ZERO, &["every_small_size_has_a_class_that_is_large_enough"]),
            (ONE_BYTE_SHORT, &["every_small_size_has_a_class_that_is_large_enough"]),
            (A_HOLE, &["a_class_ends_where_the_next_one_begins"]),
            (FAST_WRAPS, &["the_fast_way_agrees"]),
            (
                IGNORES_ALIGNMENT,
                &["an_alignment_is_kept_where_a_class_can", "every_request_has_a_tier"],
            ),
            (REFUSES_ALIGNMENT, &["an_alignment_is_kept_where_a_class_can"]),
            (WRAPS, &["what_is_no_small_size_has_no_class"]),
            (FEW_BLOCKS, &["a_slab_works_out"]),
            (RECIPROCAL_TOO_SMALL, &["multiplying_by_the_reciprocal_divides"]),
            (BACKWARDS, &["larger_sizes_get_larger_classes"]),
        ],
    );
}
