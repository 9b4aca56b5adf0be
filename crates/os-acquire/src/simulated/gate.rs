//! The way to the books: one thread at a time, and a child of `fork` finds it open.
//!
//! A thread that has the lock while another one forks is not there in the child. So the lock is in a page that
//! the system wipes there, and a lock of zeroes is nobody's. What that thread left half-done is
//! [`twice`](super::twice)'s matter.
//!
//! # Protocol
//!
//! None but K1, that of `sync::lock`: where the lock is travels with nothing else, since what is there are
//! the system's zeroes.

use core::ptr::{self, NonNull};

use hakmem_contract::OsPort;
use hakmem_contract::geometry::OS_PAGE;
use hakmem_sync::atomic::{AtomicPtr, Ordering};
use hakmem_sync::lock::{Lock, Waits};

use crate::linux::{Linux, madvise};

/// The system's ways to wait.
struct Bed;

impl Waits for Bed {
    fn wait(&self, word: NonNull<u32>, value: u32) {
        Linux.wait_while(word, value);
    }

    fn wake_one(&self, word: NonNull<u32>) {
        Linux.wake_one(word);
    }
}

/// See the [module docs](self).
///
/// # Invariants
///
/// - `wiped` is null, until somebody was here; then dangling, where the system wipes nothing; or a page that it
///   wipes in a child, and of which the first bytes are a lock.
/// - The lock `own` is used before `wiped` is set, and where the system wipes nothing.
#[derive(Debug)]
pub(super) struct Gate {
    wiped: AtomicPtr<Lock>,
    own: Lock,
}

impl Gate {
    pub(super) const fn new() -> Self {
        Self { wiped: AtomicPtr::new(ptr::null_mut()), own: Lock::new() }
    }

    /// Does `work` while nobody else does any. `work` does not come back here.
    pub(super) fn run<T>(&self, work: impl FnOnce() -> T) -> T {
        // Relaxed: the address alone; nothing was written there.
        let mut wiped = self.wiped.load(Ordering::Relaxed);
        if wiped.is_null() {
            wiped = self.make_cold();
        }
        if wiped == NonNull::dangling().as_ptr() {
            return self.own.run(&Bed, work);
        }
        // SAFETY: a page that is there as long as this is (the type's invariant).
        unsafe { &*wiped }.run(&Bed, work)
    }

    #[cold]
    #[inline(never)]
    fn make_cold(&self) -> *mut Lock {
        self.own.run(&Bed, || {
            // Relaxed: written under this lock, or by nobody.
            let made = self.wiped.load(Ordering::Relaxed);
            if !made.is_null() {
                return made;
            }
            let new = wiped_page().map_or(NonNull::dangling(), NonNull::cast).as_ptr();
            // Relaxed: as in `run`.
            // INVARIANT: dangling, or a page of zeroes, which are a lock.
            self.wiped.store(new, Ordering::Relaxed);
            new
        })
    }
}

/// A page that is zero again in a child.
fn wiped_page() -> Option<NonNull<u8>> {
    let page = Linux.map(0, OS_PAGE)?;
    // SAFETY: mapped just now; what a child finds in it is this module's matter.
    if unsafe { madvise(page, OS_PAGE, libc::MADV_WIPEONFORK) }.is_ok() {
        return Some(page);
    }
    // SAFETY: mapped just now, and not used. A refusal leaks.
    let _ = unsafe { Linux.unmap(page, OS_PAGE) };
    None
}

impl Drop for Gate {
    fn drop(&mut self) {
        // Relaxed: nobody else is left.
        let wiped = NonNull::new(self.wiped.load(Ordering::Relaxed));
        if let Some(page) = wiped.filter(|&page| page != NonNull::dangling()) {
            // SAFETY: this gate's page, and not used again. A refusal leaks.
            let _ = unsafe { Linux.unmap(page.cast(), OS_PAGE) };
        }
    }
}
