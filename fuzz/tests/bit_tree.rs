//! The tree of bits against a `BTreeSet`.

#[path = "../../crates/sync/tests/common/mod.rs"]
mod common;

use std::collections::BTreeSet;

use bolero::check;
use hakmem_fuzz::bits::{Bits, Step, Steps};
use hakmem_fuzz::reproducible;
use hakmem_sync::tree::CAPACITY;

/// What is done to the tree.
#[derive(Clone, Copy, Debug)]
enum Act {
    Set(usize),
    Clear(usize),
    Contains(usize),
    First,
    FirstFrom(usize),
    Claim,
}

/// Numbers that meet each other: of few words, and at the borders of words.
fn index(kind: usize, number: usize) -> usize {
    match kind % 4 {
        0 => number % 130,
        1 => number % 64 * 64 * 64,
        2 => number % 4096 * 64 + 63,
        _ => number % (CAPACITY + 2),
    }
}

impl Step for Act {
    fn of(bits: Bits) -> Self {
        let index = index(bits.low(), bits.high());
        match bits.kind() {
            0..90 => Self::Set(index),
            90..150 => Self::Clear(index),
            150..180 => Self::Contains(index),
            180..200 => Self::First,
            200..220 => Self::FirstFrom(index),
            _ => Self::Claim,
        }
    }
}

fn run(steps: &Steps<Act>) {
    let tree = common::tree();
    let mut naive = BTreeSet::new();
    for step in steps.iter() {
        match step {
            Act::Set(index) => {
                let new = index < CAPACITY && naive.insert(index);
                assert_eq!(tree.set(index), new);
            }
            Act::Clear(index) => assert_eq!(tree.clear(index), naive.remove(&index)),
            Act::Contains(index) => assert_eq!(tree.contains(index), naive.contains(&index)),
            Act::First => assert_eq!(tree.first(), naive.first().copied()),
            Act::FirstFrom(from) => {
                assert_eq!(tree.first_from(from), naive.range(from..).next().copied());
            }
            Act::Claim => assert_eq!(tree.claim(), naive.pop_first()),
        }
    }
    while let Some(index) = naive.pop_first() {
        assert_eq!(tree.claim(), Some(index));
    }
    assert_eq!(tree.claim(), None);
}

#[test]
fn it_is_a_set() {
    check!()
        .with_type::<Steps<Act>>()
        .with_iterations(2_000)
        .for_each(|steps| reproducible(|| run(steps)));
}
