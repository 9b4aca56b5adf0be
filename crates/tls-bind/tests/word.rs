//! The thread's word, by both ways that a target may have.
#![cfg(not(loom))]
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::ptr;
use std::sync::Barrier;
use std::thread;

use hakmem_tls_bind::ThreadWord;

/// What the word points to: anything.
#[derive(Debug)]
struct Heap {
    number: usize,
}

static EMPTY: Heap = Heap { number: 77 };

hakmem_tls_bind::thread_word_std! {
    /// By way of the standard library.
    struct Std: Heap = EMPTY, "unused"
}

hakmem_tls_bind::thread_word! {
    /// The best that this target has.
    struct Best: Heap = EMPTY, "hakmem_tls_bind_test_best"
}

fn heaps<const N: usize>() -> [Heap; N] {
    std::array::from_fn(|number| Heap { number })
}

fn number<W: ThreadWord<Heap = Heap>>() -> usize {
    // SAFETY: the tests set heaps that outlive the thread.
    unsafe { (*W::get()).number }
}

fn a_word_starts_as_the_empty_heap<W: ThreadWord<Heap = Heap>>() {
    assert_eq!(W::empty(), (&raw const EMPTY).cast_mut());
    for _ in 0..3 {
        let heap = thread::spawn(|| (W::get().addr(), number::<W>())).join().unwrap();
        assert_eq!(heap, (W::empty().addr(), 77));
    }
}

fn a_word_is_what_its_thread_set<W: ThreadWord<Heap = Heap>>() {
    let mut heaps = heaps::<2>();
    thread::scope(|scope| {
        scope.spawn(|| {
            for heap in &mut heaps {
                let heap = ptr::from_mut(heap);
                W::set(heap);
                assert_eq!(W::get(), heap);
                assert_eq!(W::get(), heap, "reading changes nothing");
            }
            assert_eq!(number::<W>(), 1);
            W::set(W::empty());
            assert_eq!(W::get(), W::empty());
        });
    });
}

fn words_of_many_threads_are_their_own<W: ThreadWord<Heap = Heap>>() {
    const N: usize = 64;
    let mut heaps = heaps::<N>();
    let (all_set, all_read) = (Barrier::new(N), Barrier::new(N));
    thread::scope(|scope| {
        for (expected, heap) in heaps.iter_mut().enumerate() {
            let (all_set, all_read) = (&all_set, &all_read);
            scope.spawn(move || {
                assert_eq!(number::<W>(), 77, "somebody else's word");
                W::set(ptr::from_mut(heap));
                // Every thread has a word of its own at the same time.
                all_set.wait();
                assert_eq!(number::<W>(), expected);
                all_read.wait();
                W::set(W::empty());
                assert_eq!(number::<W>(), 77);
            });
        }
    });
}

fn check_all<W: ThreadWord<Heap = Heap>>() {
    a_word_starts_as_the_empty_heap::<W>();
    a_word_is_what_its_thread_set::<W>();
    words_of_many_threads_are_their_own::<W>();
    // The threads after those start over.
    a_word_starts_as_the_empty_heap::<W>();
}

#[test]
fn the_word_of_the_standard_library() {
    check_all::<Std>();
}

#[test]
fn the_best_word() {
    check_all::<Best>();
}

/// In assembly, by name: so that the test does not pass because another way was taken.
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod assembly {
    use super::{EMPTY, Heap, Std, check_all};
    use hakmem_tls_bind::ThreadWord;

    hakmem_tls_bind::thread_word_asm! {
        /// In assembly.
        struct Asm: Heap = EMPTY, "hakmem_tls_bind_test_asm"
    }

    hakmem_tls_bind::thread_word_asm! {
        /// A second one, beside it.
        struct Other: Heap = EMPTY, "hakmem_tls_bind_test_other"
    }

    #[test]
    fn the_word_in_assembly() {
        check_all::<Asm>();
    }

    #[test]
    fn two_words_are_two() {
        let mut heap = Heap { number: 1 };
        Asm::set(&raw mut heap);
        assert_eq!(Other::get(), Other::empty());
        assert_eq!(Std::get(), Std::empty());
        Other::set(&raw mut heap);
        Asm::set(Asm::empty());
        assert_eq!(Asm::get(), Asm::empty());
        assert_eq!(Other::get(), &raw mut heap);
        Other::set(Other::empty());
    }
}
