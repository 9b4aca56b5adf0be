//! Memory from the system, so that what a replay needs for itself does not come from the allocator
//! that is measured.

use std::fs::File;
use std::os::fd::AsRawFd as _;
use std::ptr::{self, NonNull};

/// A mapping.
///
/// # Invariants
///
/// - `base` is the start of `length` mapped bytes, page-aligned, which nobody else unmaps.
#[derive(Debug)]
pub struct Map {
    base: NonNull<u8>,
    length: usize,
}

// SAFETY: a mapping belongs to no thread.
unsafe impl Send for Map {}

// SAFETY: sharing it gives a pointer and a number; what is done through the pointer is for others to
// answer.
unsafe impl Sync for Map {}

impl Map {
    /// Zeros.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn zeros(length: usize) -> Result<Self, String> {
        let writable = libc::PROT_READ | libc::PROT_WRITE;
        Self::new(length, writable, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1)
    }

    /// A file, to be read.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn file(file: &File) -> Result<Self, String> {
        let length = file.metadata().map_err(|error| error.to_string())?.len() as usize;
        Self::new(length, libc::PROT_READ, libc::MAP_SHARED, file.as_raw_fd())
    }

    fn new(length: usize, protection: i32, flags: i32, file: i32) -> Result<Self, String> {
        let length = length.max(1);
        // SAFETY: a fresh mapping at an address of the kernel's choice disturbs nothing.
        let base = unsafe { libc::mmap(ptr::null_mut(), length, protection, flags, file, 0) };
        match NonNull::new(base.cast::<u8>()) {
            // INVARIANT: mapped just now.
            Some(mapped) if base != libc::MAP_FAILED => Ok(Self { base: mapped, length }),
            _ => Err(format!("no mapping of {length} bytes")),
        }
    }

    /// Where it begins: a multiple of the page size.
    #[must_use]
    pub fn base(&self) -> NonNull<u8> {
        self.base
    }

    /// Its bytes.
    #[must_use]
    pub fn length(&self) -> usize {
        self.length
    }

    /// Makes all of it resident.
    pub fn touch(&self) {
        for at in (0..self.length).step_by(4096) {
            // SAFETY: inside the mapping.
            let byte = unsafe { self.base.add(at) };
            // SAFETY: mapped, and writable: nobody touches a file. Volatile, so that it happens.
            unsafe { byte.write_volatile(0) };
        }
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        // SAFETY: mapped by `new`, and nobody uses it any more. Nothing could be done if it failed.
        unsafe { libc::munmap(self.base.as_ptr().cast(), self.length) };
    }
}
