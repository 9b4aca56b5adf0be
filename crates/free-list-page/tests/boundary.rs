//! A slab and its owner, who is the test. Every class's geometry.
#![cfg(not(loom))]

use hakmem_conformance::page::{Case, Slab as Rig, geometries, of_size};
use hakmem_contract::page::Given;
use hakmem_contract::{Fault, Geometry, Page, UNIT};
use hakmem_free_list_page::FreeListSlab;

hakmem_conformance::page!(FreeListSlab, wrong_addresses; sound(FreeListSlab::check));

type Owned = Rig<FreeListSlab>;

fn slab(geometry: Geometry) -> Owned {
    Owned::new(&Case::default().sound(FreeListSlab::check), geometry)
}

/// Runs `check` with a fresh slab of each geometry.
fn each(check: impl Fn(&Owned)) {
    geometries().for_each(|geometry| check(&slab(geometry)));
}

/// 1008 bytes: 65 blocks, one more than a call of `give_remote` may name, and 16 bytes of waste.
fn slab_of_65() -> Owned {
    slab(of_size(1008))
}

/// All of its blocks are out.
fn full_slab_of_65() -> Owned {
    let slab = slab_of_65();
    assert_eq!(slab.take(65).len(), 65);
    slab
}

/// What `take_local` says of two blocks.
fn take_two(slab: &Owned) -> Result<usize, Fault> {
    let mut out = [std::ptr::null_mut(); 2];
    // SAFETY: the test owns the slab; there is room for two.
    unsafe { FreeListSlab::take_local(slab.page, out.as_mut_ptr(), 2) }
}

/// Writes to the first word of block `index`, as a program may that has freed it.
fn write(slab: &Owned, index: usize, word: usize) {
    let link: *mut usize = slab.block(index).cast();
    // SAFETY: the test owns the blocks.
    unsafe { link.write(word) };
}

fn n_free(slab: &Owned) -> usize {
    // SAFETY: the test owns the slab, and nobody else is at it.
    unsafe { FreeListSlab::n_free(slab.page) }
}

#[test]
fn a_descriptor_is_two_cache_lines() {
    assert!(geometries().all(|geometry| FreeListSlab::footprint(&geometry) == 128));
}

#[test]
fn fresh_blocks_leave_in_ascending_order_any_number_at_once() {
    for want in [1, 2, 7, 63, 64, 65, 200, 5000] {
        each(|slab| {
            let mut next = 0;
            while next < slab.capacity() {
                let got = slab.take(want);
                let n = want.min(slab.capacity() - next);
                assert_eq!(got, (next..next + n).collect::<Vec<_>>());
                next += n;
                slab.check(slab.capacity() - next);
            }
            assert_eq!(slab.take(3), []);
        });
    }
}

#[test]
fn blocks_that_were_not_handed_out_are_not_touched() {
    let slab = slab(of_size(1024));
    assert_eq!(slab.take(3), [0, 1, 2]);
    assert_eq!(slab.give(&[0, 1]), Ok(false));
    assert_eq!(slab.give_remote(2), Ok(()));
    assert_eq!(slab.collect(), Ok(vec![slab.page]));
    assert_eq!(slab.take(5), [0, 1, 2, 3, 4]);
    // SAFETY: the slab's memory, to which nobody writes at the moment.
    let bytes = unsafe { std::slice::from_raw_parts(slab.span.base.as_ptr(), UNIT) };
    let touched = bytes.iter().enumerate().filter(|(_, byte)| **byte != 0xA5).map(|(at, _)| at);
    let link = size_of::<usize>();
    assert!(touched.clone().all(|at| at < 3 * 1024 && at % 1024 < link), "more than three links");
    assert!(touched.count() > 0, "there were links");
}

#[test]
fn the_block_that_came_back_last_leaves_first() {
    let slab = slab_of_65();
    assert_eq!(slab.take(10).len(), 10);
    for index in [7, 2, 5] {
        assert_eq!(slab.give(&[index]), Ok(false));
    }
    slab.check(58);
    assert_eq!(slab.take(1), [5]);
    // The rest of the list, then what was never carved.
    assert_eq!(slab.take(4), [2, 7, 10, 11]);
    slab.check(53);
}

#[test]
fn neighbours_leave_in_the_order_in_which_they_came_back() {
    let slab = full_slab_of_65();
    let run: Vec<_> = (20..40).map(|index| slab.block(index)).collect();
    assert_eq!(slab.give_at(&run), Ok(Given { taken: 20, noticed: false }));
    slab.check(20);
    assert_eq!(slab.take(20), (20..40).collect::<Vec<_>>());
}

/// Every block once, in no order. 4099 is a prime above every capacity.
fn mixed(capacity: usize) -> Vec<usize> {
    (0..4099).map(|i| i * 2053 % 4099).filter(|&i| i < capacity).collect()
}

/// `give_one_local`, in every state in which a block may come back.
#[test]
fn one_block_comes_back_as_a_list_of_one_does() {
    let slab = full_slab_of_65();
    slab.set_notice(1);
    let give = |index| {
        // SAFETY: the test owns the slab, and decides who owns which block.
        unsafe { FreeListSlab::give_one_local(slab.page, slab.block(index), &slab.geometry) }
    };
    assert_eq!(give(9), Ok(true), "it was full");
    slab.set_notice(65);
    assert_eq!(give(9), Err(slab.double(9)));
    for index in (0..65).filter(|&index| index != 9) {
        assert_eq!(give(index), Ok(index == 64), "{index}");
    }
    slab.check(65);
    assert_eq!(give(3), Err(slab.double(3)), "beyond the capacity");
    assert_eq!(slab.take(10).len(), 10);
    assert_eq!(give(10), Err(slab.double(10)), "never handed out");
    let inside = slab.block(3).wrapping_add(16);
    // SAFETY: as above.
    let given = unsafe { FreeListSlab::give_one_local(slab.page, inside, &slab.geometry) };
    assert_eq!(given, Err(Fault::Interior(inside.addr())));
    slab.check(55);
}

#[test]
fn a_block_that_was_not_handed_out_cannot_come_back() {
    each(|slab| {
        assert_eq!(slab.take(1), [0]);
        for index in 1..slab.capacity() {
            assert_eq!(slab.give(&[index]), Err(slab.double(index)));
        }
        assert_eq!(slab.give(&[0]), Ok(true));
        assert_eq!(slab.give(&[0]), Err(slab.double(0)), "the slab is whole");
        slab.check(slab.capacity());
    });
}

#[test]
fn the_block_that_came_back_last_cannot_come_back_again() {
    let slab = full_slab_of_65();
    for index in [64, 0, 7] {
        assert!(slab.give(&[index]).is_ok());
        assert_eq!(slab.give(&[index]), Err(slab.double(index)));
    }
    slab.check(3);
}

/// What is seen later: the list would be longer than the slab has blocks.
#[test]
fn more_blocks_than_there_are_cannot_come_back() {
    let slab = full_slab_of_65();
    let most: Vec<_> = (0..64).collect();
    assert_eq!(slab.give(&most), Ok(false));
    assert!(slab.give(&[10, 20]).is_err());
}

/// A program has freed 30, 20 and 10, in this order, and writes to one of them.
#[test]
fn a_link_that_was_written_over_is_found_when_its_block_is_taken() {
    let written = |index: usize, word: fn(&Owned) -> usize| {
        let slab = slab_of_65();
        assert_eq!(slab.take(40).len(), 40);
        [30, 20, 10].into_iter().for_each(|index| assert!(slab.give(&[index]).is_ok()));
        write(&slab, index, word(&slab));
        let first = take_two(&slab);
        let fault = Err(Fault::WrittenAfterFree(slab.block(index).addr()));
        if index == 30 {
            assert_eq!(first, Ok(2), "not taken yet");
            assert_eq!(take_two(&slab), fault);
        } else {
            assert_eq!(first, fault);
        }
    };
    for index in [10, 20] {
        written(index, |_| 0);
        written(index, |_| 42);
        written(index, |slab| slab.block(5).addr() + 16);
        written(index, |slab| slab.block(0).addr() - 1008);
        written(index, |slab| slab.block(40).addr());
        written(index, |slab| slab.block(65).addr());
    }
    written(30, |slab| slab.block(5).addr());
}

/// For a census: free ones, listed or never carved, and what the owner has not collected.
#[test]
fn what_is_nobodys_is_counted_wherever_it_is() {
    let slab = slab_of_65();
    assert_eq!(n_free(&slab), 65);
    assert_eq!(slab.take(40).len(), 40);
    assert_eq!(n_free(&slab), 25);
    assert_eq!(slab.give(&[7, 30]), Ok(false));
    assert_eq!(slab.give_bits(0, 0b111), Ok(()));
    assert_eq!(n_free(&slab), 30);
    assert_eq!(slab.collect(), Ok(vec![]));
    assert_eq!(n_free(&slab), 30);
}

#[test]
fn what_was_written_to_a_whole_slab_is_no_matter() {
    let slab = full_slab_of_65();
    assert_eq!(slab.give(&mixed(65)), Ok(true));
    (0..65).for_each(|index| write(&slab, index, usize::MAX));
    assert_eq!(slab.take(65), (0..65).collect::<Vec<_>>());
}

#[test]
fn blocks_of_a_word_come_back_together_the_lowest_first() {
    each(|slab| {
        let capacity = slab.capacity();
        assert_eq!(slab.take(capacity).len(), capacity);
        // Block 0 stays out: a slab that is whole would hand out in order anyway.
        let pattern = |word: usize| 0xF0F0_1234_5678_9ABE_u64.rotate_left(word as u32) & !1;
        let mut expected = Vec::new();
        for word in 0..capacity.div_ceil(64) {
            let exist = u64::MAX >> (64 - (capacity - word * 64).min(64));
            let bits = pattern(word) & exist;
            assert_eq!(slab.give_bits(word, bits), Ok(()));
            let blocks = (0..64).filter(|bit| bits >> bit & 1 != 0).map(|bit| word * 64 + bit);
            // The word that came last leaves first.
            expected.splice(0..0, blocks);
        }
        assert_eq!(slab.give_bits(0, 0), Ok(()), "nothing");
        assert!(slab.collect().is_ok());
        slab.check(expected.len());
        assert_eq!(slab.take(capacity), expected);
    });
}

#[test]
fn what_others_gave_goes_in_front_of_the_list() {
    let slab = full_slab_of_65();
    assert!(slab.give(&[1]).is_ok());
    assert_eq!(slab.give_bits(0, 1 << 9 | 1 << 5), Ok(()));
    assert_eq!(slab.give_bits(1, 1), Ok(()));
    slab.check(1);
    assert_eq!(slab.collect(), Ok(vec![]));
    slab.check(4);
    assert_eq!(slab.take(9), [64, 5, 9, 1]);
}

#[test]
fn the_block_that_another_thread_gave_last_cannot_be_given_again() {
    let slab = full_slab_of_65();
    assert_eq!(slab.give_remote(7), Ok(()));
    assert_eq!(slab.give_remote(7), Err(slab.double(7)));
    assert_eq!(slab.give_bits(0, 0b11 << 7), Err(slab.double(7)), "one of two");
}

#[test]
fn others_cannot_give_more_blocks_than_there_are() {
    let slab = full_slab_of_65();
    assert_eq!(slab.give_bits(0, u64::MAX), Ok(()));
    assert_eq!(slab.give_bits(0, 0b110), Err(slab.double(1)));
    let slab = full_slab_of_65();
    assert_eq!(slab.give(&[3]), Ok(false));
    assert_eq!(slab.give_bits(0, u64::MAX), Ok(()));
    assert_eq!(slab.give_bits(1, 1), Ok(()), "the list is the owner's");
    assert_eq!(slab.collect(), Err(slab.double(64)), "the first of the chain");
    let slab = slab_of_65();
    assert_eq!(slab.take(10).len(), 10);
    assert_eq!(slab.give_remote(10), Ok(()), "what was carved the owner knows");
    assert_eq!(slab.collect(), Err(slab.double(10)));
}
