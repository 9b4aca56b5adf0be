//! The processor's counter.

/// Ticks since some time.
pub(crate) fn ticks() -> u64 {
    // SAFETY: every x86-64 processor has the instruction, and Linux allows it unless a process
    // asked not to.
    unsafe { core::arch::x86_64::_rdtsc() }
}
