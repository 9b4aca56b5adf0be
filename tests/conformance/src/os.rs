//! What every port to a system does: memory is fresh and nobody else's, and a refusal changes nothing.
//!
//! The functions are the promises. Every call but the mapping of a few pages may be refused; what it may
//! not do is lie.

use std::io::Read;
use std::os::fd::FromRawFd;
use std::ptr::NonNull;
use std::sync::Barrier;
use std::time::Duration;
use std::{fs, io, ptr, thread};

use hakmem_contract::geometry::OS_PAGE;
use hakmem_contract::os::Purpose;
use hakmem_contract::{Fresh, OsPort, SUPERSLAB};

use crate::Promise;
use crate::memory::place;

/// Nothing needs to be told of a port.
#[derive(Clone, Copy, Debug, Default)]
pub struct Case;

/// Tests of a port, from the promises of `OsPort`.
///
/// ```ignore
/// hakmem_conformance::os!(MyPort, system);
/// ```
///
/// The word `system` asks for what a real system has and one that is made up need not: calls leave
/// `errno` alone, and `die` ends the process.
#[macro_export]
macro_rules! os {
    ($os:ty $(, $word:ident)*) => {
        $crate::__words! { __os [$os] [$crate::os::Case] promises $($word)* }
    };
}

/// The lists of promises.
#[doc(hidden)]
#[macro_export]
macro_rules! __os {
    (promises $make:ident $($for:tt)*) => {
        $crate::$make! { os $($for)*
            fresh_memory_is_zero_and_can_be_used
            mappings_do_not_overlap_whatever_they_wish_for
            what_cannot_be_is_refused
            what_was_unmapped_is_gone_and_nothing_else
            what_was_purged_is_zero_and_nothing_else
            populating_keeps_contents
            advice_and_names_keep_contents
            protected_pages_keep_their_contents
            a_mapping_that_grew_can_be_used
            a_move_takes_everything_along
            the_clock_does_not_go_back
            threads_get_memory_of_their_own
        }
    };
    (system $make:ident $($for:tt)*) => {
        $crate::$make! { os $($for)*
            errno_is_left_alone
            who_dies_says_why
        }
    };
    ($other:ident $($for:tt)*) => {
        ::core::compile_error! { "a port may be said to be: system" }
    };
}

/// Every promise, those that have to be asked for at the end: for controls.
#[must_use]
pub fn promises<O: Subject>() -> Vec<Promise<Case>> {
    let mut all = crate::__os! { promises __table [O] [Case] }.to_vec();
    all.extend(crate::__os! { system __table [O] [Case] });
    all
}

/// What the suite needs of a port.
pub trait Subject: OsPort + Fresh + Sync {}

impl<O: OsPort + Fresh + Sync> Subject for O {}

/// A system and some pages of it, which are given back at the end.
struct Pages<'a, O: OsPort> {
    os: &'a O,
    base: NonNull<u8>,
    bytes: usize,
}

impl<'a, O: OsPort> Pages<'a, O> {
    fn map(os: &'a O, near: usize, bytes: usize) -> Self {
        let base = os.map(near, bytes);
        let base = base.unwrap_or_else(|| unreachable!("no memory: {bytes} bytes near {near:#x}"));
        assert!(base.as_ptr().addr().is_multiple_of(OS_PAGE), "{base:?} is not page-aligned");
        Self { os, base, bytes }
    }

    /// The page's first byte and its last one.
    fn ends(&self, page: usize) -> [*mut u8; 2] {
        let first = self.base.as_ptr().wrapping_add(page * OS_PAGE);
        [first, first.wrapping_add(OS_PAGE - 1)]
    }

    fn n(&self) -> usize {
        self.bytes / OS_PAGE
    }

    fn write(&self, page: usize, byte: u8) {
        // SAFETY: in a mapping of the test's.
        self.ends(page).iter().for_each(|at| unsafe { at.write_volatile(byte) });
    }

    fn reads(&self, page: usize, byte: u8) -> bool {
        assert!(is_mapped(self.ends(page)[0]), "page {page} of {:?} is gone", self.base);
        // SAFETY: in a mapping of the test's.
        self.ends(page).iter().all(|at| unsafe { at.read_volatile() } == byte)
    }

    /// Numbers the pages.
    fn fill(&self) {
        (0..self.n()).for_each(|page| self.write(page, mark(page)));
    }

    fn check(&self, pages: impl IntoIterator<Item = usize>, what: &str) {
        for page in pages {
            assert!(self.reads(page, mark(page)), "page {page} has other contents: {what}");
        }
    }

    /// Pages `at..at + n`.
    fn part(&self, at: usize, n: usize) -> (NonNull<u8>, usize) {
        let base = NonNull::new(self.base.as_ptr().wrapping_add(at * OS_PAGE));
        (base.unwrap(), n * OS_PAGE)
    }
}

impl<O: OsPort> Drop for Pages<'_, O> {
    fn drop(&mut self) {
        if self.bytes > 0 && !thread::panicking() {
            // SAFETY: the test's, and not used again. A refusal leaks.
            let _ = unsafe { self.os.unmap(self.base, self.bytes) };
        }
    }
}

/// What is written to a page.
const fn mark(page: usize) -> u8 {
    (page as u8).wrapping_add(1)
}

/// Whether the page of `at` is in memory; `None` when it is not mapped.
fn is_resident(at: *mut u8) -> Option<bool> {
    let mut resident = 0;
    // SAFETY: one page, one byte.
    let mapped = unsafe { libc::mincore(at.cast(), 1, &raw mut resident) == 0 };
    mapped.then_some(resident & 1 != 0)
}

/// Whether the page of `at` is mapped.
fn is_mapped(at: *mut u8) -> bool {
    is_resident(at).is_some()
}

/// How often a mapping has to go before it counts as one that stays.
const TRIES: usize = 20;

/// Whether most of these pages are not mapped.
fn mostly_gone(ends: impl Iterator<Item = *mut u8>) -> bool {
    let (mut gone, mut all) = (0, 0);
    for at in ends {
        all += 1;
        gone += usize::from(!is_mapped(at));
    }
    gone * 2 > all
}

/// Fails if `once` never sees a mapping go. Other threads of the process map as well, and may be given at
/// once what has just become free; so it is tried again.
fn seen_to_go(what: &str, once: impl Fn() -> bool) {
    assert!((0..TRIES).any(|_| once()), "{what} is still mapped");
}

/// A pipe: its end to read from, and the one to write to.
fn pipe() -> (fs::File, i32) {
    let mut ends = [0; 2];
    // SAFETY: room for two.
    assert_eq!(unsafe { libc::pipe(ends.as_mut_ptr()) }, 0);
    // SAFETY: a descriptor that nobody else has.
    (unsafe { fs::File::from_raw_fd(ends[0]) }, ends[1])
}

/// Whether the system can read the byte at `at`: a program that tried to would end if not.
fn is_readable(at: *mut u8) -> bool {
    let (_reader, end) = pipe();
    // SAFETY: the system says EFAULT if it cannot.
    let written = unsafe { libc::write(end, at.cast(), 1) };
    // SAFETY: ours, and not used again.
    unsafe { libc::close(end) };
    written == 1
}

/// Of a page, of a SuperSlab, of odd numbers of pages.
pub fn fresh_memory_is_zero_and_can_be_used<O: Subject>(_: &Case) {
    let os = place::<O>();
    for bytes in [OS_PAGE, 3 * OS_PAGE, 17 * OS_PAGE, SUPERSLAB, 2 * SUPERSLAB + OS_PAGE] {
        // Again, because the system may give back what was unmapped.
        for round in 0..3 {
            let pages = Pages::map(&*os, 0, bytes);
            for page in 0..pages.n() {
                assert!(pages.reads(page, 0), "page {page} is not zero, round {round}");
            }
            pages.fill();
            pages.check(0..pages.n(), "just written");
        }
    }
}

/// A wish is a wish, also for an address where something is.
pub fn mappings_do_not_overlap_whatever_they_wish_for<O: Subject>(_: &Case) {
    let os = place::<O>();
    let first = Pages::map(&*os, 0, 8 * OS_PAGE);
    first.fill();
    let at = first.base.as_ptr().addr();
    let wishes = [at, at + OS_PAGE, at + 8 * OS_PAGE, at - OS_PAGE, 1, 1 << 46, usize::MAX];
    let others: Vec<_> =
        wishes.map(|near| os.map(near, 2 * OS_PAGE)).into_iter().flatten().collect();
    let others: Vec<_> =
        others.into_iter().map(|base| Pages { os: &*os, base, bytes: 2 * OS_PAGE }).collect();
    let more: Vec<_> = (0..64).map(|_| Pages::map(&*os, 0, 2 * OS_PAGE)).collect();
    for (n, pages) in others.iter().chain(&more).enumerate() {
        assert!(pages.reads(0, 0) && pages.reads(1, 0), "not zero: somebody else's?");
        pages.write(0, 100 + n as u8);
        pages.write(1, 100 + n as u8);
    }
    for (n, pages) in others.iter().chain(&more).enumerate() {
        let byte = 100 + n as u8;
        assert!(pages.reads(0, byte) && pages.reads(1, byte), "two mappings overlap");
    }
    first.check(0..8, "another mapping was wished for here");
}

/// More than there are addresses: an answer, not an end.
pub fn what_cannot_be_is_refused<O: Subject>(_: &Case) {
    let os = place::<O>();
    for bytes in [1 << 48, 1 << 62, usize::MAX - OS_PAGE + 1] {
        assert_eq!(os.map(0, bytes), None, "{bytes:#x} bytes");
    }
    drop(Pages::map(&*os, 0, OS_PAGE));
}

/// All of a mapping, and a part in the middle.
pub fn what_was_unmapped_is_gone_and_nothing_else<O: Subject>(_: &Case) {
    let os = place::<O>();
    seen_to_go("the middle of a mapping", || loses_its_middle(&*os));
    seen_to_go("a whole mapping", || {
        let whole = Pages::map(&*os, 0, 600 * OS_PAGE);
        let ends: Vec<_> = (0..600).map(|page| whole.ends(page)[0]).collect();
        // SAFETY: the test's, and not used again if it is gone.
        if !unsafe { os.unmap(whole.base, whole.bytes) } {
            return true;
        }
        std::mem::forget(whole);
        mostly_gone(ends.into_iter())
    });
}

/// Whether the middle of a mapping, and nothing else, was seen to go, or the system refused.
fn loses_its_middle<O: OsPort>(os: &O) -> bool {
    // Longer than most of what else comes and goes in a process of tests.
    let mut pages = Pages::map(os, 0, 600 * OS_PAGE);
    pages.fill();
    let (base, bytes) = pages.part(100, 400);
    // SAFETY: the test's, and not used again if it is gone.
    if !unsafe { os.unmap(base, bytes) } {
        pages.check(0..600, "a refusal changes nothing");
        return true;
    }
    let is_gone = mostly_gone((100..500).map(|page| pages.ends(page)[0]));
    pages.check((0..100).chain(500..600), "beside what was unmapped");
    pages.bytes = 100 * OS_PAGE;
    drop(Pages { os, base: pages.part(500, 0).0, bytes: 100 * OS_PAGE });
    is_gone
}

/// `true` is the truth: the pages are not resident, and read as zero.
pub fn what_was_purged_is_zero_and_nothing_else<O: Subject>(_: &Case) {
    let os = place::<O>();
    for (at, n) in [(0, 16), (3, 1), (5, 9)] {
        let pages = Pages::map(&*os, 0, 16 * OS_PAGE);
        pages.fill();
        let (base, bytes) = pages.part(at, n);
        // SAFETY: the test's, who does not need the contents.
        if unsafe { os.purge(base, bytes) } {
            for page in at..at + n {
                let resident = is_resident(pages.ends(page)[0]);
                assert_eq!(resident, Some(false), "page {page} after a purge");
                assert!(pages.reads(page, 0), "page {page} is not zero after a purge");
            }
        }
        pages.check((0..at).chain(at + n..16), "beside a purge");
        pages.fill();
        pages.check(0..16, "after a purge");
    }
}

/// Of pages that were touched, and of those that were not; on `true` all are resident.
pub fn populating_keeps_contents<O: Subject>(_: &Case) {
    let os = place::<O>();
    let pages = Pages::map(&*os, 0, 16 * OS_PAGE);
    pages.write(5, 6);
    // SAFETY: the test's.
    if unsafe { os.populate(pages.base, pages.bytes) } {
        let resident = (0..16).filter(|&page| is_resident(pages.ends(page)[0]) == Some(true));
        assert_eq!(resident.count(), 16, "pages that are resident");
    }
    pages.check([5], "populated");
    assert!((6..16).all(|page| pages.reads(page, 0)), "what was not touched is zero");
}

/// Whatever the answer.
pub fn advice_and_names_keep_contents<O: Subject>(_: &Case) {
    let os = place::<O>();
    let pages = Pages::map(&*os, 0, 2 * SUPERSLAB);
    pages.fill();
    for huge in [true, false, true] {
        // SAFETY: the test's.
        let _ = unsafe { os.advise_huge(pages.base, pages.bytes, huge) };
        for purpose in [Purpose::Slabs, Purpose::Huge, Purpose::Meta, Purpose::Table] {
            // SAFETY: the test's.
            let _ = unsafe { os.name(pages.base, pages.bytes, purpose) };
        }
        pages.check(0..pages.n(), "advice, and a name");
    }
}

/// Pages that are inaccessible are so, and have their contents again.
pub fn protected_pages_keep_their_contents<O: Subject>(_: &Case) {
    let os = place::<O>();
    let pages = Pages::map(&*os, 0, 8 * OS_PAGE);
    pages.fill();
    let (base, bytes) = pages.part(2, 3);
    // SAFETY: the test's, who does not touch them.
    if unsafe { os.protect(base, bytes, false) } {
        for page in 2..5 {
            assert!(!is_readable(pages.ends(page)[0]), "page {page} can be read");
        }
        pages.check([0, 1, 5, 6, 7], "beside pages that are protected");
        // SAFETY: the test's.
        assert!(unsafe { os.protect(base, bytes, true) }, "what was closed cannot be opened");
    }
    pages.check(0..8, "accessible again");
    pages.fill();
}

/// Where it is; or it stays as it was.
pub fn a_mapping_that_grew_can_be_used<O: Subject>(_: &Case) {
    let os = place::<O>();
    for new in [5, 64, 1 << 20] {
        let mut pages = Pages::map(&*os, 0, 4 * OS_PAGE);
        pages.fill();
        // SAFETY: the test's, and all of its mapping.
        if unsafe { os.grow(pages.base, pages.bytes, new * OS_PAGE) } {
            pages.bytes = new * OS_PAGE;
            let added = [4, new / 2, new - 1].into_iter().filter(|page| *page >= 4);
            assert!(added.clone().all(|page| pages.reads(page, 0)), "what is new is not fresh");
            added.for_each(|page| pages.write(page, 9));
        }
        pages.check(0..4, "after it grew, or did not");
    }
}

/// Contents go along, what is longer is fresh, and nothing stays; or all is as it was.
pub fn a_move_takes_everything_along<O: Subject>(_: &Case) {
    let os = place::<O>();
    moves(&*os, 4, 4);
    seen_to_go("what was moved", || moves(&*os, 300, 400));
}

/// Moves `old` pages to a mapping of `new`. Whether the old place was seen to go, or the system refused.
fn moves<O: OsPort>(os: &O, old: usize, new: usize) -> bool {
    let from = Pages::map(os, 0, old * OS_PAGE);
    let to = Pages::map(os, 0, new * OS_PAGE);
    from.fill();
    to.fill();
    // SAFETY: both are the test's, and do not overlap.
    if !unsafe { os.relocate(from.base, from.bytes, to.base, to.bytes) } {
        from.check(0..old, "a refusal changes nothing");
        to.check(0..new, "a refusal changes nothing");
        return true;
    }
    let ends: Vec<_> = (0..old).map(|page| from.ends(page)[0]).collect();
    std::mem::forget(from);
    to.check(0..old, "moved here");
    assert!((old..new).all(|page| to.reads(page, 0)), "what is longer is not fresh");
    mostly_gone(ends.into_iter())
}

/// Read many times.
pub fn the_clock_does_not_go_back<O: Subject>(_: &Case) {
    let os = place::<O>();
    let mut before = 0;
    for _ in 0..1000 {
        let now = os.now_ms();
        assert!(now >= before, "{before}, then {now}");
        before = now;
    }
}

/// Four threads that map, write, look and unmap.
pub fn threads_get_memory_of_their_own<O: Subject>(_: &Case) {
    let (os, start) = (place::<O>(), Barrier::new(4));
    thread::scope(|scope| {
        for number in 1..=4 {
            let (os, start) = (&*os, &start);
            scope.spawn(move || {
                start.wait();
                for _ in 0..100 {
                    let all = [(); 4].map(|()| Pages::map(os, 0, 2 * OS_PAGE));
                    all.iter().for_each(|pages| pages.write(0, number));
                    // Whoever only yields may be alone.
                    thread::sleep(Duration::from_micros(20));
                    assert!(all.iter().all(|pages| pages.reads(0, number)), "another thread's");
                }
            });
        }
    });
}

/// Not when a call is refused, either.
pub fn errno_is_left_alone<O: Subject>(_: &Case) {
    let os = place::<O>();
    let errno = || io::Error::last_os_error().raw_os_error();
    let pages = Pages::map(&*os, 0, 4 * OS_PAGE);
    // SAFETY: closes nothing, and says so.
    unsafe { libc::close(-1) };
    let none = os.map(0, usize::MAX - OS_PAGE + 1);
    // SAFETY: the test's; a base inside a page is refused.
    let _ = unsafe { os.purge(NonNull::new(pages.ends(0)[1]).unwrap(), OS_PAGE) };
    let _ = os.now_ms();
    assert_eq!(errno(), Some(libc::EBADF), "a call sets errno");
    assert_eq!(none, None);
}

/// In a process of its own: the line is on its standard error stream, and it is gone.
pub fn who_dies_says_why<O: Subject>(_: &Case) {
    const LINE: &[u8] = b"hakmem: these are my last words\n";
    let os = place::<O>();
    let (mut reader, end) = pipe();
    // SAFETY: the child calls nothing but what may be called there.
    let child = unsafe { libc::fork() };
    assert!(child >= 0, "no process");
    if child == 0 {
        // No file of what was in its memory.
        // SAFETY: descriptors and limits of this process.
        unsafe { libc::setrlimit(libc::RLIMIT_CORE, &libc::rlimit { rlim_cur: 0, rlim_max: 0 }) };
        // SAFETY: as above.
        unsafe { libc::dup2(end, libc::STDERR_FILENO) };
        os.die(LINE);
    }
    // SAFETY: ours, and not used again.
    unsafe { libc::close(end) };
    let mut said = Vec::new();
    reader.read_to_end(&mut said).unwrap();
    let mut status = 0;
    // SAFETY: our child.
    assert_eq!(unsafe { libc::waitpid(child, ptr::from_mut(&mut status), 0) }, child);
    assert_eq!(said, LINE, "what it says");
    assert!(libc::WIFSIGNALED(status), "it ends by itself: {status:#x}");
    assert_eq!(libc::WTERMSIG(status), libc::SIGABRT, "the signal");
}
