//! Nothing here panics; the compiler wants to know what would happen.

use core::panic::PanicInfo;

#[panic_handler]
fn panic(_info: &PanicInfo<'_>) -> ! {
    crate::api::HAKMEM.die(b"hakmem: internal error\n")
}
