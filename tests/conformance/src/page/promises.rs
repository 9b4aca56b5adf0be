//! What one thread sees.

use std::collections::{BTreeMap, BTreeSet};
use std::ptr::{self, NonNull};
use std::sync::Arc;

use fastrand::Rng;
use hakmem_contract::{Page, UNIT};

use super::{Case, Inbox, Slab, geometries, of_size, tag};
use crate::memory::Owned;

/// Three ways to go over all blocks: ascending, descending, and mixed.
fn orders(capacity: usize) -> [Vec<usize>; 3] {
    let mut mixed: Vec<_> = (0..capacity).collect();
    Rng::with_seed(7).shuffle(&mut mixed);
    [(0..capacity).collect(), (0..capacity).rev().collect(), mixed]
}

fn set(blocks: &[usize]) -> BTreeSet<usize> {
    blocks.iter().copied().collect()
}

/// All is free, in the span that it was opened with, and on no list.
pub fn a_fresh_slab_is_whole<P: Page>(case: &Case<P>) {
    case.each(|slab| {
        slab.check(slab.capacity());
        // SAFETY: the slab was opened.
        assert_eq!(unsafe { P::tag(slab.page) }, tag());
        // SAFETY: the test owns the slab.
        let local = unsafe { &*P::local(slab.page) };
        assert_eq!(local.span, slab.span);
        assert_eq!(local.free, slab.geometry.capacity);
        assert_eq!(local.capacity, slab.geometry.capacity);
        assert_eq!(local.notice, slab.geometry.capacity);
        assert!(local.prev.is_null() && local.next.is_null(), "it is on a list");
        assert_eq!(slab.collect(), Ok(vec![]));
    });
}

/// *Exclusive*, whatever the number that is asked for at a time; and so many as there are.
pub fn every_block_is_handed_out_once<P: Page>(case: &Case<P>) {
    for want in [1, 2, 7, 63, 64, 65, 127, 128, 200, 5000] {
        case.each(|slab| {
            let mut seen = BTreeSet::new();
            while seen.len() < slab.capacity() {
                let taken = slab.take(want);
                assert_eq!(taken.len(), want.min(slab.capacity() - seen.len()), "of {want}");
                for index in taken {
                    assert!(seen.insert(index), "block {index} twice: {:?}", slab.geometry);
                }
                slab.check(slab.capacity() - seen.len());
            }
            assert_eq!(slab.take(3), [], "of nothing");
        });
    }
}

/// One by one, in lists, and by `give_one_local`; all can be taken again.
pub fn blocks_come_back_in_every_order<P: Page>(case: &Case<P>) {
    case.each(|slab| {
        let capacity = slab.capacity();
        for order in orders(capacity) {
            for n in [1, 16, capacity] {
                assert_eq!(slab.take_all().len(), capacity, "not all came back");
                for (number, list) in order.chunks(n).enumerate() {
                    assert!(slab.give(list).is_ok(), "a free block is refused");
                    slab.check((number * n + list.len()).min(capacity));
                }
            }
            assert_eq!(set(&slab.take_all()).len(), capacity, "not all came back");
            for (number, &index) in order.iter().enumerate() {
                assert!(slab.give_one(index).is_ok(), "a free block is refused");
                slab.check(number + 1);
            }
        }
    });
}

/// `give_local` of a list whose blocks are of several slabs takes none but its own.
pub fn a_list_ends_at_the_first_block_of_another_slab<P: Page>(case: &Case<P>) {
    let (one, two) = (case.of_65(), case.of_65());
    assert_eq!((one.take_all().len(), two.take_all().len()), (65, 65));
    let list = [one.block(2), two.block(1), one.block(1)];
    assert_eq!(one.give_at(&list).map(|given| given.taken), Ok(1));
    one.check(1);
    two.check(0);
    assert_eq!(two.give_at(&list[1..]).map(|given| given.taken), Ok(1));
    two.check(1);
}

/// Blocks that follow each other from a slab into the next one, of the same class.
pub fn a_run_of_blocks_ends_with_its_slab<P: Page>(case: &Case<P>) {
    let geometry = of_size(1024).with_tail(case.tail);
    for first in [0, 3, 63] {
        let memory = Owned::new(2 * UNIT, UNIT);
        let base = |unit: usize| NonNull::new(memory.base().as_ptr().wrapping_add(unit * UNIT));
        let [one, two] =
            [0, 1].map(|unit| Slab::at(case, base(unit).unwrap(), geometry, Arc::default()));
        assert_eq!((one.take_all().len(), two.take_all().len()), (64, 64));
        let list: Vec<_> = (first..first + 65).map(|index| one.block(index)).collect();
        let mut n = 0;
        while n < 64 - first {
            n += one.give_at(&list[n..]).unwrap().taken;
        }
        assert_eq!(n, 64 - first, "took what is not its own");
        one.check(n);
        two.check(0);
    }
}

/// The call that brings the free count to the notice says so, and no call before it.
pub fn the_notice_is_told_when_it_is_reached<P: Page>(case: &Case<P>) {
    // `give` and `give_one` look at the notice.
    for one_by_one in [false, true] {
        for notice in [1, 2, 30, 64, 65] {
            let slab = case.of_65();
            assert_eq!(slab.take_all().len(), 65);
            slab.set_notice(notice);
            let give = |index| {
                if one_by_one { slab.give_one(index) } else { slab.give(&[index]) }.unwrap()
            };
            let told = (0..65).find(|&index| give(index));
            assert!(told.is_some_and(|told| told + 1 >= notice), "{notice}: told at {told:?}");
        }
    }
    let slab = case.of_65();
    assert_eq!(slab.take_all().len(), 65);
    assert_eq!(slab.give(&(0..65).collect::<Vec<_>>()), Ok(true), "the last of a list");
}

/// `locate` names a bit that no other block has.
pub fn every_block_is_accounted_in_a_bit_of_its_own<P: Page>(case: &Case<P>) {
    case.each(|slab| {
        assert_eq!(slab.take_all().len(), slab.capacity());
        let located = (0..slab.capacity()).map(|index| slab.locate(slab.block(index)).unwrap());
        let located: BTreeSet<_> = located.collect();
        assert_eq!(located.len(), slab.capacity(), "two share a bit: {:?}", slab.geometry);
        assert!(located.iter().all(|(_, bit)| bit.is_power_of_two()), "{:?}", slab.geometry);
    });
}

/// Blocks that were given by others are not free before the owner collects, and all are then.
pub fn what_others_give_comes_when_it_is_collected<P: Page>(case: &Case<P>) {
    case.each(|slab| {
        let capacity = slab.capacity();
        for order in orders(capacity) {
            assert_eq!(slab.take_all().len(), capacity);
            order.iter().for_each(|&index| assert_eq!(slab.give_remote(index), Ok(())));
            slab.check(0);
            assert_eq!(slab.take(1), [], "before it was collected");
            assert_eq!(slab.collect(), Ok(vec![slab.page]), "it is whole: {:?}", slab.geometry);
            slab.check(capacity);
            assert_eq!(slab.collect(), Ok(vec![]), "a whole slab is in no inbox");
        }
        give_whole_words(slab);
        assert_eq!(set(&slab.take_all()).len(), capacity);
    });
}

/// All blocks that are accounted in a word go back in one call.
fn give_whole_words<P: Page>(slab: &Slab<P>) {
    let mut words = BTreeMap::<usize, u64>::new();
    for index in slab.take_all() {
        let (word, bit) = slab.locate(slab.block(index)).unwrap();
        *words.entry(word).or_default() |= bit;
    }
    for (word, bits) in words {
        assert_eq!(slab.give_bits(word, bits), Ok(()));
    }
    assert_eq!(slab.collect(), Ok(vec![slab.page]));
    slab.check(slab.capacity());
}

/// Each is accounted; those at their notice are told.
pub fn an_inbox_holds_many_slabs<P: Page>(case: &Case<P>) {
    let (inbox, geometry) = (Arc::default(), of_size(4096).with_tail(case.tail));
    let slabs: Vec<_> =
        (0..20).map(|_| Slab::with_inbox(case, geometry, Arc::clone(&inbox))).collect();
    for round in 0..4 {
        for slab in &slabs {
            assert_eq!(slab.take_all().len(), 16);
            slab.set_notice(16);
            assert_eq!(slab.give_remote(5), Ok(()));
        }
        slabs[1].set_notice(1);
        slabs[7].set_notice(1);
        let told: BTreeSet<_> = slabs[round].collect().unwrap().into_iter().collect();
        assert_eq!(told, [slabs[1].page, slabs[7].page].into_iter().collect());
        for slab in &slabs {
            slab.check(1);
            assert_eq!(slab.take(2), [5]);
            assert!(slab.give(&(0..16).collect::<Vec<_>>()).is_ok());
        }
    }
}

/// *Quiet when whole*: its memory can be another slab's.
pub fn a_whole_slab_is_quiet<P: Page>(case: &Case<P>) {
    let inbox = Arc::<Inbox<P>>::default();
    let geometry = of_size(4096).with_tail(case.tail);
    let other = Slab::with_inbox(case, geometry, Arc::clone(&inbox));
    for _ in 0..4 {
        let mut slab = Slab::with_inbox(case, geometry, Arc::clone(&inbox));
        for _ in 0..3 {
            let all = slab.take_all();
            let (here, there) = all.split_at(7);
            assert!(slab.give(here).is_ok());
            there.iter().for_each(|&index| assert_eq!(slab.give_remote(index), Ok(())));
            assert_eq!(slab.collect(), Ok(vec![slab.page]));
            slab.check(16);
            slab.open_again();
            slab.check(16);
        }
        drop(slab);
        assert_eq!(other.take_all().len(), 16);
        (0..16).for_each(|index| assert_eq!(other.give_remote(index), Ok(())));
        assert_eq!(other.collect(), Ok(vec![other.page]), "the inbox forgot the slab that is gone");
    }
}

/// Whatever is done with the others, nothing is written to a block that is out.
pub fn a_live_block_is_left_alone<P: Page>(case: &Case<P>) {
    case.each(|slab| {
        let all = slab.take_all();
        all.iter().for_each(|&index| slab.fill(index, index as u8));
        let (given, kept) = all.split_at(all.len() / 2);
        assert!(slab.give(given).is_ok());
        for _ in 0..3 {
            let again = slab.take(given.len() / 2);
            again.iter().for_each(|&index| slab.fill(index, index as u8));
            again.iter().for_each(|&index| assert_eq!(slab.give_remote(index), Ok(())));
            slab.collect().unwrap();
        }
        for &index in kept {
            assert!(slab.is_filled(index, index as u8), "block {index}: {:?}", slab.geometry);
        }
    });
}

/// Random calls against a set.
pub fn it_is_a_set<P: Page>(case: &Case<P>) {
    for (seed, geometry) in geometries().enumerate() {
        let mut rng = Rng::with_seed(seed as u64);
        let slab = case.slab(geometry);
        let (mut out, mut remote) = (Vec::new(), 0);
        for _ in 0..if cfg!(miri) { 20 } else { 300 } {
            let (act, n) = (rng.usize(..8), rng.usize(1..40));
            let mut some = |out: &mut Vec<usize>| {
                rng.shuffle(out);
                out.split_off(out.len().saturating_sub(n))
            };
            match act {
                0..3 => {
                    let free = slab.free();
                    let taken = slab.take(n);
                    assert_eq!(taken.len(), n.min(free));
                    for index in taken {
                        assert!(!out.contains(&index), "block {index} twice: {geometry:?}");
                        slab.fill(index, 0xEE);
                        out.push(index);
                    }
                }
                3..5 => assert!(slab.give(&some(&mut out)).is_ok()),
                5..7 => {
                    for index in some(&mut out) {
                        assert_eq!(slab.give_remote(index), Ok(()));
                        remote += 1;
                    }
                }
                _ => {
                    slab.collect().unwrap();
                    remote = 0;
                }
            }
            slab.check(slab.capacity() - out.len() - remote);
        }
        assert!(slab.give(&out).is_ok());
        slab.collect().unwrap();
        slab.check(slab.capacity());
        assert_eq!(set(&slab.take_all()).len(), slab.capacity(), "blocks were lost");
    }
}

/// `ascending`.
pub fn blocks_are_handed_out_ascending<P: Page>(case: &Case<P>) {
    case.each(|slab| {
        assert_eq!(slab.take_all(), (0..slab.capacity()).collect::<Vec<_>>());
        for order in orders(slab.capacity()) {
            assert!(slab.give(&order).is_ok());
            let [some, rest] = [slab.take(7), slab.take_all()];
            assert!(some.iter().chain(&rest).is_sorted(), "{:?}", slab.geometry);
        }
    });
}

/// `untouched`: nobody maps memory at these addresses.
pub fn there_need_be_no_memory<P: Page>(case: &Case<P>) {
    for geometry in geometries() {
        let base = NonNull::new(ptr::without_provenance_mut(UNIT)).unwrap();
        let slab = Slab::at(case, base, geometry.with_tail(case.tail), Arc::default());
        let all = slab.take_all();
        assert_eq!(all.len(), slab.capacity());
        let (here, there) = all.split_at(5);
        assert!(slab.give(here).is_ok());
        there.iter().for_each(|&index| assert_eq!(slab.give_remote(index), Ok(())));
        assert_eq!(slab.collect(), Ok(vec![slab.page]));
        slab.check(slab.capacity());
    }
}
