//! The outbox: it gathers, sends off what is in the way, and everything from time to time.
#![cfg(not(loom))]

mod common;

use common::Owned;
use hakmem_conformance::page::of_size;
use hakmem_contract::Fault;
use hakmem_page_box::{Outbox, Slab};

/// Blocks of 16 bytes: 4096 of them in 64 words.
fn many() -> Owned {
    let slab = common::slab(of_size(16));
    assert_eq!(slab.take(4096).len(), 4096);
    slab
}

fn push(outbox: &mut Outbox<Slab>, slab: &Owned, index: usize) -> Result<(), Fault> {
    let (word, bit) = slab.locate(slab.block(index))?;
    // SAFETY: the test decides who owns which block.
    unsafe { outbox.push(slab.page.as_ptr(), word, bit) }
}

fn flush(outbox: &mut Outbox<Slab>) -> Result<(), Fault> {
    // SAFETY: what is in it was given up.
    unsafe { outbox.flush() }
}

/// How many blocks have come since the last call.
fn arrived(slab: &Owned) -> usize {
    let before = slab.free();
    assert!(slab.collect().is_ok());
    slab.check(slab.free());
    slab.free() - before
}

#[test]
fn an_empty_outbox_sends_nothing() {
    let slab = many();
    let mut outbox = Outbox::<Slab>::EMPTY;
    assert_eq!(flush(&mut outbox), Ok(()));
    assert_eq!(arrived(&slab), 0);
}

/// After how many blocks everything is sent off: how long an owner may wait for its memory.
fn pending() -> usize {
    let slab = many();
    let mut outbox = Outbox::EMPTY;
    for index in 0..1024 {
        assert_eq!(push(&mut outbox, &slab, index), Ok(()));
        let n = arrived(&slab);
        if n > 0 {
            assert_eq!(n, index + 1, "all of them, at once");
            return n;
        }
    }
    unreachable!("more than 1024 blocks wait");
}

#[test]
fn blocks_wait_until_they_are_flushed() {
    let slab = many();
    let mut outbox = Outbox::EMPTY;
    let n = pending() - 1;
    for index in 0..n {
        assert_eq!(push(&mut outbox, &slab, index), Ok(()));
    }
    assert_eq!(arrived(&slab), 0);
    assert_eq!(flush(&mut outbox), Ok(()));
    assert_eq!(arrived(&slab), n);
    assert_eq!(flush(&mut outbox), Ok(()));
    assert_eq!(arrived(&slab), 0, "nothing is sent twice");
}

#[test]
fn what_waits_is_sent_again_and_again() {
    let slab = many();
    let mut outbox = Outbox::EMPTY;
    let n = pending();
    for index in 0..n * 3 {
        assert_eq!(push(&mut outbox, &slab, index), Ok(()));
        assert_eq!(arrived(&slab), if (index + 1) % n == 0 { n } else { 0 });
    }
}

/// Blocks that are each in a word of their own: there are not entries for all of them.
#[test]
fn a_word_that_needs_the_entry_of_another_sends_it() {
    let slabs = [(); 16].map(|()| many());
    let mut outbox = Outbox::EMPTY;
    let n = pending() - 1;
    for i in 0..n {
        assert_eq!(push(&mut outbox, &slabs[i / 64], i % 64 * 64), Ok(()));
    }
    let early: usize = slabs.iter().map(arrived).sum();
    assert!(early > 0 && early < n, "{early} of {n} made room");
    // The next one is the last that may wait, although fewer than that are waiting.
    assert_eq!(push(&mut outbox, &slabs[0], 1), Ok(()));
    assert_eq!(early + slabs.iter().map(arrived).sum::<usize>(), n + 1);
}

#[test]
fn every_block_of_every_slab_arrives() {
    let slabs = [(); 3].map(|()| many());
    let mut outbox = Outbox::EMPTY;
    for i in 0..4096 {
        for slab in &slabs {
            assert_eq!(push(&mut outbox, slab, i * 2053 % 4096), Ok(()));
        }
    }
    assert_eq!(flush(&mut outbox), Ok(()));
    for slab in &slabs {
        assert_eq!(arrived(slab), 4096);
    }
}

#[test]
fn a_block_pushed_twice_is_found_at_once_or_when_it_is_sent() {
    let slab = many();
    let mut outbox = Outbox::EMPTY;
    assert_eq!(push(&mut outbox, &slab, 70), Ok(()));
    // The first one is sent to make room for the second.
    assert_eq!(push(&mut outbox, &slab, 70), Ok(()));
    assert_eq!(flush(&mut outbox), Err(slab.double(70)));
}

#[test]
fn a_block_pushed_after_it_was_sent_is_found() {
    let slab = many();
    let mut outbox = Outbox::EMPTY;
    assert_eq!(push(&mut outbox, &slab, 70), Ok(()));
    assert_eq!(flush(&mut outbox), Ok(()));
    assert_eq!(push(&mut outbox, &slab, 70), Ok(()));
    assert_eq!(flush(&mut outbox), Err(slab.double(70)));
}

#[test]
fn a_block_in_the_outbox_that_its_owner_gave_is_found() {
    let slab = many();
    let mut outbox = Outbox::EMPTY;
    assert_eq!(push(&mut outbox, &slab, 70), Ok(()));
    assert!(slab.give(&[70]).is_ok());
    assert_eq!(flush(&mut outbox), Ok(()));
    assert_eq!(slab.collect(), Err(slab.double(70)));
}
