//! The system, with everything that it maps forbidden until a block is allocated there.

use core::ptr::NonNull;

use hakmem_contract::os::Purpose;
use hakmem_contract::{Fresh, OsPort, SUPERSLAB, Unplaced};
use hakmem_os_acquire::Linux as System;

use super::request;

/// The real system, watched.
#[derive(Clone, Copy, Debug, Default)]
pub struct Linux;

impl Fresh for Linux {
    const FRESH: Unplaced<Self> = Unplaced::new(Self);
}

// SAFETY: the real system's guarantees are these; requests change no memory.
unsafe impl OsPort for Linux {
    #[inline]
    fn map(&self, near: usize, bytes: usize) -> Option<NonNull<u8>> {
        let base = System.map(near, bytes)?;
        let address = base.as_ptr().addr();
        // What may not be touched is not searched for pointers when leaks are looked for: caches
        // keep the addresses of blocks that they gave out.
        request::forbid(address, bytes);
        if bytes < SUPERSLAB {
            // The allocator's own data, which it touches from everywhere.
            request::forgive(address, bytes);
        }
        Some(base)
    }

    #[inline]
    fn reserve(&self, bytes: usize) -> Option<NonNull<u8>> {
        let base = System.reserve(bytes)?;
        // The allocator's own data, as above.
        let table = base.as_ptr().addr();
        request::forbid(table, bytes);
        request::forgive(table, bytes);
        Some(base)
    }

    #[inline]
    unsafe fn unmap(&self, base: NonNull<u8>, bytes: usize) -> bool {
        // SAFETY: passed on.
        unsafe { System.unmap(base, bytes) }
    }

    #[inline]
    unsafe fn purge(&self, base: NonNull<u8>, bytes: usize) -> bool {
        // SAFETY: passed on.
        unsafe { System.purge(base, bytes) }
    }

    #[inline]
    unsafe fn populate(&self, base: NonNull<u8>, bytes: usize) -> bool {
        // SAFETY: passed on.
        unsafe { System.populate(base, bytes) }
    }

    #[inline]
    unsafe fn advise_huge(&self, base: NonNull<u8>, bytes: usize, huge: bool) -> bool {
        // SAFETY: passed on.
        unsafe { System.advise_huge(base, bytes, huge) }
    }

    #[inline]
    unsafe fn protect(&self, base: NonNull<u8>, bytes: usize, access: bool) -> bool {
        // SAFETY: passed on.
        unsafe { System.protect(base, bytes, access) }
    }

    #[inline]
    unsafe fn name(&self, base: NonNull<u8>, bytes: usize, purpose: Purpose) -> bool {
        // SAFETY: passed on.
        unsafe { System.name(base, bytes, purpose) }
    }

    #[inline]
    unsafe fn grow(&self, base: NonNull<u8>, old: usize, new: usize) -> bool {
        // SAFETY: passed on.
        unsafe { System.grow(base, old, new) }
    }

    #[inline]
    unsafe fn relocate(&self, base: NonNull<u8>, old: usize, to: NonNull<u8>, new: usize) -> bool {
        // SAFETY: passed on.
        unsafe { System.relocate(base, old, to, new) }
    }

    #[inline]
    fn now_ms(&self) -> u64 {
        System.now_ms()
    }

    #[inline]
    fn die(&self, line: &[u8]) -> ! {
        System.die(line)
    }
}
