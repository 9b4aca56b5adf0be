//! Models of edge K1: who has the lock sees what was done before, and nobody waits for ever.
//!
//! `RUSTFLAGS="--cfg loom" cargo test --profile loom -p hakmem-sync --test loom_lock`
//!
//! Size: two threads, which wait on a condition variable in place of the system. A third adds no new kind
//! of race: it is in the place of the second.
#![cfg(loom)]
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize as Tally, Ordering::SeqCst};

use hakmem_sync::cell::UnsafeCell;
use hakmem_sync::lock::{Lock, Waits};
use loom::sync::atomic::Ordering;
use loom::sync::{Condvar, Mutex};
use loom::thread;

#[cfg(not(debug_assertions))]
compile_error!("models run with debug assertions on");

/// The system: counts what was woken, and sleeps until it is more than when the thread fell asleep.
struct Sleepers {
    woken: Mutex<usize>,
    bell: Condvar,
    wakes: bool,
    waited: Tally,
}

impl Sleepers {
    fn new(wakes: bool) -> Self {
        let waited = Tally::new(0);
        Self { woken: Mutex::new(0), bell: Condvar::new(), wakes, waited }
    }
}

impl Waits for Sleepers {
    fn wait(&self, _word: NonNull<u32>, _value: u32) {
        self.waited.fetch_add(1, SeqCst);
        let mut woken = self.woken.lock().unwrap();
        // One wake-up is one thread's. The other thread gives the lock up once, and so wakes once, before
        // this one waits or afterwards: no other look at the word is needed.
        while *woken == 0 {
            woken = self.bell.wait(woken).unwrap();
        }
        *woken -= 1;
    }

    fn wake_one(&self, _word: NonNull<u32>) {
        if self.wakes {
            *self.woken.lock().unwrap() += 1;
            self.bell.notify_one();
        }
    }
}

struct Model {
    lock: Lock,
    count: UnsafeCell<usize>,
    system: Sleepers,
}

// SAFETY: the cell is used by whoever has the lock; loom checks it.
unsafe impl Sync for Model {}
// SAFETY: as above.
unsafe impl Send for Model {}

/// Two threads count. Outcomes: nobody had to wait; somebody had to.
fn count(wakes: bool, end: Ordering) -> std::sync::Arc<[Tally; 2]> {
    let tally = std::sync::Arc::new([const { Tally::new(0) }; 2]);
    let seen = std::sync::Arc::clone(&tally);
    loom::model(move || {
        let system = Sleepers::new(wakes);
        let model = Model { lock: Lock::new(), count: UnsafeCell::new(0), system };
        // Leaked: a model that ends in a deadlock could not drop it.
        let model: &Model = Box::leak(Box::new(model));
        let threads = [(); 2].map(|()| {
            thread::spawn(move || {
                let step = || {
                    model.count.with_mut(|count| {
                        // SAFETY: this thread has the lock.
                        unsafe { *count += 1 };
                    });
                };
                model.lock.run_with(&model.system, step, end);
            })
        });
        for thread in threads {
            thread.join().unwrap();
        }
        // SAFETY: the threads have ended.
        let n = model.count.with(|count| unsafe { *count });
        assert_eq!(n, 2);
        tally[usize::from(model.system.waited.load(SeqCst) != 0)].fetch_add(1, SeqCst);
    });
    seen
}

#[test]
fn one_at_a_time_and_nobody_waits_for_ever() {
    let tally = count(true, Ordering::Release);
    let tally = tally.each_ref().map(|n| n.load(SeqCst));
    assert!(tally.iter().all(|&n| n > 0), "the search skipped a case: {tally:?}");
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_missing_k1_is_caught() {
    count(true, Ordering::Relaxed);
}

#[test]
#[should_panic(expected = "deadlock")]
fn a_missing_wake_up_is_caught() {
    count(false, Ordering::Release);
}
