//! The tree against a `BTreeSet`.
#![cfg(not(loom))]

use std::alloc::{Layout, alloc_zeroed};
use std::collections::BTreeSet;

use hakmem_sync::tree::{BitTree, CAPACITY};
use proptest::prelude::*;

/// An empty tree on the heap. All zero bytes are one.
fn tree() -> Box<BitTree> {
    // SAFETY: the size is not zero.
    let place = unsafe { alloc_zeroed(Layout::new::<BitTree>()) };
    assert!(!place.is_null());
    // SAFETY: of the type's layout, zero, which is the empty tree, and ours.
    unsafe { Box::from_raw(place.cast()) }
}

#[derive(Clone, Debug)]
enum Step {
    Set(usize),
    Clear(usize),
    Contains(usize),
    First,
    Claim,
}

/// Numbers that meet each other: of few words, and at the borders of words.
fn index() -> impl Strategy<Value = usize> {
    prop_oneof![
        0..130_usize,
        (0..64_usize).prop_map(|n| n * 64 * 64),
        (0..4096_usize).prop_map(|n| n * 64 + 63),
        0..CAPACITY + 2,
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => index().prop_map(Step::Set),
        2 => index().prop_map(Step::Clear),
        1 => index().prop_map(Step::Contains),
        1 => Just(Step::First),
        2 => Just(Step::Claim),
    ]
}

proptest! {
    #[test]
    fn it_is_a_set(steps in prop::collection::vec(step(), 1..400)) {
        let tree = tree();
        let mut naive = BTreeSet::new();
        for step in steps {
            match step {
                Step::Set(index) => {
                    let new = index < CAPACITY && naive.insert(index);
                    prop_assert_eq!(tree.set(index), new);
                }
                Step::Clear(index) => prop_assert_eq!(tree.clear(index), naive.remove(&index)),
                Step::Contains(index) => {
                    prop_assert_eq!(tree.contains(index), naive.contains(&index));
                }
                Step::First => prop_assert_eq!(tree.first(), naive.first().copied()),
                Step::Claim => prop_assert_eq!(tree.claim(), naive.pop_first()),
            }
        }
        while let Some(index) = naive.pop_first() {
            prop_assert_eq!(tree.claim(), Some(index));
        }
        prop_assert_eq!(tree.claim(), None);
    }
}

#[test]
fn all_members_come_out_ascending() {
    let tree = tree();
    for index in 0..CAPACITY {
        assert!(tree.set(index));
    }
    assert!((0..CAPACITY).all(|index| tree.claim() == Some(index)));
    assert_eq!(tree.first(), None);
}
