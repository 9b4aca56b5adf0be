//! C++'s `operator new` and `operator delete`, in all their forms.
//!
//! Each form does what the C++ library's own does: an array form calls the single one, a sized
//! `delete` the plain one, through the dynamic symbol. So a program that replaces some of the
//! forms gets its own for those that it did not replace as well.
//!
//! When there is no memory, the call is passed on to the definition that it would have reached
//! without hakmem. That one tries again (its `malloc` is ours), calls the new-handler and throws.
//! It is reached by a jump, so no frame of ours is on the stack when it does, and no Rust code is
//! ever unwound. `docs/why/operators.md` says more.

use core::arch::{asm, global_asm, naked_asm};
use core::ffi::{CStr, c_char, c_int, c_void};
use core::mem::transmute;
use core::ptr;

use crate::api::HAKMEM;
use crate::loader;

/// Libraries that define the operators, if one of them came in by a `dlopen` that hides it.
const LIBRARIES: [&CStr; 3] = [c"libstdc++.so.6", c"libc++abi.so.1", c"libc++.so.1"];

/// The most that can be asked for. The C++ library's aligned forms round sizes up, and wrap above it.
const MOST: usize = isize::MAX.cast_unsigned();

type Dlopen = unsafe extern "C" fn(*const c_char, c_int) -> *mut c_void;

/// The definition of `name` that would be called if ours were not there; null if there is none.
fn theirs(name: &CStr) -> *const c_void {
    let found = loader::next(name);
    if found.is_null() { hidden_cold(name) } else { found }
}

/// The same in a C++ library whose symbols are hidden.
#[cold]
#[inline(never)]
fn hidden_cold(name: &CStr) -> *const c_void {
    let dlopen = loader::next(c"dlopen");
    // SAFETY: null, or the address of libc's `dlopen`, which has this type.
    let Some(dlopen) = (unsafe { transmute::<*mut c_void, Option<Dlopen>>(dlopen) }) else {
        return ptr::null();
    };
    for library in LIBRARIES {
        // SAFETY: a C string; nothing is loaded that is not there already.
        let handle = unsafe { dlopen(library.as_ptr(), libc::RTLD_LAZY | libc::RTLD_NOLOAD) };
        if handle.is_null() {
            continue;
        }
        // SAFETY: a handle of `dlopen`'s, which is not closed.
        let found = unsafe { loader::find(handle, name) };
        if !found.is_null() {
            return found;
        }
    }
    ptr::null()
}

/// [`theirs`], for a form that throws.
fn next_throwing(name: &CStr) -> *const c_void {
    let found = theirs(name);
    if found.is_null() { linked_cold() } else { found }
}

// libstdc++'s, or libc++'s. Weak: a program in C has neither.
global_asm!(".weak _ZSt15get_new_handlerv", ".weak _ZSt17__throw_bad_allocv");

type GetNewHandler = unsafe extern "C" fn() -> *const c_void;

/// In a program without a loader: the C++ library's function that throws `std::bad_alloc`. A
/// new-handler would have to be called first, and Rust cannot be unwound if it throws; so with a
/// handler, or without that function, the program ends.
#[cold]
#[inline(never)]
fn linked_cold() -> *const c_void {
    let (throw, handler): (*const c_void, usize);
    // SAFETY: reads two entries of the global offset table.
    unsafe {
        asm!(
            "mov {0}, qword ptr [rip + _ZSt17__throw_bad_allocv@GOTPCREL]",
            "mov {1}, qword ptr [rip + _ZSt15get_new_handlerv@GOTPCREL]",
            out(reg) throw,
            out(reg) handler,
            options(pure, nomem, nostack, preserves_flags)
        );
    }
    // SAFETY: null, or the address of `std::get_new_handler`, which has this type.
    let handler = unsafe { transmute::<usize, Option<GetNewHandler>>(handler) };
    // SAFETY: has no preconditions, and does not throw.
    let has_handler = handler.is_some_and(|get| !unsafe { get() }.is_null());
    if throw.is_null() || has_handler {
        HAKMEM.die(b"hakmem: operator new: no memory, and no C++ library to pass the call on to\n")
    }
    throw
}

/// [`theirs`], for a form that returns null.
fn next_quiet(name: &CStr) -> *const c_void {
    let found = theirs(name);
    if found.is_null() { refuse as *const c_void } else { found }
}

/// What a form that does not throw does without a C++ library.
extern "C" fn refuse() -> *mut u8 {
    ptr::null_mut()
}

extern "C" fn next_new(_size: usize) -> *const c_void {
    next_throwing(c"_Znwm")
}

extern "C" fn next_new_nothrow(_size: usize) -> *const c_void {
    next_quiet(c"_ZnwmRKSt9nothrow_t")
}

extern "C" fn next_new_array_nothrow(_size: usize) -> *const c_void {
    next_quiet(c"_ZnamRKSt9nothrow_t")
}

extern "C" fn next_new_aligned(size: usize) -> *const c_void {
    next_throwing(if size <= MOST { c"_ZnwmSt11align_val_t" } else { c"_Znwm" })
}

// The forms without alignment take fewer arguments, and find those that they take in their places.
extern "C" fn next_new_aligned_nothrow(size: usize) -> *const c_void {
    let plain = c"_ZnwmRKSt9nothrow_t";
    next_quiet(if size <= MOST { c"_ZnwmSt11align_val_tRKSt9nothrow_t" } else { plain })
}

extern "C" fn next_new_array_aligned_nothrow(size: usize) -> *const c_void {
    let plain = c"_ZnamRKSt9nothrow_t";
    next_quiet(if size <= MOST { c"_ZnamSt11align_val_tRKSt9nothrow_t" } else { plain })
}

extern "C" fn allocate(size: usize) -> *mut u8 {
    HAKMEM.allocate(size)
}

extern "C" fn allocate_aligned(size: usize, align: usize) -> *mut u8 {
    if align.is_power_of_two() { HAKMEM.allocate_aligned(size, align) } else { ptr::null_mut() }
}

/// Whether a symbol means our definition everywhere in the process.
macro_rules! ours {
    ($symbol:literal) => {{
        let (global, here): (usize, usize);
        // SAFETY: reads an entry of the global offset table, and an address of this library.
        unsafe {
            asm!(
                concat!("mov {0}, qword ptr [rip + ", $symbol, "@GOTPCREL]"),
                concat!("lea {1}, [rip + hakmem", $symbol, "]"),
                out(reg) global,
                out(reg) here,
                options(pure, nomem, nostack, preserves_flags)
            );
        }
        global == here
    }};
}

// A form that does not throw calls the one that does. If that is the program's own, the C++ library
// knows how to call it and catch what it throws.
extern "C" fn allocate_nothrow(size: usize) -> *mut u8 {
    if ours!("_Znwm") { HAKMEM.allocate(size) } else { ptr::null_mut() }
}

extern "C" fn allocate_array_nothrow(size: usize) -> *mut u8 {
    if ours!("_Znam") { allocate_nothrow(size) } else { ptr::null_mut() }
}

extern "C" fn allocate_aligned_nothrow(size: usize, align: usize) -> *mut u8 {
    if ours!("_ZnwmSt11align_val_t") { allocate_aligned(size, align) } else { ptr::null_mut() }
}

extern "C" fn allocate_array_aligned_nothrow(size: usize, align: usize) -> *mut u8 {
    if ours!("_ZnamSt11align_val_t") {
        allocate_aligned_nothrow(size, align)
    } else {
        ptr::null_mut()
    }
}

/// A form that allocates: asks `allocate`; if there is nothing, goes on to what `next` finds, with
/// the arguments as they were.
macro_rules! allocating {
    ($(#[$meta:meta])* $name:ident, $symbol:literal, $allocate:path, $next:path) => {
        $(#[$meta])*
        ///
        /// # Safety
        ///
        /// Called by C++ only.
        #[unsafe(naked)]
        #[unsafe(export_name = $symbol)]
        pub unsafe extern "C-unwind" fn $name(size: usize, b: usize, c: usize) -> *mut u8 {
            naked_asm!(
                concat!(".globl hakmem", $symbol),
                concat!(".hidden hakmem", $symbol),
                concat!("hakmem", $symbol, ":"),
                ".cfi_startproc",
                "push rdi",
                ".cfi_adjust_cfa_offset 8",
                "push rsi",
                ".cfi_adjust_cfa_offset 8",
                "push rdx",
                ".cfi_adjust_cfa_offset 8",
                "call {allocate}",
                "test rax, rax",
                "jz 2f",
                "add rsp, 24",
                ".cfi_adjust_cfa_offset -24",
                "ret",
                ".cfi_adjust_cfa_offset 24",
                "2:",
                "mov rdi, qword ptr [rsp + 16]",
                "call {next}",
                "pop rdx",
                ".cfi_adjust_cfa_offset -8",
                "pop rsi",
                ".cfi_adjust_cfa_offset -8",
                "pop rdi",
                ".cfi_adjust_cfa_offset -8",
                "jmp rax",
                ".cfi_endproc",
                allocate = sym $allocate,
                next = sym $next,
            )
        }
    };
}

/// A form that is another one, whoever defines that.
macro_rules! passing_on {
    ($(#[$meta:meta])* $name:ident, $symbol:literal, $to:literal $(, $first:literal)?) => {
        $(#[$meta])*
        ///
        /// # Safety
        ///
        /// Called by C++ only.
        #[unsafe(naked)]
        #[unsafe(export_name = $symbol)]
        pub unsafe extern "C-unwind" fn $name() {
            naked_asm!(
                concat!(".globl hakmem", $symbol),
                concat!(".hidden hakmem", $symbol),
                concat!("hakmem", $symbol, ":"),
                ".cfi_startproc",
                $($first,)?
                concat!("jmp qword ptr [rip + ", $to, "@GOTPCREL]"),
                ".cfi_endproc",
            )
        }
    };
}

allocating! {
    /// `operator new(size)`.
    new, "_Znwm", allocate, next_new
}
allocating! {
    /// `operator new(size, nothrow)`.
    new_nothrow, "_ZnwmRKSt9nothrow_t", allocate_nothrow, next_new_nothrow
}
allocating! {
    /// `operator new[](size, nothrow)`.
    new_array_nothrow, "_ZnamRKSt9nothrow_t", allocate_array_nothrow, next_new_array_nothrow
}
allocating! {
    /// `operator new(size, align)`.
    new_aligned, "_ZnwmSt11align_val_t", allocate_aligned, next_new_aligned
}
allocating! {
    /// `operator new(size, align, nothrow)`.
    new_aligned_nothrow, "_ZnwmSt11align_val_tRKSt9nothrow_t",
    allocate_aligned_nothrow, next_new_aligned_nothrow
}
allocating! {
    /// `operator new[](size, align, nothrow)`.
    new_array_aligned_nothrow, "_ZnamSt11align_val_tRKSt9nothrow_t",
    allocate_array_aligned_nothrow, next_new_array_aligned_nothrow
}

passing_on! {
    /// `operator new[](size)`.
    new_array, "_Znam", "_Znwm"
}
passing_on! {
    /// `operator new[](size, align)`.
    new_array_aligned, "_ZnamSt11align_val_t", "_ZnwmSt11align_val_t"
}

/// `operator delete(block)`.
///
/// # Safety
///
/// Null or a live block, not used any more.
#[unsafe(export_name = "_ZdlPv")]
pub unsafe extern "C" fn delete(block: *mut c_void) {
    // SAFETY: the caller's promise.
    unsafe { HAKMEM.deallocate(block.cast()) };
}

/// `operator delete(block, align)`.
///
/// # Safety
///
/// As [`delete`].
#[unsafe(export_name = "_ZdlPvSt11align_val_t")]
pub unsafe extern "C" fn delete_aligned(block: *mut c_void, _align: usize) {
    // SAFETY: the caller's promise.
    unsafe { HAKMEM.deallocate(block.cast()) };
}

passing_on! {
    /// `operator delete(block, size)`.
    delete_sized, "_ZdlPvm", "_ZdlPv"
}
passing_on! {
    /// `operator delete(block, nothrow)`.
    delete_nothrow, "_ZdlPvRKSt9nothrow_t", "_ZdlPv"
}
passing_on! {
    /// `operator delete[](block)`.
    delete_array, "_ZdaPv", "_ZdlPv"
}
passing_on! {
    /// `operator delete[](block, size)`.
    delete_array_sized, "_ZdaPvm", "_ZdaPv"
}
passing_on! {
    /// `operator delete[](block, nothrow)`.
    delete_array_nothrow, "_ZdaPvRKSt9nothrow_t", "_ZdaPv"
}
passing_on! {
    /// `operator delete(block, align, nothrow)`.
    delete_aligned_nothrow, "_ZdlPvSt11align_val_tRKSt9nothrow_t", "_ZdlPvSt11align_val_t"
}
passing_on! {
    /// `operator delete[](block, align)`.
    delete_array_aligned, "_ZdaPvSt11align_val_t", "_ZdlPvSt11align_val_t"
}
passing_on! {
    /// `operator delete[](block, align, nothrow)`.
    delete_array_aligned_nothrow, "_ZdaPvSt11align_val_tRKSt9nothrow_t", "_ZdaPvSt11align_val_t"
}
passing_on! {
    /// `operator delete(block, size, align)`: the alignment takes the place of the size.
    delete_sized_aligned, "_ZdlPvmSt11align_val_t", "_ZdlPvSt11align_val_t", "mov rsi, rdx"
}
passing_on! {
    /// `operator delete[](block, size, align)`: as above.
    delete_array_sized_aligned, "_ZdaPvmSt11align_val_t", "_ZdaPvSt11align_val_t", "mov rsi, rdx"
}
