//! Where the arena's chunks come from.

use core::ptr::NonNull;

use hakmem_contract::OsPort;
use hakmem_contract::os::Purpose;

use super::FIRST_CHUNK;
use crate::books::Books;
use crate::names::Names;

/// The system, and what has to be kept when it is asked.
#[derive(Debug)]
pub struct System<'a, P> {
    /// Maps and unmaps.
    pub os: &'a P,
    /// Where it is counted.
    pub books: &'a Books,
    /// What it is called.
    pub names: &'a Names,
}

impl<P: OsPort> System<'_, P> {
    /// A mapping for metadata, accounted for and named.
    pub(super) fn map(&self, bytes: usize, purpose: Purpose) -> Option<NonNull<u8>> {
        let base = self.os.map(0, bytes)?;
        self.note(base, bytes, purpose);
        Some(base)
    }

    /// Addresses for a table, accounted for and named as if they were memory.
    pub(crate) fn reserve(&self, bytes: usize) -> Option<NonNull<u8>> {
        let base = self.os.reserve(bytes)?;
        self.note(base, bytes, Purpose::Table);
        Some(base)
    }

    /// Accounts for what was mapped just now, and names it.
    fn note(&self, base: NonNull<u8>, bytes: usize, purpose: Purpose) {
        self.books.mapped.add(bytes);
        self.books.meta.add(bytes);
        // SAFETY: mapped just now; nobody else knows it.
        unsafe { self.names.give(self.os, base, bytes, purpose) };
    }

    /// A chunk of `bytes`, or of the least size when there is no memory for that.
    pub(super) fn map_chunk(&self, bytes: usize) -> Option<(NonNull<u8>, usize)> {
        if let Some(chunk) = self.map(bytes, Purpose::Meta) {
            return Some((chunk, bytes));
        }
        if bytes == FIRST_CHUNK {
            return None;
        }
        self.map(FIRST_CHUNK, Purpose::Meta).map(|chunk| (chunk, FIRST_CHUNK))
    }

    /// Gives back what was mapped or reserved just now.
    pub(crate) fn undo(&self, chunk: NonNull<u8>, bytes: usize) {
        self.books.meta.sub(bytes);
        // SAFETY: the caller's alone: mapped just now.
        if unsafe { self.os.unmap(chunk, bytes) } {
            self.books.mapped.sub(bytes);
        } else {
            self.books.stranded.add(bytes);
        }
    }
}
