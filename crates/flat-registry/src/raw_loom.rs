//! A table of loom's atomics, which have to be made one by one.

use core::array::from_fn;
use core::ptr::{self, NonNull};

use hakmem_contract::MetaArena;
use hakmem_sync::atomic::{AtomicPtr, AtomicU64};

use crate::{Flat, Table, reserve};

impl Flat {
    /// A registry in which everything is foreign.
    #[inline]
    #[must_use]
    pub fn new() -> Self {
        let covered = from_fn(|_| AtomicU64::new(0));
        Self { table: AtomicPtr::new(ptr::null_mut()), covered }
    }
}

impl Default for Flat {
    #[inline]
    fn default() -> Self {
        Self::new()
    }
}

/// A fresh table.
pub(crate) fn open(meta: &impl MetaArena) -> Option<NonNull<Table>> {
    let table = reserve(meta)?;
    // SAFETY: the arena's memory is ours, of the size asked for, and 64-byte aligned.
    unsafe { table.write(Table::new()) };
    Some(table)
}
