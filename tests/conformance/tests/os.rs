//! Ports that are wrong in one way each, and one that is right.

mod common;

use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use common::{check, has};
use hakmem_conformance::os::{self, Case};
use hakmem_contract::os::Purpose;
use hakmem_contract::{Fresh, OsPort, Unplaced};

const DIRTY: u8 = 1;
const TAKES_WHAT_IS_THERE: u8 = 2;
const INSISTS: u8 = 3;
const UNMAPS_NOTHING: u8 = 4;
const UNMAPS_MORE: u8 = 5;
const PURGES_NOTHING: u8 = 6;
const PURGES_MORE: u8 = 7;
const POPULATES_ANEW: u8 = 8;
const ADVICE_DROPS: u8 = 9;
const PROTECTS_NOTHING: u8 = 10;
const GROWS_NOTHING: u8 = 11;
const LEAVES_BEHIND: u8 = 12;
const MOVES_HALF: u8 = 13;
const CLOCK_GOES_BACK: u8 = 14;
const SETS_ERRNO: u8 = 15;
const DIES_SILENTLY: u8 = 16;
const SHARES: u8 = 17;

const PAGE: usize = 4096;

/// The last mapping of the port that is wrong.
static LAST: AtomicUsize = AtomicUsize::new(0);

/// libc's calls.
#[derive(Debug)]
struct Libc<const WRONG: bool>;

impl<const WRONG: bool> Fresh for Libc<WRONG> {
    const FRESH: Unplaced<Self> = Unplaced::new(Self);
}

/// Whether a call that returns 0 or -1 did what it was asked to, with `errno` as it was.
fn ok<const WRONG: bool>(call: impl FnOnce() -> i32) -> bool {
    let place = errno();
    // SAFETY: this thread's.
    let before = unsafe { place.read() };
    let done = call() == 0;
    if !has::<WRONG>(SETS_ERRNO) {
        // SAFETY: as above.
        unsafe { place.write(before) };
    }
    done
}

fn errno() -> *mut i32 {
    // SAFETY: has no preconditions.
    unsafe { libc::__errno_location() }
}

fn at(base: NonNull<u8>, offset: usize) -> *mut libc::c_void {
    base.as_ptr().wrapping_add(offset).cast()
}

// SAFETY: not all of them: that is the test. What is lost of memory is the suite's.
unsafe impl<const WRONG: bool> OsPort for Libc<WRONG> {
    fn map(&self, near: usize, bytes: usize) -> Option<NonNull<u8>> {
        let access = libc::PROT_READ | libc::PROT_WRITE;
        let mut flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        let near: *mut libc::c_void = ptr::without_provenance_mut(near & !(PAGE - 1));
        if has::<WRONG>(TAKES_WHAT_IS_THERE) && near.addr() == LAST.load(SeqCst) {
            flags |= libc::MAP_FIXED;
        }
        let mut base = libc::MAP_FAILED;
        ok::<WRONG>(|| {
            // SAFETY: a new mapping.
            base = unsafe { libc::mmap(near, bytes, access, flags, -1, 0) };
            0
        });
        if base == libc::MAP_FAILED {
            assert!(!has::<WRONG>(INSISTS), "there is no memory");
            return None;
        }
        if WRONG {
            LAST.store(base.addr(), SeqCst);
        }
        if has::<WRONG>(DIRTY) {
            // SAFETY: just mapped.
            unsafe { base.cast::<u8>().write(1) };
        }
        if has::<WRONG>(SHARES) && bytes == 2 * PAGE {
            static ONE: std::sync::OnceLock<usize> = std::sync::OnceLock::new();
            let one = *ONE.get_or_init(|| base.expose_provenance());
            return NonNull::new(ptr::with_exposed_provenance_mut(one));
        }
        NonNull::new(base.cast())
    }

    unsafe fn unmap(&self, base: NonNull<u8>, bytes: usize) -> bool {
        if has::<WRONG>(UNMAPS_NOTHING) || has::<WRONG>(SHARES) {
            return true;
        }
        let more = if has::<WRONG>(UNMAPS_MORE) && bytes == 400 * PAGE { PAGE } else { 0 };
        // SAFETY: the caller's pages, or not: that is the test.
        ok::<WRONG>(|| unsafe { libc::munmap(at(base, 0), bytes + more) })
    }

    unsafe fn purge(&self, base: NonNull<u8>, bytes: usize) -> bool {
        let more = if has::<WRONG>(PURGES_MORE) && bytes < 10 * PAGE { PAGE } else { 0 };
        let advice = libc::MADV_DONTNEED;
        // SAFETY: as above.
        let purge = || unsafe { libc::madvise(at(base, 0), bytes + more, advice) };
        has::<WRONG>(PURGES_NOTHING) || ok::<WRONG>(purge)
    }

    unsafe fn populate(&self, base: NonNull<u8>, bytes: usize) -> bool {
        // SAFETY: the caller's pages.
        has::<WRONG>(POPULATES_ANEW) && unsafe { self.purge(base, bytes) }
    }

    unsafe fn advise_huge(&self, base: NonNull<u8>, bytes: usize, huge: bool) -> bool {
        let advice = if has::<WRONG>(ADVICE_DROPS) && !huge {
            libc::MADV_DONTNEED
        } else if huge {
            libc::MADV_HUGEPAGE
        } else {
            libc::MADV_NOHUGEPAGE
        };
        // SAFETY: the caller's pages.
        ok::<WRONG>(|| unsafe { libc::madvise(at(base, 0), bytes, advice) })
    }

    unsafe fn protect(&self, base: NonNull<u8>, bytes: usize, access: bool) -> bool {
        let all = libc::PROT_READ | libc::PROT_WRITE;
        let protection = if access { all } else { libc::PROT_NONE };
        // SAFETY: the caller's pages.
        let protect = || unsafe { libc::mprotect(at(base, 0), bytes, protection) };
        has::<WRONG>(PROTECTS_NOTHING) || ok::<WRONG>(protect)
    }

    unsafe fn name(&self, _: NonNull<u8>, _: usize, _: Purpose) -> bool {
        false
    }

    unsafe fn grow(&self, base: NonNull<u8>, old: usize, new: usize) -> bool {
        let grow = || {
            // SAFETY: the caller's mapping.
            let moved = unsafe { libc::mremap(at(base, 0), old, new, 0) };
            if moved == libc::MAP_FAILED { -1 } else { 0 }
        };
        has::<WRONG>(GROWS_NOTHING) || ok::<WRONG>(grow)
    }

    unsafe fn relocate(&self, base: NonNull<u8>, old: usize, to: NonNull<u8>, new: usize) -> bool {
        let n = if has::<WRONG>(MOVES_HALF) { old / 2 } else { old };
        // SAFETY: both are the caller's.
        unsafe { to.as_ptr().write_bytes(0, new) };
        // SAFETY: as above.
        unsafe { to.as_ptr().copy_from_nonoverlapping(base.as_ptr(), n) };
        // SAFETY: as above.
        let unmap = || unsafe { libc::munmap(at(base, 0), old) };
        has::<WRONG>(LEAVES_BEHIND) || ok::<WRONG>(unmap)
    }

    fn now_ms(&self) -> u64 {
        let now = std::time::Instant::now();
        static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
        let ms = now.duration_since(*START.get_or_init(|| now)).as_millis() as u64;
        if has::<WRONG>(CLOCK_GOES_BACK) {
            u64::MAX - now.elapsed().as_nanos() as u64 % 7
        } else {
            ms
        }
    }

    fn die(&self, line: &[u8]) -> ! {
        if !has::<WRONG>(DIES_SILENTLY) {
            // SAFETY: reads the line.
            unsafe { libc::write(libc::STDERR_FILENO, line.as_ptr().cast(), line.len()) };
        }
        // SAFETY: has no preconditions.
        unsafe { libc::abort() }
    }
}

hakmem_conformance::os!(Libc<false>, system);

#[test]
fn wrong_ports_are_noticed() {
    check(
        &os::promises::<Libc<true>>(),
        &Case,
        &[
            (DIRTY, &["fresh_memory_is_zero_and_can_be_used"]),
            (TAKES_WHAT_IS_THERE, &["mappings_do_not_overlap_whatever_they_wish_for"]),
            (INSISTS, &["what_cannot_be_is_refused"]),
            (UNMAPS_NOTHING, &["what_was_unmapped_is_gone_and_nothing_else"]),
            (UNMAPS_MORE, &["what_was_unmapped_is_gone_and_nothing_else"]),
            (PURGES_NOTHING, &["what_was_purged_is_zero_and_nothing_else"]),
            (PURGES_MORE, &["what_was_purged_is_zero_and_nothing_else"]),
            (POPULATES_ANEW, &["populating_keeps_contents"]),
            (ADVICE_DROPS, &["advice_and_names_keep_contents"]),
            (PROTECTS_NOTHING, &["protected_pages_keep_their_contents"]),
            (GROWS_NOTHING, &["a_mapping_that_grew_can_be_used"]),
            (LEAVES_BEHIND, &["a_move_takes_everything_along"]),
            (MOVES_HALF, &["a_move_takes_everything_along"]),
            (CLOCK_GOES_BACK, &["the_clock_does_not_go_back"]),
            (SETS_ERRNO, &["errno_is_left_alone"]),
            (DIES_SILENTLY, &["who_dies_says_why"]),
            (SHARES, &["threads_get_memory_of_their_own"]),
        ],
    );
}
