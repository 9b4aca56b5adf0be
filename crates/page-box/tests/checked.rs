//! What a checked slab does beside what every slab does, and what it finds.
#![cfg(not(loom))]

use std::collections::BTreeSet;

use hakmem_conformance::page::{Case, Slab, of_size};
use hakmem_contract::{Fault, Geometry};
use hakmem_page_box::CheckedSlab;

mod with_canaries {
    use super::CheckedSlab;

    hakmem_conformance::page!(
        CheckedSlab,
        double_frees,
        remote_double_frees,
        wrong_addresses;
        tail(8),
        holds_one_in(4),
        sound(CheckedSlab::check)
    );
}

mod without_canaries {
    use super::CheckedSlab;

    hakmem_conformance::page!(
        CheckedSlab,
        double_frees,
        wrong_addresses;
        holds_one_in(4),
        sound(CheckedSlab::check)
    );
}

type Checked = Slab<CheckedSlab>;

fn new(geometry: Geometry) -> Checked {
    Checked::new(&case(), geometry)
}

fn case() -> Case<CheckedSlab> {
    Case::default().holds_one_in(4).sound(CheckedSlab::check)
}

/// With canaries.
fn tailed(geometry: Geometry) -> Geometry {
    geometry.with_tail(8)
}

/// 64 blocks of 1 KiB.
fn slab() -> Checked {
    new(tailed(of_size(1024)))
}

/// Writes to all that the program may use of block `index`.
fn fill(slab: &Checked, index: usize, byte: u8) {
    // SAFETY: the test owns the blocks.
    unsafe { slab.block(index).write_bytes(byte, slab.geometry.usable()) };
}

/// Whether the program finds zeros in block `index`.
fn is_zero(slab: &Checked, index: usize) -> bool {
    // SAFETY: the test owns the blocks.
    let bytes = unsafe { std::slice::from_raw_parts(slab.block(index), slab.geometry.usable()) };
    bytes.iter().all(|byte| *byte == 0)
}

/// Writes to the byte at `offset` from the start of block `index`.
fn write(slab: &Checked, index: usize, offset: usize) {
    let byte = slab.block(index).wrapping_add(offset);
    // SAFETY: inside the slab.
    let old = unsafe { byte.read() };
    // SAFETY: as above.
    unsafe { byte.write(old ^ 0xA5) };
}

#[test]
fn blocks_come_in_random_order_and_zeroed() {
    let slab = slab();
    let order = slab.take(64);
    assert_eq!(order.iter().collect::<BTreeSet<_>>().len(), 64, "each once");
    let neighbours = order.windows(2).filter(|pair| pair[0].abs_diff(pair[1]) == 1).count();
    // Two of 63 on average; half of them in 2^-60 of all orders.
    assert!(neighbours < 32, "{order:?}");
    assert_ne!(self::slab().take(64), order, "another slab, another order");
    for index in order {
        assert!(is_zero(&slab, index));
        fill(&slab, index, 0xA5);
        slab.give(&[index]).unwrap();
    }
    slab.check(64);
    for index in slab.take(64) {
        assert!(is_zero(&slab, index), "cleared when it came back");
    }
}

#[test]
fn a_block_is_held_before_it_is_handed_out_again() {
    let slab = slab();
    let out = slab.take(64);
    for (n, &index) in out[..15].iter().enumerate() {
        assert_eq!(slab.give(&[index]), Ok(false));
        assert_eq!((slab.free(), slab.take(1)), (0, vec![]), "{n} are held");
    }
    slab.give(&[out[15]]).unwrap();
    slab.check(16);
    let again = slab.take(64).into_iter().collect::<BTreeSet<_>>();
    assert_eq!(again, out[..16].iter().copied().collect());
}

#[test]
fn the_last_block_frees_those_that_are_held() {
    // 65 blocks: after the 64th none is held, and one is not too many.
    let slab = new(tailed(of_size(1008)));
    let out = slab.take(65);
    slab.set_notice(65);
    let (last, rest) = out.split_last().unwrap();
    assert_eq!(slab.give(rest), Ok(false));
    assert_eq!(slab.give(&[*last]), Ok(true), "whole: nothing is held");
    slab.check(65);
}

#[test]
fn a_second_free_is_found_held_or_free() {
    for give in 1..=64 {
        let (slab, bare) = (slab(), new(of_size(1024)));
        let out = slab.take(64);
        slab.give(&out[..give]).unwrap();
        assert_eq!(bare.take(64).len(), 64);
        bare.give(&out[..give]).unwrap();
        for &index in &out[..give] {
            assert_eq!(slab.give(&[index]), Err(slab.double(index)));
            assert_eq!(bare.give(&[index]), Err(bare.double(index)), "by its bit alone");
            let remote = slab.give_remote(index);
            assert_eq!(remote, Err(slab.double(index)), "its canary is gone");
        }
    }
}

#[test]
fn a_second_free_by_another_thread_is_found() {
    let slab = slab();
    let out = slab.take(64);
    slab.give_remote(out[0]).unwrap();
    assert_eq!(slab.give(&[out[0]]), Err(slab.double(out[0])), "before it is collected");
    slab.collect().unwrap();
    assert_eq!(slab.give_remote(out[0]), Err(slab.double(out[0])), "and after");
}

#[test]
fn without_canaries_a_second_free_by_another_thread_is_found_when_it_is_collected() {
    let slab = new(of_size(1024));
    let out = slab.take(64);
    slab.give(&[out[0]]).unwrap();
    slab.give_remote(out[0]).unwrap();
    slab.collect().unwrap();
    let rest = slab.give(&out[1..16]);
    assert_eq!(rest, Err(slab.double(out[0])), "at the latest when the held ones are let go");
}

#[test]
fn an_overflow_is_found_when_the_block_comes_back() {
    for (offset, remote) in [(1016, false), (1016, true), (1023, false), (1023, true)] {
        let slab = slab();
        let index = slab.take(1)[0];
        fill(&slab, index, 0xFF);
        write(&slab, index, offset);
        let found = if remote { slab.give_remote(index) } else { slab.give(&[index]).map(drop) };
        assert_eq!(found, Err(Fault::Overflow(slab.block(index).addr())), "{offset}");
    }
}

#[test]
fn an_overflow_over_the_canary_is_found_in_the_free_block_behind_too() {
    let slab = slab();
    assert_eq!(slab.take(64).len(), 64);
    // The first 16 are free then, the others are still out.
    let index = 20;
    slab.give(&(index + 1..index + 17).collect::<Vec<_>>()).unwrap();
    write(&slab, index, 1024);
    let mut out = [std::ptr::null_mut(); 64];
    // SAFETY: the test owns the slab; there is room for so many.
    let taken = unsafe { hakmem_contract::Page::take_local(slab.page, out.as_mut_ptr(), 64) };
    assert_eq!(taken, Err(Fault::WrittenAfterFree(slab.block(index + 1).addr())));
}

#[test]
fn canaries_of_two_blocks_differ() {
    let slab = slab();
    assert_eq!(slab.take(2).len(), 2);
    let canary = |index| {
        let place = slab.block(index).wrapping_add(1016).cast::<[u8; 8]>();
        // SAFETY: inside the slab.
        u64::from_ne_bytes(unsafe { place.read() })
    };
    let set = (0..64).map(canary).filter(|canary| *canary != 0).collect::<BTreeSet<_>>();
    assert_eq!(set.len(), 2);
}

#[test]
fn a_pointer_into_a_block_is_none() {
    let slab = slab();
    let index = slab.take(1)[0];
    let inside = slab.block(index).wrapping_add(16);
    assert_eq!(slab.give_at(&[inside]), Err(Fault::Interior(inside.addr())));
}

#[test]
fn memory_that_is_not_zero_is_cleared_first() {
    let dirty = slab();
    // SAFETY: the test owns the blocks.
    unsafe { dirty.span.base.write_bytes(0xA5, 1 << 16) };
    let inbox = std::sync::Arc::default();
    let slab = Checked::at(&case(), dirty.span.base, dirty.geometry, inbox);
    assert_eq!(slab.take(64).len(), 64);
}
