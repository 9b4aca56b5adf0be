//! Arrays of things that loom has to make one by one.

use hakmem_sync::tree::{BitTree, CAPACITY};

use crate::entry::Entry;

/// Entries of numbers that no SuperSlab has.
pub(crate) fn entries() -> [Entry; CAPACITY] {
    core::array::from_fn(|_| Entry::new())
}

/// Empty trees.
pub(crate) fn trees<const N: usize>() -> [BitTree; N] {
    core::array::from_fn(|_| BitTree::new())
}
