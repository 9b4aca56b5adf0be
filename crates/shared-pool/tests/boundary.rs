//! The pool between a fake memory, which checks and fails, and a table for a registry.
#![cfg(not(loom))]
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

mod common;

use std::ptr::NonNull;
use std::sync::atomic::Ordering::SeqCst;

use common::{Fake, Table, acquire, pool, release};
use hakmem_contract::{
    Fault, HugeBlocks, Pool as _, Registry, SUPERSLAB, Spans, Tag, UNIT, UnitPool,
};
use hakmem_shared_pool::{KEEP_EMPTY, SharedPool, Standard};

type Pool = SharedPool<Fake, Table>;

mod conforms {
    use super::Pool;

    hakmem_conformance::pool!(Pool);
}

/// `free + handed out == 32 × SuperSlabs`, and what else is to hold in a quiet moment.
fn check(pool: &Pool, handed_out: usize) {
    let units = pool.census().free_units + handed_out;
    assert_eq!(units * UNIT, pool.memory().outstanding(), "units were lost, or made up");
    assert!(pool.is_consistent());
}

fn shifted(base: NonNull<u8>, bytes: usize) -> NonNull<u8> {
    base.map_addr(|address| address.saturating_add(bytes))
}

#[test]
fn units_come_lowest_first_and_go_back() {
    let pool = pool(Fake::default(), Standard);
    let mut spans = acquire(&pool, 1, 40);
    assert_eq!(spans.len(), 32, "one SuperSlab at a time");
    assert!(spans.windows(2).all(|w| w[1].address() == w[0].address() + UNIT));
    assert!(spans.iter().all(|span| span.zeroed == 1));
    check(&pool, 32);
    let odd: Vec<_> = (0..16).map(|index| spans.remove(index)).collect();
    release(&pool, odd.iter().copied());
    check(&pool, 16);
    assert_eq!(acquire(&pool, 2, 1)[0].superslab, 1, "no two of them are neighbours");
    let again = acquire(&pool, 1, 40);
    assert_eq!(
        again.iter().map(|s| s.address()).collect::<Vec<_>>(),
        odd.iter().map(|s| s.address()).collect::<Vec<_>>()
    );
    assert!(again.iter().all(|span| span.zeroed == 0));
}

#[test]
fn every_length_fits_as_often_as_it_should() {
    for units in 1..=16 {
        let pool = pool(Fake::default(), Standard);
        let spans = acquire(&pool, units, 40);
        assert_eq!(spans.len(), 32 / units);
        check(&pool, spans.len() * units);
        release(&pool, spans);
        check(&pool, 0);
    }
}

#[test]
fn a_few_empty_superslabs_stay_and_their_numbers_come_back() {
    let pool = pool(Fake::default(), Standard);
    let spans: Vec<_> = (0..10).flat_map(|_| acquire(&pool, 16, 2)).collect();
    release(&pool, spans);
    assert_eq!(pool.memory().outstanding(), KEEP_EMPTY as usize * SUPERSLAB);
    check(&pool, 0);
    let spans: Vec<_> = (0..10).flat_map(|_| acquire(&pool, 16, 2)).collect();
    assert!(spans.iter().all(|span| span.superslab < 10), "numbers are not reused");
    release(&pool, spans);
    pool.purge_all();
    assert_eq!(pool.memory().outstanding(), 0);
    check(&pool, 0);
}

#[test]
fn a_span_grows_into_free_units_only() {
    let pool = pool(Fake::default(), Standard);
    let spans = acquire(&pool, 4, 8);
    // SAFETY: the test owns the spans.
    assert_eq!(unsafe { pool.extend(spans[0], 4) }, None);
    release(&pool, [spans[1]]);
    // SAFETY: as above.
    assert_eq!(unsafe { pool.extend(spans[0], 5) }, None, "more than there is");
    // SAFETY: as above.
    assert_eq!(unsafe { pool.extend(spans[0], 4) }, Some(false));
    // SAFETY: as above.
    assert_eq!(unsafe { pool.extend(spans[7], 1) }, None, "the end of the SuperSlab");
    check(&pool, 32);
}

#[test]
fn what_was_free_for_a_while_is_purged() {
    let pool = pool(Fake::default(), Standard);
    let spans = acquire(&pool, 8, 4);
    release(&pool, spans[..2].iter().copied());
    assert_eq!(pool.purge_aged(400), 0, "too early");
    assert_eq!(pool.purge_aged(900), 0, "too early");
    assert_eq!(pool.purge_aged(1100), 16 * UNIT);
    assert_eq!(pool.census().dirty_bytes(), 0);
    assert_eq!(pool.purge_aged(9100), 0, "once");
    let again = acquire(&pool, 8, 2);
    assert!(again.iter().all(|span| span.zeroed == 1));
    check(&pool, 32);
    release(&pool, again[..1].iter().copied());
    assert_eq!(pool.census().dirty_bytes(), 8 * UNIT);
    for now in [9600, 10_100, 10_700, 11_300] {
        assert_eq!(pool.purge_aged(now), 0, "a huge page is not split for a quarter");
    }
    assert_eq!(pool.purge_all(), 8 * UNIT);
    check(&pool, 24);
}

#[test]
fn releases_look_at_the_clock_now_and_then() {
    let pool = pool(Fake::default(), Standard);
    let keep = acquire(&pool, 1, 1);
    for now in 0..4000 {
        pool.memory().now.store(now, SeqCst);
        release(&pool, acquire(&pool, 16, 1));
    }
    let purged = pool.memory().n_purged.load(SeqCst) / UNIT;
    assert!((16..=16 * 8).contains(&purged), "{purged} units in four seconds");
    check(&pool, keep.len());
}

#[test]
fn a_refused_purge_changes_nothing() {
    let pool = pool(Fake::default(), Standard);
    let span = acquire(&pool, 1, 1);
    release(&pool, acquire(&pool, 16, 1));
    pool.memory().fail_in.store(1, SeqCst);
    assert_eq!(pool.purge_all(), 0);
    check(&pool, span.len());
    assert!(acquire(&pool, 16, 1)[0].zeroed == 0);
}

#[test]
fn a_span_is_published_resized_and_freed_once() {
    let pool = pool(Fake::default(), Standard);
    let (base, zeroed) = pool.acquire_span(5).unwrap();
    assert!(zeroed);
    let tag = |unit: usize| pool.registry().tag(base.as_ptr().addr() + unit * UNIT);
    assert_eq!((tag(0), tag(4), tag(5)), (Tag::span_head(5), Tag::SPAN_TAIL, Tag::FOREIGN));
    // SAFETY: nobody uses the block.
    assert_eq!(unsafe { pool.resize_span(base, 9) }, Ok(true));
    assert_eq!((tag(0), tag(8), tag(9)), (Tag::span_head(9), Tag::SPAN_TAIL, Tag::FOREIGN));
    check(&pool, 9);
    // SAFETY: as above.
    assert_eq!(unsafe { pool.resize_span(base, 2) }, Ok(true));
    assert_eq!((tag(0), tag(1), tag(2)), (Tag::span_head(2), Tag::SPAN_TAIL, Tag::FREED_TAIL));
    check(&pool, 2);
    let (behind, _) = pool.acquire_span(1).unwrap();
    // SAFETY: as above.
    assert_eq!(unsafe { pool.resize_span(base, 3) }, Ok(false));
    assert_eq!((tag(0), tag(2)), (Tag::span_head(2), Tag::span_head(1)));
    let tail = shifted(base, UNIT);
    // SAFETY: as above.
    let interior = unsafe { pool.release_span(tail) };
    assert_eq!(interior, Err(Fault::Interior(tail.as_ptr().addr())));
    // SAFETY: as above.
    assert_eq!(unsafe { pool.release_span(base) }, Ok(()));
    // SAFETY: as above.
    let again = unsafe { pool.release_span(base) };
    assert_eq!(again, Err(Fault::Foreign(base.as_ptr().addr())));
    assert_eq!((tag(0), tag(1)), (Tag::freed_span(2), Tag::FREED_TAIL));
    // SAFETY: as above.
    assert_eq!(unsafe { pool.release_span(behind) }, Ok(()));
    check(&pool, 0);
    assert_eq!(pool.registry().published(), 0);
}

#[test]
fn a_huge_block_grows_and_moves() {
    let pool = pool(Fake::default(), Standard);
    let (base, zeroed) = pool.acquire_huge(SUPERSLAB + 1, 1 << 30).unwrap();
    assert!(zeroed && base.as_ptr().addr().is_multiple_of(1 << 30));
    // SAFETY: the block is live and the test's.
    assert_eq!(unsafe { pool.huge_bytes(base) }, 2 * SUPERSLAB);
    // SAFETY: as above.
    assert_eq!(unsafe { pool.resize_huge(base, 3 * SUPERSLAB, false) }, Ok(Some(base)));
    let (other, _) = pool.acquire_huge(1, 1).unwrap();
    // SAFETY: as above.
    assert_eq!(unsafe { pool.resize_huge(base, 4 * SUPERSLAB, false) }, Ok(None));
    assert_eq!(pool.registry().tag(base.as_ptr().addr()), Tag::HUGE);
    // SAFETY: as above.
    let moved = unsafe { pool.resize_huge(base, 4 * SUPERSLAB, true) }.unwrap().unwrap();
    assert_ne!(moved, base);
    assert_eq!(pool.registry().tag(base.as_ptr().addr()), Tag::FREED_HUGE);
    assert_eq!(pool.registry().tag(moved.as_ptr().addr()), Tag::HUGE);
    for block in [moved, other] {
        // SAFETY: nobody uses the block.
        assert_eq!(unsafe { pool.release_huge(block) }, Ok(()));
    }
    assert_eq!((pool.memory().outstanding(), pool.registry().published()), (0, 0));
}

#[test]
fn a_huge_block_shrinks_and_is_freed_once() {
    let pool = pool(Fake::default(), Standard);
    let (base, _) = pool.acquire_huge(4 * SUPERSLAB, 1).unwrap();
    // SAFETY: the block is live and the test's.
    assert_eq!(unsafe { pool.resize_huge(base, SUPERSLAB - 1, false) }, Ok(Some(base)));
    // SAFETY: as above.
    assert_eq!(unsafe { pool.huge_bytes(base) }, SUPERSLAB);
    assert_eq!(pool.memory().outstanding(), SUPERSLAB);
    let inside = shifted(base, 16);
    // SAFETY: nobody uses the block from here on.
    let interior = unsafe { pool.release_huge(inside) };
    assert_eq!(interior, Err(Fault::Interior(inside.as_ptr().addr())));
    // SAFETY: as above.
    assert_eq!(unsafe { pool.release_huge(base) }, Ok(()));
    // SAFETY: as above.
    let again = unsafe { pool.release_huge(base) };
    assert_eq!(again, Err(Fault::Foreign(base.as_ptr().addr())));
    // SAFETY: as above.
    let resized = unsafe { pool.resize_huge(base, 1, true) };
    assert_eq!(resized, Err(Fault::Foreign(base.as_ptr().addr())));
    assert_eq!((pool.memory().outstanding(), pool.registry().published()), (0, 0));
}

#[test]
fn too_much_is_refused() {
    let pool = pool(Fake::default(), Standard);
    for bytes in [usize::MAX, usize::MAX - SUPERSLAB, isize::MAX.cast_unsigned() + 1] {
        assert_eq!(pool.acquire_huge(bytes, 1), None);
    }
    let (base, _) = pool.acquire_huge(1, 1).unwrap();
    // SAFETY: the block is live and the test's.
    assert_eq!(unsafe { pool.resize_huge(base, usize::MAX, true) }, Ok(None));
    // SAFETY: as above.
    assert_eq!(unsafe { pool.huge_bytes(base) }, SUPERSLAB);
}

/// A little of everything; what fails is left out. Returns how many of the steps failed.
fn workload(pool: &Pool) -> usize {
    let mut failed = 0;
    let mut held = Vec::new();
    for units in [16, 16, 3, 8, 5, 1, 16] {
        let got = acquire(pool, units, 2);
        failed += usize::from(got.is_empty());
        held.extend(got);
    }
    let block = pool.acquire_span(7).map(|(base, _)| base);
    failed += usize::from(block.is_none());
    let huge = [1, 3 * SUPERSLAB].map(|bytes| pool.acquire_huge(bytes, 1).map(|(base, _)| base));
    let mut bytes = [SUPERSLAB, 3 * SUPERSLAB];
    let huge = [0, 1].map(|index| {
        let base = huge[index]?;
        // SAFETY: the block is live and ours.
        let resized = unsafe { pool.resize_huge(base, bytes[index] + SUPERSLAB, true) }.unwrap();
        failed += usize::from(resized.is_none());
        bytes[index] += if resized.is_some() { SUPERSLAB } else { 0 };
        let now = resized.unwrap_or(base);
        assert_eq!(
            pool.registry().tag(now.as_ptr().addr()),
            Tag::HUGE,
            "a live block lost its tag"
        );
        // SAFETY: as above.
        assert_eq!(unsafe { pool.huge_bytes(now) }, bytes[index]);
        pool.memory().check_owned(now.as_ptr().addr(), bytes[index]);
        Some(now)
    });
    failed += huge.iter().filter(|block| block.is_none()).count();
    let huge_bytes: usize =
        huge.iter().zip(bytes).map(|(b, n)| if b.is_some() { n } else { 0 }).sum();
    let units: usize = held.iter().map(|span| usize::from(span.units)).sum();
    let owned = units + if block.is_some() { 7 } else { 0 };
    assert_eq!(
        (pool.census().free_units + owned) * UNIT + huge_bytes,
        pool.memory().outstanding(),
        "units were lost, or made up"
    );
    assert!(pool.is_consistent());
    release(pool, held);
    if let Some(base) = block {
        // SAFETY: nobody uses the block.
        assert_eq!(unsafe { pool.release_span(base) }, Ok(()));
    }
    for base in huge.into_iter().flatten() {
        // SAFETY: nobody uses the block.
        assert_eq!(unsafe { pool.release_huge(base) }, Ok(()));
    }
    failed
}

#[test]
fn every_call_may_fail_and_nothing_is_lost() {
    for keep_failing in [false, true] {
        let mut n_calls = 0;
        for fail_in in 1..1000 {
            let pool = pool(Fake::default(), Standard);
            pool.memory().keep_failing.store(keep_failing, SeqCst);
            pool.memory().fail_in.store(fail_in, SeqCst);
            let failed = workload(&pool);
            let reached = pool.memory().fail_in.load(SeqCst) <= usize::from(keep_failing);
            pool.memory().fail_in.store(0, SeqCst);
            pool.purge_all();
            assert_eq!(pool.memory().outstanding(), 0, "something was not given back");
            assert_eq!(pool.registry().published(), 0);
            assert_eq!(workload(&pool), 0, "it did not recover");
            if !reached {
                assert_eq!(failed, 0);
                n_calls = fail_in;
                break;
            }
        }
        assert!(n_calls > 10, "{n_calls}: the failures were not reached one by one");
    }
}
