//! Sizes that every box agrees on.

use static_assertions::const_assert;

/// log2 of [`UNIT`].
pub const UNIT_SHIFT: u32 = 16;
/// 64 KiB: what the shared pool hands out, and what one tag describes.
pub const UNIT: usize = 1 << UNIT_SHIFT;

/// log2 of [`SUPERSLAB`].
pub const SUPERSLAB_SHIFT: u32 = 21;
/// 2 MiB, aligned to itself: one huge page, and the least that is asked of the system.
pub const SUPERSLAB: usize = 1 << SUPERSLAB_SHIFT;

/// 32: one `u32` has a bit for every unit of a SuperSlab.
pub const UNITS_PER_SUPERSLAB: usize = SUPERSLAB / UNIT;

/// The longest span, 1 MiB. Larger blocks get a mapping of their own.
pub const MAX_SPAN_UNITS: usize = 16;

/// Bits of a user-space address (x86-64 and aarch64 with 4-level page tables).
pub const ADDRESS_BITS: u32 = 47;

/// The most that may be asked for in one block: `PTRDIFF_MAX`.
pub const MAX_REQUEST: usize = isize::MAX.cast_unsigned();

/// The smallest page of the system, for rounding only.
pub const OS_PAGE: usize = 4096;

/// Every block is at least this aligned (x86-64's `max_align_t`).
pub const MIN_ALIGN: usize = 16;

const_assert!(UNITS_PER_SUPERSLAB == u32::BITS as usize);
const_assert!(MAX_SPAN_UNITS * 2 == UNITS_PER_SUPERSLAB);

/// `value` rounded up to a multiple of `align`, a power of two; `None` on overflow.
#[inline]
#[must_use]
pub const fn round_up(value: usize, align: usize) -> Option<usize> {
    match value.checked_add(align - 1) {
        Some(sum) => Some(sum & !(align - 1)),
        None => None,
    }
}
