//! A slab and its owner, who is the test. Every class's geometry.
#![cfg(not(loom))]

mod common;

use common::Owned;
use hakmem_conformance::page::{geometries, of_size};
use hakmem_contract::{Fault, Page};
use hakmem_page_box::Slab;

hakmem_conformance::page!(
    Slab,
    ascending,
    untouched,
    double_frees,
    remote_double_frees,
    wrong_addresses;
    sound(Slab::check)
);

/// 1008 bytes: 65 blocks, so that the last one has a word of its own, and 16 bytes of waste.
fn two_words() -> Owned {
    common::slab(of_size(1008))
}

#[test]
fn the_footprint_keeps_owner_and_others_on_lines_of_their_own() {
    for geometry in geometries() {
        let words = usize::from(geometry.capacity).div_ceil(64);
        let own = (64 + words * 8).next_multiple_of(64);
        let others = (24 + words * 8).next_multiple_of(64);
        assert_eq!(Slab::footprint(&geometry), own + others);
    }
}

#[test]
fn the_lowest_blocks_are_handed_out_first() {
    let slab = two_words();
    assert_eq!(slab.take(65).len(), 65);
    assert!(slab.give(&[64, 9, 3, 40]).is_ok());
    assert_eq!((slab.take(2), slab.take(2)), (vec![3, 9], vec![40, 64]));
}

#[test]
fn a_list_of_neighbours_is_taken_in_one_step() {
    let slab = two_words();
    assert_eq!(slab.take(65).len(), 65);
    let blocks: Vec<_> = (0..65).map(|index| slab.block(index)).collect();
    assert_eq!(slab.give_at(&blocks).map(|given| given.taken), Ok(65));
}

#[test]
fn a_block_is_accounted_where_its_address_says() {
    for geometry in geometries() {
        let slab = common::slab(geometry);
        for index in 0..slab.capacity() {
            assert_eq!(slab.locate(slab.block(index)), Ok((index / 64, 1 << (index % 64))));
        }
    }
}

/// What is said of the last of these gives. A slab is of no use after a fault.
fn after_gives(gives: &[(usize, u64)], word: usize, bits: u64) -> (Owned, Result<(), Fault>) {
    let slab = two_words();
    assert_eq!(slab.take(65).len(), 65);
    for &(word, bits) in gives {
        assert_eq!(slab.give_bits(word, bits), Ok(()));
    }
    let result = slab.give_bits(word, bits);
    (slab, result)
}

#[test]
fn a_block_of_many_that_is_given_twice_by_other_threads_is_found() {
    let (slab, result) = after_gives(&[(0, 1 << 3)], 0, 1 << 3);
    assert_eq!(result, Err(slab.double(3)));
    let (slab, result) = after_gives(&[(0, 1 << 3), (1, 1)], 1, 1);
    assert_eq!(result, Err(slab.double(64)), "a word of its own");
    let (slab, result) = after_gives(&[(0, 1 << 3)], 0, 0b1_1110);
    assert_eq!(result, Err(slab.double(3)), "one of four");
    let (slab, result) = after_gives(&[(0, 1 << 3), (0, 1 << 63)], 0, u64::MAX << 63);
    assert_eq!(result, Err(slab.double(63)), "the last of a word");
    let (_, result) = after_gives(&[(0, 1 << 3), (0, 1 << 63)], 0, u64::MAX >> 1 ^ 1 << 3);
    assert_eq!(result, Ok(()), "all others of the word");
}
