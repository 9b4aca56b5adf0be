//! The simulated system as the system of a program: its books need no heap and forget nothing, and its
//! addresses are its own choice.
#![cfg(all(target_os = "linux", not(loom)))]
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Mutex, PoisonError};
use std::thread;

use hakmem_contract::geometry::OS_PAGE;
use hakmem_contract::os::Purpose;
use hakmem_contract::{OsPort, SUPERSLAB};
use hakmem_os_acquire::Simulated;
use hakmem_os_acquire::simulated::Call;

/// The heap of this process, which counts what a thread asks it for.
struct Counting;

thread_local! {
    static ASKED: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: all of it is the system's.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ASKED.set(ASKED.get() + 1);
        // SAFETY: passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        ASKED.set(ASKED.get() + 1);
        // SAFETY: passed on.
        unsafe { System.dealloc(block, layout) };
    }
}

#[global_allocator]
static HEAP: Counting = Counting;

/// One at a time: two systems in one process get into each other's way.
static ALONE: Mutex<()> = Mutex::new(());

fn alone<T>(test: impl FnOnce() -> T) -> T {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    test()
}

fn at(base: NonNull<u8>, offset: usize) -> NonNull<u8> {
    base.map_addr(|address| address.saturating_add(offset))
}

fn pointer(address: usize) -> NonNull<u8> {
    NonNull::new(ptr::without_provenance_mut(address)).unwrap()
}

/// Every call, on ranges of its own.
fn every_call(os: &Simulated) {
    let base = os.map(0, 8 * OS_PAGE).unwrap();
    let to = os.map(0, 16 * OS_PAGE).unwrap();
    let table = os.reserve(1 << 30).unwrap();
    // SAFETY: ours, in all of these, and contents are not needed.
    unsafe { os.populate(base, 8 * OS_PAGE) };
    // SAFETY: as above.
    unsafe { os.advise_huge(at(base, OS_PAGE), OS_PAGE, true) };
    // SAFETY: as above.
    unsafe { os.name(at(base, 3 * OS_PAGE), OS_PAGE, Purpose::Meta) };
    // SAFETY: as above.
    unsafe { os.protect(base, OS_PAGE, false) };
    // SAFETY: as above.
    unsafe { os.protect(base, OS_PAGE, true) };
    // SAFETY: as above.
    unsafe { os.purge(base, 8 * OS_PAGE) };
    // SAFETY: as above.
    unsafe { os.grow(base, 8 * OS_PAGE, 9 * OS_PAGE) };
    // SAFETY: as above, and they do not overlap.
    unsafe { os.relocate(at(base, 4 * OS_PAGE), 4 * OS_PAGE, to, 16 * OS_PAGE) };
    // SAFETY: ours, and not used again.
    assert!(unsafe { os.unmap(at(base, OS_PAGE), OS_PAGE) });
    // SAFETY: as above.
    assert!(unsafe { os.unmap(table, 1 << 30) });
    os.now_ms();
}

#[test]
fn no_call_asks_the_heap() {
    alone(|| {
        let os = Simulated::placed();
        let before = ASKED.get();
        for round in 0..500 {
            every_call(&os);
            os.fail_when(move |call, bytes| call == Call::Purge && bytes > round);
        }
        os.fail_never();
        assert_eq!(ASKED.get(), before, "calls of the heap");
        drop(std::hint::black_box(Box::new(1)));
        assert_eq!(ASKED.get(), before + 2, "they are counted");
    });
}

/// Pages of what is left of a lot of mappings, in an order of no meaning.
#[test]
fn nothing_is_forgotten_however_much_is_mapped() {
    const MAPPINGS: usize = 6_000;
    let os = Simulated::virtual_only();
    let mut naive = BTreeMap::new();
    for _ in 0..MAPPINGS {
        let base = os.map(0, 3 * SUPERSLAB).unwrap();
        (0..3).for_each(|part| _ = naive.insert(base.as_ptr().addr() + part * SUPERSLAB, false));
    }
    let all: Vec<_> = naive.keys().copied().collect();
    for n in 0..all.len() {
        let base = all[n * 7919 % all.len()];
        let range = pointer(base);
        if n.is_multiple_of(3) {
            // SAFETY: no memory is behind it.
            assert!(unsafe { os.unmap(range, SUPERSLAB) });
            naive.remove(&base);
        } else {
            // SAFETY: as above.
            assert!(unsafe { os.advise_huge(range, SUPERSLAB, n.is_multiple_of(2)) });
            naive.insert(base, n.is_multiple_of(2));
        }
    }
    assert_eq!(os.mapped(), naive.len() * SUPERSLAB);
    for base in all {
        assert_eq!(os.covers(base, SUPERSLAB), naive.contains_key(&base), "{base:#x}");
        assert_eq!(os.is_huge(base), naive.get(&base) == Some(&true), "{base:#x}");
    }
}

/// Where a system of its own puts things.
fn places() -> Vec<usize> {
    let os = Simulated::placed();
    let mut near = 0;
    let mut places = Vec::new();
    for pages in [1, 512, 3, 1024, 77, 512] {
        let base = os.map(near, pages * OS_PAGE).unwrap();
        // SAFETY: ours, mapped just now.
        assert_eq!(unsafe { base.replace(1) }, 0);
        places.push(base.as_ptr().addr());
        near = (base.as_ptr().addr() - SUPERSLAB) & !(SUPERSLAB - 1);
    }
    places
}

#[test]
fn the_same_calls_get_the_same_addresses() {
    alone(|| {
        let (first, second) = (places(), places());
        assert_eq!(first, second);
        assert!(first.is_sorted_by(|a, b| a > b), "each below the last: {first:x?}");
    });
}

/// A second system, whose addresses would be those of the first.
#[test]
fn where_somebody_else_is_it_maps_elsewhere() {
    alone(|| {
        let first = Simulated::placed();
        let held: Vec<_> = (0..40).map(|_| first.map(0, SUPERSLAB).unwrap()).collect();
        // SAFETY: ours.
        held.iter().for_each(|base| unsafe { base.write(7) });
        let second = Simulated::placed();
        for base in &held {
            let near = base.as_ptr().addr();
            let other = second.map(near, SUPERSLAB).unwrap();
            assert!(!held.contains(&other), "it is the first one's");
            // SAFETY: ours.
            assert_eq!(unsafe { other.read() }, 0);
        }
        // SAFETY: ours.
        assert!(held.iter().all(|base| unsafe { base.read() } == 7));
        assert_eq!((first.mapped(), second.mapped()), (40 * SUPERSLAB, 40 * SUPERSLAB));
    });
}

/// What the system itself refuses stays in the books.
#[test]
fn a_refusal_of_the_system_changes_no_books() {
    alone(|| {
        let os = Simulated::placed();
        let base = os.map(0, 4 * OS_PAGE).unwrap();
        let inside = at(base, 1);
        // SAFETY: ours; a base inside of a page is refused.
        assert!(!unsafe { os.unmap(inside, OS_PAGE) });
        assert!(os.covers(base.as_ptr().addr(), 4 * OS_PAGE));
        assert_eq!(os.mapped(), 4 * OS_PAGE);
        // More than there is; where nobody counts, it is granted.
        let granted = os.map(0, 1 << 45).map_or(0, |_| 1 << 45);
        assert_eq!(os.mapped(), 4 * OS_PAGE + granted);
    });
}

/// In a program the clock goes on, until it is set.
#[test]
fn the_clock_is_the_systems_until_it_is_set() {
    let os = Simulated::placed();
    let before = os.now_ms();
    assert!(before > 0);
    while os.now_ms() == before {
        std::thread::yield_now();
    }
    os.set_clock(5);
    assert_eq!(os.now_ms(), 5);
}

/// Maps and unmaps until it is told to stop.
fn map_and_unmap(os: &Simulated, stop: &AtomicBool) {
    while !stop.load(SeqCst) {
        let all = [3, 1, 2].map(|pages| (os.map(0, pages * OS_PAGE).unwrap(), pages * OS_PAGE));
        for (base, bytes) in all {
            // SAFETY: ours, and not used again.
            assert!(unsafe { os.unmap(base, bytes) });
        }
    }
}

/// What a child does: it is over in a moment, or the alarm ends it.
fn child(os: &Simulated, held: &[NonNull<u8>]) -> ! {
    // SAFETY: of this process, which has one thread.
    unsafe { libc::alarm(20) };
    let known = held.iter().all(|base| os.covers(base.as_ptr().addr(), 2 * OS_PAGE));
    let mapped = os.mapped();
    for base in held {
        // SAFETY: the child's, as they were the parent's.
        let _ = unsafe { os.name(at(*base, OS_PAGE), OS_PAGE, Purpose::Meta) };
    }
    let same = os.mapped() == mapped;
    for base in held {
        // SAFETY: as above, and not used again.
        let _ = unsafe { os.unmap(*base, OS_PAGE) };
    }
    let cut = held.iter().all(|base| {
        let first = base.as_ptr().addr();
        !os.covers(first, OS_PAGE) && os.covers(first + OS_PAGE, OS_PAGE)
    });
    let more = (0..200).all(|_| os.map(0, OS_PAGE).is_some());
    // SAFETY: ends the child, and runs nothing of the parent's.
    unsafe { libc::_exit(i32::from(!(known && same && cut && more))) }
}

/// Whatever other threads are doing at that moment.
#[test]
fn a_child_finds_the_books_open_and_whole() {
    alone(|| {
        let (os, stop) = (Simulated::placed(), AtomicBool::new(false));
        let held: Vec<_> = (0..301).map(|_| os.map(0, 2 * OS_PAGE).unwrap()).collect();
        thread::scope(|scope| {
            (0..3).for_each(|_| _ = scope.spawn(|| map_and_unmap(&os, &stop)));
            let bad = (0..60).find_map(|round| {
                // SAFETY: the child calls nothing but the system under test.
                let id = unsafe { libc::fork() };
                if id == 0 {
                    child(&os, &held);
                }
                let mut status = -1;
                // SAFETY: our child, and a place for its status.
                let waited = unsafe { libc::waitpid(id, &raw mut status, 0) };
                (waited != id || status != 0).then_some((round, status))
            });
            stop.store(true, SeqCst);
            assert_eq!(bad, None, "the round, and how its child ended");
        });
    });
}
