//! System calls on x86-64.

use core::arch::asm;
use core::ffi::c_long;

/// Enters the system with up to six arguments and returns what it left in `rax`.
///
/// # Safety
///
/// The call must be one that is sound with these arguments: memory that it unmaps, changes or
/// writes is the caller's.
pub(crate) unsafe fn call(number: c_long, args: [usize; 6]) -> usize {
    let result: usize;
    // SAFETY: `syscall` clobbers rax, rcx and r11 and leaves the stack alone; what it does to
    // memory the caller answers for. No `nomem`: memory may change.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") number.cast_unsigned() => result,
            in("rdi") args[0],
            in("rsi") args[1],
            in("rdx") args[2],
            in("r10") args[3],
            in("r8") args[4],
            in("r9") args[5],
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack),
        );
    }
    result
}

/// An instruction that ends the process by SIGILL.
pub(crate) fn trap() -> ! {
    // SAFETY: `ud2` raises an exception and does nothing else; it does not return.
    unsafe { asm!("ud2", options(noreturn)) }
}
