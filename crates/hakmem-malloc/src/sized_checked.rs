//! C23's sized frees, for the hardened library: a size that the block was not asked for with is a
//! fault.

use core::ffi::c_void;

use libc::size_t;

use crate::api::{HAKMEM, MIN_ALIGN};

/// C23: `free` of a block that was asked for with `size`.
///
/// # Safety
///
/// As [`free`](crate::api::free).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn free_sized(block: *mut c_void, size: size_t) {
    // SAFETY: the caller's promise.
    unsafe { HAKMEM.deallocate_sized(block.cast(), size, MIN_ALIGN) };
}

/// C23: `free` of a block that `aligned_alloc` was asked for with `align` and `size`.
///
/// # Safety
///
/// As [`free`](crate::api::free).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn free_aligned_sized(block: *mut c_void, align: size_t, size: size_t) {
    // `aligned_alloc` gave nothing at another alignment, so there is no such block.
    let align = if align.is_power_of_two() { align } else { MIN_ALIGN };
    // SAFETY: the caller's promise.
    unsafe { HAKMEM.deallocate_sized(block.cast(), size, align) };
}
