//! hakmem's own functions. `include/hakmem.h` describes them for C.

use core::ffi::{c_char, c_void};
use core::mem::size_of;
use core::ptr;

use hakmem_alloc::parts::contract::SUPERSLAB;
use libc::size_t;

use crate::api::HAKMEM;

/// `struct hakmem_usage`. New numbers come last, so that a program and a library of different ages
/// understand each other.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct UsageForC {
    mapped: size_t,
    slabs: size_t,
    spans: size_t,
    huge: size_t,
    free: size_t,
    cached: size_t,
    fresh: size_t,
    metadata: size_t,
    stranded: size_t,
    span_count: size_t,
    huge_count: size_t,
    heaps: size_t,
}

/// Which hakmem this is.
#[unsafe(no_mangle)]
pub extern "C" fn hakmem_version() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

/// Gives the system what is free. Returns the bytes.
#[unsafe(no_mangle)]
pub extern "C" fn hakmem_trim() -> size_t {
    HAKMEM.trim()
}

/// Maps at least `bytes` ahead, in whole SuperSlabs. Returns how many bytes: fewer if there is no
/// memory or no place to keep them.
#[unsafe(no_mangle)]
pub extern "C" fn hakmem_prewarm(bytes: size_t) -> size_t {
    HAKMEM.prewarm(bytes.div_ceil(SUPERSLAB)) * SUPERSLAB
}

/// Where the memory is: the first `size` bytes of a `struct hakmem_usage`. Returns how many of them
/// this library knows; the others are zero.
///
/// # Safety
///
/// `out` is valid for writes of `size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hakmem_get_usage(out: *mut c_void, size: size_t) -> size_t {
    let usage = HAKMEM.usage();
    let numbers = UsageForC {
        mapped: usage.memory.mapped,
        slabs: usage.slab_bytes,
        spans: usage.span_bytes,
        huge: usage.huge_bytes,
        free: usage.free_units(),
        cached: usage.memory.cached,
        fresh: usage.memory.fresh,
        metadata: usage.memory.meta,
        stranded: usage.memory.stranded,
        span_count: usage.spans,
        huge_count: usage.huge_blocks,
        heaps: usage.heaps,
    };
    let known = size.min(size_of::<UsageForC>());
    // SAFETY: the caller's promise.
    unsafe { out.write_bytes(0, size) };
    // SAFETY: as above; both have `known` bytes.
    unsafe { ptr::copy_nonoverlapping((&raw const numbers).cast(), out, known) };
    known
}
