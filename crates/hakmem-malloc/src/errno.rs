//! `errno`.

use core::ffi::c_int;
use core::ptr;

/// Sets `errno`.
pub(crate) fn set(value: c_int) {
    // SAFETY: has no preconditions.
    let errno = unsafe { libc::__errno_location() };
    // SAFETY: the calling thread's own `errno`.
    unsafe { errno.write(value) };
}

/// Null, with `errno` set.
#[cold]
#[inline(never)]
pub(crate) fn fail_cold<T>(value: c_int) -> *mut T {
    set(value);
    ptr::null_mut()
}
