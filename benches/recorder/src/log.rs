//! The recording: a file in memory, to which all threads add records without a lock.
//!
//! The place of a record is claimed by one addition, which is the order of the recording too. What
//! is in the file is there however the process ends: there is nothing to write at the end.
//!
//! # Protocol
//!
//! | edge | from | to | what travels |
//! |------|------|----|--------------|
//! | L1 | `Log::begin` | `Log::note` | the mapping, and the key of the thread's number |

use core::ffi::c_void;
use core::ptr;
use core::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering};

use crate::raw::{HEADER_BYTES, RECORD_BYTES, header, record};

/// The one recording of the process.
pub(crate) static LOG: Log = Log {
    file: AtomicPtr::new(ptr::null_mut()),
    ours: AtomicPtr::new(ptr::null_mut()),
    key: AtomicU32::new(0),
};

/// # Invariants
///
/// - `file` is null, or a mapping of the header and of as many records as the header says, which
///   stays for ever; `ours` and `key` were set before.
/// - `ours` is a word that is 1, and 0 in a child of `fork`.
pub(crate) struct Log {
    file: AtomicPtr<u8>,
    ours: AtomicPtr<u32>,
    key: AtomicU32,
}

impl Log {
    /// Begins to record.
    ///
    /// # Safety
    ///
    /// The invariants hold for these values.
    pub(crate) unsafe fn begin(&self, file: *mut u8, ours: *mut u32, key: libc::pthread_key_t) {
        // Relaxed, both: published by the next store.
        self.ours.store(ours, Ordering::Relaxed);
        self.key.store(key, Ordering::Relaxed);
        // INVARIANT: the caller's promise.
        // Release, edge L1: publishes the mapping's header and the stores above.
        self.file.store(file, Ordering::Release);
    }

    /// Adds a record and returns its number; nothing if there is no recording, or no room.
    pub(crate) fn note(&self, kind: u32, address: usize, size: usize, other: u64) -> Option<u64> {
        // Acquire, edge L1.
        let file = self.file.load(Ordering::Acquire);
        if file.is_null() || !self.is_ours() {
            return None;
        }
        let thread = self.thread(file);
        let number = claim(file)?;
        let at = HEADER_BYTES + number as usize * RECORD_BYTES;
        // SAFETY: `claim` gives numbers for which the file has room.
        let place = unsafe { file.add(at) };
        put(place, record::THREAD, thread);
        put(place, record::ADDRESS, address as u64);
        put(place, record::SIZE, size as u64);
        put(place, record::OTHER, other);
        // Release: whoever reads the file while it grows sees a whole record or none.
        word32(place, record::KIND).store(kind, Ordering::Release);
        Some(number)
    }

    /// Whether this is the process that began, and not a child of it.
    fn is_ours(&self) -> bool {
        // Relaxed: ordered by the Acquire load of `file`.
        let ours = self.ours.load(Ordering::Relaxed);
        // SAFETY: the word stays mapped for ever, and only the kernel writes it, in a child that has
        // no other thread yet. Volatile, as the compiler does not know of that.
        unsafe { ours.read_volatile() == 1 }
    }

    /// The thread's number, a new one at its first record.
    fn thread(&self, file: *mut u8) -> u32 {
        // Relaxed: ordered by the Acquire load of `file`.
        let key = self.key.load(Ordering::Relaxed);
        // SAFETY: `key` was made by `pthread_key_create` and is never deleted.
        let value = unsafe { libc::pthread_getspecific(key) };
        match value.addr() {
            0 => new_thread_cold(file, key),
            number => number as u32 - 1,
        }
    }
}

#[cold]
#[inline(never)]
fn new_thread_cold(file: *mut u8, key: libc::pthread_key_t) -> u32 {
    // Relaxed: the number is all that matters.
    let number = word32(file, header::THREADS).fetch_add(1, Ordering::Relaxed);
    remember(key, number);
    number
}

fn remember(key: libc::pthread_key_t, number: u32) {
    let value = ptr::without_provenance::<c_void>(number as usize + 1);
    // SAFETY: the key was made by `pthread_key_create`. It is one of the first 32, for which no memory
    // is allocated.
    unsafe { libc::pthread_setspecific(key, value) };
}

/// The destructor of the key: the thread ends.
pub(crate) unsafe extern "C" fn ended(value: *mut c_void) {
    // Other destructors may free something after this one: under the same number, and this one is
    // called again.
    // Relaxed: the key was there before this thread's value was.
    remember(LOG.key.load(Ordering::Relaxed), value.addr() as u32 - 1);
    LOG.note(crate::raw::kind::ENDED, 0, 0, 0);
}

/// The number of the next record, if there is room for one.
fn claim(file: *mut u8) -> Option<u64> {
    let claimed = word64(file, header::CLAIMED);
    // Relaxed: written before edge L1 and never again.
    let capacity = word64(file, header::CAPACITY).load(Ordering::Relaxed);
    // Relaxed: all additions to one word are in one order, which agrees with what happens before
    // what; and that is all that is asked of it.
    let number = claimed.fetch_add(1, Ordering::Relaxed);
    (number < capacity).then_some(number)
}

/// The place of a field, which is inside its record or header.
fn field<T>(place: *mut u8, at: usize) -> *mut T {
    // SAFETY: the callers name fields of the record or header that begins there.
    unsafe { place.add(at) }.cast()
}

/// Writes a field of a record that is this thread's.
fn put<T>(place: *mut u8, at: usize, value: T) {
    // SAFETY: the record was claimed by this thread alone.
    unsafe { field::<T>(place, at).write_unaligned(value) };
}

fn word32(place: *mut u8, at: usize) -> &'static AtomicU32 {
    // SAFETY: the file stays mapped, and its fields lie at multiples of their size.
    unsafe { AtomicU32::from_ptr(field(place, at)) }
}

fn word64(place: *mut u8, at: usize) -> &'static AtomicU64 {
    // SAFETY: the file stays mapped, and its fields lie at multiples of their size.
    unsafe { AtomicU64::from_ptr(field(place, at)) }
}
