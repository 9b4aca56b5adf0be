//! What the threads share, and the seam that their warm pools stand on.

use core::fmt;

use hakmem_contract::{Backend, Fault, Memory, Pool, Span, UnitPool};
use hakmem_sync::atomic::{AtomicU32, Ordering};
use hakmem_tls_bind::{ExitHook, ForkHook, HeapTable, PthreadKeys};

use crate::boxes::Boxes;
use crate::heap::Heap;
use crate::options::Options;
use crate::{paths, report};

/// What the threads share: the pool with all that lies below it, every heap, and the hooks.
/// All zero bytes when new, but for zero-sized parts.
pub struct Shared<B: Boxes> {
    pub(crate) pool: B::Pool,
    pub(crate) heaps: HeapTable<Heap<B>>,
    pub(crate) hook: ExitHook,
    pub(crate) forks: ForkHook,
    configured: AtomicU32,
    kept_larger: AtomicU32,
}

impl<B: Boxes> Shared<B> {
    /// The statics of a composition.
    #[inline]
    #[must_use]
    pub const fn new(pool: B::Pool) -> Self {
        Self {
            pool,
            heaps: HeapTable::new(),
            hook: ExitHook::new(),
            forks: ForkHook::new(),
            configured: AtomicU32::new(0),
            kept_larger: AtomicU32::new(0),
        }
    }

    /// Sets the options, of whoever comes first.
    #[inline]
    pub(crate) fn configure(&self, options: &Options) {
        // Relaxed: only one of several callers has to be told apart; what it sets are numbers
        // that nothing depends on.
        if self.configured.load(Ordering::Relaxed) == 0
            && self.configured.swap(1, Ordering::Relaxed) == 0
        {
            self.pool.memory().configure(options.limits);
            if options.prewarm > 0 {
                self.pool.memory().prewarm(options.prewarm);
            }
        }
    }

    /// A block that was to become smaller stays as large as it was: there is no memory for another.
    pub(crate) fn note_kept_larger(&self) {
        // Relaxed: who frees the block has the call that kept it in its past.
        self.kept_larger.store(1, Ordering::Relaxed);
    }

    /// Whether there may be blocks that are larger than they were asked to be.
    pub(crate) fn has_kept_larger(&self) -> bool {
        // Relaxed: as above.
        self.kept_larger.load(Ordering::Relaxed) != 0
    }

    /// The code of the exit hook goes away: no thread is to call it any more. For the end of a library
    /// that carries this composition.
    #[inline]
    pub fn unload(&self) {
        self.hook.close(&PthreadKeys);
    }

    /// The pool.
    #[inline]
    pub const fn pool(&self) -> &B::Pool {
        &self.pool
    }
}

impl<B: Boxes> Drop for Shared<B> {
    /// Gives the exit hook's key back. A static is never dropped; a test makes many of these, and
    /// there are few keys.
    #[inline]
    fn drop(&mut self) {
        self.unload();
    }
}

/// How many orphans a thread that needs memory looks at before it asks the system.
const ORPHANS: usize = 2;

// SAFETY: the pool keeps the guarantees of `acquire` and `release`; orphans are looked at through
// the lower boxes only.
unsafe impl<B: Boxes> Backend for Shared<B> {
    type Registry = <B::Pool as Pool>::Registry;
    type Meta = <B::Pool as Pool>::Memory;

    #[inline]
    fn acquire(&self, units: usize, out: &mut [Span]) -> usize {
        let mut n = self.pool.acquire_at_hand(units, out);
        let mut orphans = 0;
        while n == 0 && orphans < ORPHANS && paths::relieve_orphan(self) {
            n = self.pool.acquire_at_hand(units, out);
            orphans += 1;
        }
        if n == 0 {
            n = UnitPool::acquire(&self.pool, units, out);
        }
        n
    }

    #[inline]
    unsafe fn release(&self, span: Span) {
        // SAFETY: passed on.
        unsafe { UnitPool::release(&self.pool, span) };
    }

    #[inline]
    fn registry(&self) -> &Self::Registry {
        self.pool.registry()
    }

    #[inline]
    fn meta(&self) -> &Self::Meta {
        self.pool.memory()
    }

    #[inline]
    fn fault(&self, fault: Fault) -> ! {
        report::die(self, fault)
    }
}

impl<B: Boxes> fmt::Debug for Shared<B> {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("heaps", &self.heaps).finish_non_exhaustive()
    }
}
