//! The fork hook: functions that run before and after a process forks.

use hakmem_sync::atomic::{AtomicU32, Ordering};
use hakmem_sync::const_unless_loom;

use crate::stage::Moment;

/// What a handler of `pthread_atfork` looks like.
pub type ForkHandler = unsafe extern "C" fn();

/// Where handlers of `fork` are entered.
pub trait Forks {
    /// Has `before` called in a thread that forks, and `child` in its copy.
    fn register(&self, before: ForkHandler, child: ForkHandler);
}

/// POSIX's `pthread_atfork`. With many handlers it calls `malloc`, so the thread's heap is in place
/// by then.
#[derive(Clone, Copy, Debug, Default)]
pub struct PthreadForks;

impl Forks for PthreadForks {
    #[inline]
    fn register(&self, before: ForkHandler, child: ForkHandler) {
        // Without memory for the handlers nobody takes over what a fork leaves behind.
        // SAFETY: handlers that may run in any thread, at any time.
        unsafe { libc::pthread_atfork(Some(before), None, Some(child)) };
    }
}

/// Counts forks, and has handlers called that are entered once.
///
/// Nothing is locked before a fork: a lock that is taken there is taken before the C library's, and
/// in another order by everybody else.
#[derive(Debug)]
pub struct ForkHook {
    armed: AtomicU32,
    forks: AtomicU32,
}

impl ForkHook {
    const_unless_loom! {
        /// A hook without handlers. All zero bytes.
        #[inline]
        pub fn new() -> Self {
            Self { armed: AtomicU32::new(0), forks: AtomicU32::new(0) }
        }
    }

    /// Enters the handlers, the first time.
    #[inline]
    pub fn arm(&self, forks: &impl Forks, before: ForkHandler, child: ForkHandler) {
        // Relaxed: only one of several callers has to be told apart.
        if self.armed.load(Ordering::Relaxed) == 0 && self.armed.swap(1, Ordering::Relaxed) == 0 {
            forks.register(before, child);
        }
    }

    /// The moment at which a heap is bound.
    #[inline]
    #[must_use]
    pub fn now(&self) -> Moment {
        // Relaxed: a thread that another one made, in the child of a fork, knows of that fork by
        // its own creation.
        Moment(self.forks.load(Ordering::Relaxed))
    }

    /// A fork begins. Heaps that are bound from here on may be the child's.
    #[inline]
    #[must_use]
    pub fn begin(&self) -> Moment {
        // Relaxed: as in `now`.
        Moment(self.forks.fetch_add(1, Ordering::Relaxed).wrapping_add(1))
    }
}

impl Default for ForkHook {
    #[inline]
    fn default() -> Self {
        Self::new()
    }
}
