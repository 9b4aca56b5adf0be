//! The word that the registry keeps for every unit of the address space.
//!
//! ```text
//!  31            12 11        5 4      0
//! +----------------+-----------+--------+
//! | owner or units |   kind    |   0    |
//! +----------------+-----------+--------+
//! ```
//!
//! A slab's tag has its owner above its class. `tag ^ owner.tag_bits()` is below
//! [`CLASS_LIMIT`] exactly when the unit is part of a slab of that owner, and is then the class
//! times 32, which is the size of a bin of the front cache: one load, one xor, one compare
//! answer "ours? mine? which bin?".
//!
//! Units that are given up may be tagged with what they were. To all but the report of a wrong
//! free such a tag is [`Kind::Foreign`].

use crate::class::{Class, MAX_CLASSES};
use static_assertions::const_assert;

/// Bits below the kind, all zero: log2 of the size of a front cache's bin.
pub const KIND_SHIFT: u32 = 5;
/// Bits below the owner.
pub const OWNER_SHIFT: u32 = 12;
/// One above the largest `class << KIND_SHIFT`.
pub const CLASS_LIMIT: u32 = low_u32(MAX_CLASSES) << KIND_SHIFT;

const KIND_MASK: u32 = (1 << OWNER_SHIFT) - (1 << KIND_SHIFT);
const SPAN_HEAD: u32 = 96;
const SPAN_TAIL: u32 = 97;
const HUGE: u32 = 98;
const FREED_SLAB: u32 = 99;
const FREED_SPAN: u32 = 100;
const FREED_TAIL: u32 = 101;
const FREED_HUGE: u32 = 102;

const_assert!(MAX_CLASSES <= SPAN_HEAD as usize);
const_assert!(FREED_HUGE << KIND_SHIFT < 1 << OWNER_SHIFT);

/// The low 32 bits of `value`.
const fn low_u32(value: usize) -> u32 {
    let [a, b, c, d, ..] = value.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

/// Names a thread heap. Reused with the heap, never while blocks of it may be live elsewhere.
///
/// # Invariants
///
/// - The number is in `1..NOBODY`, or it is [`Owner::NOBODY`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub struct Owner(u32);

impl Owner {
    /// The owner of the empty heap: its tag bits are in no published tag.
    pub const NOBODY: Self = Self((1 << (32 - OWNER_SHIFT)) - 1);

    /// Owner number `index`, counted from 0; `None` when there are too many.
    #[inline]
    #[must_use]
    pub const fn new(index: usize) -> Option<Self> {
        // INVARIANT: 0 stays free, so that no owner's tag equals [`Tag::FOREIGN`].
        if index + 1 < Self::NOBODY.0 as usize { Some(Self(low_u32(index + 1))) } else { None }
    }

    /// The index that made it.
    #[inline]
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize - 1
    }

    /// Its bits of a tag.
    #[inline]
    #[must_use]
    pub const fn tag_bits(self) -> u32 {
        self.0 << OWNER_SHIFT
    }
}

/// See the [module docs](self).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub struct Tag(u32);

/// A tag taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Not memory of this allocator, or not in use.
    Foreign,
    /// A unit of a slab.
    Slab(Owner, Class),
    /// The first unit of a span of so many units.
    SpanHead(usize),
    /// A later unit of a span.
    SpanTail,
    /// The first unit of a huge block.
    Huge,
}

/// What a unit was before it was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Former {
    /// A unit of a slab.
    Slab(Class),
    /// The first unit of a span of so many units.
    SpanHead(usize),
    /// A later unit of a span.
    SpanTail,
    /// The first unit of a huge block.
    Huge,
}

impl Tag {
    /// The tag of every unit that nobody published.
    pub const FOREIGN: Self = Self(0);
    /// A later unit of a span.
    pub const SPAN_TAIL: Self = Self(SPAN_TAIL << KIND_SHIFT);
    /// The first unit of a huge block.
    pub const HUGE: Self = Self(HUGE << KIND_SHIFT);
    /// What was a later unit of a span.
    pub const FREED_TAIL: Self = Self(FREED_TAIL << KIND_SHIFT);
    /// What was the first unit of a huge block.
    pub const FREED_HUGE: Self = Self(FREED_HUGE << KIND_SHIFT);

    /// The tag of the units of a slab.
    #[inline]
    #[must_use]
    pub const fn slab(owner: Owner, class: Class) -> Self {
        Self(owner.tag_bits() | (low_u32(class.index()) << KIND_SHIFT))
    }

    /// The tag of the first unit of a span of `units`.
    #[inline]
    #[must_use]
    pub const fn span_head(units: usize) -> Self {
        Self((low_u32(units) << OWNER_SHIFT) | (SPAN_HEAD << KIND_SHIFT))
    }

    /// What was a unit of a slab of `class`.
    #[inline]
    #[must_use]
    pub const fn freed_slab(class: Class) -> Self {
        Self((low_u32(class.index()) << OWNER_SHIFT) | (FREED_SLAB << KIND_SHIFT))
    }

    /// What was the first unit of a span of `units`.
    #[inline]
    #[must_use]
    pub const fn freed_span(units: usize) -> Self {
        Self((low_u32(units) << OWNER_SHIFT) | (FREED_SPAN << KIND_SHIFT))
    }

    /// The word.
    #[inline]
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// The tag whose word is `bits`.
    #[inline]
    #[must_use]
    pub const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    /// What it says.
    #[must_use]
    pub const fn kind(self) -> Kind {
        let above = self.0 >> OWNER_SHIFT;
        match (self.0 & KIND_MASK) >> KIND_SHIFT {
            SPAN_HEAD => Kind::SpanHead(above as usize),
            SPAN_TAIL => Kind::SpanTail,
            HUGE => Kind::Huge,
            class if above != 0 => match Class::new(class as usize) {
                Some(class) => Kind::Slab(Owner(above), class),
                None => Kind::Foreign,
            },
            _ => Kind::Foreign,
        }
    }
    /// What a unit of kind [`Kind::Foreign`] was before, as far as it is known: for those who say
    /// what a wrong program did.
    #[must_use]
    pub const fn former(self) -> Option<Former> {
        let above = (self.0 >> OWNER_SHIFT) as usize;
        match (self.0 & KIND_MASK) >> KIND_SHIFT {
            FREED_SLAB => match Class::new(above) {
                Some(class) => Some(Former::Slab(class)),
                None => None,
            },
            FREED_SPAN => Some(Former::SpanHead(above)),
            FREED_TAIL => Some(Former::SpanTail),
            FREED_HUGE => Some(Former::Huge),
            _ => None,
        }
    }
}
