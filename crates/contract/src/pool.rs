//! The seam above the shared pool: who needs units gets them here.

use core::ptr::NonNull;

use crate::fault::Fault;
use crate::os::{Fatal, Memory};
use crate::registry::Registry;

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
///
/// # What else is expected
///
/// No unsafe code relies on these; a pool that does otherwise says so, and is for comparison.
///
/// - **Flat**: no call costs more as the number of SuperSlabs grows.
/// - **No lock**: a thread that stops for ever inside a call keeps at most the units of that
///   call.
pub unsafe trait UnitPool {
    /// Writes up to `out.len()` spans of `units` units each and returns how many; one at least,
    /// unless memory has run out. More than one are handed out only if they are at hand, without
    /// asking the system again.
    fn acquire(&self, units: usize, out: &mut [Span]) -> usize;

    /// The same without asking the system: zero means that the caller may look elsewhere before it
    /// calls `acquire`.
    fn acquire_at_hand(&self, units: usize, out: &mut [Span]) -> usize;

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

/// The shared pool as the facade sees it: units, and what lies below them.
///
/// # Safety
///
/// Implementors promise the *Guarantees* below; unsafe code above relies on them.
///
/// # Guarantees
///
/// - `registry` is the one in which the pool's units are covered, and `memory` is where they
///   come from.
pub unsafe trait Pool: UnitPool {
    /// The registry.
    type Registry: Registry;
    /// Where SuperSlabs come from.
    type Memory: Memory + Fatal;

    /// The registry.
    fn registry(&self) -> &Self::Registry;

    /// Where SuperSlabs come from.
    fn memory(&self) -> &Self::Memory;

    /// Gives the system everything that is free. Returns the bytes. O(SuperSlabs).
    fn purge_all(&self) -> usize;
}

/// Blocks of 1 to 16 whole units.
///
/// # Safety
///
/// Implementors promise the *Guarantees* below; unsafe code above relies on them.
///
/// # Guarantees
///
/// - A span is tagged [`Tag::span_head`](crate::Tag::span_head) while it is live.
/// - Of two releases of one span, one is an error.
pub unsafe trait Spans {
    /// How many units to acquire for a block of `units`; `None` when there are no runs so long, and
    /// the block has to be a huge one.
    fn span_units(&self, units: usize) -> Option<usize>;

    /// Makes a block of units that were acquired for it. Returns it, and whether every byte is known
    /// to be zero.
    ///
    /// # Safety
    ///
    /// The units are the caller's, as many as `span_units` said, and are the pool's from here on.
    unsafe fn adopt_span(&self, span: Span) -> (NonNull<u8>, bool);

    /// Makes the block at `base` units again, which are the caller's.
    ///
    /// # Errors
    ///
    /// `base` is not the start of a live span.
    ///
    /// # Safety
    ///
    /// Nobody uses the block any more.
    unsafe fn retire_span(&self, base: NonNull<u8>) -> Result<Span, Fault>;

    /// Takes back the span at `base`.
    ///
    /// # Errors
    ///
    /// `base` is not the start of a live span.
    ///
    /// # Safety
    ///
    /// Nobody uses the block any more.
    unsafe fn release_span(&self, base: NonNull<u8>) -> Result<(), Fault>;

    /// Makes the span at `base` `units` units long where it is; `false`: it stays as it was.
    ///
    /// # Errors
    ///
    /// `base` is not the start of a live span.
    ///
    /// # Safety
    ///
    /// The block is the caller's, and nobody uses what is cut off.
    unsafe fn resize_span(&self, base: NonNull<u8>, units: usize) -> Result<bool, Fault>;
}

/// Blocks with a mapping of their own.
///
/// # Safety
///
/// Implementors promise the *Guarantees* below; unsafe code above relies on them.
///
/// # Guarantees
///
/// - A huge block's first unit is tagged [`Tag::HUGE`](crate::Tag::HUGE) while it is live, but for
///   the time of a resize.
/// - Of two releases of one block, one is an error.
pub unsafe trait HugeBlocks {
    /// A block of at least `bytes` at a multiple of `align`, a power of two, and whether every
    /// byte is known to be zero.
    fn acquire_huge(&self, bytes: usize, align: usize) -> Option<(NonNull<u8>, bool)>;

    /// Takes back the huge block at `base`.
    ///
    /// # Errors
    ///
    /// `base` is not the start of a huge block.
    ///
    /// # Safety
    ///
    /// Nobody uses the block any more.
    unsafe fn release_huge(&self, base: NonNull<u8>) -> Result<(), Fault>;

    /// Bytes of the huge block at `base`.
    ///
    /// # Safety
    ///
    /// `base` is the start of a live huge block.
    unsafe fn huge_bytes(&self, base: NonNull<u8>) -> usize;

    /// Makes the huge block at `base` at least `bytes` long, in place or, if `may_move`, by moving
    /// its pages; then it is aligned to a SuperSlab, no more. `None`: it stays as it was.
    ///
    /// # Errors
    ///
    /// `base` is not the start of a huge block.
    ///
    /// # Safety
    ///
    /// The block is the caller's; nobody uses what is cut off, or, when it has moved, the old
    /// address.
    unsafe fn resize_huge(
        &self,
        base: NonNull<u8>,
        bytes: usize,
        may_move: bool,
    ) -> Result<Option<NonNull<u8>>, Fault>;
}
