//! my-box: a scheme of size classes. For now, a list of sizes that is searched from its start.
//!
//! # Why it exists
//!
//! To be changed. It keeps every promise of [`SizeClasses`], and it is slow: each request compares its
//! size with one class after another.
//!
//! # What it does not do
//!
//! It has no state.
//!
//! # Where to start
//!
//! 1. [`SIZES`] is the scheme. Multiples of 16, ascending; a slab has room for 16 blocks or more in
//!    8 units of 64 KiB, so 32 KiB is the largest. More than 40 classes need `hakmem-contract`'s feature
//!    `many-classes`.
//! 2. `class_of_fast` is inlined in every `malloc`: a compare and a load, or `None` for "ask `class_of`".
//! 3. `class_of` for the rest: bits of the size, or a table.
//! 4. `cargo test` says whether it still keeps the promises; `cargo xtask bench --swap` what it is
//!    worth.
//!
//! # Reading order
//!
//! The trait, in `hakmem-contract`'s `class.rs`, then [`MyBox`].
#![no_std]

use hakmem_contract::{Class, Geometry, MAX_CLASSES, SizeClasses};

/// Bytes of the blocks of each class.
pub const SIZES: [u32; 20] = [
    16, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 3072, 4096, 6144, 8192,
    16384, 32768,
];

/// What one class may keep in one thread's front cache: bytes, and blocks at least and at most.
const CACHE_BYTES: u32 = 64 << 10;
const CACHE_BLOCKS: [u16; 2] = [4, 1024];

/// The geometry of every class; what there is no class for is like the last one.
static GEOMETRIES: [Geometry; MAX_CLASSES] = {
    let mut all = [Geometry::new(SIZES[SIZES.len() - 1], CACHE_BYTES, CACHE_BLOCKS); MAX_CLASSES];
    let mut i = 0;
    while i < SIZES.len() {
        all[i] = Geometry::new(SIZES[i], CACHE_BYTES, CACHE_BLOCKS);
        i += 1;
    }
    all
};

/// See the [crate docs](crate).
#[derive(Clone, Copy, Debug)]
pub struct MyBox;

// SAFETY: the first size that is large enough is the least one, because they ascend.
unsafe impl SizeClasses for MyBox {
    const COUNT: usize = SIZES.len();
    const SMALL_MAX: usize = SIZES[SIZES.len() - 1] as usize;

    #[inline(always)]
    fn class_of_fast(_size: usize) -> Option<Class> {
        None
    }

    #[inline]
    fn class_of(size: usize) -> Option<Class> {
        Class::new(SIZES.iter().position(|of| *of as usize >= size)?)
    }

    #[inline]
    fn class_of_aligned(size: usize, align: usize) -> Option<Class> {
        // Blocks lie at multiples of their size from the start of a slab.
        let fits = |of: &u32| *of as usize >= size && (*of as usize).is_multiple_of(align);
        Class::new(SIZES.iter().position(fits)?)
    }

    #[inline(always)]
    fn geometry(class: Class) -> &'static Geometry {
        // A class's number is below `MAX_CLASSES`.
        &GEOMETRIES[class.index()]
    }
}
