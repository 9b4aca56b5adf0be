//! What passes through, and how ranges come and go.

use core::ptr::NonNull;

use hakmem_contract::{Guard, Memory, Pool, Span, Superslabs, UNIT, UnitPool};
use hakmem_sync::atomic::{AtomicBool, Ordering};
use hakmem_sync::const_unless_loom;

use crate::quarantine::{Quarantine, Range};

/// See the [crate docs](crate).
#[derive(Debug)]
pub struct Guarded<P> {
    pub(crate) pool: P,
    quarantine: Quarantine,
    /// Whether the system has made anything inaccessible yet: a filter may refuse it always.
    has_protected: AtomicBool,
}

impl<P> Guarded<P> {
    const_unless_loom! {
        /// In front of `pool`. All zero bytes, if `pool` is.
        pub fn new(pool: P) -> Self {
            Self { pool, quarantine: Quarantine::new(), has_protected: AtomicBool::new(false) }
        }
    }
}

impl<P: Pool<Memory: Guard>> Guarded<P> {
    /// Makes pages inaccessible. The system may refuse.
    ///
    /// # Safety
    ///
    /// As [`Guard::protect`].
    pub(crate) unsafe fn close(&self, base: NonNull<u8>, bytes: usize) -> bool {
        // SAFETY: passed on.
        let closed = unsafe { self.pool.memory().protect(base, bytes, false) };
        if closed {
            // Relaxed: whoever gets the range sees it, as it sees the range.
            self.has_protected.store(true, Ordering::Relaxed);
        }
        closed
    }

    /// Makes pages accessible again. Whether they are.
    ///
    /// # Safety
    ///
    /// As [`Guard::protect`].
    pub(crate) unsafe fn open(&self, base: NonNull<u8>, bytes: usize) -> bool {
        // Relaxed: see `close`.
        !self.has_protected.load(Ordering::Relaxed)
            // SAFETY: passed on.
            || unsafe { self.pool.memory().protect(base, bytes, true) }
    }

    /// Puts a range that was freed into quarantine, without contents, and releases the one that
    /// comes out.
    ///
    /// # Safety
    ///
    /// The range is the caller's, who gives it up.
    pub(crate) unsafe fn retire(&self, range: Range) {
        let (base, bytes) = extent(range);
        // SAFETY: the caller's range, whose contents nobody needs.
        unsafe { self.pool.memory().purge(base, bytes) };
        // SAFETY: the caller's range. It waits as well if it stays accessible.
        unsafe { self.close(base, bytes) };
        // SAFETY: passed on.
        if let Some(oldest) = unsafe { self.quarantine.put(range) } {
            // SAFETY: what comes out is ours.
            unsafe { self.release_range(oldest) };
        }
    }

    /// Gives a range to whom it came from. If it cannot be made accessible, nobody gets it: what is
    /// inaccessible does not count as a program's data, so a limit may refuse. Then what is free below
    /// goes back to the system first.
    ///
    /// # Safety
    ///
    /// The range is the caller's, who gives it up.
    unsafe fn release_range(&self, range: Range) {
        let (base, bytes) = extent(range);
        // SAFETY: the caller's range.
        if !unsafe { self.open(base, bytes) } {
            self.pool.purge_all();
            // SAFETY: as above.
            if !unsafe { self.open(base, bytes) } {
                return;
            }
        }
        match range {
            // SAFETY: the caller's units, for which no tag is published since they were retired.
            Range::Units(span) => unsafe { self.pool.release(span) },
            // SAFETY: the caller's range, as it came from there.
            Range::Huge(base, bytes) => unsafe { self.pool.memory().release(base, bytes) },
        }
    }
}

/// Where a range is, and how long.
fn extent(range: Range) -> (NonNull<u8>, usize) {
    match range {
        Range::Units(span) => (span.base, usize::from(span.units) * UNIT),
        Range::Huge(base, bytes) => (base, bytes),
    }
}

// SAFETY: the pool below keeps these promises.
unsafe impl<P: UnitPool> UnitPool for Guarded<P> {
    #[inline]
    fn acquire(&self, units: usize, out: &mut [Span]) -> usize {
        self.pool.acquire(units, out)
    }

    #[inline]
    fn acquire_at_hand(&self, units: usize, out: &mut [Span]) -> usize {
        self.pool.acquire_at_hand(units, out)
    }

    #[inline]
    unsafe fn release(&self, span: Span) {
        // SAFETY: passed on.
        unsafe { self.pool.release(span) };
    }

    #[inline]
    unsafe fn extend(&self, span: Span, more: usize) -> Option<bool> {
        // SAFETY: passed on.
        unsafe { self.pool.extend(span, more) }
    }
}

impl<P: Superslabs> Superslabs for Guarded<P> {
    #[inline]
    fn superslabs(&self) -> usize {
        self.pool.superslabs()
    }
}

// SAFETY: the pool below keeps these promises.
unsafe impl<P: Pool<Memory: Guard>> Pool for Guarded<P> {
    type Registry = P::Registry;
    type Memory = P::Memory;

    #[inline(always)]
    fn registry(&self) -> &P::Registry {
        self.pool.registry()
    }

    #[inline]
    fn memory(&self) -> &P::Memory {
        self.pool.memory()
    }

    /// Ends the quarantine of every range, too.
    fn purge_all(&self) -> usize {
        while let Some(range) = self.quarantine.take() {
            // SAFETY: what comes out is ours.
            unsafe { self.release_range(range) };
        }
        self.pool.purge_all()
    }
}
