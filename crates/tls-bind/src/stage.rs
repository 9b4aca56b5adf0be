//! A heap's stage: may another take it over if its thread stops here for ever?

use hakmem_sync::atomic::{AtomicU32, AtomicUsize, Ordering, compiler_fence};
use hakmem_sync::const_unless_loom;

/// Somebody is at work in it: a slow path, or whoever claimed it; or it is parked.
const BUSY: u32 = 0;

/// Bound, and whole between any two instructions of its thread.
const QUIET: u32 = 1;

/// Parked as its thread left it, in a process that forked: its caches are not drained.
const LEFT: u32 = 2;

/// A moment in a process's history: how many forks have begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment(pub(crate) u32);

impl Moment {
    /// Before the first fork.
    pub const START: Self = Self(0);

    /// Whether this is before `other`. After 2^31 forks in between the answer is wrong.
    #[inline]
    fn is_before(self, other: Self) -> bool {
        other.0.wrapping_sub(self.0).wrapping_sub(1) < 1 << 31
    }
}

/// A name for the running thread.
fn this_thread() -> usize {
    // SAFETY: has no preconditions.
    (unsafe { libc::pthread_self() }) as usize
}

/// What a heap's stage was before somebody went to work in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "the stage has to be put back"]
pub struct Before(u32);

impl Before {
    /// Whether nobody else was at work in it: this thread, further up its stack.
    #[inline]
    #[must_use]
    pub fn was_quiet(self) -> bool {
        self.0 == QUIET
    }
}

/// A heap's stage: may another thread take it over if its own stops here for ever?
///
/// # Invariants
///
/// - `stage` is `QUIET` only while the heap is whole, bound, and its thread's word leads to it.
/// - `bound` is the moment of the last binding, and `thread` the thread that it was to.
///
/// A process that forks has one thread, and in its memory the others stand still between two of
/// their instructions. So only the order of one thread's own stores matters: the compiler's fences
/// are enough, on any processor.
#[derive(Debug)]
#[repr(C)]
pub struct Stage {
    stage: AtomicU32,
    bound: AtomicU32,
    thread: AtomicUsize,
}

impl Stage {
    const_unless_loom! {
        /// That of a heap which somebody makes. All zero bytes.
        #[inline]
        pub fn new() -> Self {
            Self {
                stage: AtomicU32::new(BUSY),
                bound: AtomicU32::new(0),
                thread: AtomicUsize::new(0),
            }
        }
    }

    /// The heap is bound to this thread now, and whole.
    #[inline]
    pub fn bind(&self, now: Moment) {
        // Relaxed: as below.
        self.thread.store(this_thread(), Ordering::Relaxed);
        // Relaxed: read by this thread, and where this thread does not exist.
        self.bound.store(now.0, Ordering::Relaxed);
        self.leave(Before(QUIET));
    }

    /// Whether this thread was the last to bind the heap. For those who only want to say so: a thread
    /// may have the name of one that has ended.
    #[inline]
    #[must_use]
    pub fn is_ours(&self) -> bool {
        // Relaxed: who wrote our name is this thread.
        self.thread.load(Ordering::Relaxed) == this_thread()
    }

    /// The thread goes to work in the heap.
    #[inline]
    pub fn enter(&self) -> Before {
        // Relaxed: as in `bind`.
        let before = Before(self.stage.load(Ordering::Relaxed));
        // Relaxed: as in `bind`.
        self.stage.store(BUSY, Ordering::Relaxed);
        // Release, for the compiler alone: before the work.
        compiler_fence(Ordering::Release);
        before
    }

    /// The work is done.
    #[inline]
    pub fn leave(&self, before: Before) {
        // Release, for the compiler alone: after the work.
        compiler_fence(Ordering::Release);
        // Relaxed: as in `bind`.
        self.stage.store(before.0, Ordering::Relaxed);
    }

    /// In a process that forked at `fork`: whether the heap was bound before, by a thread that does
    /// not exist here, and is whole. It is then to be parked.
    #[inline]
    #[must_use]
    pub fn leave_behind(&self, fork: Moment) -> bool {
        // Relaxed: as in `bind`.
        let bound = Moment(self.bound.load(Ordering::Relaxed));
        // Relaxed: as in `bind`.
        let left = self.stage.load(Ordering::Relaxed) == QUIET && bound.is_before(fork);
        if left {
            // INVARIANT: not `QUIET` when it is parked.
            // Relaxed: what follows is a `park`, edge H1.
            self.stage.store(LEFT, Ordering::Relaxed);
        }
        left
    }

    /// For whoever has claimed the heap: whether its caches are still to be drained, which is the
    /// caller's to do now.
    #[inline]
    #[must_use]
    pub fn claim(&self) -> bool {
        // Relaxed: whoever parked it was acquired with the claim, edge H1.
        let left = self.stage.load(Ordering::Relaxed) == LEFT;
        let _ = self.enter();
        left
    }
}

impl Default for Stage {
    #[inline]
    fn default() -> Self {
        Self::new()
    }
}
