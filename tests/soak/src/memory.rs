//! What the system says that this process has.

use std::fs;

/// Bytes of this process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory {
    /// Resident.
    pub(crate) rss: u64,
    /// Mapped, resident or not.
    pub(crate) mapped: u64,
}

impl Memory {
    pub(crate) fn now() -> Self {
        let text = fs::read_to_string("/proc/self/statm").expect("/proc is mounted");
        let mut pages = text.split(' ').map(|pages| pages.parse::<u64>().expect("a number"));
        let mut next = || pages.next().expect("two numbers") * 4096;
        let mapped = next();
        Self { rss: next(), mapped }
    }
}
