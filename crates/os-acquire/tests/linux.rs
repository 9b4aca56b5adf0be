//! The real port against the real system.
#![cfg(all(target_os = "linux", not(loom)))]

use std::ptr::NonNull;

use hakmem_contract::{Memory, MetaArena, OsPort, SUPERSLAB};
use hakmem_os_acquire::{Acquire, Linux};

const PAGE: usize = 4096;

fn at(base: NonNull<u8>, offset: usize) -> *mut u8 {
    base.as_ptr().wrapping_add(offset)
}

fn write(base: NonNull<u8>, offset: usize, value: u8) {
    // SAFETY: every test writes inside ranges that it mapped.
    unsafe { at(base, offset).write_volatile(value) };
}

fn read(base: NonNull<u8>, offset: usize) -> u8 {
    // SAFETY: every test reads inside ranges that it mapped.
    unsafe { at(base, offset).read_volatile() }
}

/// How many pages of the range are in memory; `None` when part of it is not mapped.
fn resident(base: NonNull<u8>, bytes: usize) -> Option<usize> {
    let mut pages = vec![0_u8; bytes.div_ceil(PAGE)];
    // SAFETY: `pages` has a byte for every page.
    let status = unsafe { libc::mincore(base.as_ptr().cast(), bytes, pages.as_mut_ptr()) };
    (status == 0).then(|| pages.iter().filter(|&&page| page & 1 != 0).count())
}

#[test]
fn fresh_memory_is_zero_and_purged_memory_is_again() {
    let base = Linux.map(0, 4 * PAGE).unwrap();
    assert_eq!(resident(base, 4 * PAGE), Some(0));
    for page in 0..4 {
        assert_eq!(read(base, page * PAGE), 0);
        write(base, page * PAGE, 7);
    }
    // SAFETY: ours, and not needed.
    assert!(unsafe { Linux.purge(base, 4 * PAGE) });
    assert_eq!(resident(base, 4 * PAGE), Some(0));
    assert_eq!(read(base, PAGE), 0);
    // SAFETY: ours, and not used again.
    assert!(unsafe { Linux.unmap(base, 4 * PAGE) });
    assert_eq!(resident(base, 4 * PAGE), None);
}

#[test]
fn populate_makes_resident_and_keeps_contents() {
    let base = Linux.map(0, 16 * PAGE).unwrap();
    write(base, 5 * PAGE, 9);
    // SAFETY: ours.
    assert!(unsafe { Linux.populate(base, 16 * PAGE) });
    assert_eq!(resident(base, 16 * PAGE), Some(16));
    assert_eq!(read(base, 5 * PAGE), 9);
    // SAFETY: ours, and not used again.
    assert!(unsafe { Linux.unmap(base, 16 * PAGE) });
}

#[test]
fn a_range_acquired_is_aligned_writable_and_comes_back() {
    let memory = Acquire::new(Linux);
    let range = memory.acquire(3 * SUPERSLAB + 1, 1, true).unwrap();
    assert_eq!(range.bytes, 4 * SUPERSLAB);
    assert!(range.zeroed && range.base.as_ptr().addr().is_multiple_of(SUPERSLAB));
    write(range.base, range.bytes - 1, 1);
    // SAFETY: ours, and not used again.
    unsafe { memory.release(range.base, range.bytes) };
    let again = memory.acquire(4 * SUPERSLAB, 1, true).unwrap();
    assert_eq!(again.base, range.base);
    assert!(!again.zeroed);
    assert!(memory.stats().is_balanced());
    assert!(memory.alloc_meta(100).is_some());
}
