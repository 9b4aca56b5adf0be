//! The pool with one lock and first fit: where it looks, and that it keeps no hints.
#![cfg(not(loom))]

mod common;

mod conforms {
    use hakmem_conformance::pool::{Fake, Table};
    use hakmem_shared_pool::{FirstFit, SharedPool};

    hakmem_conformance::pool!(SharedPool<Fake, Table, FirstFit>);
}

use common::{Fake, Table, acquire, pool, release};
use hakmem_contract::{Pool as _, Span, UNIT, UnitPool};
use hakmem_shared_pool::{FirstFit, SharedPool};

fn new() -> Box<SharedPool<Fake, Table, FirstFit>> {
    pool(Fake::default(), FirstFit::new())
}

fn check(pool: &SharedPool<Fake, Table, FirstFit>, handed_out: usize) {
    let units = pool.census().free_units + handed_out;
    assert_eq!(units * UNIT, pool.memory().outstanding(), "units were lost, or made up");
    assert!(pool.is_consistent());
}

fn superslabs(spans: &[Span]) -> Vec<u32> {
    spans.iter().map(|span| span.superslab).collect()
}

#[test]
fn the_first_superslab_with_room_serves() {
    let pool = new();
    let mut spans: Vec<Span> = (0..5).flat_map(|_| acquire(&pool, 16, 2)).collect();
    assert_eq!(superslabs(&spans), [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]);
    check(&pool, 160);
    // Room for 4 in number 3, for 16 in number 0.
    let last = spans.remove(7);
    let four = Span { units: 4, ..last };
    release(&pool, [four, spans.remove(0)]);
    assert_eq!(superslabs(&acquire(&pool, 4, 1)), [0], "the first that has room");
    assert_eq!(superslabs(&acquire(&pool, 12, 1)), [0]);
    assert_eq!(superslabs(&acquire(&pool, 4, 1)), [3], "and then the next one");
    assert_eq!(pool.acquire_at_hand(1, &mut [Span::NONE]), 0, "everything is taken");
    assert_eq!(pool.acquire_at_hand(17, &mut [Span::NONE]), 0, "no span is so long");
    assert_eq!(pool.acquire_at_hand(1, &mut []), 0);
}

#[test]
fn a_span_grows_in_place_and_what_is_empty_goes_back() {
    let pool = new();
    let spans = acquire(&pool, 4, 2);
    // SAFETY: the test's.
    assert_eq!(unsafe { pool.extend(spans[0], 1) }, None, "the next units are taken");
    // SAFETY: the test's.
    assert_eq!(unsafe { pool.extend(spans[1], 3) }, Some(true));
    check(&pool, 11);
    let longer = Span { units: 7, ..spans[1] };
    release(&pool, [spans[0], longer]);
    check(&pool, 0);
    pool.purge_all();
    assert_eq!(pool.memory().outstanding(), 0);
}

#[test]
fn what_was_free_for_a_while_is_purged() {
    let pool = new();
    let spans = acquire(&pool, 16, 2);
    release(&pool, [spans[0]]);
    assert_eq!(pool.census().zero_units, 0);
    let purged: usize = (1..5).map(|epoch| pool.purge_aged(epoch << 9)).sum();
    assert_eq!(purged, 16 * UNIT);
    assert_eq!(pool.census().zero_units, 16);
    assert!(acquire(&pool, 16, 1)[0].zeroed == 1);
    check(&pool, 32);
}
