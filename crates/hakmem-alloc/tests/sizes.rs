//! Every size and alignment, contents through every `realloc`, and random operations against a
//! shadow, through `Hakmem` as an object.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

mod common;

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use common::{Live, Shadow};
use hakmem_alloc::Hakmem;
use proptest::prelude::*;

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

/// What a random program does.
#[derive(Clone, Debug)]
enum Op {
    Get { size: usize, align: usize, zeroed: bool },
    Resize { which: usize, size: usize },
    Give { which: usize },
    HandOver { which: usize },
    Trim,
}

fn any_size() -> impl Strategy<Value = usize> {
    prop_oneof![
        60 => 0_usize..1100,
        20 => 0_usize..40_000,
        8 => 0_usize..1_200_000,
        2 => 0_usize..6_000_000,
    ]
}

fn any_op() -> impl Strategy<Value = Op> {
    let align = prop_oneof![20 => Just(0_u32), 4 => 0_u32..13, 1 => 13_u32..24];
    let which = any::<usize>();
    prop_oneof![
        40 => (any_size(), align, any::<bool>())
            .prop_map(|(size, align, zeroed)| Op::Get { size, align: 1 << align, zeroed }),
        20 => (which, any_size()).prop_map(|(which, size)| Op::Resize { which, size: size + 1 }),
        30 => which.prop_map(|which| Op::Give { which }),
        10 => which.prop_map(|which| Op::HandOver { which }),
        1 => Just(Op::Trim),
    ]
}

/// One thread of a random program: what it has, who gives it blocks, whom it gives blocks.
struct Actor {
    shadow: Shadow<hakmem_alloc::composition::Composed>,
    from: Receiver<Live>,
    to: Sender<Live>,
}

impl Actor {
    fn step(&mut self, op: &Op) {
        self.shadow.live.extend(self.from.try_iter());
        let n = self.shadow.live.len();
        match *op {
            Op::Get { size, align, zeroed: true } => assert!(self.shadow.get_zeroed(size, align)),
            Op::Get { size, align, zeroed: false } => assert!(self.shadow.get(size, align)),
            Op::Resize { which, size } if n > 0 => assert!(self.shadow.resize(which % n, size)),
            Op::Give { which } if n > 0 => self.shadow.give(which % n),
            Op::HandOver { which } if n > 0 => {
                let live = self.shadow.live.swap_remove(which % n);
                // One that nobody receives any more comes back, to be freed here.
                if let Err(back) = self.to.send(live) {
                    self.shadow.live.push(back.0);
                }
            }
            Op::Trim => {
                HAKMEM.trim();
            }
            Op::Resize { .. } | Op::Give { .. } | Op::HandOver { .. } => {}
        }
    }

    fn run(mut self, ops: &[Op]) {
        for op in ops {
            self.step(op);
        }
        self.shadow.check();
        self.shadow.check_apart();
        let Self { mut shadow, from, to } = self;
        shadow.clear();
        // The next one's receiver ends when we are done, and ours when the one before is.
        drop(to);
        shadow.live.extend(from.iter());
        shadow.clear();
    }
}

/// A ring of threads, or one that hands over to itself.
fn run_ring(programs: &[Vec<Op>]) {
    let (senders, receivers): (Vec<_>, Vec<_>) = programs.iter().map(|_| channel()).unzip();
    let mut senders: Vec<_> = senders.into_iter().collect();
    senders.rotate_left(1);
    thread::scope(|scope| {
        for (i, ((ops, from), to)) in programs.iter().zip(receivers).zip(senders).enumerate() {
            let shadow = Shadow::new(&HAKMEM, i << 40);
            let actor = Actor { shadow, from, to };
            scope.spawn(move || actor.run(ops));
        }
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..Default::default() })]

    #[test]
    fn random_operations_of_one_thread(ops in prop::collection::vec(any_op(), 1..500)) {
        run_ring(&[ops]);
    }

    #[test]
    fn random_operations_of_four_threads(
        programs in prop::collection::vec(prop::collection::vec(any_op(), 1..300), 4),
    ) {
        run_ring(&programs);
    }
}
