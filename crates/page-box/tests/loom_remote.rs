//! Model of edge B1, and of B2 as far as it decides which bits arrive.
//!
//! `RUSTFLAGS="--cfg loom" cargo test --profile loom -p hakmem-page-box --test loom_remote`
//!
//! Size: one slab, two remote threads that give one block each, in the same word (where the
//! second one takes the short cut past the summary) or in two words, and the owner. A third remote
//! thread would only do what the second one does.
//!
//! Not covered: load buffering. B2's Release forbids that a giver's OR of its word comes after
//! the owner's swap of that word although its summary bit came before; each thread would read what
//! the other one writes later, which loom does not explore. That B2 orders is seen by what reuses
//! the memory: `loom_release.rs` cuts it.
#![cfg(loom)]
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

mod model;

use std::sync::atomic::{AtomicUsize as Tally, Ordering};

use hakmem_contract::Geometry;
use hakmem_page_box::mutants::{self, ALL, Orders};
use loom::sync::Arc;
use loom::thread;
use model::{Model, ONE_WORD, TWO_WORDS, assert_all_seen, count, tallies};

/// The owner's part: collects, and says how many blocks have come.
type Collect = fn(&Model, Orders) -> usize;

/// Two remote threads and the owner. Outcomes: 0, 1 and 2 blocks collected early.
fn explore(
    geometry: Geometry,
    out: [usize; 2],
    collect: Collect,
    edges: Orders,
) -> std::sync::Arc<[Tally; 3]> {
    let tally = tallies::<3>();
    let seen = std::sync::Arc::clone(&tally);
    loom::model(move || {
        let model = Arc::new(Model::new(1, geometry, out));
        let remotes = [0, 1].map(|which| {
            let model = Arc::clone(&model);
            thread::spawn(move || model.free_remote(0, which, edges))
        });
        // Spawned last: its first access is a load, and loom does not search backwards past a
        // load that a later access of the same word hides.
        let owner = {
            let model = Arc::clone(&model);
            thread::spawn(move || collect(&model, edges))
        };
        let early = owner.join().unwrap();
        for remote in remotes {
            remote.join().unwrap();
        }
        assert_eq!(early + model.collect(edges), 2, "lost or duplicated a block");
        count(&tally, early);
    });
    seen
}

#[test]
fn blocks_of_one_word_arrive_once_and_after_their_last_use() {
    assert_all_seen(&explore(ONE_WORD, [0, 1], Model::collect, ALL));
}

#[test]
fn blocks_of_two_words_arrive_once_and_after_their_last_use() {
    assert_all_seen(&explore(TWO_WORDS, [3, 64], Model::collect, ALL));
}

/// An owner that looks twice may see the two blocks one after the other.
#[test]
fn an_owner_that_looks_twice_loses_nothing() {
    let twice: Collect = |model, edges| model.collect(edges) + model.collect(edges);
    assert_all_seen(&explore(ONE_WORD, [0, 1], twice, ALL));
}

/// Negative control: the giver that takes the short cut touches the word only, so nothing but B1
/// orders its use of the block.
#[test]
#[should_panic(expected = "Causality violation")]
fn a_missing_tail_of_b1_is_caught() {
    // Relaxed: the cut.
    explore(ONE_WORD, [0, 1], Model::collect, Orders { b1: Ordering::Relaxed, ..ALL });
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_missing_head_of_b1_is_caught() {
    // Relaxed: the cut.
    explore(ONE_WORD, [0, 1], Model::collect, Orders { b1_head: Ordering::Relaxed, ..ALL });
}

/// Negative control: the summary must be cleared before the words are taken. The other way round a
/// giver finds the word zero but the summary set, and the owner clears the summary over its bit.
#[test]
#[should_panic(expected = "lost or duplicated a block")]
fn taking_the_words_before_the_summary_is_caught() {
    let words_first: Collect = |model, _| {
        // SAFETY: this thread plays the owner.
        unsafe { mutants::collect_words_first(model.inbox()) }.unwrap();
        model.use_all()
    };
    explore(ONE_WORD, [0, 1], words_first, ALL);
}
