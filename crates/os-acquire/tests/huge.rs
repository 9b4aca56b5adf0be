//! Explicit huge pages: on a pool that is made up, with the rules that Linux has, and on this machine.
#![cfg(all(target_os = "linux", not(loom)))]
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::ptr::NonNull;

use hakmem_contract::os::Purpose;
use hakmem_contract::{Memory, MetaArena, OsPort, SUPERSLAB};
use hakmem_os_acquire::huge::Got;
use hakmem_os_acquire::simulated::Call;
use hakmem_os_acquire::{Acquire, Huge, LinuxHuge, Simulated};

const PAGE: usize = 4096;

hakmem_conformance::os!(LinuxHuge, system);

/// A pool of so many pages, and memory behind everything.
fn system(pages: usize) -> Huge<Simulated> {
    let system = Huge::new(Simulated::real());
    system.os().set_pool(pages);
    system
}

fn at(base: NonNull<u8>, offset: usize) -> NonNull<u8> {
    base.map_addr(|address| address.saturating_add(offset))
}

fn write(base: NonNull<u8>, offset: usize, value: u8) {
    // SAFETY: every test writes inside ranges that it mapped.
    unsafe { at(base, offset).write_volatile(value) };
}

fn read(base: NonNull<u8>, offset: usize) -> u8 {
    // SAFETY: every test reads inside ranges that it mapped.
    unsafe { at(base, offset).read_volatile() }
}

fn is_aligned(base: NonNull<u8>) -> bool {
    base.as_ptr().addr().is_multiple_of(SUPERSLAB)
}

fn map(os: &impl OsPort, bytes: usize) -> NonNull<u8> {
    os.map(0, bytes).unwrap()
}

#[test]
fn whole_superslabs_come_from_the_pool_as_long_as_it_lasts() {
    let os = system(3);
    let first = map(&os, 2 * SUPERSLAB);
    assert!(is_aligned(first));
    let second = map(&os, 2 * SUPERSLAB);
    assert_eq!(os.os().pool(), 1, "the pool had not enough for the second");
    let got = Got { explicit: 2 * SUPERSLAB, otherwise: 2 * SUPERSLAB, at_once: 0 };
    assert_eq!(os.got(), got);
    assert!(os.os().is_huge(second.as_ptr().addr()), "others ask for huge pages");
    let small = map(&os, SUPERSLAB / 2);
    assert!(!os.os().is_huge(small.as_ptr().addr()), "small ones do not");
    assert_eq!(os.got(), got, "and are not asked of the pool");
    // SAFETY: ours, and not used again.
    assert!(unsafe { os.unmap(first, 2 * SUPERSLAB) });
    assert_eq!(os.os().pool(), 3, "what is unmapped goes back to the pool");
}

#[test]
fn a_pool_that_refused_is_left_alone_for_a_while() {
    let os = system(0);
    (0..16).for_each(|_| _ = map(&os, SUPERSLAB));
    assert_eq!(os.os().count(Call::MapExplicit), 1);
    os.os().set_pool(1);
    map(&os, SUPERSLAB);
    assert_eq!(os.os().count(Call::MapExplicit), 2);
    assert_eq!(os.got().explicit, SUPERSLAB);
}

#[test]
fn explicit_pages_are_not_purged_and_keep_their_contents() {
    let os = system(2);
    let explicit = map(&os, 2 * SUPERSLAB);
    let plain = map(&os, SUPERSLAB);
    write(explicit, SUPERSLAB + 5, 7);
    write(plain, 5, 7);
    for (offset, bytes) in [(0, 2 * SUPERSLAB), (SUPERSLAB, SUPERSLAB), (PAGE, PAGE), (0, PAGE)] {
        // SAFETY: ours, and not needed.
        assert!(!unsafe { os.purge(at(explicit, offset), bytes) });
    }
    assert_eq!(read(explicit, SUPERSLAB + 5), 7);
    // SAFETY: ours, and not needed.
    assert!(unsafe { os.purge(plain, SUPERSLAB) });
    assert_eq!(read(plain, 5), 0);
}

#[test]
fn a_huge_page_is_protected_whole_or_not_at_all() {
    let os = system(2);
    let base = map(&os, 2 * SUPERSLAB);
    for (offset, bytes) in [(0, PAGE), (PAGE, SUPERSLAB), (SUPERSLAB - PAGE, PAGE), (PAGE, PAGE)] {
        // SAFETY: ours.
        assert!(!unsafe { os.protect(at(base, offset), bytes, false) }, "{offset:#x}");
    }
    // SAFETY: ours, and not touched while it is inaccessible.
    assert!(unsafe { os.protect(at(base, SUPERSLAB), SUPERSLAB, false) });
    // SAFETY: ours.
    assert!(unsafe { os.protect(at(base, SUPERSLAB), SUPERSLAB, true) });
}

#[test]
fn a_huge_page_without_a_name_does_not_end_the_names() {
    let os = system(1);
    let explicit = map(&os, SUPERSLAB);
    let plain = map(&os, SUPERSLAB);
    // SAFETY: ours.
    assert!(unsafe { os.name(explicit, SUPERSLAB, Purpose::Slabs) });
    // SAFETY: ours.
    assert!(unsafe { os.name(plain, SUPERSLAB, Purpose::Slabs) });
    assert_eq!(os.os().purpose(plain.as_ptr().addr()), Some(Purpose::Slabs));
}

#[test]
fn others_are_resident_at_once_if_they_are_not_too_long() {
    let os = system(1);
    let explicit = map(&os, SUPERSLAB);
    let plain = map(&os, 40 * SUPERSLAB);
    let advise = |base, bytes| {
        // SAFETY: ours.
        unsafe { os.advise_huge(base, bytes, true) };
        os.got().at_once
    };
    assert_eq!(advise(explicit, SUPERSLAB), 0, "they are there already");
    assert_eq!(advise(plain, 40 * SUPERSLAB), 0, "a reservation may be for later");
    let whole = plain.as_ptr().addr().next_multiple_of(SUPERSLAB) - plain.as_ptr().addr();
    assert_eq!(advise(at(plain, whole), 3 * SUPERSLAB), 3 * SUPERSLAB);
    assert_eq!(advise(at(plain, whole + PAGE), 2 * SUPERSLAB), 4 * SUPERSLAB, "one is whole");
}

/// The box above, on a pool that lasts for some of it: nothing is lost, and contents stay.
#[test]
fn blocks_grow_and_ranges_wait_whatever_they_are_made_of() {
    for pages in 0..12 {
        let memory = Acquire::new(system(pages));
        let kept = memory.acquire(SUPERSLAB, SUPERSLAB, false).unwrap();
        let range = memory.acquire(2 * SUPERSLAB, SUPERSLAB, true).unwrap();
        let (mut base, mut bytes) = (range.base, range.bytes);
        write(base, SUPERSLAB + 1, 9);
        for more in [1, 2, 3] {
            let new = bytes + more * SUPERSLAB;
            // SAFETY: ours.
            if let Some(moved) = unsafe { memory.resize(base, bytes, new, true) } {
                (base, bytes) = (moved, new);
            }
            assert_eq!(read(base, SUPERSLAB + 1), 9, "{pages} pages");
        }
        // SAFETY: ours, and not used again.
        unsafe { memory.release(kept.base, kept.bytes) };
        // SAFETY: as above.
        unsafe { memory.release(base, bytes) };
        assert!(memory.alloc_meta(100).is_some());
        memory.trim(true);
        let stats = memory.stats();
        assert!(stats.is_balanced());
        assert_eq!((stats.mapped, memory.os().os().mapped()), (stats.meta, stats.meta));
        assert_eq!(memory.os().os().pool(), pages, "all are back in the pool");
    }
}

/// With a pool or without: memory is what it should be, and the count says what it is made of.
#[test]
fn on_this_machine() {
    let memory = Acquire::new(LinuxHuge::new(hakmem_os_acquire::Linux));
    let range = memory.acquire(3 * SUPERSLAB, SUPERSLAB, true).unwrap();
    assert!(is_aligned(range.base));
    for offset in (0..range.bytes).step_by(PAGE) {
        assert_eq!(read(range.base, offset), 0);
        write(range.base, offset, 3);
    }
    let got = memory.os().got();
    assert!(got.explicit + got.otherwise >= range.bytes, "{got:?}");
    let free = std::fs::read_to_string("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages");
    if free.is_ok_and(|pages| pages.trim() == "0") {
        assert_eq!(got.explicit, 0);
        // What is whole is in huge pages, or the system has none of those either.
        assert!(got.at_once <= got.otherwise, "{got:?}");
    }
    // SAFETY: ours, and not needed.
    let purged = unsafe { memory.purge(range.base, range.bytes) };
    assert!(purged != (got.explicit != 0), "explicit pages stay, others go");
    let first = read(range.base, 0);
    assert_eq!(first, if purged { 0 } else { 3 });
    // SAFETY: ours, and not used again.
    unsafe { memory.release(range.base, range.bytes) };
    memory.trim(true);
    assert_eq!(memory.stats().mapped, 0);
}
