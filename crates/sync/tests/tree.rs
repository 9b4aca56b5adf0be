//! The whole tree: every member there can be.
#![cfg(not(loom))]

mod common;

use common::tree;
use hakmem_sync::tree::CAPACITY;

#[test]
fn all_members_come_out_ascending() {
    let tree = tree();
    for index in 0..CAPACITY {
        assert!(tree.set(index));
    }
    assert!((0..CAPACITY).all(|index| tree.claim() == Some(index)));
    assert_eq!(tree.first(), None);
}
