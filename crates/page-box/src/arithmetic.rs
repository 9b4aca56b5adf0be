//! Runs of addresses.

/// How many of the `n` blocks from `blocks` on follow each other at a distance of `size`: at
/// least one. Programs often free in the order in which they allocated.
///
/// # Safety
///
/// `blocks` is valid for `n` reads, and `n > 0`.
#[inline(always)]
pub(crate) unsafe fn run_length(blocks: *const *mut u8, n: usize, size: usize) -> usize {
    // SAFETY: `n > 0`.
    let first = unsafe { blocks.read() };
    // A loop without an exit in its body, which the compiler makes wide.
    const STEP: usize = 8;
    let mut run = 1;
    // SAFETY: the first two of more than eight blocks.
    if n <= STEP || unsafe { blocks.wrapping_add(1).read() } != first.wrapping_add(size) {
        return run;
    }
    while run + STEP <= n {
        let mut difference = 0;
        for i in run..run + STEP {
            // SAFETY: `i < n`.
            let block = unsafe { blocks.wrapping_add(i).read() }.addr();
            // SAFETY: as above.
            let before = unsafe { blocks.wrapping_add(i - 1).read() }.addr();
            difference |= block.wrapping_sub(before) ^ size;
        }
        if difference != 0 {
            break;
        }
        run += STEP;
    }
    run
}
