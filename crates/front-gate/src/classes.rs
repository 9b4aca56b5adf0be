//! The schemes of size classes.

use hakmem_contract::{Class, Geometry, MAX_CLASSES, SizeClasses};

/// 16 to 128 bytes by 16, then four classes per doubling up to 32 KiB: 40 classes, a block is at
/// most 25 % larger than asked for (above 64 bytes). The default.
pub type FourPerDoubling = Doubling<0>;

/// 16 bytes, and every power of two up to 32 KiB: 12 classes, a block is at most twice as large as
/// asked for (above 8 bytes).
///
/// There is no class of 8 bytes: blocks lie at multiples of 16, which is what C and Rust ask of them, and
/// what a page box counts in. Requests of up to 8 bytes get blocks of 16.
pub type PowersOfTwo = Doubling<0, 0>;

/// 16 to 256 bytes by 16, then eight classes per doubling up to 32 KiB: 72 classes, a block is at
/// most 12.5 % larger than asked for (above 128 bytes). Needs contract's feature `many-classes`.
pub type EightPerDoubling = Doubling<0, 3>;

/// `2^LOG` classes per doubling, below which they go by 16; of each block the last `TAIL` bytes (at
/// most 16) are not the program's: room for a canary.
#[derive(Clone, Copy, Debug)]
pub struct Doubling<const TAIL: u8, const LOG: u32 = 2>;

/// The largest block, in each scheme.
const SMALL_MAX: usize = 32 << 10;

/// The largest size whose class comes from a table: what programs ask for most.
const TABLE_MAX: usize = 1024;
/// The smallest difference of two classes.
const STEP: usize = 16;

/// What one class may hold back in one thread's front cache, in bytes.
const CACHE_BYTES: u32 = 64 << 10;
/// And in blocks: at least, at most.
const CACHE_BLOCKS: [u16; 2] = [4, 1024];

/// A geometry for each class of a scheme; the rest repeat the last one, so that every class that
/// there can be has an entry.
type Geometries = [Geometry; MAX_CLASSES];

/// The class of `size` bytes by arithmetic, with `2^log` classes per doubling; at compile time for
/// the table, too.
#[inline(always)]
const fn class_index(size: usize, log: u32) -> usize {
    if size <= STEP << (log + 1) {
        return if size == 0 { 0 } else { (size - 1) / STEP };
    }
    // 2^doubling < size <= 2^(doubling+1): its classes follow the linear ones and the doublings
    // below.
    let last = size - 1;
    let doubling = last.ilog2();
    let within = (last >> (doubling - log)) & ((1 << log) - 1);
    (2 << log) + (((doubling - log - 5) as usize) << log) + within
}

/// The size of class `index`.
const fn block_size(index: usize, log: u32) -> u32 {
    let index = index.to_le_bytes()[0] as u32;
    let linear = 2 << log;
    if index < linear {
        return (index + 1) * 16;
    }
    let doubling = (index - linear) >> log;
    ((1 << log) + 1 + ((index - linear) & ((1 << log) - 1))) << (doubling + 5)
}

/// Classes of sizes up to [`TABLE_MAX`], by `(size - 1) / 16`.
const fn table(log: u32) -> [Class; TABLE_MAX / STEP] {
    let mut table = [class(1, log); TABLE_MAX / STEP];
    let mut i = 0;
    while i < table.len() {
        table[i] = class(i * STEP + 1, log);
        i += 1;
    }
    table
}

/// The class of `size` bytes, for the table.
const fn class(size: usize, log: u32) -> Class {
    match Class::new(class_index(size, log)) {
        Some(class) => class,
        None => unreachable!(),
    }
}

/// The geometry of every class.
const fn geometries(tail: u8, log: u32) -> Geometries {
    let count = class_index(SMALL_MAX, log) + 1;
    let mut all = [Geometry::new(16, CACHE_BYTES, CACHE_BLOCKS); MAX_CLASSES];
    let mut i = 0;
    while i < MAX_CLASSES {
        let index = if i < count { i } else { count - 1 };
        let size = block_size(index, log);
        all[i] = Geometry::new(size, CACHE_BYTES, CACHE_BLOCKS).with_tail(tail);
        // The table and the arithmetic agree at both ends of every class.
        assert!(class_index(size as usize, log) == index);
        assert!(index + 1 == count || class_index(size as usize + 1, log) == index + 1);
        i += 1;
    }
    all
}

impl<const TAIL: u8, const LOG: u32> Doubling<TAIL, LOG> {
    const TAIL_BYTES: usize = {
        assert!(TAIL <= 16);
        TAIL as usize
    };
    const CLASSES: usize = {
        let count = class_index(SMALL_MAX, LOG) + 1;
        assert!(count <= MAX_CLASSES, "this scheme needs hakmem-contract's feature `many-classes`");
        count
    };
    const TABLE: [Class; TABLE_MAX / STEP] = table(LOG);
    const GEOMETRY: Geometries = geometries(TAIL, LOG);
}

// SAFETY: the assertions in `geometries` check both ends of every class, and `class_index` is
// monotonic between them because both its branches are.
unsafe impl<const TAIL: u8, const LOG: u32> SizeClasses for Doubling<TAIL, LOG> {
    const COUNT: usize = Self::CLASSES;
    const SMALL_MAX: usize = SMALL_MAX - Self::TAIL_BYTES;

    #[inline(always)]
    fn class_of_fast(size: usize) -> Option<Class> {
        // The last byte of the block. Without a tail a size of 0 wraps to the far end, and is
        // sorted out on the slow path; with one the largest sizes do not wrap to the near end.
        let last = match Self::TAIL_BYTES {
            0 => size.wrapping_sub(1),
            tail => size.saturating_add(tail - 1),
        };
        let table: &'static [Class; TABLE_MAX / STEP] = const { &Self::TABLE };
        table.get(last / STEP).copied()
    }

    #[inline]
    fn class_of(size: usize) -> Option<Class> {
        if size > Self::SMALL_MAX {
            return None;
        }
        Class::new(class_index(size + Self::TAIL_BYTES, LOG))
    }

    #[inline]
    fn class_of_aligned(size: usize, align: usize) -> Option<Class> {
        // Blocks lie at multiples of their size from a unit's start, so a class serves every
        // alignment that divides its size. Powers of two do, so the search ends within a doubling.
        let least = align.saturating_sub(Self::TAIL_BYTES);
        let mut class = Self::class_of(if size < least { least } else { size })?;
        while !(Self::geometry(class).block_size as usize).is_multiple_of(align) {
            class = Class::new(class.index() + 1).filter(|class| class.index() < Self::COUNT)?;
        }
        Some(class)
    }

    #[inline(always)]
    fn geometry(class: Class) -> &'static Geometry {
        let all: &'static Geometries = const { &Self::GEOMETRY };
        // SAFETY: a class is below MAX_CLASSES.
        unsafe { all.get_unchecked(class.index()) }
    }
}
