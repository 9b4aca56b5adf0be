//! TLS SLL: a thread's cache of free blocks, a singly linked list through the blocks per class.
//!
//! ```text
//!   head ──▶ block ──▶ block ──▶ block ──▶ null        room: how many more fit
//!    pop ◀──┘ └── push                                 limit: how many fit in all
//! ```
//!
//! # Why it exists
//!
//! It is the other front cache: 16 bytes a class, no memory of its own, and nothing to enlarge.
//! It replaces the unified cache by naming [`TlsSll`] in `compose!`, and passes the same tests.
//!
//! It wins where memory for caches counts (thousands of threads: 640 bytes each, where arrays
//! take nearly 4 KiB and up), and where a program touches its blocks just before it frees them and just
//! after it got them: then the link's cache line is in the cache anyway, and the list needs one
//! line of its own for four classes. It loses where blocks are freed cold, because every `push`
//! writes to the block, and a refill to each of its blocks.
//!
//! # What it does not do
//!
//! It shares nothing with other threads, has no atomics, and does not know where blocks come
//! from.
//!
//! It cannot keep a program from writing to freed memory, and that is where its links are. `pop`
//! follows them unchecked, but for a `debug_assert!`. Where blocks leave, in `spill` and `drain`,
//! every link is checked: it must be a multiple of 16, and null exactly at the list's end. The
//! block in front of a link that is not was written to, or pushed, after it was freed. The list
//! is cut behind it, and it is given back *twice*: the source reports that as the double free
//! that it amounts to, with the address of the block that was misused.
//!
//! # Invariants
//!
//! - A list has `limit - room` blocks, each of its class, free, and once; the last one's link is
//!   null.
//! - Nothing but a listed block's first word is read or written.
//!
//! # Limits adapt
//!
//! A list starts with room for [`FIRST_LIMIT`] blocks. Each refill is a miss and doubles the limit
//! (and one) up to the class's own. Blocks come and go half a limit at a time, but
//! [`BATCH`] at most in one call.
//!
//! # Reading order
//!
//! [`TlsSll`], its [`FrontCache`] functions, then `tests/boundary.rs`.
#![no_std]
#![warn(clippy::missing_inline_in_public_items)] // on the malloc fast path

use core::mem::{offset_of, size_of};
use core::ptr;

use hakmem_contract::geometry::MIN_ALIGN;
use hakmem_contract::tag::KIND_SHIFT;
use hakmem_contract::{Block, BlockSource, Class, FrontCache, Geometry, MAX_CLASSES, MetaArena};
use static_assertions::const_assert;

/// Blocks that a list may hold before its first miss.
pub const FIRST_LIMIT: u16 = 3;

/// The most blocks that one call moves: 64, half a KiB of pointers on the stack. A refill writes
/// to every block that it brings, so more in advance would not be cheaper.
pub const BATCH: usize = 64;

/// What the first word of a listed block is.
type Link = Option<Block>;

/// The list of one class.
///
/// # Invariants
///
/// - `limit - room` blocks hang on `head`; `room <= limit`.
/// - On [`TlsSll::EMPTY`] all is zero, so nothing is listed and nothing fits.
#[derive(Debug)]
#[repr(C)]
struct List {
    head: Link,
    room: u32,
    limit: u16,
    limit_shift: u16,
}

/// See the [crate docs](crate). Zero bytes are [`EMPTY`](FrontCache::EMPTY).
#[derive(Debug)]
#[repr(C)]
pub struct TlsSll {
    lists: [List; MAX_CLASSES],
}

// The class's bits in a tag are twice its list's offset.
const_assert!(size_of::<List>() * 2 == 1 << KIND_SHIFT);
const_assert!(offset_of!(TlsSll, lists) == 0);
const_assert!(size_of::<TlsSll>() == 16 * MAX_CLASSES);

impl List {
    /// How many blocks are listed.
    const fn len(&self) -> usize {
        (self.limit as usize).saturating_sub(self.room as usize)
    }

    /// Whether the head, a link that was read from a block, can be what was written there.
    fn is_sound(&self) -> bool {
        let address = self.head.map_or(0, |block| block.as_ptr().addr());
        address.is_multiple_of(MIN_ALIGN) && (address == 0) == (self.room == u32::from(self.limit))
    }

    /// Doubles the limit, within what the class may hold.
    fn grow(&mut self, geometry: &Geometry) {
        let most = (geometry.cache_limit >> self.limit_shift).max(FIRST_LIMIT);
        self.limit = (self.limit * 2 + 1).min(most);
        // INVARIANT: the list is empty.
        self.room = u32::from(self.limit);
    }

    /// Lists `block` in front.
    ///
    /// # Safety
    ///
    /// The block is the caller's, there is room for it, and the list is not the empty cache's.
    #[inline(always)]
    unsafe fn link(&mut self, block: Block) {
        // SAFETY: the caller's block; blocks are aligned to 16.
        unsafe { block.cast::<Link>().write(self.head) };
        // INVARIANT: one block more, linked above.
        self.head = Some(block);
        self.room -= 1;
    }

    /// Takes the first block, `block`, off the list.
    ///
    /// # Safety
    ///
    /// It is the first.
    #[inline(always)]
    unsafe fn unlink(&mut self, block: Block) {
        // INVARIANT: one block fewer.
        // SAFETY: a listed block is ours and holds a link; every word is a value of `Link`.
        self.head = unsafe { block.cast::<Link>().read() };
        self.room += 1;
    }

    /// Moves up to [`BATCH`] blocks to `batch` until `keep` are left; returns how many. Behind a
    /// block whose link is broken the list is cut, and the block appears twice.
    fn unlink_checked(&mut self, batch: &mut [*mut u8; BATCH + 1], keep: usize) -> usize {
        let want = self.len().saturating_sub(keep).min(BATCH);
        for n in 0..want {
            let (Some(block), Some([slot, spare])) = (self.head, batch.get_mut(n..n + 2)) else {
                return n;
            };
            *slot = block.as_ptr();
            // SAFETY: the head.
            unsafe { self.unlink(block) };
            if !self.is_sound() {
                *spare = block.as_ptr();
                // INVARIANT: empty.
                self.head = None;
                self.room = u32::from(self.limit);
                return n + 2;
            }
        }
        want
    }

    /// Gives blocks to `source`, the last pushed first, until `keep` are left.
    fn shrink<S: BlockSource>(&mut self, class: Class, keep: usize, source: &mut S) {
        let mut batch = [ptr::null_mut(); BATCH + 1];
        while self.len() > keep {
            let n = self.unlink_checked(&mut batch, keep);
            if n == 0 {
                return;
            }
            // SAFETY: `n` blocks that the list has just lost; or one of them is there twice,
            // because the program has misused it, which the source is to find out.
            unsafe { source.give(class, batch.as_ptr(), n) };
        }
    }
}

impl TlsSll {
    /// The list of `class`.
    #[inline(always)]
    const fn list(this: *mut Self, class: Class) -> *mut List {
        // The lists come first, and are half as long as the class's bits say.
        this.cast::<List>().wrapping_byte_add(class.bits() / 2)
    }

    /// How many blocks of `class` are cached. For a census.
    #[inline]
    pub fn len(&self, class: Class) -> usize {
        self.lists.get(class.index()).map_or(0, List::len)
    }
}

// SAFETY: *conservation*: a list's blocks are exactly what was pushed and not popped or given
// away. *Empty is inert*: no head to pop, and no room to push to.
unsafe impl FrontCache for TlsSll {
    const EMPTY: Self = Self {
        lists: [const { List { head: None, room: 0, limit: 0, limit_shift: 0 } }; MAX_CLASSES],
    };

    // Head and room change one after the other.
    const SURVIVES_CUT: bool = false;

    #[inline]
    unsafe fn open(this: *mut Self, limit_shift: u32) {
        // SAFETY: the caller's memory; zero bytes are a valid value.
        let cache = unsafe { &mut *this };
        // A limit has no more bits to lose.
        let limit_shift = limit_shift.min(u16::BITS - 1) as u16;
        for list in &mut cache.lists {
            // INVARIANT: empty, with as much room as the limit says.
            *list =
                List { head: None, room: u32::from(FIRST_LIMIT), limit: FIRST_LIMIT, limit_shift };
        }
    }

    #[inline(always)]
    unsafe fn pop(this: *mut Self, class: Class) -> Option<Block> {
        let list = Self::list(this, class);
        // SAFETY: the caller's cache.
        let block = unsafe { (*list).head }?;
        // SAFETY: this thread's, and not the empty one, which has no head.
        let list = unsafe { &mut *list };
        // SAFETY: the head.
        unsafe { list.unlink(block) };
        debug_assert!(list.is_sound(), "a block was written to after it was freed");
        Some(block)
    }

    #[inline(always)]
    unsafe fn push(this: *mut Self, class: Class, block: Block) -> bool {
        let list = Self::list(this, class);
        // SAFETY: the caller's cache.
        if unsafe { (*list).room } == 0 {
            return false;
        }
        // SAFETY: this thread's, and not the empty one, which has no room.
        let list = unsafe { &mut *list };
        // SAFETY: the caller's block; there is room.
        unsafe { list.link(block) };
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
        let list = unsafe { &mut *Self::list(this, class) };
        list.grow(geometry);
        let mut batch = [ptr::null_mut(); BATCH];
        let want = usize::from(list.limit / 2).clamp(1, BATCH);
        // SAFETY: room for as many.
        let n = unsafe { source.take(class, batch.as_mut_ptr(), want) };
        let (last, rest) = batch.get(..n)?.split_last()?;
        // The last one has the lowest address and leaves at once; the one before it is listed
        // last, and so the next to leave.
        for block in rest.iter().filter_map(|block| Block::new(*block)) {
            // SAFETY: `source` gave it to us; less than half of the limit.
            unsafe { list.link(block) };
        }
        Block::new(*last)
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
        let list = unsafe { &mut *Self::list(this, class) };
        // The half that was pushed last goes: its links are near, and no others are followed.
        list.shrink(class, list.len() / 2, source);
        // SAFETY: passed on.
        let cached = unsafe { Self::push(this, class, block) };
        debug_assert!(cached, "half a list was given away");
    }

    #[inline]
    unsafe fn drain_class<S: BlockSource>(this: *mut Self, class: Class, source: &mut S) {
        // SAFETY: the caller's cache, opened.
        let list = unsafe { &mut *Self::list(this, class) };
        list.shrink(class, 0, source);
    }
}
