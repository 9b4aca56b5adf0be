//! Names of mappings, as long as the system takes them.
//!
//! A name is a system call, and mappings of different names do not become one. So a name is given
//! once, when a range is mapped, and stays when the range serves something else later.

use core::ptr::NonNull;

use hakmem_contract::OsPort;
use hakmem_contract::os::Purpose;
use hakmem_sync::atomic::{AtomicUsize, Ordering};
use hakmem_sync::const_unless_loom;

/// Whether to give names. All zero bytes when new.
///
/// # Invariants
///
/// - The word is 0 until somebody wants no names, or the system said that it knows none.
#[derive(Debug)]
pub struct Names {
    unwanted: AtomicUsize,
}

impl Names {
    const_unless_loom! {
        /// Wanted, and not asked for yet.
        pub fn new() -> Self {
            Self { unwanted: AtomicUsize::new(0) }
        }
    }

    /// Gives no names from now on.
    pub(crate) fn stop(&self) {
        // Relaxed: who reads an old value asks once more, which harms nobody.
        self.unwanted.store(1, Ordering::Relaxed);
    }

    /// Names a range that was mapped just now.
    ///
    /// # Safety
    ///
    /// The pages are the caller's.
    pub(crate) unsafe fn give<P: OsPort>(
        &self,
        os: &P,
        base: NonNull<u8>,
        bytes: usize,
        purpose: Purpose,
    ) {
        // Relaxed: as in `stop`.
        if self.unwanted.load(Ordering::Relaxed) != 0 {
            return;
        }
        // SAFETY: passed on.
        if !unsafe { os.name(base, bytes, purpose) } {
            self.stop();
        }
    }
}

impl Default for Names {
    fn default() -> Self {
        Self::new()
    }
}
