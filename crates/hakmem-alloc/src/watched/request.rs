//! Client requests: instructions that do nothing, unless the program runs under valgrind.
//!
//! The numbers are those of valgrind's `valgrind.h` and `memcheck.h`, which promise not to change
//! them.

use core::arch::asm;

/// `VALGRIND_MALLOCLIKE_BLOCK`
const MALLOCLIKE_BLOCK: usize = 0x1301;
/// `VALGRIND_FREELIKE_BLOCK`
const FREELIKE_BLOCK: usize = 0x1302;
/// `VALGRIND_DISABLE_ERROR_REPORTING` with 1, `VALGRIND_ENABLE_ERROR_REPORTING` with -1
const CHANGE_ERR_DISABLEMENT: usize = 0x1801;

/// `VG_USERREQ_TOOL_BASE('M', 'C')`
const MEMCHECK: usize = (b'M' as usize) << 24 | (b'C' as usize) << 16;
/// `VALGRIND_MAKE_MEM_NOACCESS`
const MAKE_MEM_NOACCESS: usize = MEMCHECK;
/// `VALGRIND_GET_VBITS`
const GET_VBITS: usize = MEMCHECK + 8;
/// `VALGRIND_DISABLE_ADDR_ERROR_REPORTING_IN_RANGE`
const DISABLE_ADDR_ERRORS_IN_RANGE: usize = MEMCHECK + 14;

/// What `GET_VBITS` answers when all is well.
const GOT_VBITS: usize = 1;

/// Makes a request. The answer is 0 on the real processor, which rotates a register by 128 bits
/// and exchanges another with itself.
fn request(number: usize, args: [usize; 4]) -> usize {
    let block = [number, args[0], args[1], args[2], args[3], 0];
    let mut answer = 0_usize;
    // SAFETY: the rotations leave rdi as it was, and flags are clobbered. Under valgrind the
    // request reads the six words, and memory changes only for requests whose caller says so.
    unsafe {
        asm!(
            "rol rdi, 3",
            "rol rdi, 13",
            "rol rdi, 61",
            "rol rdi, 51",
            "xchg rbx, rbx",
            inout("rdx") answer,
            in("rax") block.as_ptr(),
            options(nostack),
        );
    }
    answer
}

/// `size` bytes at `block` are the program's from now on.
pub(super) fn allocated(block: usize, size: usize, zeroed: bool) {
    request(MALLOCLIKE_BLOCK, [block, size, 0, usize::from(zeroed)]);
}

/// The block is not the program's any more. Reports it when it was not.
pub(super) fn freed(block: usize) {
    request(FREELIKE_BLOCK, [block, 0, 0, 0]);
}

/// Nobody should touch the range.
pub(super) fn forbid(base: usize, bytes: usize) {
    request(MAKE_MEM_NOACCESS, [base, bytes, 0, 0]);
}

/// Nobody is reported who touches the range, even where it is forbidden.
pub(super) fn forgive(base: usize, bytes: usize) {
    request(DISABLE_ADDR_ERRORS_IN_RANGE, [base, bytes, 0, 0]);
}

/// Whether the program may touch the byte; `None` on the real processor.
pub(super) fn is_allowed(address: usize) -> Option<bool> {
    let mut bits = 0_u8;
    let answer = request(GET_VBITS, [address, (&raw mut bits).expose_provenance(), 1, 0]);
    (answer != 0).then_some(answer == GOT_VBITS)
}

/// While it lives, this thread's accesses are not reported.
#[derive(Debug)]
pub(super) struct Quiet;

impl Quiet {
    pub(super) fn new() -> Self {
        request(CHANGE_ERR_DISABLEMENT, [1, 0, 0, 0]);
        Self
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        request(CHANGE_ERR_DISABLEMENT, [usize::MAX, 0, 0, 0]);
    }
}
