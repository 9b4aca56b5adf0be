//! Models of edges T1 and T2 of the tree.
//!
//! `RUSTFLAGS="--cfg loom" cargo test --profile loom -p hakmem-sync --test loom_tree`
//!
//! Size: words of two bits, three levels; one setter and one or two removers. Members 0 and 1 share
//! a leaf word, 0 and 2 a middle word, 0 and 4 the top.
#![cfg(loom)]
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::sync::atomic::{AtomicUsize as Tally, Ordering::SeqCst};

use hakmem_sync::tree::{BitTree, CAPACITY};
use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread;

#[cfg(not(debug_assertions))]
compile_error!("models run with debug assertions on");

type Set = fn(&BitTree, usize) -> bool;
type Clear = fn(&BitTree, usize) -> bool;

fn tallies<const N: usize>() -> std::sync::Arc<[Tally; N]> {
    std::sync::Arc::new([const { Tally::new(0) }; N])
}

fn assert_all_seen<const N: usize>(tally: &[Tally; N]) {
    let tally = tally.each_ref().map(|n| n.load(SeqCst));
    assert!(tally.iter().all(|&n| n > 0), "the search skipped a case: {tally:?}");
}

/// T1: who claims a member sees what was done before it was set. The hints are there already, from
/// a member of the same word, so that only the leaf word carries it.
fn claim_after_set(set: Set) -> std::sync::Arc<[Tally; 2]> {
    let tally = tallies::<2>();
    let seen = std::sync::Arc::clone(&tally);
    loom::model(move || {
        let state = Arc::new((BitTree::new(), UnsafeCell::new(0)));
        state.0.set(1);
        let setter = {
            let state = Arc::clone(&state);
            thread::spawn(move || {
                // SAFETY: member 0 is not set: its cell is ours.
                state.1.with_mut(|cell| unsafe { *cell = 1 });
                set(&state.0, 0);
            })
        };
        let claimer = {
            let state = Arc::clone(&state);
            thread::spawn(move || {
                let got = state.0.claim();
                if got == Some(0) {
                    // SAFETY: we claimed member 0; loom checks that it was after the setter.
                    assert_eq!(state.1.with(|cell| unsafe { *cell }), 1);
                }
                got
            })
        };
        let got = claimer.join().unwrap().unwrap();
        setter.join().unwrap();
        assert_eq!(state.0.claim(), Some(1 - got), "a member was lost");
        assert_eq!(state.0.claim(), None, "a member came twice");
        tally[got].fetch_add(1, SeqCst);
    });
    seen
}

#[test]
fn a_claimer_sees_what_the_setter_did() {
    assert_all_seen(&claim_after_set(BitTree::set));
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_missing_t1_is_caught() {
    claim_after_set(BitTree::set_without_t1);
}

/// T2: member 0 is removed while `other` is set; in the end `other` is found. Outcomes: an observer
/// found nothing; member 0; the other.
fn set_against_clear(set: Set, clear: Clear, other: usize) -> std::sync::Arc<[Tally; 3]> {
    let tally = tallies::<3>();
    let seen = std::sync::Arc::clone(&tally);
    loom::model(move || {
        let tree = Arc::new(BitTree::new());
        tree.set(0);
        let setter = {
            let tree = Arc::clone(&tree);
            thread::spawn(move || assert!(set(&tree, other)))
        };
        let remover = {
            let tree = Arc::clone(&tree);
            thread::spawn(move || assert!(clear(&tree, 0)))
        };
        let observer = {
            let tree = Arc::clone(&tree);
            thread::spawn(move || tree.first())
        };
        let saw = observer.join().unwrap();
        setter.join().unwrap();
        remover.join().unwrap();
        assert_eq!(tree.first(), Some(other), "a member has no hint");
        assert!(saw.is_none_or(|index| index == 0 || index == other), "found what is not there");
        tally[saw.map_or(0, |index| 1 + usize::from(index != 0))].fetch_add(1, SeqCst);
    });
    seen
}

#[test]
fn a_hint_in_the_middle_is_not_lost() {
    assert_all_seen(&set_against_clear(BitTree::set, BitTree::clear, 1));
}

#[test]
fn a_hint_at_the_top_is_not_lost() {
    assert_all_seen(&set_against_clear(BitTree::set, BitTree::clear, 2));
}

#[test]
fn halves_of_the_tree_do_not_disturb_each_other() {
    assert_all_seen(&set_against_clear(BitTree::set, BitTree::clear, 4));
}

#[test]
#[should_panic(expected = "a member has no hint")]
fn a_missing_look_is_caught() {
    set_against_clear(BitTree::set, BitTree::clear_without_look, 1);
}

#[test]
#[should_panic(expected = "a member has no hint")]
fn a_missing_look_at_the_top_is_caught() {
    set_against_clear(BitTree::set, BitTree::clear_without_look_at_top, 2);
}

#[test]
#[should_panic(expected = "a member has no hint")]
fn a_hint_left_out_is_caught() {
    set_against_clear(BitTree::set_lazily, BitTree::clear, 1);
}

/// Two claimers and one member: one gets it, and a search does not end while it is there.
#[test]
fn of_two_claimers_one_gets_the_member() {
    let tally = tallies::<2>();
    let seen = std::sync::Arc::clone(&tally);
    loom::model(move || {
        let tree = Arc::new(BitTree::new());
        tree.set(CAPACITY - 1);
        let claimers = [(); 2].map(|()| {
            let tree = Arc::clone(&tree);
            thread::spawn(move || tree.claim())
        });
        let got = claimers.map(|claimer| claimer.join().unwrap());
        assert_eq!(got.iter().flatten().count(), 1, "a member was lost, or came twice");
        tally[usize::from(got[1].is_some())].fetch_add(1, SeqCst);
    });
    assert_all_seen(&seen);
}
