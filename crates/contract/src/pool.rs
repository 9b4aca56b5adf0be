//! The seam above the shared pool: who needs units gets them here.

use core::ptr::NonNull;

/// Units in a row, all of one SuperSlab, owned by whoever holds this value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Span {
    /// The first byte; a multiple of [`UNIT`](crate::UNIT).
    pub base: NonNull<u8>,
    /// The pool's number of the SuperSlab.
    pub superslab: u32,
    /// How many units.
    pub units: u16,
    /// 1 when every byte is known to be zero, else 0.
    pub zeroed: u16,
}

impl Span {
    /// A place holder for arrays that `acquire` fills.
    pub const NONE: Self = Self { base: NonNull::dangling(), superslab: 0, units: 0, zeroed: 0 };

    /// The address of the first byte.
    #[inline]
    #[must_use]
    pub fn address(self) -> usize {
        self.base.as_ptr().addr()
    }
}

/// Where units come from and go back to. Any thread, at any time.
///
/// # Safety
///
/// Implementors promise the *Guarantees* below; unsafe code above relies on them.
///
/// # Guarantees
///
/// - **Exclusive**: units are handed to nobody else before they were released.
/// - **Covered**: the registry has room for the tags of every span handed out, so that publishing
///   cannot fail.
/// - **Flat**: no call costs more as the number of SuperSlabs grows.
/// - **No lock**: a thread that stops for ever inside a call keeps at most the units of that
///   call.
pub unsafe trait UnitPool {
    /// Writes up to `out.len()` spans of `units` units each and returns how many; one at least,
    /// unless memory has run out. More than one are handed out only if they are at hand, without
    /// asking the system again.
    fn acquire(&self, units: usize, out: &mut [Span]) -> usize;

    /// Takes back part or all of a span: its units must be in one SuperSlab, that is all.
    ///
    /// # Safety
    ///
    /// The caller owns the units and does not use them again; no tag is published for them.
    unsafe fn release(&self, span: Span);

    /// Makes `span` longer by `more` units in place, if the units behind it are free. Returns
    /// whether it did, and whether the new units are known to be zero.
    ///
    /// # Safety
    ///
    /// The caller owns `span`.
    unsafe fn extend(&self, span: Span, more: usize) -> Option<bool>;
}
