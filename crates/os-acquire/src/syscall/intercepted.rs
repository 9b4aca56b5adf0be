//! System calls by way of libc's functions, for runs under a sanitizer.
//!
//! A detector of races remembers who wrote where. It has to be told that an address was mapped
//! anew, or it takes the new owner for somebody who races with the old one; it is told by its own
//! `mmap` and `munmap`, which stand in front of libc's.

use core::ffi::{c_int, c_long, c_void};
use core::ptr;

/// Makes the call and returns what the system would have left in the register.
///
/// # Safety
///
/// As the instruction's: the call must be one that is sound with these arguments.
pub(crate) unsafe fn call(number: c_long, args: [usize; 6]) -> usize {
    // SAFETY: the caller answers for the call.
    let result = unsafe { dispatch(number, args) };
    if result != usize::MAX {
        return result;
    }
    // SAFETY: has no preconditions.
    let errno = unsafe { libc::__errno_location() };
    // SAFETY: the calling thread's own `errno`.
    let errno = unsafe { errno.read() };
    (errno as usize).wrapping_neg()
}

/// A register as a C `int`: its low half.
const fn int(register: usize) -> c_int {
    register as c_int
}

/// # Safety
///
/// As [`call`].
unsafe fn dispatch(number: c_long, args: [usize; 6]) -> usize {
    let [base, bytes, third, fourth, fifth, sixth] = args;
    let range: *mut c_void = ptr::with_exposed_provenance_mut(base);
    match number {
        libc::SYS_mmap => {
            let offset = sixth.cast_signed() as libc::off_t;
            // SAFETY: the caller answers for the call.
            unsafe { libc::mmap(range, bytes, int(third), int(fourth), int(fifth), offset) }
                .expose_provenance()
        }
        // SAFETY: as above.
        libc::SYS_munmap => unsafe { libc::munmap(range, bytes) as usize },
        // SAFETY: as above.
        _ => unsafe { libc::syscall(number, base, bytes, third, fourth, fifth, sixth) as usize },
    }
}

/// Ends the process by SIGABRT.
pub(crate) fn trap() -> ! {
    // SAFETY: has no preconditions, and does not return.
    unsafe { libc::abort() }
}
