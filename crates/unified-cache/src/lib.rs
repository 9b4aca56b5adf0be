//! Unified cache: a thread's cache of free blocks, an array of pointers per class.
//!
//! ```text
//!            base                    top            end
//!   | null | block | block | block |     |     |     |
//!    sentinel              pop ◀───┘ └──▶ push
//! ```
//!
//! # Why it exists
//!
//! Nearly every `malloc` and `free` ends here, after six or seven instructions. An array of
//! pointers, unlike a list through the blocks, never touches the blocks themselves: freeing a
//! cold block costs no cache miss, and a use after free cannot derail the cache.
//!
//! # What it does not do
//!
//! It shares nothing with other threads, has no atomics, and does not know where blocks come
//! from. It does not look at what it is given: the page box does, when a block leaves.
//!
//! # Limits adapt
//!
//! A bin starts with room for [`FIRST_LIMIT`] blocks. Each refill is a miss and doubles the
//! limit (and one) up to the class's own, so a short program stays small and a busy class soon moves half
//! its limit at a time. Above [`SMALL_ROOM`] blocks the bin moves into a larger array, once.
//!
//! # Reading order
//!
//! [`UnifiedCache`], its [`FrontCache`] functions, then `tests/boundary.rs`.
#![no_std]
#![warn(clippy::missing_inline_in_public_items)] // on the malloc fast path

use core::mem::{offset_of, size_of};
use core::ptr;

use hakmem_contract::tag::KIND_SHIFT;
use hakmem_contract::{Block, BlockSource, Class, FrontCache, Geometry, MAX_CLASSES, MetaArena};
use hakmem_sync::atomic::{Ordering, compiler_fence};
use static_assertions::const_assert;

/// Blocks that a bin may hold before its first miss.
pub const FIRST_LIMIT: u16 = 3;

/// Blocks that fit into a bin's first array, which with its sentinel is one cache line.
pub const SMALL_ROOM: u16 = 7;

type Slot = *mut u8;

/// The bin of one class.
///
/// # Invariants
///
/// - `base[-1]` is null; `base..top` are free blocks, each once; `base <= top <= end`.
/// - `end - base == limit`, which is at most the length of the array, except on
///   [`UnifiedCache::EMPTY`], where all three are equal.
#[derive(Debug)]
#[repr(C)]
struct Bin {
    top: *mut Slot,
    end: *mut Slot,
    base: *mut Slot,
    limit: u16,
    room: u16,
    limit_shift: u32,
}

/// See the [crate docs](crate).
///
/// # Invariants
///
/// - It stays where it was opened: the bins point into it.
#[derive(Debug)]
#[repr(C)]
pub struct UnifiedCache {
    bins: [Bin; MAX_CLASSES],
    first: [[Slot; 1 + SMALL_ROOM as usize]; MAX_CLASSES],
}

// A tag holds the class in the place where it is the bin's offset.
const_assert!(size_of::<Bin>() == 1 << KIND_SHIFT);
const_assert!(offset_of!(UnifiedCache, bins) == 0);

/// What the empty cache's bins point to: a null, and an end.
const NOTHING: &[usize; 2] = &[0, 0];

impl Bin {
    /// A bin that is empty and full.
    const EMPTY: Self = {
        let end = ptr::from_ref(NOTHING).cast::<Slot>().cast_mut().wrapping_add(1);
        Self { top: end, end, base: end, limit: 0, room: 0, limit_shift: 0 }
    };

    /// Doubles the limit, within what the class may hold, and finds room for it.
    fn grow(&mut self, geometry: &Geometry, meta: &impl MetaArena) {
        let most = (geometry.cache_limit >> self.limit_shift).max(FIRST_LIMIT);
        let limit = (self.limit * 2 + 1).min(most);
        if limit > self.room {
            self.enlarge(most, meta);
        }
        // INVARIANT: the array has `room`; the bin is empty, so `top <= end` holds.
        self.limit = limit.min(self.room);
        self.end = self.base.wrapping_add(usize::from(self.limit));
    }

    /// Moves the empty bin to an array for `room` blocks, if there is memory for it.
    #[cold]
    #[inline(never)]
    fn enlarge(&mut self, room: u16, meta: &impl MetaArena) {
        let bytes = (usize::from(room) + 1) * size_of::<Slot>();
        if let Some(array) = meta.alloc_meta(bytes) {
            // INVARIANT: the memory is zero, so the sentinel is null.
            self.base = array.cast::<Slot>().as_ptr().wrapping_add(1);
            self.top = self.base;
            self.room = room;
        }
    }
}

impl UnifiedCache {
    /// The bin of `class`.
    #[inline(always)]
    const fn bin(this: *mut Self, class: Class) -> *mut Bin {
        // The bins come first.
        this.cast::<Bin>().wrapping_byte_add(class.bits())
    }

    /// How many blocks of `class` are cached. For a census.
    #[inline]
    pub fn len(&self, class: Class) -> usize {
        let bin = self.bins.get(class.index());
        bin.map_or(0, |bin| (bin.top.addr() - bin.base.addr()) / size_of::<Slot>())
    }
}

// SAFETY: *conservation*: a bin's blocks are exactly what was pushed and not popped or given
// away. *Empty is inert*: its top is behind a null and at its end.
unsafe impl FrontCache for UnifiedCache {
    const EMPTY: Self = Self {
        bins: [const { Bin::EMPTY }; MAX_CLASSES],
        first: [[ptr::null_mut(); 1 + SMALL_ROOM as usize]; MAX_CLASSES],
    };

    // What counts is one word, `top`, and the slots below it are written before it.
    const SURVIVES_CUT: bool = true;

    #[inline]
    unsafe fn open(this: *mut Self, limit_shift: u32) {
        // SAFETY: the caller's memory; zero bytes are a valid value.
        let cache = unsafe { &mut *this };
        for (bin, first) in cache.bins.iter_mut().zip(&mut cache.first) {
            first[0] = ptr::null_mut();
            let base = first.as_mut_ptr().wrapping_add(1);
            let end = base.wrapping_add(usize::from(FIRST_LIMIT));
            // INVARIANT: empty, behind the sentinel written above.
            *bin = Bin { top: base, end, base, limit: FIRST_LIMIT, room: SMALL_ROOM, limit_shift };
        }
    }

    #[inline(always)]
    unsafe fn pop(this: *mut Self, class: Class) -> Option<Block> {
        let bin = Self::bin(this, class);
        // SAFETY: the caller's cache.
        let top = unsafe { (*bin).top }.wrapping_sub(1);
        // SAFETY: at the least this is the sentinel.
        let block = Block::new(unsafe { top.read() })?;
        // INVARIANT: the slot held a block, not the sentinel, so `top >= base`.
        // SAFETY: as above; the empty cache does not get here.
        unsafe { (*bin).top = top };
        Some(block)
    }

    #[inline(always)]
    unsafe fn push(this: *mut Self, class: Class, block: Block) -> bool {
        let bin = Self::bin(this, class);
        // SAFETY: the caller's cache.
        let top = unsafe { (*bin).top };
        // SAFETY: as above.
        if top == unsafe { (*bin).end } {
            return false;
        }
        // SAFETY: a slot before the end; the empty cache does not get here.
        unsafe { top.write(block.as_ptr()) };
        // Release, for the compiler alone: the slot is written first (`SURVIVES_CUT`).
        compiler_fence(Ordering::Release);
        // INVARIANT: `top < end` before.
        // SAFETY: as above.
        unsafe { (*bin).top = top.wrapping_add(1) };
        true
    }

    #[inline]
    unsafe fn refill<S: BlockSource>(
        this: *mut Self,
        class: Class,
        geometry: &Geometry,
        source: &mut S,
        meta: &impl MetaArena,
    ) -> Option<Block> {
        // SAFETY: the caller's cache, opened.
        let bin = unsafe { &mut *Self::bin(this, class) };
        bin.grow(geometry, meta);
        let want = usize::from(bin.limit / 2).max(1);
        // SAFETY: the array has room for `limit` blocks, and the bin is empty.
        let n = unsafe { source.take(class, bin.base, want) };
        let last = n.checked_sub(1)?;
        // INVARIANT: `n` blocks were written; the last one leaves at once.
        bin.top = bin.base.wrapping_add(last);
        // SAFETY: `source` wrote it.
        Block::new(unsafe { bin.top.read() })
    }

    #[inline]
    unsafe fn spill<S: BlockSource>(
        this: *mut Self,
        class: Class,
        _geometry: &Geometry,
        block: Block,
        source: &mut S,
        _meta: &impl MetaArena,
    ) {
        // SAFETY: the caller's cache, opened.
        let bin = unsafe { &mut *Self::bin(this, class) };
        // The upper half goes: nothing has to be moved down.
        // A signal handler may have made room meanwhile.
        let len = (bin.top.addr() - bin.base.addr()) / size_of::<Slot>();
        let n = usize::from(bin.limit).div_ceil(2).min(len);
        let from = bin.top.wrapping_sub(n);
        // INVARIANT: the bin holds `n` blocks.
        bin.top = from;
        // SAFETY: `n` blocks of the bin, which it has just lost.
        unsafe { source.give(class, from, n) };
        // SAFETY: passed on.
        let cached = unsafe { Self::push(this, class, block) };
        debug_assert!(cached, "half a bin was given away");
    }

    #[inline]
    unsafe fn drain_class<S: BlockSource>(this: *mut Self, class: Class, source: &mut S) {
        // SAFETY: the caller's cache, opened.
        let bin = unsafe { &mut *Self::bin(this, class) };
        let n = (bin.top.addr() - bin.base.addr()) / size_of::<Slot>();
        // INVARIANT: empty.
        bin.top = bin.base;
        if n > 0 {
            // SAFETY: the `n` blocks that the bin has just lost.
            unsafe { source.give(class, bin.base, n) };
        }
    }
}
