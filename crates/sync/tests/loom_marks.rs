//! Models of edges M1 (`marks`) and S1 (`spares`).
//!
//! `RUSTFLAGS="--cfg loom" cargo test --profile loom -p hakmem-sync --test loom_marks`
//!
//! Size: two places, two pieces, two threads. The registries model both again in their places.
#![cfg(loom)]
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize as Tally, Ordering::SeqCst};

use hakmem_sync::marks::Marks;
use hakmem_sync::spares::{Spare, Spares};
use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;

#[cfg(not(debug_assertions))]
compile_error!("models run with debug assertions on");

type Seen<const N: usize> = std::sync::Arc<[Tally; N]>;

fn tallies<const N: usize>() -> Seen<N> {
    std::sync::Arc::new([const { Tally::new(0) }; N])
}

fn assert_all_seen<const N: usize>(tally: &Seen<N>) {
    let tally = tally.each_ref().map(|n| n.load(SeqCst));
    assert!(tally.iter().all(|&n| n > 0), "the search skipped a case: {tally:?}");
}

/// M1: one thread marks a place, another looks, or retracts. Outcomes: nothing there yet; the tag.
fn mark(order: Ordering, look: fn(&Marks<2>) -> bool) -> Seen<2> {
    let tally = tallies::<2>();
    let seen = std::sync::Arc::clone(&tally);
    loom::model(move || {
        let marks = Arc::new(Marks::<2>::new());
        let writer = {
            let marks = Arc::clone(&marks);
            thread::spawn(move || {
                marks.set_word(1, 77);
                marks.set_tag(1, 5, order);
            })
        };
        let reader = {
            let marks = Arc::clone(&marks);
            thread::spawn(move || {
                let there = look(&marks);
                // SAFETY: there are two places.
                let word = unsafe { marks.word(1) };
                assert!(!there || word == 77, "the word did not arrive");
                there
            })
        };
        let there = reader.join().unwrap();
        writer.join().unwrap();
        tally[usize::from(there)].fetch_add(1, SeqCst);
    });
    seen
}

fn sees(marks: &Marks<2>) -> bool {
    // SAFETY: there are two places.
    unsafe { marks.tag(1) != 0 }
}

fn surveys(marks: &Marks<2>) -> bool {
    let mut there = false;
    marks.survey(0, 2, &mut |index, tag, word| {
        assert_eq!((index, tag, word), (1, 5, 77), "the word did not arrive");
        there = true;
    });
    there
}

#[test]
fn a_tag_brings_its_word() {
    let retracts = |marks: &Marks<2>| marks.retract(1, [5, 0], Ordering::Acquire);
    for look in [sees, surveys, retracts] {
        let tally = mark(Ordering::Release, look);
        assert_all_seen(&tally);
    }
}

#[test]
#[should_panic(expected = "the word did not arrive")]
fn a_tag_without_release_is_caught() {
    mark(Ordering::Relaxed, sees);
}

#[test]
#[should_panic(expected = "the word did not arrive")]
fn a_retraction_without_acquire_is_caught() {
    mark(Ordering::Release, |marks| marks.retract(1, [5, 0], Ordering::Relaxed));
}

/// A piece with contents.
struct Piece {
    link: AtomicUsize,
    contents: AtomicUsize,
}

// SAFETY: leaked.
unsafe impl Spare for Piece {
    fn link(&self) -> Option<&AtomicUsize> {
        Some(&self.link)
    }
}

/// S1: two pieces are put on the list while two are taken. Outcomes: none, one, two at once.
fn spares(order: Ordering) -> Seen<3> {
    let tally = tallies::<3>();
    let seen = std::sync::Arc::clone(&tally);
    loom::model(move || {
        let list = Arc::new(Spares::<Piece>::new());
        let giver = {
            let list = Arc::clone(&list);
            thread::spawn(move || {
                for _ in 0..2 {
                    let piece = Piece { link: AtomicUsize::new(0), contents: AtomicUsize::new(0) };
                    let piece = Box::leak(Box::new(piece));
                    piece.contents.store(9, Ordering::Relaxed);
                    let piece = NonNull::from(piece);
                    let _ = piece.as_ptr().expose_provenance();
                    // SAFETY: fresh, exposed, and not used again.
                    unsafe { list.put_with(piece, order) };
                }
            })
        };
        let taker = {
            let list = Arc::clone(&list);
            thread::spawn(move || take_all(&list))
        };
        let early = taker.join().unwrap();
        giver.join().unwrap();
        assert_eq!(early + take_all(&list), 2, "a piece was lost");
        tally[early].fetch_add(1, SeqCst);
    });
    seen
}

fn take_all(list: &Spares<Piece>) -> usize {
    let mut n = 0;
    while let Some(piece) = list.take() {
        // SAFETY: leaked, and ours.
        let piece = unsafe { piece.as_ref() };
        assert_eq!(piece.link.load(Ordering::Relaxed), 0, "a link was left");
        assert_eq!(piece.contents.load(Ordering::Relaxed), 9, "the contents did not arrive");
        n += 1;
    }
    n
}

#[test]
fn no_piece_is_lost() {
    let tally = spares(Ordering::Release);
    assert_all_seen(&tally);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_piece_without_release_is_caught() {
    spares(Ordering::Relaxed);
}
