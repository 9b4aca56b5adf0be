//! Every size and alignment, and contents through every `realloc`, through `Hakmem` as an object.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

mod common;

use common::Shadow;
use hakmem_alloc::Hakmem;

static HAKMEM: Hakmem = Hakmem::new();

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

fn shadow() -> Shadow<hakmem_alloc::composition::Composed> {
    Shadow::new(&HAKMEM, 1)
}

/// Powers of two from 1 to `most`.
fn alignments(most: usize) -> impl Iterator<Item = usize> {
    (0..).map(|shift| 1 << shift).take_while(move |&align| align <= most)
}

/// The ends of every class, span length and huge length up to 5 MiB, and their neighbours.
fn edges() -> Vec<usize> {
    let quarters =
        (7..22).flat_map(|log| (4..8).map(move |quarter| (1_usize << log) / 4 * quarter));
    let units = (1..=16).map(|units| units * 64 * KIB);
    let superslabs = [2 * MIB, 4 * MIB, 5 * MIB];
    let ends = quarters.chain(units).chain(superslabs).filter(|&end| end <= 5 * MIB);
    let mut edges: Vec<_> = ends.flat_map(|end| [end - 1, end, end + 1]).collect();
    edges.sort_unstable();
    edges.dedup();
    edges
}

#[test]
fn serves_every_small_size_at_every_alignment() {
    let mut shadow = shadow();
    for align in alignments(64 * KIB) {
        for size in 0..=4096 {
            assert!(shadow.get(size, align), "{size} bytes, align {align}");
            if shadow.live.len() == 64 {
                shadow.check_apart();
                shadow.clear();
            }
        }
    }
    shadow.clear();
}

#[test]
fn serves_the_edges_of_every_tier() {
    let mut shadow = shadow();
    for size in edges() {
        for align in alignments(64 * KIB).step_by(2) {
            assert!(shadow.get(size, align), "{size} bytes, align {align}");
        }
        shadow.check_apart();
        shadow.clear();
    }
}

#[test]
fn serves_alignments_up_to_a_gib() {
    let mut shadow = shadow();
    for align in alignments(1 << 30) {
        for size in [0, 1, 100, 5_000, 70_000, 3 * MIB] {
            assert!(shadow.get(size, align), "{size} bytes, align {align}");
            assert!(shadow.get_zeroed(size, align), "{size} bytes, align {align}");
            let last = shadow.live.len() - 1;
            assert!(shadow.resize(last, size * 2 + 1), "{size} bytes, align {align}");
            assert!(shadow.resize(last, size / 2 + 1), "{size} bytes, align {align}");
        }
        shadow.check_apart();
        shadow.clear();
    }
}

#[test]
fn zeroes_dirty_memory() {
    let mut shadow = shadow();
    for size in edges() {
        for round in 0..3 {
            for _ in 0..if size < MIB { 8 } else { 2 } {
                assert!(shadow.get_zeroed(size, 16), "{size} bytes");
            }
            shadow.clear();
            if round == 1 {
                HAKMEM.trim();
            }
        }
    }
}

#[test]
fn keeps_contents_from_each_tier_to_each() {
    let sizes = [
        1,
        16,
        17,
        100,
        1024,
        1025,
        4096,
        32 * KIB,
        32 * KIB + 1,
        64 * KIB,
        64 * KIB + 1,
        700_000,
        MIB,
        MIB + 1,
        2 * MIB,
        2 * MIB + 1,
        5 * MIB,
    ];
    let mut shadow = shadow();
    for from in sizes {
        for to in sizes {
            for align in [16, 256, 64 * KIB, 4 * MIB] {
                assert!(shadow.get(from, align), "{from} bytes");
                assert!(shadow.resize(0, to), "{from} to {to}, align {align}");
                assert!(shadow.resize(0, from), "{to} to {from}, align {align}");
                shadow.give(0);
            }
        }
    }
}

#[test]
fn refuses_more_than_can_be() {
    let most = isize::MAX.cast_unsigned();
    for size in [most + 1, most + 2, usize::MAX - 4096, usize::MAX - 15, usize::MAX] {
        assert!(HAKMEM.allocate(size).is_null(), "{size}");
        for align in alignments(1 << 62).step_by(3) {
            assert!(HAKMEM.allocate_aligned(size, align).is_null(), "{size}, align {align}");
            assert!(HAKMEM.allocate_zeroed(size, align).is_null(), "{size}, align {align}");
        }
    }
    assert!(HAKMEM.allocate_aligned(1, 1 << 63).is_null());
    assert!(HAKMEM.allocate_aligned(most, 1 << 62).is_null());
}

#[test]
fn null_is_nothing() {
    // SAFETY: null is no block.
    unsafe { HAKMEM.deallocate(std::ptr::null_mut()) };
    // SAFETY: as above.
    assert_eq!(unsafe { HAKMEM.usable_size(std::ptr::null()) }, 0);
}
