//! The real system, on Linux.
//!
//! # What it does not do
//!
//! It keeps no state, sets no `errno`, and calls no function of libc. It treats every refusal as
//! an answer: filters (EPERM, ENOSYS), limits (ENOMEM) and old systems (EINVAL) look the same to
//! the caller, who goes on without.

use core::ffi::c_long;
use core::ptr::{self, NonNull};

use bitflags::bitflags;
use hakmem_contract::geometry::OS_PAGE;
use hakmem_contract::os::Purpose;
use hakmem_contract::{Fresh, OsPort, Unplaced};

use crate::syscall::{call, outcome, trap};

/// The status that a shell reports for a process that ended by SIGABRT.
const ABORTED: usize = 134;

/// How often a call that was interrupted is made again.
const ATTEMPTS: usize = 16;

/// `MADV_POPULATE_WRITE`, since Linux 5.14.
pub(crate) const POPULATE_WRITE: i32 = 23;

bitflags! {
    /// How to map.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) struct Mapping: i32 {
        /// Not shared with anybody.
        const PRIVATE = libc::MAP_PRIVATE;
        /// Zeroes, not a file.
        const ANONYMOUS = libc::MAP_ANONYMOUS;
        /// Not counted as memory before it is touched. Where the system counts everything
        /// (`vm.overcommit_memory=2`) this does nothing.
        const NORESERVE = libc::MAP_NORESERVE;
        /// Of the machine's pool of huge pages of 2 MiB, or nowhere.
        const HUGE_2M = libc::MAP_HUGETLB | libc::MAP_HUGE_2MB;
        /// Here or nowhere, and not on top of something. Systems before 4.17 take the address
        /// as a wish.
        const EXACTLY = libc::MAP_FIXED_NOREPLACE;
    }

    /// What a mapping may be used for.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    struct Protection: i32 {
        /// Loads.
        const READ = libc::PROT_READ;
        /// Stores.
        const WRITE = libc::PROT_WRITE;
    }

    /// How to move.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    struct Moving: i32 {
        /// To another address.
        const MAYMOVE = libc::MREMAP_MAYMOVE;
        /// To this one, replacing what is there.
        const FIXED = libc::MREMAP_FIXED;
    }
}

/// The system. Has no state.
#[derive(Clone, Copy, Debug, Default)]
pub struct Linux;

impl Fresh for Linux {
    const FRESH: Unplaced<Self> = Unplaced::new(Self);
}

/// A number as an argument of a call: sign-extended, as the C declarations do it.
const fn arg(value: i32) -> usize {
    (value as isize).cast_unsigned()
}

/// Maps fresh memory; `EXACTLY` in `extra` makes `near` the only address that will do.
pub(crate) fn mmap(near: usize, bytes: usize, extra: Mapping) -> Result<usize, i32> {
    let flags = Mapping::PRIVATE.union(Mapping::ANONYMOUS).union(extra);
    let protection = Protection::READ.union(Protection::WRITE);
    let args = [near, bytes, arg(protection.bits()), arg(flags.bits()), arg(-1), 0];
    // SAFETY: without MAP_FIXED no existing mapping is touched.
    outcome(unsafe { call(libc::SYS_mmap, args) })
}

/// # Safety
///
/// The pages are the caller's and not used again.
pub(crate) unsafe fn munmap(base: usize, bytes: usize) -> Result<usize, i32> {
    // SAFETY: the caller gives the pages up.
    outcome(unsafe { call(libc::SYS_munmap, [base, bytes, 0, 0, 0, 0]) })
}

/// Makes the call again while the system says that it was interrupted or short of something for
/// a moment.
///
/// # Safety
///
/// The pages are the caller's, and `advice` leaves contents alone or they are not needed.
pub(crate) unsafe fn madvise(base: NonNull<u8>, bytes: usize, advice: i32) -> Result<(), i32> {
    let mut last = libc::EAGAIN;
    for _ in 0..ATTEMPTS {
        let args = [base.as_ptr().addr(), bytes, arg(advice), 0, 0, 0];
        // SAFETY: the caller answers for the pages and their contents.
        match outcome(unsafe { call(libc::SYS_madvise, args) }) {
            Ok(_) => return Ok(()),
            Err(errno @ (libc::EINTR | libc::EAGAIN)) => last = errno,
            Err(errno) => return Err(errno),
        }
    }
    Err(last)
}

/// # Safety
///
/// `old` bytes at `base` are the caller's, and so is what is mapped at `to` if `flags` say FIXED.
unsafe fn mremap(
    base: usize,
    old: usize,
    new: usize,
    flags: Moving,
    to: usize,
) -> Result<usize, i32> {
    let args = [base, old, new, arg(flags.bits()), to, 0];
    // SAFETY: the caller answers for both ranges.
    outcome(unsafe { call(libc::SYS_mremap, args) })
}

// SAFETY: `map` asks for private anonymous memory, which Linux zeroes, at an address of the
// system's choice. A refused munmap, madvise or in-place mremap changes nothing that matters;
// `relocate` puts back what a refused move may have removed.
unsafe impl OsPort for Linux {
    fn map(&self, near: usize, bytes: usize) -> Option<NonNull<u8>> {
        let base = mmap(near, bytes, Mapping::empty()).ok()?;
        NonNull::new(ptr::with_exposed_provenance_mut(base))
    }

    fn reserve(&self, bytes: usize) -> Option<NonNull<u8>> {
        let base = mmap(0, bytes, Mapping::NORESERVE).ok()?;
        let base = NonNull::new(ptr::with_exposed_provenance_mut(base))?;
        // Where all memory gets huge pages, a touch would cost 2 MiB.
        // SAFETY: mapped just now, and advice does not change contents.
        let _advised = unsafe { self.advise_huge(base, bytes, false) };
        Some(base)
    }

    unsafe fn unmap(&self, base: NonNull<u8>, bytes: usize) -> bool {
        // SAFETY: the caller gives the pages up.
        unsafe { munmap(base.as_ptr().addr(), bytes) }.is_ok()
    }

    unsafe fn purge(&self, base: NonNull<u8>, bytes: usize) -> bool {
        // SAFETY: the pages are the caller's, and their contents are not needed.
        unsafe { madvise(base, bytes, libc::MADV_DONTNEED) }.is_ok()
    }

    unsafe fn populate(&self, base: NonNull<u8>, bytes: usize) -> bool {
        // SAFETY: the pages are the caller's, and populating keeps contents.
        match unsafe { madvise(base, bytes, POPULATE_WRITE) } {
            Ok(()) => true,
            // There is no memory, or a page that cannot be had: touching would end the process.
            Err(libc::ENOMEM | libc::EFAULT | libc::EHWPOISON) => false,
            // SAFETY: the pages are the caller's.
            Err(_) => unsafe { touch(base, bytes) },
        }
    }

    unsafe fn advise_huge(&self, base: NonNull<u8>, bytes: usize, huge: bool) -> bool {
        let advice = if huge { libc::MADV_HUGEPAGE } else { libc::MADV_NOHUGEPAGE };
        // SAFETY: the pages are the caller's, and this advice keeps contents.
        unsafe { madvise(base, bytes, advice) }.is_ok()
    }

    unsafe fn protect(&self, base: NonNull<u8>, bytes: usize, access: bool) -> bool {
        let all = Protection::READ.union(Protection::WRITE);
        let protection = if access { all } else { Protection::empty() };
        let args = [base.as_ptr().addr(), bytes, arg(protection.bits()), 0, 0, 0];
        // SAFETY: the pages are the caller's.
        outcome(unsafe { call(libc::SYS_mprotect, args) }).is_ok()
    }

    unsafe fn name(&self, base: NonNull<u8>, bytes: usize, purpose: Purpose) -> bool {
        let name = purpose.name().as_ptr().expose_provenance();
        let what = [arg(libc::PR_SET_VMA), libc::PR_SET_VMA_ANON_NAME as usize];
        let args = [what[0], what[1], base.as_ptr().addr(), bytes, name, 0];
        // SAFETY: a name changes no memory; the system reads a string that lives for ever.
        match outcome(unsafe { call(libc::SYS_prctl, args) }) {
            // Out of memory is a matter of the moment.
            Ok(_) | Err(libc::ENOMEM) => true,
            // EINVAL: a system without the option. EPERM, ENOSYS, or anything else: a filter.
            Err(_) => false,
        }
    }

    unsafe fn grow(&self, base: NonNull<u8>, old: usize, new: usize) -> bool {
        // SAFETY: the pages are the caller's; without MAYMOVE they stay where they are.
        unsafe { mremap(base.as_ptr().addr(), old, new, Moving::empty(), 0) }.is_ok()
    }

    unsafe fn relocate(&self, base: NonNull<u8>, old: usize, to: NonNull<u8>, new: usize) -> bool {
        let (from, target) = (base.as_ptr().addr(), to.as_ptr().addr());
        // SAFETY: the range is the caller's.
        if !unsafe { movable(from, old, new) } {
            return false;
        }
        let flags = Moving::MAYMOVE.union(Moving::FIXED);
        // SAFETY: both ranges are the caller's.
        if unsafe { mremap(from, old, new, flags, target) }.is_ok() {
            return true;
        }
        // The system may have unmapped the target before it found a reason to refuse. This puts
        // it back, and is refused itself when the target is still there.
        if let Ok(other) = mmap(target, new, Mapping::EXACTLY)
            && other != target
        {
            // SAFETY: a mapping made just now, which nobody else knows.
            let _ = unsafe { munmap(other, new) };
        }
        false
    }

    fn now_ms(&self) -> u64 {
        let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        let clock = arg(libc::CLOCK_MONOTONIC_COARSE);
        let args = [clock, ptr::from_mut(&mut now).expose_provenance(), 0, 0, 0, 0];
        // SAFETY: the system writes one `timespec`, to a local.
        let raw = unsafe { call(libc::SYS_clock_gettime, args) };
        if outcome(raw).is_err() {
            return 0;
        }
        now.tv_sec.cast_unsigned() * 1000 + now.tv_nsec.cast_unsigned() / 1_000_000
    }

    fn wait_while(&self, word: NonNull<u32>, value: u32) {
        let operation = arg(libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG);
        let word = word.as_ptr().expose_provenance();
        // Whatever the answer, the caller looks again.
        simple(libc::SYS_futex, [word, operation, value as usize, 0, 0, 0]);
    }

    fn wake_one(&self, word: NonNull<u32>) {
        let operation = arg(libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG);
        simple(libc::SYS_futex, [word.as_ptr().expose_provenance(), operation, 1, 0, 0, 0]);
    }

    fn die(&self, line: &[u8]) -> ! {
        write_all(line);
        let process = simple(libc::SYS_getpid, [0; 6]);
        let thread = simple(libc::SYS_gettid, [0; 6]);
        simple(libc::SYS_tgkill, [process, thread, arg(libc::SIGABRT), 0, 0, 0]);
        // The program has a handler that returned, or blocks the signal, or a filter refused.
        simple(libc::SYS_exit_group, [ABORTED, 0, 0, 0, 0, 0]);
        trap()
    }
}

/// Whether a move of this range is going to be refused for a reason that Linux before 6.17 finds
/// only after it has unmapped the target: more than one mapping in the range (EFAULT), locked
/// memory (EAGAIN), a filter. Growing in place is checked for the same reasons and harmless.
///
/// # Safety
///
/// The range is the caller's.
unsafe fn movable(base: usize, old: usize, new: usize) -> bool {
    // One byte less does not fit the page: a plain move must probe by a page, too.
    let longer = if new > old { new } else { old + OS_PAGE };
    // SAFETY: the range is the caller's and stays where it is.
    match unsafe { mremap(base, old, longer, Moving::empty(), 0) } {
        Ok(_) => {
            // There was room after all. Give it back; cutting a tail splits nothing.
            // SAFETY: the system gave us these pages just now.
            unsafe { munmap(base + old, longer - old) }.is_ok()
        }
        Err(errno) => errno == libc::ENOMEM,
    }
}

/// Reads and writes one byte of every page.
///
/// # Safety
///
/// The pages are the caller's.
unsafe fn touch(base: NonNull<u8>, bytes: usize) -> bool {
    for offset in (0..bytes).step_by(OS_PAGE) {
        // SAFETY: `offset < bytes`, inside the caller's pages.
        let byte = unsafe { base.add(offset) };
        // SAFETY: in bounds and readable; volatile, so that it is not optimised away.
        let value = unsafe { byte.read_volatile() };
        // SAFETY: in bounds and writable; the caller owns the pages, so no write is lost.
        unsafe { byte.write_volatile(value) };
    }
    true
}

/// Writes to the standard error stream as much as it takes.
fn write_all(line: &[u8]) {
    let mut rest = line;
    for _ in 0..ATTEMPTS {
        let address = rest.as_ptr().expose_provenance();
        match outcome(simple(
            libc::SYS_write,
            [arg(libc::STDERR_FILENO), address, rest.len(), 0, 0, 0],
        )) {
            Ok(written) => match rest.get(written..) {
                None | Some([]) => return,
                Some(left) => rest = left,
            },
            Err(libc::EINTR | libc::EAGAIN) => {}
            Err(_) => return,
        }
    }
}

/// A call that changes no memory of this process.
fn simple(number: c_long, args: [usize; 6]) -> usize {
    // SAFETY: getpid, gettid, tgkill, exit_group, futex and write (which reads a live slice)
    // leave memory alone.
    unsafe { call(number, args) }
}
