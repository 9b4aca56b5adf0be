//! Compositions that are made anew for each program, on the simulated system.
//!
//! A composition's state is in a static. Here the static is a pointer, and what it points to is
//! made when a [`World`] opens and dropped when it closes. So a program's outcome depends on
//! nothing but the program.
#![allow(dead_code, clippy::allow_attributes, reason = "each target uses a part of it")]

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::fmt;
use std::marker::PhantomData;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicPtr, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use hakmem_alloc::{Allocator, Boxes, Heap, Options, Shared, parts};
use hakmem_contract::OsPort;
use hakmem_contract::os::Purpose;
use hakmem_fuzz::Faults;
use hakmem_os_acquire::Simulated;

/// The system of the world that is open: no bytes, so that a pool on it is all zero when new.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Port<W>(PhantomData<fn() -> W>);

impl<W> Port<W> {
    /// A port.
    pub(crate) const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<W> Default for Port<W> {
    fn default() -> Self {
        Self::new()
    }
}

/// Where the open world of a composition is found.
#[derive(Debug)]
pub(crate) struct Place<B: Boxes> {
    open: Mutex<()>,
    shared: AtomicPtr<Shared<B>>,
    system: AtomicPtr<Simulated>,
    clock: AtomicU64,
    /// How many worlds were made and not closed.
    left: AtomicUsize,
}

/// Worlds that may be left behind by programs that failed. Each keeps its threads, its memory, and
/// one of the process's 1024 keys of thread-specific data.
const MOST_LEFT: usize = 300;

impl<B: Boxes> Place<B> {
    /// No world is open.
    pub(crate) const fn new() -> Self {
        Self {
            open: Mutex::new(()),
            shared: AtomicPtr::new(std::ptr::null_mut()),
            system: AtomicPtr::new(std::ptr::null_mut()),
            clock: AtomicU64::new(0),
            left: AtomicUsize::new(0),
        }
    }

    /// What the threads share.
    pub(crate) fn shared(&self) -> &'static Shared<B> {
        // SAFETY: the world is open as long as there are threads that use it.
        unsafe { &*self.shared.load(Ordering::Acquire) }
    }

    /// The system.
    pub(crate) fn system(&self) -> &'static Simulated {
        // SAFETY: as above.
        unsafe { &*self.system.load(Ordering::Acquire) }
    }
}

impl<B: Boxes> Default for Place<B> {
    fn default() -> Self {
        Self::new()
    }
}

/// A composition with a place.
pub(crate) trait Placed: Boxes {
    /// Where its world is.
    fn place() -> &'static Place<Self>;
}

/// A composition's statics, open for one program at a time.
pub(crate) struct World<B: Placed> {
    allocator: &'static Allocator<B>,
    _open: MutexGuard<'static, ()>,
}

impl<B: Placed> fmt::Debug for World<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World").field("allocator", &self.allocator).finish_non_exhaustive()
    }
}

impl<B: Placed> World<B> {
    /// A new world. `None`: too many programs have failed.
    pub(crate) fn open(options: Options) -> Option<Self> {
        let place = B::place();
        let open = place.open.lock().unwrap_or_else(PoisonError::into_inner);
        if place.left.fetch_add(1, Ordering::AcqRel) >= MOST_LEFT {
            return None;
        }
        let layout = Layout::new::<Shared<B>>();
        // SAFETY: the size is not zero.
        let shared = unsafe { alloc_zeroed(layout) }.cast::<Shared<B>>();
        if shared.is_null() {
            handle_alloc_error(layout);
        }
        place.system.store(Box::into_raw(Box::new(Simulated::real())), Ordering::Release);
        place.clock.store(0, Ordering::Release);
        // All zero bytes are a `Shared`, because the port has none.
        place.shared.store(shared, Ordering::Release);
        let allocator = Box::leak(Box::new(Allocator::with(options)));
        Some(Self { allocator, _open: open })
    }

    /// The allocator of this world. It must not be used when the world is closed.
    pub(crate) fn allocator(&self) -> &'static Allocator<B> {
        self.allocator
    }

    /// Closes a world in which nothing is live, and no thread has a heap. One that is dropped
    /// instead, because its program failed, leaves all its memory to threads that may still run.
    pub(crate) fn close(self) {
        let place = B::place();
        place.left.fetch_sub(1, Ordering::AcqRel);
        let shared = place.shared.swap(std::ptr::null_mut(), Ordering::AcqRel);
        // SAFETY: made in `open`; no thread uses it any more.
        unsafe { shared.drop_in_place() };
        // SAFETY: allocated in `open` with this layout.
        unsafe { dealloc(shared.cast(), Layout::new::<Shared<B>>()) };
        let system = place.system.swap(std::ptr::null_mut(), Ordering::AcqRel);
        // SAFETY: made in `open`, by a box.
        drop(unsafe { Box::from_raw(system) });
        let allocator: *const Allocator<B> = self.allocator;
        // SAFETY: made in `open`, by a box; the caller does not use it any more.
        drop(unsafe { Box::from_raw(allocator.cast_mut()) });
    }
}

impl<W: Placed> Faults for Port<W> {
    fn refuse(&self, from: usize, all: bool) -> bool {
        let system = W::place().system();
        match (from, all) {
            (0, _) => system.fail_never(),
            (_, false) => system.fail_at(from),
            (_, true) => system.fail_from(from),
        }
        true
    }

    fn wait(&self, ms: u64) {
        let now = W::place().clock.fetch_add(ms, Ordering::AcqRel) + ms;
        W::place().system().set_clock(now);
    }

    fn mapped(&self) -> Option<usize> {
        Some(W::place().system().mapped())
    }
}

// SAFETY: the simulated system keeps the guarantees; all ports of a world lead to the same one.
unsafe impl<W: Placed> OsPort for Port<W> {
    fn map(&self, near: usize, bytes: usize) -> Option<NonNull<u8>> {
        W::place().system().map(near, bytes)
    }

    fn reserve(&self, bytes: usize) -> Option<NonNull<u8>> {
        W::place().system().reserve(bytes)
    }

    unsafe fn unmap(&self, base: NonNull<u8>, bytes: usize) -> bool {
        // SAFETY: passed on.
        unsafe { W::place().system().unmap(base, bytes) }
    }

    unsafe fn purge(&self, base: NonNull<u8>, bytes: usize) -> bool {
        // SAFETY: passed on.
        unsafe { W::place().system().purge(base, bytes) }
    }

    unsafe fn populate(&self, base: NonNull<u8>, bytes: usize) -> bool {
        // SAFETY: passed on.
        unsafe { W::place().system().populate(base, bytes) }
    }

    unsafe fn advise_huge(&self, base: NonNull<u8>, bytes: usize, huge: bool) -> bool {
        // SAFETY: passed on.
        unsafe { W::place().system().advise_huge(base, bytes, huge) }
    }

    unsafe fn protect(&self, base: NonNull<u8>, bytes: usize, access: bool) -> bool {
        // SAFETY: passed on.
        unsafe { W::place().system().protect(base, bytes, access) }
    }

    unsafe fn name(&self, base: NonNull<u8>, bytes: usize, purpose: Purpose) -> bool {
        // SAFETY: passed on.
        unsafe { W::place().system().name(base, bytes, purpose) }
    }

    unsafe fn grow(&self, base: NonNull<u8>, old: usize, new: usize) -> bool {
        // SAFETY: passed on.
        unsafe { W::place().system().grow(base, old, new) }
    }

    unsafe fn relocate(&self, base: NonNull<u8>, old: usize, to: NonNull<u8>, new: usize) -> bool {
        // SAFETY: passed on.
        unsafe { W::place().system().relocate(base, old, to, new) }
    }

    fn now_ms(&self) -> u64 {
        W::place().system().now_ms()
    }

    fn die(&self, line: &[u8]) -> ! {
        W::place().system().die(line)
    }
}

/// A composition whose statics are made anew: its boxes, and the symbol of its thread word.
macro_rules! fresh {
    (
        $(#[$meta:meta])*
        $name:ident, $module:ident, $symbol:literal {
            classes: $classes:ty,
            front: $front:ty,
            counters: $counters:ty,
            page: $page:ty,
            pool: $pool:ty $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug)]
        pub(crate) struct $name;

        mod $module {
            use super::*;

            /// The empty heaps.
            #[repr(transparent)]
            struct Nobody([Heap<$name>; 2]);

            // SAFETY: they are never written.
            unsafe impl Sync for Nobody {}

            static EMPTY: Nobody = Nobody([Heap::EMPTY, Heap::EMPTY]);
            static PLACE: Place<$name> = Place::new();

            parts::tls_bind::thread_word! {
                /// The thread's heap.
                pub(crate) struct Word: Heap<$name> = EMPTY, $symbol
            }

            // SAFETY: one object for each world, and all threads that use it end before it does;
            // the word starts as `EMPTY`.
            unsafe impl Boxes for $name {
                type Classes = $classes;
                type Front = $front;
                type Counters = $counters;
                type Page = $page;
                type Pool = $pool;
                type Word = Word;

                #[inline(always)]
                fn shared() -> &'static Shared<Self> {
                    PLACE.shared()
                }
            }

            impl Placed for $name {
                fn place() -> &'static Place<Self> {
                    &PLACE
                }
            }
        }
    };
}

/// The shared pool on a world's system.
type PoolOf<W, R = parts::TwoLevel, P = hakmem_shared_pool::Standard> =
    parts::SharedPool<parts::Acquire<Port<W>>, R, P>;

fresh! {
    /// The default boxes.
    Standard, standard, "hakmem_fuzz_standard_word" {
        classes: parts::FourPerDoubling,
        front: parts::UnifiedCache,
        counters: parts::NoCounters,
        page: parts::Slab,
        pool: PoolOf<Standard>,
    }
}

fresh! {
    /// The other front cache, and counters.
    Listed, listed, "hakmem_fuzz_listed_word" {
        classes: parts::FourPerDoubling,
        front: parts::TlsSll,
        counters: parts::Counts,
        page: parts::Slab,
        pool: PoolOf<Listed>,
    }
}

fresh! {
    /// The other page box.
    Chained, chained, "hakmem_fuzz_chained_word" {
        classes: parts::FourPerDoubling,
        front: parts::UnifiedCache,
        counters: parts::NoCounters,
        page: parts::FreeListSlab,
        pool: PoolOf<Chained>,
    }
}

fresh! {
    /// A hash table for a registry.
    Hashed, hashed, "hakmem_fuzz_hashed_word" {
        classes: parts::FourPerDoubling,
        front: parts::UnifiedCache,
        counters: parts::NoCounters,
        page: parts::Slab,
        pool: PoolOf<Hashed, hakmem_hash_registry::Hash>,
    }
}

fresh! {
    /// Three levels of front caches, of which the last is given back all the time, and few classes.
    InARow, in_a_row, "hakmem_fuzz_in_a_row_word" {
        classes: parts::PowersOfTwo,
        front: parts::Magazine<parts::Tiered<parts::UnifiedCache, parts::TlsSll, 16>>,
        counters: parts::NoCounters,
        page: parts::Slab,
        pool: PoolOf<InARow>,
    }
}

fresh! {
    /// A pool with one lock.
    Fitted, fitted, "hakmem_fuzz_fitted_word" {
        classes: parts::FourPerDoubling,
        front: parts::UnifiedCache,
        counters: parts::NoCounters,
        page: parts::Slab,
        pool: PoolOf<Fitted, parts::TwoLevel, hakmem_shared_pool::FirstFit>,
    }
}

fresh! {
    /// One array for a registry.
    Flattened, flattened, "hakmem_fuzz_flat_word" {
        classes: parts::FourPerDoubling,
        front: parts::UnifiedCache,
        counters: parts::NoCounters,
        page: parts::Slab,
        pool: PoolOf<Flattened, hakmem_flat_registry::Flat>,
    }
}

fresh! {
    /// The hardened boxes.
    Hard, hard, "hakmem_fuzz_hard_word" {
        classes: parts::Doubling<8>,
        front: parts::Direct,
        counters: parts::NoCounters,
        page: parts::CheckedSlab,
        pool: parts::Guarded<PoolOf<Hard>>,
    }
}
