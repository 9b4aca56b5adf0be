//! Model of edge H3: threads that are the first to arm the hook at once.
//!
//! `RUSTFLAGS="--cfg loom" cargo test --profile loom -p hakmem-tls-bind --test loom_hook`
//!
//! Size: two or three threads that arm, and keys that are a cell each: "the key exists" is a
//! write to its cell, and to set a value is to read it.
#![cfg(loom)]
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

use core::ffi::c_void;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize as Tally, Ordering::SeqCst};

use hakmem_tls_bind::{Destructor, ExitHook, Keys};
use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::sync::atomic::Ordering;
use loom::thread;

#[cfg(not(debug_assertions))]
compile_error!("models run with debug assertions on");

/// More keys than any of the models makes.
const N_KEYS: usize = 3;

const NONE: usize = 0;
const LIVE: usize = 1;
const DELETED: usize = 2;

/// Keys 0, 1 and 2. The counts order nothing: plain `std`, on purpose.
struct FakeKeys {
    states: [UnsafeCell<usize>; N_KEYS],
    created: Tally,
    deleted: Tally,
    /// One more than the key that a value was set for last, and how many values.
    set: [Tally; 2],
    most: usize,
}

impl FakeKeys {
    /// The system has `most` keys.
    fn new(most: usize) -> Self {
        Self {
            states: [(); N_KEYS].map(|()| UnsafeCell::new(NONE)),
            created: Tally::new(0),
            deleted: Tally::new(0),
            set: [const { Tally::new(0) }; 2],
            most,
        }
    }

    fn state(&self, key: u32) -> &UnsafeCell<usize> {
        &self.states[key as usize]
    }
}

// SAFETY: the model runs no destructors.
unsafe impl Keys for FakeKeys {
    fn create(&self, _destructor: Destructor) -> Option<u32> {
        let key = self.created.load(SeqCst);
        if key >= self.most {
            return None;
        }
        self.created.store(key + 1, SeqCst);
        // SAFETY: the key is new: nobody knows it.
        let old = self.states[key].with_mut(|state| unsafe { state.replace(LIVE) });
        assert_eq!(old, NONE);
        u32::try_from(key).ok()
    }

    fn delete(&self, key: u32) {
        // SAFETY: the caller made the key, and nobody else knows it; loom checks that.
        let old = self.state(key).with_mut(|state| unsafe { state.replace(DELETED) });
        assert_eq!(old, LIVE, "a key was deleted twice");
        self.deleted.fetch_add(1, SeqCst);
    }

    unsafe fn set(&self, key: u32, value: *mut c_void) {
        assert!(!value.is_null());
        // SAFETY: the key exists; loom checks that its making happened before.
        let state = self.state(key).with(|state| unsafe { *state });
        assert_eq!(state, LIVE, "a value for a key that is no more");
        let before = self.set[0].swap(key as usize + 1, SeqCst);
        assert!(before == 0 || before == key as usize + 1, "two keys survived");
        self.set[1].fetch_add(1, SeqCst);
    }
}

unsafe extern "C" fn destructor(_value: *mut c_void) {}

/// `n` threads arm. Outcomes: so many keys were made, less one.
fn explore<const N: usize>(
    n: usize,
    most: usize,
    edges: [Ordering; 3],
) -> std::sync::Arc<[Tally; N]> {
    let tally = std::sync::Arc::new([const { Tally::new(0) }; N]);
    let seen = std::sync::Arc::clone(&tally);
    loom::model(move || {
        let state = Arc::new((ExitHook::new(), FakeKeys::new(most)));
        let threads: Vec<_> = (0..n)
            .map(|_| {
                let state = Arc::clone(&state);
                thread::spawn(move || {
                    let (hook, keys) = &*state;
                    let value = NonNull::<u64>::dangling();
                    // SAFETY: the destructor is never called.
                    unsafe { hook.arm_with(keys, destructor, value, edges) };
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        let keys = &state.1;
        let (created, deleted) = (keys.created.load(SeqCst), keys.deleted.load(SeqCst));
        assert_eq!(created - deleted, 1, "not one key survived");
        assert_eq!(keys.set[1].load(SeqCst), n, "a thread is not armed");
        // `arm` itself finds the same key.
        // SAFETY: as above.
        unsafe { state.0.arm(keys, destructor, NonNull::<u64>::dangling()) };
        assert_eq!(keys.created.load(SeqCst), created, "made one more");
        tally[created - 1].fetch_add(1, SeqCst);
    });
    seen
}

fn assert_all_seen<const N: usize>(tally: &[Tally; N]) {
    let tally = tally.each_ref().map(|n| n.load(SeqCst));
    assert!(tally.iter().all(|&n| n > 0), "the search skipped a case: {tally:?}");
}

/// H3 as it is: the load, the CAS that wins, the CAS that loses.
const WHOLE: [Ordering; 3] = [Ordering::Acquire, Ordering::Release, Ordering::Acquire];

#[test]
fn of_two_keys_one_survives() {
    assert_all_seen(&explore::<2>(2, N_KEYS, WHOLE));
}

#[test]
fn of_three_keys_one_survives() {
    assert_all_seen(&explore::<3>(3, N_KEYS, WHOLE));
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_missing_tail_of_h3_is_caught() {
    let [load, _, lose] = WHOLE;
    // Relaxed: the cut.
    explore::<2>(2, N_KEYS, [load, Ordering::Relaxed, lose]);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_missing_head_of_h3_is_caught() {
    let [_, win, lose] = WHOLE;
    // Relaxed: the cut.
    explore::<2>(2, N_KEYS, [Ordering::Relaxed, win, lose]);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_missing_head_of_h3_is_caught_by_who_comes_second() {
    let [load, win, _] = WHOLE;
    // Relaxed: the cut.
    explore::<2>(2, N_KEYS, [load, win, Ordering::Relaxed]);
}

/// When a system has one key left, a thread that loses the race for it stays without a hook.
/// Outcomes: both armed; one.
#[test]
fn without_a_key_a_thread_stays_unarmed() {
    let tally = std::sync::Arc::new([const { Tally::new(0) }; 2]);
    let seen = std::sync::Arc::clone(&tally);
    loom::model(move || {
        let state = Arc::new((ExitHook::new(), FakeKeys::new(1)));
        let threads = [(); 2].map(|()| {
            let state = Arc::clone(&state);
            thread::spawn(move || {
                // SAFETY: the destructor is never called.
                unsafe { state.0.arm(&state.1, destructor, NonNull::<u64>::dangling()) };
            })
        });
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(state.1.deleted.load(SeqCst), 0);
        tally[2 - state.1.set[1].load(SeqCst)].fetch_add(1, SeqCst);
    });
    assert_all_seen(&seen);
}
