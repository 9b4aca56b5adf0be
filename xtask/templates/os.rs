//! my-box: the system calls. For now, those of `hakmem-os-acquire`, passed on.
//!
//! # Why it exists
//!
//! To be changed: one call after the other, or all of them for another system.
//!
//! # What it does not do
//!
//! It holds no lock and no state, keeps no memory, and never ends the process but in `die`.
//!
//! # Where to start
//!
//! 1. `map` and `unmap` are called for SuperSlabs (2 MiB and more), `purge` for pages that were
//!    freed. What happens with huge pages is decided in `advise_huge`.
//! 2. A refusal (`None`, `false`) is an answer, and has changed nothing; the layers above live with it.
//! 3. Who calls libc's functions instead has to leave `errno` alone.
//! 4. `cargo test` says whether it still keeps the promises; `cargo xtask bench --swap` what it is
//!    worth.
//!
//! # Reading order
//!
//! The trait, in `hakmem-contract`'s `os.rs`, then [`MyBox`].
#![no_std]

use core::ptr::NonNull;

use hakmem_contract::os::Purpose;
use hakmem_contract::{Fresh, OsPort, Unplaced};
use hakmem_os_acquire::Linux;

/// See the [crate docs](crate).
#[derive(Clone, Copy, Debug, Default)]
pub struct MyBox;

impl Fresh for MyBox {
    const FRESH: Unplaced<Self> = Unplaced::new(Self);
}

// SAFETY: every call is passed on, with what it asks for, to one that promises the same.
unsafe impl OsPort for MyBox {
    #[inline]
    fn map(&self, near: usize, bytes: usize) -> Option<NonNull<u8>> {
        Linux.map(near, bytes)
    }

    #[inline]
    fn reserve(&self, bytes: usize) -> Option<NonNull<u8>> {
        Linux.reserve(bytes)
    }

    #[inline]
    unsafe fn unmap(&self, base: NonNull<u8>, bytes: usize) -> bool {
        // SAFETY: passed on.
        unsafe { Linux.unmap(base, bytes) }
    }

    #[inline]
    unsafe fn purge(&self, base: NonNull<u8>, bytes: usize) -> bool {
        // SAFETY: passed on.
        unsafe { Linux.purge(base, bytes) }
    }

    #[inline]
    unsafe fn populate(&self, base: NonNull<u8>, bytes: usize) -> bool {
        // SAFETY: passed on.
        unsafe { Linux.populate(base, bytes) }
    }

    #[inline]
    unsafe fn advise_huge(&self, base: NonNull<u8>, bytes: usize, huge: bool) -> bool {
        // SAFETY: passed on.
        unsafe { Linux.advise_huge(base, bytes, huge) }
    }

    #[inline]
    unsafe fn protect(&self, base: NonNull<u8>, bytes: usize, access: bool) -> bool {
        // SAFETY: passed on.
        unsafe { Linux.protect(base, bytes, access) }
    }

    #[inline]
    unsafe fn name(&self, base: NonNull<u8>, bytes: usize, purpose: Purpose) -> bool {
        // SAFETY: passed on.
        unsafe { Linux.name(base, bytes, purpose) }
    }

    #[inline]
    unsafe fn grow(&self, base: NonNull<u8>, old: usize, new: usize) -> bool {
        // SAFETY: passed on.
        unsafe { Linux.grow(base, old, new) }
    }

    #[inline]
    unsafe fn relocate(&self, base: NonNull<u8>, old: usize, to: NonNull<u8>, new: usize) -> bool {
        // SAFETY: passed on.
        unsafe { Linux.relocate(base, old, to, new) }
    }

    #[inline]
    fn now_ms(&self) -> u64 {
        Linux.now_ms()
    }

    #[inline]
    fn die(&self, line: &[u8]) -> ! {
        Linux.die(line)
    }
}
