//! The default scheme of size classes.

use hakmem_contract::{Class, Geometry, MAX_CLASSES, SizeClasses};

/// 16 to 128 bytes by 16, then four classes per doubling up to 32 KiB: 40 classes, a block is at
/// most 25 % larger than asked for (above 64 bytes).
pub type FourPerDoubling = Doubling<0>;

/// The same blocks, of which the last `TAIL` bytes (at most 16) are not the program's: room for a
/// canary.
#[derive(Clone, Copy, Debug)]
pub struct Doubling<const TAIL: u8>;

const COUNT: usize = 40;
const SMALL_MAX: usize = 32 << 10;

/// The largest size whose class comes from a table: what programs ask for most.
const TABLE_MAX: usize = 1024;
/// Classes up to [`TABLE_MAX`].
const N_TABLE: usize = 20;

/// What one class may hold back in one thread's front cache, in bytes.
const CACHE_BYTES: u32 = 64 << 10;
/// And in blocks: at least, at most.
const CACHE_BLOCKS: [u16; 2] = [4, 1024];

const _: () = assert!(COUNT <= MAX_CLASSES);
const _: () = assert!(class_index(SMALL_MAX) == COUNT - 1 && class_index(TABLE_MAX) == N_TABLE - 1);

/// The class of `size` bytes by arithmetic; at compile time for the table, too.
#[inline]
const fn class_index(size: usize) -> usize {
    if size <= 128 {
        return if size == 0 { 0 } else { (size - 1) / 16 };
    }
    // 2^log < size <= 2^(log+1), log >= 7: the four classes of this doubling follow the eight
    // linear ones and the doublings below.
    let last = size - 1;
    let log = last.ilog2() as usize;
    8 + (log - 7) * 4 + ((last >> (log - 2)) & 3)
}

/// The size of class `index`.
const fn block_size(index: usize) -> u32 {
    let index = index.to_le_bytes()[0] as u32;
    if index < 8 {
        return (index + 1) * 16;
    }
    let doubling = (index - 8) / 4;
    (5 + (index - 8) % 4) << (doubling + 5)
}

/// Classes of sizes up to [`TABLE_MAX`], by `(size - 1) / 16`.
const TABLE: [Class; TABLE_MAX / 16] = {
    let mut table = [class(1); TABLE_MAX / 16];
    let mut i = 0;
    while i < table.len() {
        table[i] = class(i * 16 + 1);
        i += 1;
    }
    table
};

/// The class of `size` bytes, for the table.
const fn class(size: usize) -> Class {
    match Class::new(class_index(size)) {
        Some(class) => class,
        None => unreachable!(),
    }
}

/// The geometry of every class.
const fn geometries(tail: u8) -> [Geometry; COUNT] {
    let mut all = [Geometry::new(16, CACHE_BYTES, CACHE_BLOCKS); COUNT];
    let mut i = 0;
    while i < COUNT {
        all[i] = Geometry::new(block_size(i), CACHE_BYTES, CACHE_BLOCKS).with_tail(tail);
        // The table and the arithmetic agree at both ends of every class.
        assert!(class_index(block_size(i) as usize) == i);
        assert!(i + 1 == COUNT || class_index(block_size(i) as usize + 1) == i + 1);
        i += 1;
    }
    all
}

impl<const TAIL: u8> Doubling<TAIL> {
    const TAIL_BYTES: usize = {
        assert!(TAIL <= 16);
        TAIL as usize
    };
    const GEOMETRY: [Geometry; COUNT] = geometries(TAIL);
}

// SAFETY: the assertions in `geometries` check both ends of every class, and `class_index` is
// monotonic between them because both its branches are.
unsafe impl<const TAIL: u8> SizeClasses for Doubling<TAIL> {
    const COUNT: usize = COUNT;
    const SMALL_MAX: usize = SMALL_MAX - Self::TAIL_BYTES;

    #[inline(always)]
    fn class_of_fast(size: usize) -> Option<Class> {
        // The last byte of the block. Without a tail a size of 0 wraps to the far end, and is
        // sorted out on the slow path; with one the largest sizes do not wrap to the near end.
        let last = match Self::TAIL_BYTES {
            0 => size.wrapping_sub(1),
            tail => size.saturating_add(tail - 1),
        };
        TABLE.get(last / 16).copied()
    }

    #[inline]
    fn class_of(size: usize) -> Option<Class> {
        if size > Self::SMALL_MAX { None } else { Class::new(class_index(size + Self::TAIL_BYTES)) }
    }

    #[inline]
    fn class_of_aligned(size: usize, align: usize) -> Option<Class> {
        // Blocks lie at multiples of their size from a unit's start, so a class serves every
        // alignment that divides its size. Powers of two do, so the search ends within four.
        let least = align.saturating_sub(Self::TAIL_BYTES);
        let mut class = Self::class_of(if size < least { least } else { size })?;
        while !(Self::geometry(class).block_size as usize).is_multiple_of(align) {
            class = Class::new(class.index() + 1).filter(|class| class.index() < COUNT)?;
        }
        Some(class)
    }

    #[inline(always)]
    fn geometry(class: Class) -> &'static Geometry {
        let all: &'static [Geometry; COUNT] = const { &Self::GEOMETRY };
        // SAFETY: a class of this scheme is below COUNT, which is MAX_CLASSES.
        unsafe { all.get_unchecked(class.index()) }
    }
}

const _: () = assert!(COUNT == MAX_CLASSES, "or `geometry` needs a check");
