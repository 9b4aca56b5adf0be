//! Model of edges H1 and H2: heaps that change hands, and an inbox that others fill meanwhile.
//!
//! `RUSTFLAGS="--cfg loom" cargo test --profile loom -p hakmem-tls-bind --test loom_orphan`
//!
//! Size: two heaps, whose bits share a word of the orphans, one thread that leaves its heap and one or
//! two that want one. The hints above the word are there from the start, because of the
//! other heap, so that the bit alone carries what H1 says.
//!
//! The inbox is one word here (page box has the real one, and models of its own): what matters is
//! that a heap's number, and so its inbox, stays while its thread changes.
#![cfg(loom)]
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize as Tally, Ordering::SeqCst};

use hakmem_contract::Owner;
use hakmem_tls_bind::{Claim, HeapTable};
use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;

#[cfg(not(debug_assertions))]
compile_error!("models run with debug assertions on");

fn tallies<const N: usize>() -> std::sync::Arc<[Tally; N]> {
    std::sync::Arc::new([const { Tally::new(0) }; N])
}

fn assert_all_seen<const N: usize>(tally: &[Tally; N]) {
    let tally = tally.each_ref().map(|n| n.load(SeqCst));
    assert!(tally.iter().all(|&n| n > 0), "the search skipped a case: {tally:?}");
}

/// A heap: what its maker wrote, what its threads wrote, and what others gave back.
struct Heap {
    made: UnsafeCell<usize>,
    uses: UnsafeCell<usize>,
    inbox: AtomicUsize,
    collected: UnsafeCell<usize>,
}

impl Heap {
    fn new() -> Self {
        Self {
            made: UnsafeCell::new(0),
            uses: UnsafeCell::new(0),
            inbox: AtomicUsize::new(0),
            collected: UnsafeCell::new(0),
        }
    }

    /// One thread has it for a while.
    fn bind(&self) -> usize {
        // SAFETY: the heap is this thread's; loom panics if it is not.
        self.uses.with_mut(|uses| unsafe { *uses += 1 });
        // SAFETY: as above.
        self.uses.with(|uses| unsafe { *uses })
    }

    /// The heap's thread takes what others gave back.
    fn collect(&self) {
        // AcqRel: as an inbox does.
        let n = self.inbox.swap(0, Ordering::AcqRel);
        // SAFETY: the heap is this thread's; loom panics if it is not.
        self.collected.with_mut(|collected| unsafe { *collected += n });
    }
}

/// The heaps' memory, which is never unmapped, and the table.
struct Model {
    table: HeapTable<Heap>,
    heaps: Box<[Heap; 2]>,
}

impl Model {
    /// Both numbers are claimed.
    fn new() -> Self {
        let model =
            Self { table: HeapTable::new(), heaps: Box::new([(); 2].map(|()| Heap::new())) };
        for i in 0..2 {
            let Claim { owner: new, heap } = model.table.claim().unwrap();
            assert!(new == owner(i) && heap.is_none());
        }
        model
    }

    fn heap(&self, index: usize) -> NonNull<Heap> {
        NonNull::from(&self.heaps[index])
    }

    /// Heap 1 is an orphan, heap 0 is made and still bound.
    fn with_one_orphan() -> Self {
        let model = Self::new();
        for i in 0..2 {
            model.table.enlist(owner(i), model.heap(i));
        }
        model.table.park(owner(1));
        model
    }

    /// The index of a claimed heap, after a check that it is the one with that number.
    fn known(&self, claim: &Claim<Heap>) -> usize {
        let index = claim.owner.index();
        assert_eq!(claim.heap, Some(self.heap(index)), "a number without its heap");
        index
    }
}

fn owner(index: usize) -> Owner {
    Owner::new(index).unwrap()
}

type Park = fn(&HeapTable<Heap>, Owner);
type Adopt = fn(&HeapTable<Heap>) -> Option<Claim<Heap>>;

/// A thread ends while another one wants a heap. Outcomes: it got the one that was left just now;
/// the other one.
fn explore_exit(park: Park, adopt: Adopt) -> std::sync::Arc<[Tally; 2]> {
    let tally = tallies::<2>();
    let seen = std::sync::Arc::clone(&tally);
    loom::model(move || {
        let model = Arc::new(Model::with_one_orphan());
        let leaver = {
            let model = Arc::clone(&model);
            thread::spawn(move || {
                assert_eq!(model.heaps[0].bind(), 1);
                park(&model.table, owner(0));
            })
        };
        // Spawned last: loom would not search backwards past its first load.
        let adopter = {
            let model = Arc::clone(&model);
            thread::spawn(move || {
                let index = model.known(&adopt(&model.table).unwrap());
                assert_eq!(model.heaps[index].bind(), 2 - index, "not as its last thread left it");
                index
            })
        };
        let got = adopter.join().unwrap();
        leaver.join().unwrap();
        let rest = model.table.claim().unwrap();
        assert_eq!(model.known(&rest), 1 - got, "a heap was lost, or came twice");
        assert!(model.table.claim_orphan().is_none());
        tally[got].fetch_add(1, SeqCst);
    });
    seen
}

#[test]
fn a_heap_is_claimed_as_its_last_thread_left_it() {
    assert_all_seen(&explore_exit(HeapTable::park, HeapTable::claim));
}

#[test]
fn an_orphan_is_looked_after_as_its_last_thread_left_it() {
    assert_all_seen(&explore_exit(HeapTable::park, HeapTable::claim_orphan));
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_missing_h1_is_caught() {
    explore_exit(HeapTable::park_without_h1, HeapTable::claim);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_missing_h1_is_caught_by_who_looks_after_orphans() {
    explore_exit(HeapTable::park_without_h1, HeapTable::claim_orphan);
}

type Enlist = fn(&HeapTable<Heap>, Owner, NonNull<Heap>);

/// A thread makes heap 0 and leaves it, while another one wants a heap. Outcomes: it got heap 0
/// and its address; heap 0 without an address, which H1 rules out; heap 1.
fn explore_making(enlist: Enlist, park: Park) -> [usize; 3] {
    let tally = tallies::<3>();
    let seen = std::sync::Arc::clone(&tally);
    loom::model(move || {
        let model = Arc::new(Model::new());
        model.table.enlist(owner(1), model.heap(1));
        model.table.park(owner(1));
        let maker = {
            let model = Arc::clone(&model);
            thread::spawn(move || {
                // SAFETY: nobody knows the heap yet.
                model.heaps[0].made.with_mut(|made| unsafe { *made = 1 });
                enlist(&model.table, owner(0), model.heap(0));
                park(&model.table, owner(0));
            })
        };
        // Spawned last, as above.
        let claimer = {
            let model = Arc::clone(&model);
            thread::spawn(move || {
                let Claim { owner, heap } = model.table.claim().unwrap();
                if owner.index() == 0 && heap.is_some() {
                    // SAFETY: the heap was made before it was enlisted; loom checks that.
                    assert_eq!(model.heaps[0].made.with(|made| unsafe { *made }), 1);
                }
                owner.index() * 2 + usize::from(owner.index() == 0 && heap.is_none())
            })
        };
        let got = claimer.join().unwrap();
        maker.join().unwrap();
        tally[got].fetch_add(1, SeqCst);
    });
    seen.each_ref().map(|n| n.load(SeqCst))
}

#[test]
fn a_claimed_number_comes_with_its_heap() {
    let tally = explore_making(HeapTable::enlist, HeapTable::park);
    assert!(tally[0] > 0 && tally[1] == 0 && tally[2] > 0, "{tally:?}");
}

/// H2 by itself, for a claimer that did not meet the maker (here because H1 is cut): it may not
/// see the address yet, but if it does, it sees the heap, too.
#[test]
fn who_sees_the_address_sees_the_heap() {
    let tally = explore_making(HeapTable::enlist, HeapTable::park_without_h1);
    assert!(tally.iter().all(|&n| n > 0), "the search skipped a case: {tally:?}");
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_missing_h2_is_caught() {
    explore_making(HeapTable::enlist_without_h2, HeapTable::park_without_h1);
}

/// Two threads want heaps, one to keep it and one to look after an orphan for a moment. There is
/// one orphan, and new numbers. Outcomes: the orphan was bound at once; bound after it was looked
/// after; looked after while the other thread, which found no orphan, got a new number.
fn explore_helping(help: Adopt) -> std::sync::Arc<[Tally; 3]> {
    let tally = tallies::<3>();
    let seen = std::sync::Arc::clone(&tally);
    loom::model(move || {
        let model = Arc::new(Model::with_one_orphan());
        let binder = {
            let model = Arc::clone(&model);
            thread::spawn(move || {
                let claim = model.table.claim().unwrap();
                claim.heap.is_some().then(|| model.heaps[model.known(&claim)].bind())
            })
        };
        let helper = {
            let model = Arc::clone(&model);
            thread::spawn(move || {
                let Some(claim) = help(&model.table) else { return false };
                model.heaps[model.known(&claim)].bind();
                model.table.park(claim.owner);
                true
            })
        };
        let helped = helper.join().unwrap();
        let outcome = match (binder.join().unwrap(), helped) {
            (Some(1), false) => 0,
            (Some(2), true) => 1,
            (None, true) => 2,
            other => unreachable!("{other:?}"),
        };
        let left = model.table.claim_orphan();
        assert_eq!(left.map(|claim| model.known(&claim)), (outcome == 2).then_some(1));
        tally[outcome].fetch_add(1, SeqCst);
    });
    seen
}

#[test]
fn an_orphan_that_is_looked_after_is_nobody_elses() {
    assert_all_seen(&explore_helping(HeapTable::claim_orphan));
}

/// Negative control: both see the bit, and both take it for theirs.
#[test]
#[should_panic(expected = "Causality violation")]
fn an_orphan_that_two_take_is_caught() {
    explore_helping(HeapTable::claim_orphan_unasked);
}

/// Another thread frees to a heap whose thread ends, and which a third thread adopts. Outcomes: what
/// it freed was collected by the thread that ended; by the one that adopted; later.
#[test]
fn what_others_free_to_a_heap_outlives_its_thread() {
    let tally = tallies::<3>();
    let seen = std::sync::Arc::clone(&tally);
    loom::model(move || {
        let model = Arc::new(Model::new());
        model.table.enlist(owner(0), model.heap(0));
        let remote = {
            let model = Arc::clone(&model);
            // Release: as a remote free does.
            thread::spawn(move || model.heaps[0].inbox.fetch_add(1, Ordering::Release))
        };
        let leaver = {
            let model = Arc::clone(&model);
            thread::spawn(move || {
                model.heaps[0].collect();
                model.table.park(owner(0));
            })
        };
        // Spawned last, as above.
        let adopter = {
            let model = Arc::clone(&model);
            thread::spawn(move || adopt_and_collect(&model))
        };
        let [before, after] = adopter.join().unwrap();
        remote.join().unwrap();
        leaver.join().unwrap();
        let claim = model.table.claim().unwrap();
        let heap = &model.heaps[model.known(&claim)];
        heap.collect();
        // SAFETY: claimed.
        let collected = heap.collected.with(|collected| unsafe { *collected });
        assert_eq!(collected, 1, "what was freed to an orphan was lost, or came twice");
        // If the adopter came too early, it was the leaver or the last collection above.
        let outcome = if before == 1 {
            0
        } else if after == 1 {
            1
        } else {
            2
        };
        tally[outcome].fetch_add(1, SeqCst);
    });
    assert_all_seen(&seen);
}

/// What the heap had collected before and after it was adopted; nothing if it is no orphan yet.
fn adopt_and_collect(model: &Model) -> [usize; 2] {
    let Some(claim) = model.table.claim_orphan() else { return [0; 2] };
    let heap = &model.heaps[model.known(&claim)];
    // SAFETY: claimed.
    let before = heap.collected.with(|collected| unsafe { *collected });
    heap.collect();
    // SAFETY: as above.
    let after = heap.collected.with(|collected| unsafe { *collected });
    model.table.park(claim.owner);
    [before, after]
}

/// Two threads are new at once, and there is one orphan. Outcomes: who got it.
#[test]
fn of_two_threads_one_gets_the_orphan() {
    let tally = tallies::<2>();
    let seen = std::sync::Arc::clone(&tally);
    loom::model(move || {
        let model = Arc::new(Model::with_one_orphan());
        let threads = [(); 2].map(|()| {
            let model = Arc::clone(&model);
            thread::spawn(move || {
                let claim = model.table.claim().unwrap();
                claim.heap.map(|_| model.heaps[model.known(&claim)].bind()).ok_or(claim.owner)
            })
        });
        let got = threads.map(|thread| thread.join().unwrap());
        let orphans = got.iter().filter(|got| **got == Ok(1)).count();
        let fresh = got.iter().filter(|got| **got == Err(owner(2))).count();
        assert_eq!((orphans, fresh), (1, 1), "{got:?}");
        tally[usize::from(got[1].is_ok())].fetch_add(1, SeqCst);
    });
    assert_all_seen(&seen);
}
