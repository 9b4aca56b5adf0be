//! Size classes: which exist is one box's choice, what a class is is everybody's.

use core::ptr::NonNull;

use crate::geometry::UNIT;
use crate::tag::KIND_SHIFT;

/// Room for classes in every per-class array. A scheme may have fewer. The feature `many-classes` is
/// for schemes that have more than 40.
pub const MAX_CLASSES: usize = if cfg!(feature = "many-classes") { 72 } else { 40 };

/// A size class. Kept as the bits that it has in a [tag](crate::tag), its number times 32, because
/// that is what the hot path computes with.
///
/// # Invariants
///
/// - The number is below [`MAX_CLASSES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Class(u16);

impl Class {
    /// Class number `index`, or `None` when there is room for fewer.
    #[inline]
    #[must_use]
    pub const fn new(index: usize) -> Option<Self> {
        // INVARIANT: checked here.
        if index < MAX_CLASSES { Some(Self(low_u16(index << KIND_SHIFT))) } else { None }
    }

    /// The class with these bits in a tag.
    ///
    /// # Safety
    ///
    /// They are the bits of a class: a multiple of `1 << KIND_SHIFT` below
    /// [`CLASS_LIMIT`](crate::tag::CLASS_LIMIT).
    #[inline(always)]
    #[must_use]
    pub const unsafe fn from_bits_unchecked(bits: usize) -> Self {
        // INVARIANT: the caller's promise.
        Self(low_u16(bits))
    }

    /// Its bits in a tag, which are also the offset of a front cache's bin of 32 bytes.
    #[inline(always)]
    #[must_use]
    pub const fn bits(self) -> usize {
        self.0 as usize
    }

    /// Its number, below [`MAX_CLASSES`].
    #[inline(always)]
    #[must_use]
    pub const fn index(self) -> usize {
        let index = (self.0 >> KIND_SHIFT) as usize;
        // SAFETY: the type's invariant.
        unsafe { core::hint::assert_unchecked(index < MAX_CLASSES) };
        index
    }
}

/// What a slab of one class looks like.
///
/// # Invariants
///
/// - `capacity * block_size <= units * UNIT`, `capacity >= 16`, and `capacity <= 4096`.
/// - `tail < block_size`.
/// - `reciprocal == ceil(2^64 / block_size)`.
#[derive(Clone, Copy, Debug)]
pub struct Geometry {
    /// Bytes of a block: a multiple of 16.
    pub block_size: u32,
    /// Units of a slab: 1, 2, 4 or 8.
    pub units: u8,
    /// Blocks of a slab.
    pub capacity: u16,
    /// `ceil(2^64 / block_size)`: for an offset below 2^19, the high half of
    /// `offset * reciprocal` is `offset / block_size`, and the low half is below `reciprocal`
    /// exactly when nothing remains (Lemire, Kaser, Kurz: "Faster remainder by direct
    /// computation", 2019).
    pub reciprocal: u64,
    /// The most blocks that one thread's front cache may hold.
    pub cache_limit: u16,
    /// Bytes at the end of each block that are not the program's: a page box that checks for
    /// overflows keeps a canary there.
    pub tail: u8,
}

impl Geometry {
    /// The geometry of blocks of `block_size` bytes: 16 or more of them in the fewest units
    /// that are a power of two, cached in `cache_bytes` at most, within `cache_blocks`.
    #[must_use]
    pub const fn new(block_size: u32, cache_bytes: u32, cache_blocks: [u16; 2]) -> Self {
        let size = block_size as usize;
        let mut units = 1;
        while units * UNIT / size < 16 {
            units *= 2;
        }
        let capacity = units * UNIT / size;
        assert!(size.is_multiple_of(16) && units <= 8 && capacity <= 4096);
        let [least, most] = cache_blocks;
        let fitting = cache_bytes / block_size;
        let cache_limit = if fitting > most as u32 {
            most
        } else if fitting < least as u32 {
            least
        } else {
            low_u16(fitting as usize)
        };
        Self {
            block_size,
            units: units.to_le_bytes()[0],
            capacity: low_u16(capacity),
            // INVARIANT: `(2^64 - 1) / d + 1` is `ceil(2^64 / d)` for every `d > 1`.
            reciprocal: u64::MAX / block_size as u64 + 1,
            cache_limit,
            tail: 0,
        }
    }

    /// The same with `tail` bytes of each block kept from the program.
    #[must_use]
    pub const fn with_tail(self, tail: u8) -> Self {
        assert!((tail as u32) < self.block_size);
        Self { tail, ..self }
    }

    /// Bytes of a block that the program may use.
    #[inline(always)]
    #[must_use]
    pub const fn usable(&self) -> usize {
        self.block_size as usize - self.tail as usize
    }
}

/// Which of the first `limit` blocks of a slab at `base` is at `address`, if any; `reciprocal` is the
/// [geometry](Geometry::reciprocal)'s.
#[inline(always)]
#[must_use]
pub fn index_in(base: NonNull<u8>, address: usize, reciprocal: u64, limit: u16) -> Option<usize> {
    let offset = address.wrapping_sub(base.as_ptr().addr());
    let product = u128::from(offset as u64) * u128::from(reciprocal);
    let (index, rest) = ((product >> 64) as usize, product as u64);
    // The low half is below the reciprocal exactly if nothing remains (`Geometry`).
    if rest < reciprocal && index < usize::from(limit) { Some(index) } else { None }
}

/// The low 16 bits of `value`.
const fn low_u16(value: usize) -> u16 {
    let bytes = value.to_le_bytes();
    u16::from_le_bytes([bytes[0], bytes[1]])
}

/// A scheme of size classes.
///
/// # Safety
///
/// Implementors promise the *Guarantees* below; unsafe code relies on them.
///
/// # Guarantees
///
/// - `class_of(size)` is `Some` exactly for `size <= SMALL_MAX`, and of the class's blocks at least
///   `size` bytes are usable.
/// - `class_of_fast` agrees with `class_of` wherever it is `Some`.
/// - `class_of` is monotonic, and `geometry` is right for every class that `class_of` returns.
pub unsafe trait SizeClasses: 'static {
    /// How many classes there are.
    const COUNT: usize;
    /// The largest size that has a class, in bytes.
    const SMALL_MAX: usize;

    /// The class for `size` bytes if one load tells; `None` means "ask `class_of`", not "none".
    /// For the inlined path: a compare, a load.
    fn class_of_fast(size: usize) -> Option<Class>;

    /// The class for `size` bytes. O(1).
    fn class_of(size: usize) -> Option<Class>;

    /// The class for `size` bytes at a multiple of `align`, a power of two. O(classes per
    /// doubling).
    fn class_of_aligned(size: usize, align: usize) -> Option<Class>;

    /// The geometry of `class`.
    fn geometry(class: Class) -> &'static Geometry;
}
