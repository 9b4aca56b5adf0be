//! Memory for tests, and an arena that can refuse.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::ptr::{self, NonNull};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;

use hakmem_contract::{Fresh, MetaArena};

/// Larger pieces are mapped without a claim on memory: a table for the whole address space is larger
/// than that of most machines.
const LARGE: usize = 256 << 20;

/// Zeroed memory that is returned when it is dropped.
///
/// # Invariants
///
/// - The pointer is from `alloc_zeroed` with the layout, or mapped if that is large.
#[derive(Debug)]
pub struct Owned(NonNull<u8>, Layout);

// SAFETY: memory is nobody's.
unsafe impl Send for Owned {}

impl Owned {
    /// `bytes`, of which there is one at least, at a multiple of `align`.
    #[must_use]
    pub fn new(bytes: usize, align: usize) -> Self {
        assert!(bytes > 0, "memory of no size");
        let layout = Layout::from_size_align(bytes, align).unwrap();
        if bytes >= LARGE && align <= 4096 {
            return Self(map(bytes), layout);
        }
        // SAFETY: the size is not zero.
        Self(NonNull::new(unsafe { alloc_zeroed(layout) }).unwrap(), layout)
    }

    /// The first byte.
    #[must_use]
    pub const fn base(&self) -> NonNull<u8> {
        self.0
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        let Self(base, layout) = *self;
        if layout.size() >= LARGE && layout.align() <= 4096 {
            // SAFETY: mapped with this size (the type's invariant).
            unsafe { libc::munmap(base.as_ptr().cast(), layout.size()) };
            return;
        }
        // SAFETY: the type's invariant.
        unsafe { dealloc(base.as_ptr(), layout) };
    }
}

/// Fresh pages.
fn map(bytes: usize) -> NonNull<u8> {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    let access = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: a new mapping, anywhere.
    let base = unsafe { libc::mmap(ptr::null_mut(), bytes, access, flags, -1, 0) };
    assert!(base != libc::MAP_FAILED, "no room for {bytes} bytes of addresses");
    NonNull::new(base.cast()).unwrap()
}

/// A fresh box, where it stays. It may be larger than a test's stack.
#[must_use]
pub fn place<T: Fresh>() -> Box<T> {
    let make = || {
        // SAFETY: nobody uses it before it is in its box.
        let placed = Box::new(unsafe { T::FRESH.place() });
        // Not every box may be sent to another thread; this one has not been used in its first.
        Box::into_raw(placed).expose_provenance()
    };
    let stack = (4 << 20) + 4 * size_of::<T>();
    let made = thread::scope(|scope| {
        let maker = thread::Builder::new().stack_size(stack).spawn_scoped(scope, make);
        maker.unwrap().join().unwrap()
    });
    // SAFETY: from a box, just now.
    unsafe { Box::from_raw(ptr::with_exposed_provenance_mut(made)) }
}

/// A [`MetaArena`] that serves a number of requests and refuses the rest. What it gave lives as long
/// as it does.
#[derive(Debug)]
pub struct Arena {
    calls: AtomicUsize,
    served: AtomicUsize,
    limit: AtomicUsize,
    memory: Mutex<Vec<Owned>>,
}

impl Default for Arena {
    fn default() -> Self {
        Self {
            calls: AtomicUsize::new(0),
            served: AtomicUsize::new(0),
            limit: AtomicUsize::new(usize::MAX),
            memory: Mutex::default(),
        }
    }
}

impl Arena {
    /// Refuses from now on, or serves.
    pub fn refuse(&self, refuses: bool) {
        self.refuse_after(if refuses { 0 } else { usize::MAX });
    }

    /// Refuses all but the first `limit` requests, of its whole life.
    pub fn refuse_after(&self, limit: usize) {
        self.limit.store(limit, SeqCst);
    }

    /// Requests.
    pub fn n_calls(&self) -> usize {
        self.calls.load(SeqCst)
    }

    /// Requests that were served.
    pub fn n_served(&self) -> usize {
        self.served.load(SeqCst)
    }
}

// SAFETY: zeroed, 64-byte aligned, and nobody else's as long as the test lasts.
unsafe impl MetaArena for Arena {
    fn alloc_meta(&self, bytes: usize) -> Option<NonNull<u8>> {
        self.calls.fetch_add(1, SeqCst);
        let limit = self.limit.load(SeqCst);
        let serve = |served| (served < limit).then_some(served + 1);
        self.served.fetch_update(SeqCst, SeqCst, serve).ok()?;
        let memory = Owned::new(bytes, 64);
        let base = memory.base();
        self.memory.lock().unwrap().push(memory);
        Some(base)
    }
}
