//! What a running program may set.

use core::ffi::c_int;

use hakmem_alloc::parts::contract::Limits;
use libc::{EINVAL, size_t};

use crate::api::HAKMEM;

/// glibc's `M_TRIM_THRESHOLD`.
const M_TRIM_THRESHOLD: c_int = -1;

/// Bytes of empty SuperSlabs that are kept for later, at most.
const CACHE_BYTES: c_int = 1;
/// Ranges of them, at most.
const CACHE_COUNT: c_int = 2;
/// Milliseconds for which one is kept.
const CACHE_AGE_MS: c_int = 3;
/// 1 or 0: whether the system is asked for huge pages.
const HUGE_PAGES: c_int = 4;

/// glibc's settings. `M_TRIM_THRESHOLD` is the limit of the cache of empty SuperSlabs, in bytes; -1
/// is none. Returns 1 for it.
///
/// The others return 0, and change nothing: sizes of tiers are fixed when hakmem is built
/// (`M_MMAP_THRESHOLD`, `M_MXFAST`, `M_TOP_PAD`), any number of huge blocks is allowed
/// (`M_MMAP_MAX`), each thread has its own heap (`M_ARENA_MAX`, `M_ARENA_TEST`), a wrong program is
/// always ended (`M_CHECK_ACTION`), and nothing is filled with a pattern (`M_PERTURB`).
#[unsafe(no_mangle)]
pub extern "C" fn mallopt(option: c_int, value: c_int) -> c_int {
    if option != M_TRIM_THRESHOLD {
        return 0;
    }
    HAKMEM.set_limits(HAKMEM.limits().bytes(usize::try_from(value).unwrap_or(usize::MAX)));
    1
}

/// The limits with one of them changed; `None` if there is no such limit, or no such value.
fn changed(limits: Limits, which: c_int, value: size_t) -> Option<Limits> {
    match (which, value) {
        (CACHE_BYTES, bytes) => Some(limits.bytes(bytes)),
        (CACHE_COUNT, count) => Some(limits.count(count)),
        (CACHE_AGE_MS, age) => Some(limits.age_ms(age)),
        (HUGE_PAGES, 0 | 1) => Some(limits.huge_pages(value != 0)),
        _ => None,
    }
}

/// Changes a limit. Returns 0, or EINVAL if there is none such. Holds for all threads, for what is
/// freed or mapped from now on.
#[unsafe(no_mangle)]
pub extern "C" fn hakmem_set_limit(which: c_int, value: size_t) -> c_int {
    let Some(limits) = changed(HAKMEM.limits(), which, value) else { return EINVAL };
    HAKMEM.set_limits(limits);
    0
}

/// A limit, to `*value`. Returns 0, or EINVAL if there is none such.
///
/// # Safety
///
/// `value` is valid for a write.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hakmem_get_limit(which: c_int, value: *mut size_t) -> c_int {
    let limits = HAKMEM.limits();
    let limit = match which {
        CACHE_BYTES => limits.bytes,
        CACHE_COUNT => limits.count,
        CACHE_AGE_MS => limits.age_ms,
        HUGE_PAGES => usize::from(limits.huge_pages),
        _ => return EINVAL,
    };
    // SAFETY: the caller's promise.
    unsafe { value.write(limit) };
    0
}
