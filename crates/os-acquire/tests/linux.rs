//! The real port against the real system.
#![cfg(all(target_os = "linux", not(loom)))]

use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, Ordering::SeqCst};

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

hakmem_conformance::os!(Linux, system);

/// The advice refuses an address inside a page, as an old system refuses it altogether; then
/// every page is touched.
#[test]
fn populate_touches_where_the_advice_is_refused() {
    let base = Linux.map(0, 16 * PAGE).unwrap();
    write(base, 5 * PAGE + 64, 9);
    // SAFETY: inside the mapping.
    let inside = unsafe { base.add(64) };
    // SAFETY: ours.
    assert!(unsafe { Linux.populate(inside, 15 * PAGE) });
    assert_eq!(resident(base, 15 * PAGE), Some(15));
    assert_eq!(read(base, 5 * PAGE + 64), 9);
    // SAFETY: ours, and not used again.
    assert!(unsafe { Linux.unmap(base, 16 * PAGE) });
}

/// Far more than is free here is no more than addresses, and one byte of it is one page.
#[test]
fn what_is_reserved_costs_what_is_touched() {
    const GIB: usize = 1 << 30;
    let base = Linux.reserve(64 * GIB).unwrap();
    let place = 40 * GIB + 5 * PAGE;
    assert_eq!(read(base, 64 * GIB - 1), 0);
    write(base, place, 7);
    // SAFETY: inside what was reserved.
    let around = unsafe { base.add(40 * GIB) };
    assert_eq!(resident(around, 4 << 20), Some(1));
    assert_eq!(read(base, place), 7);
    // SAFETY: ours, and not used again.
    assert!(unsafe { Linux.unmap(base, 64 * GIB) });
}

/// What a registry reserves counts as metadata, and is gone when it goes back.
#[test]
fn a_reservation_is_in_the_books() {
    let memory = Acquire::new(Linux);
    let base = memory.reserve_meta(24 << 30).unwrap();
    assert_eq!(memory.stats().meta, 24 << 30);
    assert!(memory.stats().is_balanced());
    // SAFETY: reserved just now.
    unsafe { memory.unreserve_meta(base, 24 << 30) };
    assert_eq!((memory.stats().meta, memory.stats().mapped), (0, 0));
}

/// In a `static` it is all zero bytes, and needs no room in the file.
#[test]
fn a_new_box_is_all_zero() {
    static MEMORY: Acquire<Linux> = Acquire::new(Linux);
    let first = std::ptr::from_ref(&MEMORY).cast::<u8>();
    for offset in 0..size_of_val(&MEMORY) {
        // SAFETY: inside the static, which has atomics only, and so no padding.
        let byte = unsafe { first.add(offset) };
        // SAFETY: initialised; nobody changes it.
        assert_eq!(unsafe { byte.read() }, 0);
    }
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

#[test]
fn alignment_up_to_a_gigabyte() {
    let memory = Acquire::new(Linux);
    for shift in 21..=30 {
        let range = memory.acquire(SUPERSLAB, 1 << shift, true).unwrap();
        assert!(range.base.as_ptr().addr().is_multiple_of(1 << shift));
        write(range.base, SUPERSLAB - 1, 1);
        assert_eq!(memory.stats().mapped, memory.stats().handed_out, "nothing around it");
        // SAFETY: ours, and not used again.
        unsafe { memory.release(range.base, range.bytes) };
        memory.trim(true);
        assert_eq!(memory.stats().mapped, 0);
    }
}

#[test]
fn relocation_keeps_contents_and_leaves_nothing() {
    let memory = Acquire::new(Linux);
    let from = memory.acquire(2 * SUPERSLAB, 1, true).unwrap();
    let to = memory.acquire(5 * SUPERSLAB, 1, true).unwrap();
    for page in 0..1024 {
        write(from.base, page * PAGE, page as u8);
    }
    // SAFETY: both ours; the box is not used again.
    assert!(unsafe { Linux.relocate(from.base, from.bytes, to.base, to.bytes) });
    assert_eq!(resident(from.base, from.bytes), None);
    for page in 0..1024 {
        assert_eq!(read(to.base, page * PAGE), page as u8);
    }
    assert_eq!(read(to.base, 5 * SUPERSLAB - 1), 0);
}

/// A range of two mappings is refused before the target is harmed.
#[test]
fn a_refused_relocation_changes_nothing() {
    let memory = Acquire::new(Linux);
    let from = memory.acquire(2 * SUPERSLAB, 1, true).unwrap();
    let to = memory.acquire(4 * SUPERSLAB, 1, true).unwrap();
    // SAFETY: ours.
    unsafe { Linux.advise_huge(from.base, SUPERSLAB, false) };
    write(from.base, 3, 3);
    write(from.base, SUPERSLAB + 3, 4);
    // SAFETY: both ours.
    let moved = unsafe { Linux.relocate(from.base, from.bytes, to.base, to.bytes) };
    assert!(!moved);
    assert!(resident(to.base, to.bytes).is_some(), "the target is still mapped");
    assert_eq!((read(from.base, 3), read(from.base, SUPERSLAB + 3)), (3, 4));
}

#[test]
fn resizing_keeps_contents_whatever_the_mappings() {
    let memory = Acquire::new(Linux);
    // Not whole SuperSlabs: advice makes two mappings.
    let range = memory.acquire(6 * SUPERSLAB + 1, 1, true).unwrap();
    let (mut base, mut bytes) = (range.base, range.bytes);
    for superslab in 0..7 {
        write(base, superslab * SUPERSLAB, 1 + superslab as u8);
    }
    for more in [1, 9, 20] {
        let new = bytes + more * SUPERSLAB;
        // SAFETY: ours.
        base = unsafe { memory.resize(base, bytes, new, true) }.unwrap();
        bytes = new;
        for superslab in 0..7 {
            assert_eq!(read(base, superslab * SUPERSLAB), 1 + superslab as u8);
        }
        write(base, bytes - 1, 1);
        assert!(memory.stats().is_balanced());
        assert!(resident(base, bytes).is_some());
    }
    assert_eq!(memory.stats().mapped, bytes);
}

#[test]
fn the_clock_goes_on() {
    let before = Linux.now_ms();
    std::thread::sleep(std::time::Duration::from_millis(50));
    let after = Linux.now_ms();
    assert!((40..5000).contains(&(after - before)), "{before} {after}");
}

/// What the system says of thread `id` of this process: `S` when it sleeps.
fn state_of(id: i32) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/self/task/{id}/stat")).ok()?;
    // After the name, which is in brackets.
    stat.rsplit(") ").next()?.chars().next()
}

fn pause() {
    std::thread::sleep(std::time::Duration::from_millis(2));
}

/// Whether `done` becomes true, after at most so many looks.
fn comes(looks: usize, done: impl Fn() -> bool) -> bool {
    (0..looks).any(|_| {
        pause();
        done()
    })
}

#[test]
fn who_waits_sleeps_until_it_is_woken() {
    let word = AtomicU32::new(7);
    let address = || NonNull::from(&word).cast();
    let (id, woken) = (AtomicI32::new(0), AtomicBool::new(false));
    // Another value: no reason to wait.
    Linux.wait_while(address(), 8);
    let [slept, too_early, in_time] = std::thread::scope(|scope| {
        scope.spawn(|| {
            // SAFETY: has no preconditions.
            id.store(unsafe { libc::gettid() }, SeqCst);
            while word.load(SeqCst) == 7 {
                Linux.wait_while(address(), 7);
            }
            woken.store(true, SeqCst);
        });
        comes(1000, || id.load(SeqCst) != 0);
        // It may be asleep for another reason once; not ten times in a row.
        let slept = comes(1000, || (0..10).all(|_| state_of(id.load(SeqCst)) == Some('S')));
        word.store(8, SeqCst);
        pause();
        let too_early = woken.load(SeqCst);
        Linux.wake_one(address());
        let in_time = comes(1000, || woken.load(SeqCst));
        let wake = libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG;
        // SAFETY: wakes whoever still waits, so that a test which fails comes to its end.
        unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), wake, i32::MAX) };
        [slept, too_early, in_time]
    });
    assert!(slept, "it did not sleep");
    assert!(!too_early, "it woke by itself");
    assert!(in_time, "nobody woke it");
}
