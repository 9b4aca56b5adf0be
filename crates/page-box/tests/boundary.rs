//! A slab and its owner, who is the test. Every class's geometry.
#![cfg(not(loom))]

mod common;

use std::ptr::NonNull;
use std::sync::Arc;

use common::{Owned, geometries, tag};
use hakmem_contract::page::Given;
use hakmem_contract::{Fault, Geometry, Page, UNIT};
use hakmem_page_box::{Inbox, Slab};

/// Runs `check` with a fresh slab of each geometry.
fn each(check: impl Fn(&Owned)) {
    geometries().for_each(|geometry| check(&<Owned>::new(geometry)));
}

/// 1008 bytes: 65 blocks, so that the last one has a word of its own, and 16 bytes of waste.
fn two_words() -> Owned {
    <Owned>::new(Geometry::new(1008, 1 << 16, [4, 256]))
}

#[test]
fn a_fresh_slab_is_whole() {
    each(|slab| {
        slab.check(slab.capacity());
        // SAFETY: the slab was opened.
        assert_eq!(unsafe { Slab::tag(slab.page) }, tag());
        // SAFETY: the test owns the slab.
        let local = unsafe { &*Slab::local(slab.page) };
        assert_eq!(local.span, slab.span);
        assert_eq!(local.capacity, slab.geometry.capacity);
        assert_eq!(local.notice, slab.geometry.capacity);
        assert!(local.prev.is_null() && local.next.is_null());
        assert_eq!(slab.collect(), Ok(vec![]));
    });
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
fn blocks_are_handed_out_ascending() {
    each(|slab| {
        let all = slab.take(slab.capacity() + 1);
        assert_eq!(all, (0..slab.capacity()).collect::<Vec<_>>());
        slab.check(0);
        assert_eq!(slab.take(3), []);
    });
}

#[test]
fn any_number_of_blocks_can_be_taken_at_once() {
    for want in [1, 2, 7, 63, 64, 65, 127, 128, 200] {
        each(|slab| {
            let mut next = 0;
            while next < slab.capacity() {
                let got = slab.take(want);
                assert_eq!(got.len(), want.min(slab.capacity() - next));
                assert_eq!(got, (next..next + got.len()).collect::<Vec<_>>());
                next += got.len();
                slab.check(slab.capacity() - next);
            }
        });
    }
}

/// Gives all back in the order of `order`, in lists of `n`, and takes all again.
fn give_back(slab: &Owned, order: &[usize], n: usize) {
    let capacity = slab.capacity();
    assert_eq!(slab.take(capacity).len(), capacity);
    let mut given = 0;
    for list in order.chunks(n) {
        given += list.len();
        assert_eq!(slab.give(list), Ok(given == capacity));
        slab.check(given);
    }
    assert_eq!(slab.take(capacity), (0..capacity).collect::<Vec<_>>());
}

#[test]
fn blocks_come_back_in_every_order() {
    each(|slab| {
        let capacity = slab.capacity();
        let ascending: Vec<_> = (0..capacity).collect();
        let descending: Vec<_> = (0..capacity).rev().collect();
        // 4099 is a prime above every capacity.
        let mixed: Vec<_> = (1..4099).map(|i| i * 2053 % 4099).filter(|&i| i < capacity).collect();
        let mixed: Vec<_> = [0].into_iter().chain(mixed.into_iter().filter(|&i| i > 0)).collect();
        for order in [ascending, descending, mixed] {
            for n in [1, 16, capacity] {
                give_back(slab, &order, n);
                assert_eq!(slab.give(&order), Ok(true));
            }
        }
    });
}

#[test]
fn a_list_ends_at_the_first_block_of_another_slab() {
    let (one, two) = (two_words(), two_words());
    assert_eq!((one.take(3).len(), two.take(3).len()), (3, 3));
    let list = [one.block(2), two.block(1), one.block(1)];
    assert_eq!(one.give_at(&list), Ok(Given { taken: 1, noticed: false }));
    one.check(63);
    two.check(62);
    assert_eq!(two.give_at(&list[1..]), Ok(Given { taken: 1, noticed: false }));
    two.check(63);
    assert_eq!(one.take(3), [2, 3, 4]);
}

/// Blocks that follow each other from a slab into the next one, of the same class.
#[test]
fn a_run_of_blocks_ends_with_its_slab() {
    let geometry = Geometry::new(1024, 1 << 16, [4, 256]);
    let [one, two] = [1, 2].map(|unit| {
        let base = NonNull::new(std::ptr::without_provenance_mut(unit * UNIT)).unwrap();
        <Owned>::at(base, geometry, Arc::default())
    });
    assert_eq!((one.take(64).len(), two.take(64).len()), (64, 64));
    for first in [0, 3, 63] {
        let list: Vec<_> = (first..first + 65).map(|index| one.block(index)).collect();
        let mut n = 0;
        while n < 64 - first {
            n += one.give_at(&list[n..]).unwrap().taken;
        }
        assert_eq!(n, 64 - first, "took what is not its own");
        one.check(n);
        two.check(0);
        assert_eq!(one.take(64).len(), n);
    }
}

#[test]
fn the_notice_is_told_when_it_is_reached() {
    let slab = two_words();
    assert_eq!(slab.take(65).len(), 65);
    slab.set_notice(1);
    assert_eq!(slab.give(&[9]), Ok(true));
    slab.set_notice(65);
    assert_eq!(slab.give(&[8, 7]), Ok(false));
    let rest: Vec<_> = (0..7).chain(10..65).collect();
    assert_eq!(slab.give(&rest), Ok(true));
}

#[test]
fn a_block_given_twice_is_a_double_free() {
    each(|slab| {
        let last = slab.capacity() - 1;
        assert_eq!(slab.give(&[last]), Err(slab.double(last)), "never handed out");
        slab.take(slab.capacity());
        assert!(slab.give(&[0]).is_ok());
        assert_eq!(slab.give(&[0]), Err(slab.double(0)));
        assert_eq!(slab.give(&[last, 3, last]), Err(slab.double(last)));
    });
}

#[test]
fn a_block_given_twice_among_many_is_a_double_free() {
    for twice in [0, 1, 8, 9, 40, 63, 64] {
        let slab = two_words();
        slab.take(65);
        assert!(slab.give(&[twice]).is_ok());
        let all: Vec<_> = (0..65).collect();
        assert_eq!(slab.give(&all), Err(slab.double(twice)));
    }
}

/// Every address that is not a block's.
fn wrong_addresses(slab: &Owned) -> Vec<*mut u8> {
    let size = slab.geometry.block_size as usize;
    let base = slab.span.base.as_ptr();
    let end = usize::from(slab.geometry.units) * UNIT;
    let waste = slab.capacity() * size;
    let inside = [1, 8, size / 2, size - 1]
        .map(|offset| slab.block(slab.capacity() / 2).wrapping_add(offset));
    // The tail waste holds no whole block; its start is where one would begin.
    let tail = [waste, waste + 16, end - 16, end - 1];
    let tail = tail.into_iter().filter(|offset| (waste..end).contains(offset));
    inside.into_iter().chain(tail.map(|offset| base.wrapping_add(offset))).collect()
}

#[test]
fn an_address_that_is_not_a_blocks_is_found() {
    each(|slab| {
        slab.take(slab.capacity());
        for address in wrong_addresses(slab) {
            assert!(address.addr() < slab.span.address() + usize::from(slab.span.units) * UNIT);
            let fault = Fault::Interior(address.addr());
            assert_eq!(slab.give_at(&[address]), Err(fault));
            assert_eq!(slab.locate(address), Err(fault));
            slab.check(0);
        }
        let (low, high) = (slab.block(0).wrapping_sub(16), slab.block(0).wrapping_add(8 * UNIT));
        assert!(slab.locate(low).is_err() && slab.locate(high).is_err());
    });
}

#[test]
fn every_block_is_located_and_comes_back_from_other_threads() {
    each(|slab| {
        let capacity = slab.capacity();
        slab.take(capacity);
        for index in 0..capacity {
            let expected = (index / 64, 1 << (index % 64));
            assert_eq!(slab.locate(slab.block(index)), Ok(expected));
            assert_eq!(slab.give_remote(index), Ok(()));
        }
        slab.check(0);
        assert_eq!(slab.collect(), Ok(vec![slab.page]));
        slab.check(capacity);
        assert_eq!(slab.collect(), Ok(vec![]), "a whole slab is in no inbox");
        assert_eq!(slab.take(capacity), (0..capacity).collect::<Vec<_>>());
    });
}

/// What is said of the last of these gives. A slab is of no use after a fault.
fn after_gives(gives: &[(usize, u64)], word: usize, bits: u64) -> (Owned, Result<(), Fault>) {
    let slab = two_words();
    slab.take(65);
    for &(word, bits) in gives {
        assert_eq!(slab.give_bits(word, bits), Ok(()));
    }
    let result = slab.give_bits(word, bits);
    (slab, result)
}

#[test]
fn a_block_given_twice_by_other_threads_is_found() {
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

#[test]
fn a_block_given_by_its_owner_and_another_thread_is_found() {
    for index in [3, 64] {
        let slab = two_words();
        slab.take(65);
        assert!(slab.give(&[index]).is_ok());
        assert_eq!(slab.give_remote(index), Ok(()), "the free bits are the owner's");
        assert_eq!(slab.collect(), Err(slab.double(index)));
    }
    let slab = two_words();
    slab.take(65);
    assert_eq!(slab.give_remote(3), Ok(()));
    assert!(slab.collect().is_ok());
    assert_eq!(slab.give(&[3]), Err(slab.double(3)));
}

#[test]
fn what_was_given_back_and_taken_again_can_be_given_again() {
    let slab = two_words();
    slab.take(65);
    for _ in 0..3 {
        assert_eq!(slab.give_remote(3), Ok(()));
        assert_eq!(slab.give_remote(64), Ok(()));
        assert!(slab.collect().is_ok());
        slab.check(2);
        assert_eq!(slab.take(9), [3, 64]);
    }
}

#[test]
fn an_inbox_holds_many_slabs_and_tells_those_at_their_notice() {
    let inbox = Arc::new(Inbox::new());
    let geometry = Geometry::new(4096, 1 << 16, [4, 256]);
    let slabs = [(); 3].map(|()| <Owned>::with_inbox(geometry, Arc::clone(&inbox)));
    for slab in &slabs {
        slab.take(16);
        assert_eq!(slab.give_remote(5), Ok(()));
    }
    slabs[1].set_notice(1);
    assert_eq!(slabs[0].collect(), Ok(vec![slabs[1].page]));
    for slab in &slabs {
        slab.check(1);
        assert_eq!(slab.take(2), [5]);
    }
}
