//! The names under which glibc calls its own functions, for programs that use them: a block of
//! `__libc_malloc` may come to our `free`.

use core::ffi::{c_int, c_void};

use libc::size_t;

use crate::api::{self, HAKMEM};

/// `malloc`.
#[unsafe(no_mangle)]
pub extern "C" fn __libc_malloc(size: size_t) -> *mut c_void {
    api::answer(HAKMEM.allocate(size))
}

/// `free`.
///
/// # Safety
///
/// As [`api::free`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __libc_free(block: *mut c_void) {
    // SAFETY: the caller's promise.
    unsafe { HAKMEM.deallocate(block.cast()) };
}

/// `cfree`.
///
/// # Safety
///
/// As [`api::free`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __libc_cfree(block: *mut c_void) {
    // SAFETY: the caller's promise.
    unsafe { HAKMEM.deallocate(block.cast()) };
}

/// `calloc`.
#[unsafe(no_mangle)]
pub extern "C" fn __libc_calloc(n: size_t, size: size_t) -> *mut c_void {
    api::zeroed(n, size)
}

/// `realloc`.
///
/// # Safety
///
/// As [`api::realloc`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __libc_realloc(block: *mut c_void, size: size_t) -> *mut c_void {
    // SAFETY: the caller's promise.
    unsafe { api::resize(block, size) }
}

/// `reallocarray`.
///
/// # Safety
///
/// As [`api::realloc`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __libc_reallocarray(
    block: *mut c_void,
    n: size_t,
    size: size_t,
) -> *mut c_void {
    // SAFETY: the caller's promise.
    unsafe { api::resize_array(block, n, size) }
}

/// `memalign`.
#[unsafe(no_mangle)]
pub extern "C" fn __libc_memalign(align: size_t, size: size_t) -> *mut c_void {
    api::aligned_up(align, size)
}

/// `valloc`.
#[unsafe(no_mangle)]
pub extern "C" fn __libc_valloc(size: size_t) -> *mut c_void {
    api::page_aligned(size)
}

/// `pvalloc`.
#[unsafe(no_mangle)]
pub extern "C" fn __libc_pvalloc(size: size_t) -> *mut c_void {
    api::whole_pages(size)
}

/// `posix_memalign`.
///
/// # Safety
///
/// As [`api::posix_memalign`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __posix_memalign(
    out: *mut *mut c_void,
    align: size_t,
    size: size_t,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { api::aligned_to(out, align, size) }
}
