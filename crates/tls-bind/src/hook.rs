//! The exit hook: a function that runs when a thread ends.

use core::ffi::c_void;
use core::ptr::NonNull;

use hakmem_sync::atomic::{AtomicU32, Ordering};
use hakmem_sync::const_unless_loom;

/// What a destructor of a thread's value looks like.
pub type Destructor = unsafe extern "C" fn(*mut c_void);

/// Keys of values that threads hold, with a destructor.
///
/// # Safety
///
/// Implementors promise the *Guarantees* below; unsafe code relies on them.
///
/// # Guarantees
///
/// - When a thread ends whose value for a key is not null, its value is made null and the
///   destructor is called with it; again, a few times, if that set a new value.
pub unsafe trait Keys {
    /// A new key. `None` when there are too many.
    fn create(&self, destructor: Destructor) -> Option<u32>;

    /// Gives up a key that no thread has a value for.
    fn delete(&self, key: u32);

    /// Sets the running thread's value.
    ///
    /// # Safety
    ///
    /// `key` came from `create`, and its destructor may be called with `value`.
    unsafe fn set(&self, key: u32, value: *mut c_void);
}

/// POSIX thread-specific data.
///
/// `pthread_setspecific` calls `calloc` for a thread's first key above 31. So the hook is armed
/// after the thread's heap is bound, when that is a call like any other.
#[derive(Clone, Copy, Debug, Default)]
pub struct PthreadKeys;

// SAFETY: what POSIX says of `pthread_key_create`.
unsafe impl Keys for PthreadKeys {
    #[inline]
    fn create(&self, destructor: Destructor) -> Option<u32> {
        let mut key = 0;
        // SAFETY: `key` is ours to write; the destructor is called with values that were set.
        let result = unsafe { libc::pthread_key_create(&raw mut key, Some(destructor)) };
        (result == 0).then_some(key)
    }

    #[inline]
    fn delete(&self, key: u32) {
        // SAFETY: the key came from `create`.
        unsafe { libc::pthread_key_delete(key) };
    }

    #[inline]
    unsafe fn set(&self, key: u32, value: *mut c_void) {
        // A failure (no memory for the key's page) leaves the thread without a hook: its heap is
        // then lost with it, which is the best that can be done without memory.
        // SAFETY: the caller's promises are the same.
        unsafe { libc::pthread_setspecific(key, value) };
    }
}

/// The orders of the load of the key, and of the CAS that makes it known: when it wins, and when
/// it loses.
// Acquire: the head of H3. Release: its tail. Acquire: its head, for who comes second.
const H3: [Ordering; 3] = [Ordering::Acquire, Ordering::Release, Ordering::Acquire];

/// A hook whose key is given up.
const CLOSED: u32 = u32::MAX;

/// Calls a destructor for each thread that armed it.
///
/// # Invariants
///
/// - `key` is 0, or one more than a key that exists until the hook is closed, or `CLOSED`.
#[derive(Debug)]
pub struct ExitHook {
    key: AtomicU32,
}

impl ExitHook {
    const_unless_loom! {
        /// A hook without a key. All zero bytes.
        #[inline]
        pub fn new() -> Self {
            Self { key: AtomicU32::new(0) }
        }
    }

    /// Has `destructor` called with `value` when the running thread ends. Every call passes the
    /// same destructor. No lock: two threads that are first at once both make a key, and one of
    /// them deletes its own.
    ///
    /// # Safety
    ///
    /// `destructor` may be called with `value` in this thread, when it ends.
    #[inline]
    pub unsafe fn arm<T>(&self, keys: &impl Keys, destructor: Destructor, value: NonNull<T>) {
        if let Some(key) = self.key(keys, destructor, H3) {
            // SAFETY: the key exists; the rest is the caller's promise.
            unsafe { keys.set(key, value.as_ptr().cast()) };
        }
    }

    /// `arm` with other orders of H3, for the model's negative controls.
    ///
    /// # Safety
    ///
    /// As [`arm`](Self::arm); wrong on purpose.
    #[cfg(loom)]
    #[inline]
    pub unsafe fn arm_with<T>(
        &self,
        keys: &impl Keys,
        destructor: Destructor,
        value: NonNull<T>,
        h3: [Ordering; 3],
    ) {
        if let Some(key) = self.key(keys, destructor, h3) {
            // SAFETY: passed on.
            unsafe { keys.set(key, value.as_ptr().cast()) };
        }
    }

    /// Gives the key up, for good: no thread's hook runs any more. For the end of a hook that is not a
    /// static, and for a library that is unloaded with its destructor.
    #[inline]
    pub fn close(&self, keys: &impl Keys) {
        // Acquire: the head of H3. What was closed has nothing to tell.
        let known = self.key.swap(CLOSED, Ordering::Acquire);
        if known != CLOSED
            && let Some(key) = known.checked_sub(1)
        {
            keys.delete(key);
        }
    }

    /// The key, made by the first caller.
    #[inline(always)]
    fn key(
        &self,
        keys: &impl Keys,
        destructor: Destructor,
        [load, win, lose]: [Ordering; 3],
    ) -> Option<u32> {
        let known = self.key.load(load);
        if known == CLOSED {
            return None;
        }
        if let Some(key) = known.checked_sub(1) {
            return Some(key);
        }
        let key = keys.create(destructor)?;
        match self.key.compare_exchange(0, key + 1, win, lose) {
            Ok(_) => Some(key),
            Err(theirs) => {
                keys.delete(key);
                theirs.checked_sub(1).filter(|_| theirs != CLOSED)
            }
        }
    }
}

impl Default for ExitHook {
    #[inline]
    fn default() -> Self {
        Self::new()
    }
}
