//! Real threads that end, with the system's keys.
#![cfg(not(loom))]
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

use core::ffi::c_void;
use std::ptr::NonNull;
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;

use hakmem_tls_bind::{Destructor, ExitHook, Keys, PthreadKeys};

/// The system's keys, counted.
#[derive(Default)]
struct Counted {
    created: AtomicUsize,
    deleted: AtomicUsize,
}

// SAFETY: the system's keys.
unsafe impl Keys for Counted {
    fn create(&self, destructor: Destructor) -> Option<u32> {
        self.created.fetch_add(1, SeqCst);
        let key = PthreadKeys.create(destructor);
        // So that others make one as well.
        thread::yield_now();
        key
    }

    fn delete(&self, key: u32) {
        self.deleted.fetch_add(1, SeqCst);
        PthreadKeys.delete(key);
    }

    unsafe fn set(&self, key: u32, value: *mut c_void) {
        // SAFETY: passed on.
        unsafe { PthreadKeys.set(key, value) };
    }
}

/// What a thread's value points to.
#[derive(Default)]
struct Value {
    calls: AtomicUsize,
}

impl Value {
    fn calls(&self) -> usize {
        self.calls.load(SeqCst)
    }
}

unsafe extern "C" fn count(value: *mut c_void) {
    // SAFETY: every test arms with a `Value` that outlives the thread.
    let value = unsafe { &*value.cast::<Value>() };
    value.calls.fetch_add(1, SeqCst);
}

fn arm(hook: &ExitHook, keys: &impl Keys, value: &Value) {
    // SAFETY: the destructor takes any `Value`, and this one outlives the thread.
    unsafe { hook.arm(keys, count, NonNull::from(value)) };
}

/// Starts a thread that runs `work`, and waits until it has ended, its exit hook too: `join` does,
/// while the end of a scope only waits for the closure.
fn in_a_thread(work: impl FnOnce() + Send) {
    thread::scope(|scope| scope.spawn(work).join().unwrap());
}

#[test]
fn a_thread_that_ends_calls_the_destructor_once() {
    let (hook, value) = (ExitHook::new(), Value::default());
    in_a_thread(|| {
        arm(&hook, &PthreadKeys, &value);
        assert_eq!(value.calls(), 0);
    });
    assert_eq!(value.calls(), 1);
}

#[test]
fn a_thread_that_did_not_arm_calls_nothing() {
    let (hook, value) = (ExitHook::new(), Value::default());
    in_a_thread(|| arm(&hook, &PthreadKeys, &value));
    in_a_thread(|| ());
    assert_eq!(value.calls(), 1);
}

#[test]
fn a_thread_that_arms_again_replaces_its_value() {
    let (hook, values) = (ExitHook::new(), [(); 2].map(|()| Value::default()));
    in_a_thread(|| {
        arm(&hook, &PthreadKeys, &values[0]);
        arm(&hook, &PthreadKeys, &values[1]);
        arm(&hook, &PthreadKeys, &values[1]);
    });
    assert_eq!(values.map(|value| value.calls()), [0, 1]);
}

#[test]
fn every_thread_calls_with_its_own_value() {
    const N: usize = 16;
    for _ in 0..20 {
        let (hook, keys) = (ExitHook::new(), Counted::default());
        let values = [(); N].map(|()| Value::default());
        let start = Barrier::new(N);
        thread::scope(|scope| {
            let threads = values.each_ref().map(|value| {
                let (hook, keys, start) = (&hook, &keys, &start);
                scope.spawn(move || {
                    // All are the first at once.
                    start.wait();
                    arm(hook, keys, value);
                })
            });
            threads.into_iter().for_each(|thread| thread.join().unwrap());
        });
        assert_eq!(values.map(|value| value.calls()), [1; N]);
        let (created, deleted) = (keys.created.load(SeqCst), keys.deleted.load(SeqCst));
        assert_eq!(created - deleted, 1, "one key survives");
    }
}

static AGAIN: ExitHook = ExitHook::new();

/// Arms again as long as the value has been called less than three times, as a heap does that a
/// later destructor of the same thread made.
unsafe extern "C" fn count_to_three(value: *mut c_void) {
    // SAFETY: the value is passed on.
    unsafe { count(value) };
    // SAFETY: the test arms with a `Value` that outlives the thread.
    let value = unsafe { &*value.cast::<Value>() };
    if value.calls() < 3 {
        // SAFETY: as above.
        unsafe { AGAIN.arm(&PthreadKeys, count_to_three, NonNull::from(value)) };
    }
}

#[test]
fn a_hook_armed_in_the_destructor_is_called_again() {
    let value = Value::default();
    in_a_thread(|| {
        // SAFETY: the value outlives the thread.
        unsafe { AGAIN.arm(&PthreadKeys, count_to_three, NonNull::from(&value)) };
    });
    assert_eq!(value.calls(), 3);
}

/// A system without keys.
struct NoKeys;

// SAFETY: there are none.
unsafe impl Keys for NoKeys {
    fn create(&self, _destructor: Destructor) -> Option<u32> {
        None
    }

    fn delete(&self, _key: u32) {
        unreachable!("there is no key");
    }

    unsafe fn set(&self, _key: u32, _value: *mut c_void) {
        unreachable!("there is no key");
    }
}

#[test]
fn without_keys_nothing_is_armed_and_a_later_thread_tries_again() {
    let (hook, value) = (ExitHook::new(), Value::default());
    in_a_thread(|| arm(&hook, &NoKeys, &value));
    assert_eq!(value.calls(), 0);
    in_a_thread(|| arm(&hook, &PthreadKeys, &value));
    assert_eq!(value.calls(), 1);
}

#[test]
fn a_closed_hook_gives_its_key_back() {
    let keys = Counted::default();
    // More than there are keys.
    for _ in 0..2_000 {
        let hook = ExitHook::new();
        let value = Value::default();
        // The thread that armed it ends before.
        in_a_thread(|| arm(&hook, &keys, &value));
        hook.close(&keys);
        hook.close(&keys);
    }
    assert_eq!(keys.created.load(SeqCst), 2_000);
    assert_eq!(keys.deleted.load(SeqCst), 2_000);
}
