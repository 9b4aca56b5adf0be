//! my-box: a thread's cache of free blocks. For now, an array of a few blocks for each class.
//!
//! # Why it exists
//!
//! To be changed. It keeps every promise of [`FrontCache`], and it is slow: a class keeps 16 blocks
//! at most, and gives them back one by one.
//!
//! # What it does not do
//!
//! It shares nothing with other threads, and does not look at the blocks that it keeps.
//!
//! # Where to start
//!
//! 1. `pop` and `push` are inlined in every `malloc` and `free`. Here they check an index; count the
//!    instructions, and think about what a hit needs.
//! 2. `refill` and `spill` decide how many blocks move at a time. Here they are few. A source hands
//!    out many blocks for little more than the price of one.
//! 3. `meta` lends memory for larger bins, which it never takes back.
//! 4. `cargo test` says whether it still keeps the promises; `cargo xtask bench --swap` what it is
//!    worth.
//!
//! # Reading order
//!
//! The trait, in `hakmem-contract`'s `cache.rs`, then [`MyBox`].
#![no_std]

use core::ptr;

use hakmem_contract::{Block, BlockSource, Class, FrontCache, Geometry, MAX_CLASSES, MetaArena};

/// Blocks that a class may keep, whatever its limit is.
const ROOM: usize = 16;

/// The blocks of one class.
///
/// # Invariants
///
/// - `blocks[..len]` are free blocks of the class, each once.
/// - `len <= limit <= ROOM`; the limit is 0 before the first miss.
#[derive(Debug)]
struct Shelf {
    len: usize,
    limit: usize,
    blocks: [*mut u8; ROOM],
}

/// See the [crate docs](crate).
#[derive(Debug)]
pub struct MyBox {
    shelves: [Shelf; MAX_CLASSES],
    limit_shift: u32,
}

impl Shelf {
    const EMPTY: Self = Self { len: 0, limit: 0, blocks: [ptr::null_mut(); ROOM] };

    /// Finds out how much the class may keep. `push` is not told.
    fn learn(&mut self, geometry: &Geometry, limit_shift: u32) {
        let limit = usize::from(geometry.cache_limit).checked_shr(limit_shift).unwrap_or(0);
        // INVARIANT: it never becomes less, because it is the same each time.
        self.limit = limit.clamp(1, ROOM);
    }

    /// The block that came last.
    fn pop(&mut self) -> Option<Block> {
        self.len = self.len.checked_sub(1)?;
        Block::new(*self.blocks.get(self.len)?)
    }
}

impl MyBox {
    /// The shelf of `class`.
    fn shelf(this: *mut Self, class: Class) -> *mut Shelf {
        // The class's number is below `MAX_CLASSES`.
        this.wrapping_byte_add(core::mem::offset_of!(Self, shelves))
            .cast::<Shelf>()
            .wrapping_add(class.index())
    }
}

// SAFETY: *conservation*: a shelf's blocks are what was pushed or taken, and neither popped nor given away
// since. *Empty is inert*: without a limit nothing is pushed, and without blocks nothing is written.
unsafe impl FrontCache for MyBox {
    const EMPTY: Self = Self { shelves: [const { Shelf::EMPTY }; MAX_CLASSES], limit_shift: 0 };

    // The compiler may write the length before the block.
    const SURVIVES_CUT: bool = false;

    #[inline]
    unsafe fn open(this: *mut Self, limit_shift: u32) {
        // SAFETY: the caller's memory, which nobody uses.
        unsafe { this.write(Self { limit_shift, ..Self::EMPTY }) };
    }

    #[inline]
    unsafe fn pop(this: *mut Self, class: Class) -> Option<Block> {
        let shelf = Self::shelf(this, class);
        // SAFETY: the caller's cache. The empty one is only read.
        if unsafe { (*shelf).len } == 0 {
            return None;
        }
        // SAFETY: the caller's cache, and not the empty one.
        unsafe { &mut *shelf }.pop()
    }

    #[inline]
    unsafe fn push(this: *mut Self, class: Class, block: Block) -> bool {
        let shelf = Self::shelf(this, class);
        // SAFETY: the caller's cache. The empty one is only read.
        let len = unsafe { (*shelf).len };
        // SAFETY: as above.
        if len >= unsafe { (*shelf).limit } {
            return false;
        }
        // SAFETY: the caller's cache, and not the empty one.
        let shelf = unsafe { &mut *shelf };
        let Some(slot) = shelf.blocks.get_mut(len) else { return false };
        *slot = block.as_ptr();
        // INVARIANT: `len` was below the limit.
        shelf.len = len + 1;
        true
    }

    #[inline]
    unsafe fn refill<S: BlockSource>(
        this: *mut Self,
        class: Class,
        geometry: &Geometry,
        source: &mut S,
        _meta: &impl MetaArena,
    ) -> Option<Block> {
        // SAFETY: the caller's cache, opened.
        let limit_shift = unsafe { (*this).limit_shift };
        // SAFETY: as above.
        let shelf = unsafe { &mut *Self::shelf(this, class) };
        shelf.learn(geometry, limit_shift);
        let want = shelf.limit.div_ceil(2);
        // SAFETY: the shelf is empty, and there is room for so many.
        shelf.len = unsafe { source.take(class, shelf.blocks.as_mut_ptr(), want) };
        shelf.pop()
    }

    #[inline]
    unsafe fn spill<S: BlockSource>(
        this: *mut Self,
        class: Class,
        geometry: &Geometry,
        block: Block,
        source: &mut S,
        _meta: &impl MetaArena,
    ) {
        // SAFETY: the caller's cache, opened.
        let limit_shift = unsafe { (*this).limit_shift };
        // SAFETY: as above.
        unsafe { &mut *Self::shelf(this, class) }.learn(geometry, limit_shift);
        // SAFETY: passed on.
        if !unsafe { Self::push(this, class, block) } {
            let block = block.as_ptr();
            // SAFETY: the caller's block, of this thread's heap.
            unsafe { source.give(class, &raw const block, 1) };
        }
    }

    #[inline]
    unsafe fn drain<S: BlockSource>(this: *mut Self, source: &mut S) {
        for class in (0..MAX_CLASSES).filter_map(Class::new) {
            // SAFETY: the caller's cache, opened.
            let shelf = unsafe { &mut *Self::shelf(this, class) };
            let n = core::mem::take(&mut shelf.len);
            if n > 0 {
                // SAFETY: the blocks that the shelf has just lost.
                unsafe { source.give(class, shelf.blocks.as_ptr(), n) };
            }
        }
    }
}
