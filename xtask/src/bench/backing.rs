//! Memory that the host has something behind.
//!
//! A virtual machine that reports free pages to its host gets them back at the first touch, at 2 to 5 ms a
//! huge page instead of 0.1. Whose run comes after a pause would pay for it, and who takes huge pages most:
//! rows that touch much memory differed by a factor of 20 from one run to the next. So before each run as
//! much is touched, and given back, as the largest run of its row had resident. It is reported again only
//! after seconds.

use std::collections::BTreeMap;
use std::ptr;

use super::machine;

/// The distance between two touches: no page is smaller.
const PAGE: usize = 4096;

/// What the rows need.
#[derive(Debug)]
pub(crate) struct Backing {
    is_needed: bool,
    most: BTreeMap<String, u64>,
}

impl Backing {
    pub(crate) fn new() -> Self {
        Self { is_needed: machine::page_reporting().is_some(), most: BTreeMap::new() }
    }

    /// Before a run of `row`.
    pub(crate) fn prepare(&self, row: &str) {
        if let Some(bytes) = self.most.get(row).filter(|_| self.is_needed) {
            touch(usize::try_from(*bytes).unwrap_or(0));
        }
    }

    /// A run of `row` had `bytes` resident at its peak.
    pub(crate) fn note(&mut self, row: &str, bytes: u64) {
        let most = self.most.entry(row.to_owned()).or_default();
        *most = bytes.max(*most);
    }
}

/// Maps memory, in huge pages if the system likes, writes to each page, and unmaps it. If there is none,
/// nothing happens.
fn touch(bytes: usize) {
    let (access, kind) =
        (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    // SAFETY: a new mapping, wherever the system likes.
    let base = unsafe { libc::mmap(ptr::null_mut(), bytes, access, kind, -1, 0) };
    if base == libc::MAP_FAILED {
        return;
    }
    // SAFETY: the mapping made above; advice changes no contents.
    unsafe { libc::madvise(base, bytes, libc::MADV_HUGEPAGE) };
    for page in (0..bytes).step_by(PAGE) {
        // SAFETY: inside the mapping, which is writable.
        unsafe { base.cast::<u8>().wrapping_add(page).write_volatile(1) };
    }
    // SAFETY: the mapping made above, which nobody uses any more.
    unsafe { libc::munmap(base, bytes) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_run_of_a_row_counts() {
        let mut backing = Backing { is_needed: true, most: BTreeMap::new() };
        backing.prepare("unknown");
        for bytes in [3 << 20, 5 << 20, 1 << 20] {
            backing.note("row", bytes);
        }
        backing.note("other", 1);
        assert_eq!(backing.most["row"], 5 << 20);
        backing.prepare("row");
    }

    #[test]
    fn nothing_and_too_much_are_left_alone() {
        touch(0);
        touch(usize::MAX & !(PAGE - 1));
    }
}
