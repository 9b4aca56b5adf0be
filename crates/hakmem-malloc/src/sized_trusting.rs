//! C23's sized frees. What the program says of the size is not looked at.

use core::ffi::c_void;

use libc::size_t;

use crate::api::HAKMEM;

/// C23: `free` of a block that was asked for with `size`.
///
/// # Safety
///
/// As [`free`](crate::api::free).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn free_sized(block: *mut c_void, _size: size_t) {
    // SAFETY: the caller's promise.
    unsafe { HAKMEM.deallocate(block.cast()) };
}

/// C23: `free` of a block that `aligned_alloc` was asked for with `align` and `size`.
///
/// # Safety
///
/// As [`free`](crate::api::free).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn free_aligned_sized(block: *mut c_void, _align: size_t, _size: size_t) {
    // SAFETY: the caller's promise.
    unsafe { HAKMEM.deallocate(block.cast()) };
}
