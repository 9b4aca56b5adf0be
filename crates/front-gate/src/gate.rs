//! A request goes to one of three tiers.

use core::marker::PhantomData;

use hakmem_contract::geometry::{MAX_REQUEST, MAX_SPAN_UNITS, UNIT, round_up};
use hakmem_contract::{Class, SizeClasses};

/// Who serves a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tier {
    /// A block of a slab.
    Small(Class),
    /// So many whole units.
    Span(usize),
    /// A mapping of its own, of at least so many bytes.
    Huge(usize),
    /// Nobody: more than `PTRDIFF_MAX`, rounding included.
    Refused,
}

/// Sorts requests into tiers by the scheme `C`. Every size and alignment belongs to exactly one.
#[derive(Clone, Copy, Debug)]
pub struct Gate<C>(PhantomData<C>);

/// The largest span in bytes.
const SPAN_MAX: usize = MAX_SPAN_UNITS * UNIT;

impl<C: SizeClasses> Gate<C> {
    const _NO_GAP: () = assert!(C::SMALL_MAX <= UNIT);

    /// The tier for `size` bytes at a multiple of `align`, a power of two. O(1).
    #[inline]
    #[must_use]
    pub fn tier(size: usize, align: usize) -> Tier {
        let () = Self::_NO_GAP;
        if align <= UNIT {
            let class =
                if align <= 16 { C::class_of(size) } else { C::class_of_aligned(size, align) };
            if let Some(class) = class {
                return Tier::Small(class);
            }
            if size <= SPAN_MAX {
                return Tier::Span(size.div_ceil(UNIT).max(1));
            }
        }
        match round_up(size, align) {
            Some(rounded) if rounded <= MAX_REQUEST => Tier::Huge(size.max(1)),
            _ => Tier::Refused,
        }
    }
}
