//! The counts of boxes that the default composition does not have.

use core::ptr::NonNull;

use hakmem_contract::Class;
use hakmem_free_list_page::FreeListSlab;
use hakmem_tiered_front::{Magazine, Tiered};
use hakmem_tls_sll::TlsSll;

use super::{CountBlocks, CountFree};

impl CountBlocks for TlsSll {
    #[inline]
    fn count(&self, class: Class) -> usize {
        self.len(class)
    }
}

impl<I: CountBlocks, const SLOTS: usize> CountBlocks for Magazine<I, SLOTS> {
    #[inline]
    fn count(&self, class: Class) -> usize {
        self.len(class) + self.inner().count(class)
    }
}

impl<F: CountBlocks, S: CountBlocks, const N: u16> CountBlocks for Tiered<F, S, N> {
    #[inline]
    fn count(&self, class: Class) -> usize {
        let (first, second) = self.levels();
        first.count(class) + second.count(class)
    }
}

impl CountFree for FreeListSlab {
    #[inline]
    unsafe fn count_free(this: NonNull<Self>) -> usize {
        // SAFETY: passed on.
        unsafe { Self::n_free(this) }
    }
}
