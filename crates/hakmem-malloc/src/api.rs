//! C's names. `malloc` and `free` are the hot path; everything else leads to the facade.
//!
//! Nothing here calls another exported function: a program may have its own `malloc`, and
//! then these names are not ours. What is needed under two names has a third, which is not exported.

use core::ffi::{c_int, c_void};
use core::ptr::{self, NonNull};

use libc::{EINVAL, ENOMEM, size_t};

use crate::chosen::Composition;
use crate::errno::fail_cold;

pub(crate) static HAKMEM: Composition = Composition::new();

/// x86-64's `max_align_t`.
pub(crate) const MIN_ALIGN: usize = 16;

/// What `valloc` aligns to. The system's page may be larger on other machines.
const PAGE: usize = 4096;

/// `block` as C sees it: with `errno` set if it is null.
#[inline]
pub(crate) fn answer(block: *mut u8) -> *mut c_void {
    if block.is_null() { fail_cold(ENOMEM) } else { block.cast() }
}

/// `size` bytes, 16-byte aligned.
#[unsafe(no_mangle)]
pub extern "C" fn malloc(size: size_t) -> *mut c_void {
    match HAKMEM.allocate_cached(size) {
        Some(block) => block.as_ptr().cast(),
        None => malloc_cold(size),
    }
}

#[cold]
#[inline(never)]
extern "C" fn malloc_cold(size: size_t) -> *mut c_void {
    answer(HAKMEM.allocate(size))
}

/// Takes back a block; null is nothing. Preserves `errno`: nothing below sets it.
///
/// # Safety
///
/// C's: a live block, not used any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn free(block: *mut c_void) {
    // SAFETY: the caller's promise.
    unsafe { HAKMEM.deallocate(block.cast()) };
}

/// `n * size` zero bytes.
#[unsafe(no_mangle)]
pub extern "C" fn calloc(n: size_t, size: size_t) -> *mut c_void {
    zeroed(n, size)
}

/// [`calloc`].
#[inline]
pub(crate) fn zeroed(n: size_t, size: size_t) -> *mut c_void {
    match n.checked_mul(size) {
        Some(bytes) => answer(HAKMEM.allocate_zeroed(bytes, MIN_ALIGN)),
        None => fail_cold(ENOMEM),
    }
}

/// A block's size changed, its contents kept. `realloc(p, 0)` frees and returns null.
///
/// # Safety
///
/// C's: null or a live block, whose old address is not used any more unless the answer is null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn realloc(block: *mut c_void, size: size_t) -> *mut c_void {
    // SAFETY: the caller's promise.
    unsafe { resize(block, size) }
}

/// [`realloc`].
///
/// # Safety
///
/// As there.
#[inline]
pub(crate) unsafe fn resize(block: *mut c_void, size: size_t) -> *mut c_void {
    let Some(block) = NonNull::new(block.cast::<u8>()) else { return malloc_cold(size) };
    if size == 0 {
        // SAFETY: the caller's promise.
        unsafe { HAKMEM.deallocate(block.as_ptr()) };
        return ptr::null_mut();
    }
    // SAFETY: the caller's promise; a larger alignment is not kept, as C has it.
    answer(unsafe { HAKMEM.reallocate(block, size, MIN_ALIGN) })
}

/// `realloc(block, n * size)`, with the product checked.
///
/// # Safety
///
/// As [`realloc`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reallocarray(block: *mut c_void, n: size_t, size: size_t) -> *mut c_void {
    // SAFETY: the caller's promise.
    unsafe { resize_array(block, n, size) }
}

/// [`reallocarray`].
///
/// # Safety
///
/// As there.
#[inline]
pub(crate) unsafe fn resize_array(block: *mut c_void, n: size_t, size: size_t) -> *mut c_void {
    match n.checked_mul(size) {
        // SAFETY: the caller's promise.
        Some(bytes) => unsafe { resize(block, bytes) },
        None => fail_cold(ENOMEM),
    }
}

/// `size` bytes at a multiple of `align`, to `*out`. Returns 0, EINVAL or ENOMEM; on failure
/// neither `*out` nor `errno` changes.
///
/// # Safety
///
/// `out` is valid for a write.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn posix_memalign(
    out: *mut *mut c_void,
    align: size_t,
    size: size_t,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { aligned_to(out, align, size) }
}

/// [`posix_memalign`].
///
/// # Safety
///
/// As there.
#[inline]
pub(crate) unsafe fn aligned_to(out: *mut *mut c_void, align: size_t, size: size_t) -> c_int {
    if !align.is_power_of_two() || align < size_of::<*mut c_void>() {
        return EINVAL;
    }
    let block = HAKMEM.allocate_aligned(size, align);
    if block.is_null() {
        return ENOMEM;
    }
    // SAFETY: the caller's promise.
    unsafe { out.write(block.cast()) };
    0
}

/// `size` bytes at a multiple of `align`, a power of two.
#[unsafe(no_mangle)]
pub extern "C" fn aligned_alloc(align: size_t, size: size_t) -> *mut c_void {
    if !align.is_power_of_two() {
        return fail_cold(EINVAL);
    }
    answer(HAKMEM.allocate_aligned(size, align))
}

/// As [`aligned_alloc`], for a program older than it; an alignment is rounded up to a power of
/// two.
#[unsafe(no_mangle)]
pub extern "C" fn memalign(align: size_t, size: size_t) -> *mut c_void {
    aligned_up(align, size)
}

/// [`memalign`].
#[inline]
pub(crate) fn aligned_up(align: size_t, size: size_t) -> *mut c_void {
    match align.checked_next_power_of_two() {
        Some(align) => answer(HAKMEM.allocate_aligned(size, align)),
        None => fail_cold(EINVAL),
    }
}

/// `size` bytes at the start of a page.
#[unsafe(no_mangle)]
pub extern "C" fn valloc(size: size_t) -> *mut c_void {
    page_aligned(size)
}

/// [`valloc`].
#[inline]
pub(crate) fn page_aligned(size: size_t) -> *mut c_void {
    answer(HAKMEM.allocate_aligned(size, PAGE))
}

/// Whole pages: `size` rounded up.
#[unsafe(no_mangle)]
pub extern "C" fn pvalloc(size: size_t) -> *mut c_void {
    whole_pages(size)
}

/// [`pvalloc`].
#[inline]
pub(crate) fn whole_pages(size: size_t) -> *mut c_void {
    match size.max(1).checked_next_multiple_of(PAGE) {
        Some(size) => answer(HAKMEM.allocate_aligned(size, PAGE)),
        None => fail_cold(ENOMEM),
    }
}

/// Bytes of a block that may be used; 0 for null. It does not change while the block lives.
///
/// # Safety
///
/// `block` is null or a live block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn malloc_usable_size(block: *const c_void) -> size_t {
    // SAFETY: the caller's promise.
    unsafe { HAKMEM.usable_size(block.cast()) }
}

/// Gives free memory to the system. Returns 1 if there was any. What is to be kept is not
/// counted in bytes here, so `_pad` means nothing.
#[unsafe(no_mangle)]
pub extern "C" fn malloc_trim(_pad: size_t) -> c_int {
    c_int::from(HAKMEM.trim() > 0)
}

/// `free`, for very old programs.
///
/// # Safety
///
/// As [`free`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cfree(block: *mut c_void) {
    // SAFETY: the caller's promise.
    unsafe { HAKMEM.deallocate(block.cast()) };
}
