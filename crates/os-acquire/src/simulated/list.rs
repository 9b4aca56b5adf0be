//! A list in memory that is mapped for it: what stands below an allocator must not ask one.

use core::ptr::NonNull;
use core::slice;

use hakmem_contract::OsPort;
use hakmem_contract::geometry::OS_PAGE;

use super::twice::in_order;
use crate::linux::Linux;

/// The first mapping's pages; each later one is twice as long.
const FIRST: usize = 4 * OS_PAGE;

/// Items in an order that the user keeps.
///
/// # Invariants
///
/// - `base` is the list's own mapping of `bytes`, of which the first `len` items are written; without a
///   mapping both are 0.
#[derive(Debug)]
pub(super) struct List<T> {
    base: Option<NonNull<T>>,
    bytes: usize,
    len: usize,
}

impl<T: Copy> List<T> {
    /// Nothing is mapped.
    pub(super) const fn new() -> Self {
        Self { base: None, bytes: 0, len: 0 }
    }

    pub(super) fn items(&self) -> &[T] {
        let Some(base) = self.base else { return &[] };
        // SAFETY: the type's invariant; nobody writes while this borrows the list.
        unsafe { slice::from_raw_parts(base.as_ptr(), self.len) }
    }

    pub(super) fn items_mut(&mut self) -> &mut [T] {
        let Some(base) = self.base else { return &mut [] };
        // SAFETY: the type's invariant; nobody else looks while this borrows the list.
        unsafe { slice::from_raw_parts_mut(base.as_ptr(), self.len) }
    }

    /// Sees to room for `more` items. `false`: the system has none.
    pub(super) fn has_room(&mut self, more: usize) -> bool {
        (self.len + more) * size_of::<T>() <= self.bytes || self.grow_cold(more)
    }

    #[cold]
    #[inline(never)]
    fn grow_cold(&mut self, more: usize) -> bool {
        let least = (self.len + more) * size_of::<T>();
        let bytes = least.next_multiple_of(OS_PAGE).max(2 * self.bytes).max(FIRST);
        let Some(memory) = Linux.map(0, bytes) else { return false };
        let base = memory.cast::<T>();
        let (old, before) = (self.base, self.bytes);
        if let Some(old) = old {
            // SAFETY: `len` items are written here, and there is room for more of them there; a mapping
            // made just now overlaps nothing.
            unsafe { base.copy_from_nonoverlapping(old, self.len) };
        }
        // INVARIANT: the items are where the base is, and in between there is less room than there is.
        in_order();
        self.base = Some(base);
        in_order();
        self.bytes = bytes;
        in_order();
        if let Some(old) = old {
            // SAFETY: it was the list's own mapping, which it does not use again. A refusal leaks.
            let _ = unsafe { Linux.unmap(old.cast(), before) };
        }
        true
    }

    /// Puts an item before the one at `at`. There is room for it: the caller has asked.
    pub(super) fn insert(&mut self, at: usize, item: T) {
        let has_room = self.has_room(1);
        debug_assert!(has_room, "nobody has asked for room");
        let Some(base) = self.base.filter(|_| has_room) else { return };
        // SAFETY: `len` items and one more are inside of the mapping.
        let end = unsafe { base.add(self.len) };
        // SAFETY: as above; a mapping is aligned for everything.
        unsafe { end.write(item) };
        // INVARIANT: one more is written.
        self.len += 1;
        if let Some(rest) = self.items_mut().get_mut(at..) {
            rest.rotate_right(1);
        }
    }

    /// Takes over the items of another list. `false`: there is no room for them.
    pub(super) fn becomes(&mut self, other: &Self) -> bool {
        self.len = 0;
        if !self.has_room(other.len) {
            return false;
        }
        if let (Some(to), Some(from)) = (self.base, other.base) {
            // SAFETY: so many items are written there, and there is room for them here, in another mapping.
            unsafe { to.copy_from_nonoverlapping(from, other.len) };
            // INVARIANT: they are written.
            self.len = other.len;
        }
        true
    }

    /// Removes the items from `from` up to, and without, `to`.
    pub(super) fn remove(&mut self, from: usize, to: usize) {
        let to = to.min(self.len);
        let from = from.min(to);
        self.items_mut().copy_within(to.., from);
        // INVARIANT: all but the last are written still.
        self.len -= to - from;
    }
}

impl<T> Drop for List<T> {
    fn drop(&mut self) {
        if let Some(base) = self.base {
            // SAFETY: the list's own mapping, which ends with it. A refusal leaks.
            let _ = unsafe { Linux.unmap(base.cast(), self.bytes) };
        }
    }
}
