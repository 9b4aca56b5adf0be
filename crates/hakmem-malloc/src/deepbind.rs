//! `dlopen` without `RTLD_DEEPBIND`.
//!
//! A library that is opened with this flag finds libc's `malloc` and `free` before ours. Blocks then
//! cross from one heap to the other, and the program dies. So the flag is dropped, unless the
//! environment says `HAKMEM_DEEPBIND=keep`.
//!
//! The loader looks at the return address of `dlopen` to know whose `RUNPATH` counts, and whose
//! namespace. So ours does not call the real one: it changes the flags in their register and jumps,
//! and the real one returns to the caller.
//!
//! A program without a loader (`-static`) has no real `dlopen` to find: it gets null. What it could
//! open would bring a libc with a heap of its own.

use core::arch::naked_asm;
use core::ffi::{CStr, c_char, c_int, c_long, c_void};

use libc::RTLD_DEEPBIND;

use crate::loader::next;

/// `LM_ID_BASE`: the namespace of the program, and of hakmem. In any other one libc's `malloc` is
/// all there is.
const BASE_NAMESPACE: c_long = 0;

unsafe extern "C" {
    fn secure_getenv(name: *const c_char) -> *const c_char;
}

/// Where to jump, and with which flags.
#[repr(C)]
struct Jump {
    real: *mut c_void,
    flags: usize,
}

/// C's `dlopen`, but for the flag.
///
/// # Safety
///
/// As libc's.
#[unsafe(naked)]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dlopen(path: *const c_char, flags: c_int) -> *mut c_void {
    naked_asm!(
        "push rdi",
        "sub rsp, 16",
        "mov edi, esi",
        "call {find}",
        "add rsp, 16",
        "pop rdi",
        "mov esi, edx",
        "test rax, rax",
        "jz 2f",
        "jmp rax",
        "2:",
        "ret",
        find = sym find_dlopen,
    )
}

/// glibc's `dlmopen`, but for the flag.
///
/// # Safety
///
/// As libc's.
#[unsafe(naked)]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dlmopen(
    namespace: c_long,
    path: *const c_char,
    flags: c_int,
) -> *mut c_void {
    naked_asm!(
        "push rdi",
        "push rsi",
        "sub rsp, 8",
        "mov esi, edx",
        "call {find}",
        "add rsp, 8",
        "pop rsi",
        "pop rdi",
        "test rax, rax",
        "jz 2f",
        "jmp rax",
        "2:",
        "ret",
        find = sym find_dlmopen,
    )
}

extern "C" fn find_dlopen(flags: c_int) -> Jump {
    Jump { real: next(c"dlopen"), flags: masked(flags) }
}

extern "C" fn find_dlmopen(namespace: c_long, flags: c_int) -> Jump {
    let flags = if namespace == BASE_NAMESPACE { masked(flags) } else { flags as usize };
    Jump { real: next(c"dlmopen"), flags }
}

fn masked(flags: c_int) -> usize {
    let flags = if wants_deepbind() { flags } else { flags & !RTLD_DEEPBIND };
    flags as usize
}

/// Whether the environment says `HAKMEM_DEEPBIND=keep`. A setuid program's does not count.
fn wants_deepbind() -> bool {
    // SAFETY: a C string; a program that changes its environment meanwhile is wrong without us.
    let value = unsafe { secure_getenv(c"HAKMEM_DEEPBIND".as_ptr()) };
    // SAFETY: a C string, if it is not null.
    !value.is_null() && unsafe { CStr::from_ptr(value) } == c"keep"
}
