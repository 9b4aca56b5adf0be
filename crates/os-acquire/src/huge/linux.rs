//! The real system's huge pages. Linux 5.14 and later; an older one has none here.

use core::ptr::{self, NonNull};

use super::HugePages;
use crate::linux::{Linux, Mapping, POPULATE_WRITE, madvise, mmap, munmap};

/// `MADV_COLLAPSE`, since Linux 6.1.
const COLLAPSE: i32 = 25;

// SAFETY: `MAP_HUGETLB` gives zeroed private pages of the size that is asked for, aligned to it. They are
// all populated before they are handed out. `MADV_COLD` is refused for a range with explicit or
// locked pages, and changes no contents of others.
unsafe impl HugePages for Linux {
    fn map_explicit(&self, near: usize, bytes: usize) -> Option<NonNull<u8>> {
        let base = mmap(near, bytes, Mapping::HUGE_2M).ok()?;
        let range = NonNull::new(ptr::with_exposed_provenance_mut(base))?;
        // The pool has promised the pages. Whether they can be had here (memory nodes, control groups)
        // is known when they are there.
        // SAFETY: mapped just now.
        if unsafe { madvise(range, bytes, POPULATE_WRITE) }.is_ok() {
            return Some(range);
        }
        // SAFETY: mapped just now; nobody else knows it.
        let gone = unsafe { munmap(base, bytes) };
        // What cannot be given back must not be lost: it is mapped, and the pool has promised it.
        gone.err().map(|_| range)
    }

    unsafe fn has_explicit(&self, base: NonNull<u8>, bytes: usize) -> bool {
        // SAFETY: the pages are the caller's, and this advice keeps contents.
        let cooled = unsafe { madvise(base, bytes, libc::MADV_COLD) };
        // Whatever the reason: a filter that refuses it hides the answer.
        cooled.is_err()
    }

    unsafe fn collapse(&self, base: NonNull<u8>, bytes: usize) -> bool {
        // SAFETY: the pages are the caller's, and this advice keeps contents.
        unsafe { madvise(base, bytes, COLLAPSE) }.is_ok()
    }
}
