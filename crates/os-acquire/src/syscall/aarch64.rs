//! System calls on aarch64.

use core::arch::asm;
use core::ffi::c_long;

/// Enters the system with up to six arguments and returns what it left in `x0`.
///
/// # Safety
///
/// The call must be one that is sound with these arguments: memory that it unmaps, changes or
/// writes is the caller's.
pub(crate) unsafe fn call(number: c_long, args: [usize; 6]) -> usize {
    let result: usize;
    // SAFETY: `svc 0` clobbers x0 only and leaves the stack alone; what it does to memory the
    // caller answers for. No `nomem`: memory may change.
    unsafe {
        asm!(
            "svc 0",
            in("x8") number,
            inlateout("x0") args[0] => result,
            in("x1") args[1],
            in("x2") args[2],
            in("x3") args[3],
            in("x4") args[4],
            in("x5") args[5],
            options(nostack),
        );
    }
    result
}

/// An instruction that ends the process by SIGTRAP.
pub(crate) fn trap() -> ! {
    // SAFETY: `brk` raises an exception and does nothing else; it does not return.
    unsafe { asm!("brk #1", options(noreturn)) }
}
