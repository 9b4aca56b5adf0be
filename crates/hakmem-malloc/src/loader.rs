//! Looking for a function of another library. A program without a loader (`-static`) has none.

use core::arch::{asm, global_asm};
use core::ffi::{CStr, c_void};
use core::ptr;

// Weak, so that a program without a loader can be linked.
global_asm!(".weak dlsym");

/// What `name` means behind this library; null if nothing. What is there is found without
/// allocating.
pub(crate) fn next(name: &CStr) -> *mut c_void {
    // SAFETY: a handle that always exists.
    unsafe { find(libc::RTLD_NEXT, name) }
}

/// What `name` means to the library `handle`; null if nothing.
///
/// # Safety
///
/// The handle is one of `dlopen`'s or `dlsym`'s own.
pub(crate) unsafe fn find(handle: *mut c_void, name: &CStr) -> *mut c_void {
    if is_missing() {
        return ptr::null_mut();
    }
    // SAFETY: the caller's handle and a C string.
    unsafe { libc::dlsym(handle, name.as_ptr()) }
}

/// Whether the weak `dlsym` was left undefined.
fn is_missing() -> bool {
    let dlsym: usize;
    // SAFETY: reads an entry of the global offset table.
    unsafe {
        asm!(
            "mov {0}, qword ptr [rip + dlsym@GOTPCREL]",
            out(reg) dlsym,
            options(nostack, preserves_flags, pure, readonly),
        );
    }
    dlsym == 0
}
