//! What a box may find that the program did wrong.

use std::collections::BTreeSet;
use std::sync::Barrier;
use std::thread;

use hakmem_contract::{Fault, Page, UNIT};

use super::{Case, Slab, geometries, of_size};

/// `double_frees`: of a block that was never handed out, or came back, alone or in a list.
pub fn a_second_free_by_the_owner_is_found<P: Page>(case: &Case<P>) {
    for geometry in geometries() {
        let slab = || case.slab(geometry);
        // A slab is of no use after a fault.
        let new = slab();
        let last = new.capacity() - 1;
        assert_eq!(new.give(&[last]), Err(new.double(last)), "never handed out");
        let given = slab();
        assert_eq!(given.take_all().len(), last + 1);
        assert!(given.give(&[0]).is_ok());
        assert_eq!(given.give(&[0]), Err(given.double(0)), "{geometry:?}");
        let list = slab();
        assert_eq!(list.take_all().len(), last + 1);
        assert_eq!(list.give(&[last, 3, last]), Err(list.double(last)), "{geometry:?}");
    }
    for twice in [0, 1, 8, 9, 40, 63, 64] {
        let slab = case.of_65();
        assert_eq!(slab.take_all().len(), 65);
        assert!(slab.give(&[twice]).is_ok());
        let all: Vec<_> = (0..65).collect();
        assert_eq!(slab.give(&all), Err(slab.double(twice)), "among all others");
    }
}

/// `remote_double_frees`: of two frees of a block one is an error, when it is collected at the latest.
pub fn a_second_free_by_another_thread_is_found<P: Page>(case: &Case<P>) {
    for index in [3, 64] {
        let taken = || {
            let slab = case.of_65();
            assert_eq!(slab.take_all().len(), 65);
            slab
        };
        let slab = taken();
        assert_eq!(slab.give_remote(index), Ok(()));
        let twice = slab.give_remote(index).and_then(|()| slab.collect().map(drop));
        assert_eq!(twice, Err(slab.double(index)), "twice by others");
        let slab = taken();
        assert!(slab.give(&[index]).is_ok());
        let twice = slab.give_remote(index).and_then(|()| slab.collect().map(drop));
        assert_eq!(twice, Err(slab.double(index)), "by its owner, then by another");
        let slab = taken();
        assert_eq!(slab.give_remote(index), Ok(()));
        assert!(slab.collect().is_ok());
        assert_eq!(slab.give(&[index]), Err(slab.double(index)), "by another, then by its owner");
    }
    let slab = case.of_65();
    assert_eq!(slab.take_all().len(), 65);
    for _ in 0..3 {
        assert_eq!((slab.give_remote(3), slab.give_remote(64)), (Ok(()), Ok(())));
        assert!(slab.collect().is_ok());
        let again = slab.take(9);
        let again: BTreeSet<_> = again.into_iter().collect();
        assert_eq!(again, BTreeSet::from([3, 64]), "what was taken again can be given again");
    }
}

/// `remote_double_frees`: two threads give the same block at once.
pub fn of_two_frees_at_once_one_is_found<P: Page>(case: &Case<P>) {
    for round in 0..if cfg!(miri) { 2 } else { 64 } {
        let slab = case.slab(of_size(16.max(16 + u32::from(case.tail).next_multiple_of(16))));
        let n = slab.take_all().len();
        let start = Barrier::new(2);
        // One block of each word only: a word is of no use after a fault.
        let give_all = || {
            start.wait();
            (0..n / 64).filter(|&word| slab.give_bits(word, 1 << round).is_err()).count()
        };
        let faults: usize = thread::scope(|scope| {
            let givers = [(); 2].map(|()| scope.spawn(give_all));
            givers.into_iter().map(|giver| giver.join().unwrap()).sum()
        });
        assert_eq!(faults, n / 64, "a double free was not found, or found twice");
    }
}

/// Every address that is not a block's.
fn wrong_addresses<P: Page>(slab: &Slab<P>) -> Vec<*mut u8> {
    let size = slab.geometry.block_size as usize;
    let base = slab.span.base.as_ptr();
    let end = usize::from(slab.geometry.units) * UNIT;
    let waste = slab.capacity() * size;
    let inside = [1, 8, size / 2, size - 1]
        .map(|offset| slab.block(slab.capacity() / 2).wrapping_add(offset));
    // The waste holds no whole block; its start is where one would begin.
    let tail = [waste, waste + 16, end - 16, end - 1];
    let tail = tail.into_iter().filter(|offset| (waste..end).contains(offset));
    inside.into_iter().chain(tail.map(|offset| base.wrapping_add(offset))).collect()
}

/// `wrong_addresses`.
pub fn an_address_that_is_not_a_blocks_is_found<P: Page>(case: &Case<P>) {
    case.each(|slab| {
        assert_eq!(slab.take_all().len(), slab.capacity());
        for address in wrong_addresses(slab) {
            let fault = Fault::Interior(address.addr());
            assert_eq!(slab.give_at(&[address]), Err(fault), "{:?}", slab.geometry);
            assert_eq!(slab.locate(address), Err(fault), "{:?}", slab.geometry);
            slab.check(0);
        }
        let (low, high) = (slab.block(0).wrapping_sub(16), slab.block(0).wrapping_add(8 * UNIT));
        assert!(slab.locate(low).is_err() && slab.locate(high).is_err(), "outside of the slab");
    });
}
