//! The floor: a pointer that moves on, and no free.
//!
//! Threads take chunks of [`CHUNK`] bytes, from an arena that [`prepare`] maps before the timed
//! part, and from the system when the arena is used up. Memory is never used twice, so its cost
//! is that of caches which never see a line again: below everything in instructions, but not
//! always in time.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What a thread takes at once: 1 MiB.
const CHUNK: usize = 1 << 20;

/// Alignment of chunks, so that only objects aligned above a page need a place of their own.
const CHUNK_ALIGN: usize = 4096;

#[global_allocator]
static GLOBAL: Bump = Bump;

pub(crate) const NAME: &str = "bump";

/// First byte of the arena that no thread has taken yet, and its end. Both 0 without an arena.
static ARENA_NEXT: AtomicUsize = AtomicUsize::new(0);
static ARENA_END: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static NEXT: Cell<usize> = const { Cell::new(0) };
    static LEFT: Cell<usize> = const { Cell::new(0) };
}

/// Maps `bytes` for all chunks to come.
pub(crate) fn prepare(bytes: usize) {
    let bytes = bytes & !(CHUNK - 1);
    let Some(base) = map(bytes) else { return };
    for page in (base..base + bytes).step_by(4096) {
        // SAFETY: inside the mapping just made. Volatile, so that the page gets mapped now.
        unsafe { ptr::with_exposed_provenance_mut::<u8>(page).write_volatile(0) };
    }
    // Relaxed, both: the process has one thread yet; starting others publishes the arena.
    ARENA_END.store(base + bytes, Ordering::Relaxed);
    ARENA_NEXT.store(base, Ordering::Relaxed);
}

/// The allocator.
#[derive(Debug)]
struct Bump;

// SAFETY: every allocation is a part of a chunk that belongs to the calling thread, or memory of
// its own from the system; nothing is handed out twice, and nothing panics.
unsafe impl GlobalAlloc for Bump {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let next = NEXT.get();
        let pad = next.wrapping_neg() & (layout.align() - 1);
        let need = layout.size() + pad;
        let left = LEFT.get();
        if need > left {
            return alloc_cold(layout);
        }
        LEFT.set(left - need);
        NEXT.set(next + need);
        ptr::with_exposed_provenance_mut(next + pad)
    }

    #[inline]
    unsafe fn dealloc(&self, _ptr: *mut u8, _layout: Layout) {}
}

#[cold]
#[inline(never)]
fn alloc_cold(layout: Layout) -> *mut u8 {
    if layout.size() > CHUNK / 4 || layout.align() > CHUNK_ALIGN {
        // SAFETY: the layout is the one `alloc` got, whose size its caller promises is not zero.
        return unsafe { System.alloc(layout) };
    }
    let Some(chunk) = chunk() else { return ptr::null_mut() };
    NEXT.set(chunk + layout.size());
    LEFT.set(CHUNK - layout.size());
    ptr::with_exposed_provenance_mut(chunk)
}

/// A fresh chunk, from the arena while it lasts.
fn chunk() -> Option<usize> {
    // Relaxed: the counter only divides addresses among threads; the memory behind them was
    // written before any of those threads started.
    let next = ARENA_NEXT.fetch_add(CHUNK, Ordering::Relaxed);
    // Relaxed: written once, before there were threads.
    if next != 0 && next + CHUNK <= ARENA_END.load(Ordering::Relaxed) {
        return Some(next);
    }
    map(CHUNK)
}

fn map(bytes: usize) -> Option<usize> {
    if bytes == 0 {
        return None;
    }
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: a fresh anonymous mapping at an address the kernel chooses disturbs nothing.
    let base = unsafe { libc::mmap(ptr::null_mut(), bytes, protection, flags, -1, 0) };
    (base != libc::MAP_FAILED).then(|| base.expose_provenance())
}
