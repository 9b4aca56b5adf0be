//! A system of which explicit huge pages are asked, and others at once where there are none.
//!
//! An explicit huge page (`MAP_HUGETLB`) is one of a pool that the machine's owner has set aside. It is
//! there or it is not; nothing is split, swapped, or joined behind anybody's back. Everything in whole
//! SuperSlabs is asked of the pool first. What the pool does not have is mapped as usual, asks for
//! huge pages when it is mapped, and gets them at once when the allocator asks for them.
//!
//! # What it does not do
//!
//! It changes no setting of the machine. It does not purge an explicit page: the page would go back to
//! the pool, where another process may take it, and the next touch would end this one by SIGBUS. A purge
//! that meets one is refused, whole, and the memory goes back when it is unmapped. A change of protection
//! that would split one is refused, too. It does not hand out an explicit page that is only promised: a range is
//! populated when it is mapped, or given back.
//!
//! It cannot help a process that forks: parent and child share explicit pages until one writes, and if
//! the pool has no page for the copy then, the child ends by SIGBUS.
//!
//! # Protocol
//!
//! None: what is shared are counts, which order nothing. Every order here is Relaxed.

mod linux;

use core::ptr::NonNull;

use hakmem_contract::geometry::OS_PAGE;
use hakmem_contract::os::Purpose;
use hakmem_contract::{Fresh, OsPort, SUPERSLAB, Unplaced};
use hakmem_sync::const_unless_loom;

use crate::books::Counter;
use crate::linux::Linux;

/// After a refusal so many mappings are made without asking the pool again.
const REST: usize = 15;

/// 16 MiB: what is made resident at once. More would be a program's reservation, or one of the long
/// steps that threads map ahead when many of them find nothing at hand at the same moment.
const AT_ONCE: usize = 8 * SUPERSLAB;

/// What a system knows of huge pages beside what every port does.
///
/// # Safety
///
/// Implementors promise the *Guarantees* below; unsafe code relies on them.
///
/// # Guarantees
///
/// - Memory from `map_explicit` keeps the promises of [`OsPort::map`], lies at a multiple of a
///   SuperSlab, and no touch of it fails for want of a page.
/// - `has_explicit` says `true` if any page of the range is an explicit huge one, and changes no contents.
pub unsafe trait HugePages: OsPort {
    /// `bytes` of explicit huge pages, whole SuperSlabs; `None` when the pool has not so many.
    fn map_explicit(&self, near: usize, bytes: usize) -> Option<NonNull<u8>>;

    /// Whether there may be an explicit huge page in a range that is mapped.
    ///
    /// # Safety
    ///
    /// The pages are the caller's.
    unsafe fn has_explicit(&self, base: NonNull<u8>, bytes: usize) -> bool;

    /// Makes huge pages of small ones that are resident; contents stay. `false` when the system cannot.
    ///
    /// # Safety
    ///
    /// The pages are the caller's.
    unsafe fn collapse(&self, base: NonNull<u8>, bytes: usize) -> bool;
}

/// What was got so far, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Got {
    /// Mapped in explicit huge pages.
    pub explicit: usize,
    /// Mapped in whole SuperSlabs otherwise, because the pool refused or had just refused.
    pub otherwise: usize,
    /// Of that, made resident in huge pages at once.
    pub at_once: usize,
}

/// See the [module docs](self). All zero bytes when new, but for the system.
#[derive(Debug)]
pub struct Huge<P> {
    os: P,
    explicit: Counter,
    otherwise: Counter,
    at_once: Counter,
    /// Mappings until the pool is asked again.
    rest: Counter,
}

/// Linux, with explicit huge pages.
pub type LinuxHuge = Huge<Linux>;

impl<P> Huge<P> {
    const_unless_loom! {
        /// Nothing is mapped, nothing is called.
        pub fn new(os: P) -> Self {
            Self {
                os,
                explicit: Counter::new(),
                otherwise: Counter::new(),
                at_once: Counter::new(),
                rest: Counter::new(),
            }
        }
    }

    /// The system below.
    pub const fn os(&self) -> &P {
        &self.os
    }

    /// What was got so far.
    pub fn got(&self) -> Got {
        Got {
            explicit: self.explicit.get(),
            otherwise: self.otherwise.get(),
            at_once: self.at_once.get(),
        }
    }
}

impl<P: HugePages> Huge<P> {
    /// Explicit pages for whole SuperSlabs, unless the pool has just refused some.
    fn map_explicit(&self, near: usize, bytes: usize) -> Option<NonNull<u8>> {
        if self.rest.get() != 0 {
            // Two at once may take two steps: the pool is asked a little later, or earlier.
            self.rest.sub_to_zero();
            return None;
        }
        let base = self.os.map_explicit(near, bytes);
        let count = if base.is_some() { &self.explicit } else { &self.rest };
        count.add(if base.is_some() { bytes } else { REST });
        base
    }

    /// Whether a range may meet an explicit page: without a call as long as there never was one.
    ///
    /// # Safety
    ///
    /// The pages are the caller's.
    unsafe fn meets_explicit(&self, base: NonNull<u8>, bytes: usize) -> bool {
        // SAFETY: passed on.
        self.explicit.get() != 0 && unsafe { self.os.has_explicit(base, bytes) }
    }

    /// Whether the ends of a range lie inside of explicit pages.
    ///
    /// # Safety
    ///
    /// The pages are the caller's.
    unsafe fn splits_explicit(&self, base: NonNull<u8>, bytes: usize) -> bool {
        let address = base.as_ptr().addr();
        let inside = |address: usize| !address.is_multiple_of(SUPERSLAB);
        // SAFETY: the first page of the range.
        if inside(address) && unsafe { self.meets_explicit(base, OS_PAGE) } {
            return true;
        }
        let last = base.map_addr(|first| first.saturating_add(bytes.saturating_sub(OS_PAGE)));
        // SAFETY: the last page of the range.
        inside(address.wrapping_add(bytes)) && unsafe { self.meets_explicit(last, OS_PAGE) }
    }

    /// Makes the whole SuperSlabs of a range resident in huge pages.
    ///
    /// # Safety
    ///
    /// The pages are the caller's.
    unsafe fn fill_at_once(&self, base: NonNull<u8>, bytes: usize) {
        let begin = base.as_ptr().addr();
        let first = begin.next_multiple_of(SUPERSLAB);
        let whole = (begin + bytes).saturating_sub(first) & !(SUPERSLAB - 1);
        let base = base.map_addr(|address| address.saturating_add(first - begin));
        if whole == 0 || whole > AT_ONCE {
            return;
        }
        // SAFETY: inside the caller's range.
        let is_explicit = unsafe { self.meets_explicit(base, whole) };
        // SAFETY: as above.
        if is_explicit || !unsafe { self.os.populate(base, whole) } {
            return;
        }
        // SAFETY: as above.
        if unsafe { self.os.collapse(base, whole) } {
            self.at_once.add(whole);
        }
    }
}

// SAFETY: memory is the system's, which promises the same; what meets explicit pages and could do
// half of what it is asked for is refused before anything is done.
unsafe impl<P: HugePages> OsPort for Huge<P> {
    fn map(&self, near: usize, bytes: usize) -> Option<NonNull<u8>> {
        if !bytes.is_multiple_of(SUPERSLAB) {
            return self.os.map(near, bytes);
        }
        if let Some(base) = self.map_explicit(near, bytes) {
            return Some(base);
        }
        let base = self.os.map(near, bytes)?;
        self.otherwise.add(bytes);
        // SAFETY: mapped just now; advice changes no contents.
        let _advised = unsafe { self.os.advise_huge(base, bytes, true) };
        Some(base)
    }

    fn reserve(&self, bytes: usize) -> Option<NonNull<u8>> {
        self.os.reserve(bytes)
    }

    unsafe fn unmap(&self, base: NonNull<u8>, bytes: usize) -> bool {
        // SAFETY: passed on. The system refuses to cut an explicit page.
        unsafe { self.os.unmap(base, bytes) }
    }

    unsafe fn purge(&self, base: NonNull<u8>, bytes: usize) -> bool {
        // SAFETY: passed on.
        let refused = unsafe { self.meets_explicit(base, bytes) };
        // SAFETY: passed on.
        !refused && unsafe { self.os.purge(base, bytes) }
    }

    unsafe fn populate(&self, base: NonNull<u8>, bytes: usize) -> bool {
        // SAFETY: passed on.
        unsafe { self.os.populate(base, bytes) }
    }

    unsafe fn advise_huge(&self, base: NonNull<u8>, bytes: usize, huge: bool) -> bool {
        // SAFETY: passed on.
        let advised = unsafe { self.os.advise_huge(base, bytes, huge) };
        if huge {
            // SAFETY: passed on.
            unsafe { self.fill_at_once(base, bytes) };
        }
        advised
    }

    unsafe fn protect(&self, base: NonNull<u8>, bytes: usize, access: bool) -> bool {
        // SAFETY: passed on.
        let refused = unsafe { self.splits_explicit(base, bytes) };
        // SAFETY: passed on.
        !refused && unsafe { self.os.protect(base, bytes, access) }
    }

    unsafe fn name(&self, base: NonNull<u8>, bytes: usize, purpose: Purpose) -> bool {
        // SAFETY: passed on.
        let named = unsafe { self.os.name(base, bytes, purpose) };
        // An explicit page takes no name, which says nothing of other pages.
        named || self.explicit.get() != 0
    }

    unsafe fn grow(&self, base: NonNull<u8>, old: usize, new: usize) -> bool {
        // SAFETY: passed on. The system refuses to grow explicit pages.
        unsafe { self.os.grow(base, old, new) }
    }

    unsafe fn relocate(&self, base: NonNull<u8>, old: usize, to: NonNull<u8>, new: usize) -> bool {
        // SAFETY: passed on. Explicit pages are not moved to a longer place: whoever asked copies.
        unsafe { self.os.relocate(base, old, to, new) }
    }

    fn now_ms(&self) -> u64 {
        self.os.now_ms()
    }

    fn wait_while(&self, word: NonNull<u32>, value: u32) {
        self.os.wait_while(word, value);
    }

    fn wake_one(&self, word: NonNull<u32>) {
        self.os.wake_one(word);
    }

    fn die(&self, line: &[u8]) -> ! {
        self.os.die(line)
    }
}

#[cfg(not(loom))]
impl<P: Fresh> Fresh for Huge<P> {
    // SAFETY: the system is a part of this value, which whoever places it does not move.
    const FRESH: Unplaced<Self> = Unplaced::new(Self::new(unsafe { P::FRESH.place() }));
}
