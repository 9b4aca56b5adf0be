//! Nothing here panics; the compiler wants to know what would happen.

use core::panic::PanicInfo;

#[panic_handler]
fn panic(_info: &PanicInfo<'_>) -> ! {
    // SAFETY: has no preconditions.
    unsafe { libc::abort() }
}
