//! What is special about the table: its ends, its order, and many threads.
#![cfg(not(loom))]

mod common;

use std::collections::BTreeSet;
use std::sync::Barrier;
use std::thread;

use common::{Heap, heap, owner, table};
use hakmem_sync::tree::CAPACITY;
use hakmem_tls_bind::{Claim, HeapTable};

#[test]
fn a_new_table_hands_out_numbers_from_zero() {
    let table = table();
    for index in 0..200 {
        assert_eq!(table.claim(), Some(Claim { owner: owner(index), heap: None }));
    }
    assert_eq!(table.claim_orphan(), None);
}

#[test]
fn a_constructed_table_is_a_zeroed_one() {
    static TABLE: HeapTable<Heap> = HeapTable::new();
    assert_eq!(TABLE.claim(), Some(Claim { owner: owner(0), heap: None }));
    TABLE.enlist(owner(0), heap(0));
    TABLE.park(owner(0));
    assert_eq!(TABLE.claim(), Some(Claim { owner: owner(0), heap: Some(heap(0)) }));
}

#[test]
fn a_number_that_was_given_up_without_a_heap_comes_again() {
    let table = table();
    let claim = table.claim().unwrap();
    table.park(claim.owner);
    assert_eq!(table.claim(), Some(claim));
}

#[test]
fn a_full_table_says_so_and_does_not_wrap() {
    let table = table();
    for index in 0..CAPACITY {
        assert_eq!(table.claim().map(|claim| claim.owner.index()), Some(index));
    }
    for _ in 0..3 {
        assert_eq!(table.claim(), None);
        assert_eq!(table.made(), CAPACITY);
    }
    let (last, some) = (owner(CAPACITY - 1), owner(4711));
    table.park(last);
    table.park(some);
    assert_eq!(table.claim().map(|claim| claim.owner), Some(some), "the lowest first");
    assert_eq!(table.claim().map(|claim| claim.owner), Some(last));
    assert_eq!(table.claim(), None);
}

#[test]
fn all_orphans_are_looked_after_in_turn() {
    let table = table();
    // Far apart: leaf words, middle words and the top.
    let members = [0, 1, 63, 64, 200, 4095, 4096, 9000];
    for index in 0..=9000 {
        assert_eq!(table.claim().map(|claim| claim.owner.index()), Some(index));
    }
    for index in members {
        table.enlist(owner(index), heap(index));
        table.park(owner(index));
    }
    for _ in 0..3 {
        let round = members.map(|_| {
            let claim = table.claim_orphan().unwrap();
            assert_eq!(claim.heap, Some(heap(claim.owner.index())));
            table.park(claim.owner);
            claim.owner.index()
        });
        assert_eq!(round, members);
    }
}

#[test]
fn an_orphan_that_is_not_parked_again_is_left_out() {
    let table = table();
    for index in 0..3 {
        assert!(table.claim().is_some());
        table.park(owner(index));
        assert_eq!(table.claim().map(|claim| claim.owner), Some(owner(index)));
    }
    (0..3).for_each(|index| table.park(owner(index)));
    let mut seen = BTreeSet::new();
    while let Some(claim) = table.claim_orphan() {
        assert!(seen.insert(claim.owner.index()), "claimed by two");
    }
    assert_eq!(seen, BTreeSet::from([0, 1, 2]));
}

/// Threads that come and go: no heap is bound to two at once.
#[test]
fn many_threads_share_few_heaps() {
    const N: usize = 4;
    let table = table();
    let start = Barrier::new(N);
    let held: Vec<_> = (0..N + 1).map(|_| std::sync::Mutex::new(())).collect();
    thread::scope(|scope| {
        for id in 0..N {
            let (table, start, held) = (&table, &start, &held);
            scope.spawn(move || {
                start.wait();
                for turn in 0..20_000 {
                    let claim = match (turn + id) % 3 {
                        0 => table.claim_orphan(),
                        _ => table.claim(),
                    };
                    let Some(Claim { owner, heap: made }) = claim else { continue };
                    let index = owner.index();
                    // At most N are bound, so the numbers stay few, give or take a race
                    // between looking for an orphan and a thread that parks one.
                    let lock = held.get(index).map(|held| held.try_lock().unwrap());
                    assert!(made.is_none_or(|made| made == heap(index)));
                    if made.is_none() {
                        table.enlist(owner, heap(index));
                    }
                    drop(lock);
                    table.park(owner);
                }
            });
        }
    });
    let mut orphans = BTreeSet::new();
    while let Some(claim) = table.claim().filter(|claim| claim.heap.is_some()) {
        assert!(orphans.insert(claim.owner.index()), "one heap twice");
    }
    assert!((0..orphans.len()).eq(orphans), "a number was lost");
}
