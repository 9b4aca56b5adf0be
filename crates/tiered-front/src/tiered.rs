//! A front cache in front of another.

use core::mem::{offset_of, size_of};

use hakmem_contract::{Block, BlockSource, Class, FrontCache, Geometry, MAX_CLASSES, MetaArena};
use static_assertions::const_assert;

/// Blocks of a class that come to the second level before it is given back, unless chosen
/// otherwise: the C ancestor's number.
pub const INTERVAL: u16 = 2048;

/// Blocks of a class that each level may hold, at least. Of a class that may have fewer, the first
/// level holds all.
pub const LEAST: u16 = 8;

/// `First` in front of `Second`. A block goes to the second level when the first is full, and comes from
/// it when the first is empty.
///
/// Each level holds half of a class's limit. Every `N` blocks that come to the second level of a class, what
/// is there of it is given back, all of it: so blocks that a burst left behind do not stay for
/// ever, and their slabs can become empty.
///
/// # Invariants
///
/// - `left` of a class is 0 unless the second level may hold blocks of it: then it is how many more may
///   come before it is given back.
/// - On [`Tiered::EMPTY`] it is 0 for every class.
#[derive(Debug)]
#[repr(C)]
pub struct Tiered<First, Second, const N: u16 = INTERVAL> {
    first: First,
    second: Second,
    limit_shift: usize,
    left: [u16; MAX_CLASSES],
}

// No padding: nobody has to care which bytes are read.
const_assert!((MAX_CLASSES * size_of::<u16>()).is_multiple_of(size_of::<usize>()));

/// A source that has nothing, and gets nothing.
struct Dry;

// SAFETY: no block comes from it.
unsafe impl BlockSource for Dry {
    #[inline]
    unsafe fn take(&mut self, _class: Class, _out: *mut *mut u8, _want: usize) -> usize {
        0
    }

    #[inline]
    unsafe fn give(&mut self, _class: Class, _blocks: *const *mut u8, _n: usize) {}
}

impl<First, Second, const N: u16> Tiered<First, Second, N> {
    const INTERVAL: u16 = {
        assert!(N > 0, "the second level would never be used");
        N
    };

    /// The levels, where they are.
    #[inline(always)]
    const fn places(this: *mut Self) -> (*mut First, *mut Second) {
        let first = this.wrapping_byte_add(offset_of!(Self, first)).cast();
        (first, this.wrapping_byte_add(offset_of!(Self, second)).cast())
    }

    /// The number of blocks of `class` that may still come to the second level.
    #[inline(always)]
    const fn left(this: *mut Self, class: Class) -> *mut u16 {
        this.wrapping_byte_add(offset_of!(Self, left)).cast::<u16>().wrapping_add(class.index())
    }

    /// The levels. For a census.
    #[inline]
    pub const fn levels(&self) -> (&First, &Second) {
        (&self.first, &self.second)
    }

    /// What each level may hold; `None` if it is too little for two.
    ///
    /// # Safety
    ///
    /// `this` is valid.
    unsafe fn share(this: *mut Self, geometry: &Geometry) -> Option<Geometry> {
        // SAFETY: the caller's cache.
        let shift = unsafe { (*this).limit_shift };
        let half = (geometry.cache_limit >> shift) / 2;
        (half >= LEAST).then_some(Geometry { cache_limit: half << shift, ..*geometry })
    }
}

// SAFETY: *conservation*: a block goes to one level or to the source, and comes from where it is;
// each level conserves. *Empty is inert*: both levels are, and nothing may come to the second.
unsafe impl<First, Second, const N: u16> FrontCache for Tiered<First, Second, N>
where
    First: FrontCache,
    Second: FrontCache,
{
    const EMPTY: Self =
        Self { first: First::EMPTY, second: Second::EMPTY, limit_shift: 0, left: [0; MAX_CLASSES] };

    // The number of blocks that may come is right within one, which is no matter.
    const SURVIVES_CUT: bool = First::SURVIVES_CUT && Second::SURVIVES_CUT;

    #[inline]
    unsafe fn open(this: *mut Self, limit_shift: u32) {
        let (first, second) = Self::places(this);
        // SAFETY: passed on.
        unsafe { First::open(first, limit_shift) };
        // SAFETY: passed on.
        unsafe { Second::open(second, limit_shift) };
        // SAFETY: the caller's memory; zero bytes are a valid value.
        let cache = unsafe { &mut *this };
        // A limit has no more bits to lose.
        cache.limit_shift = limit_shift.min(u16::BITS - 1) as usize;
        // INVARIANT: how much a class may hold is known at its first miss.
        cache.left = [0; MAX_CLASSES];
    }

    #[inline(always)]
    unsafe fn pop(this: *mut Self, class: Class) -> Option<Block> {
        let (first, second) = Self::places(this);
        // SAFETY: passed on.
        match unsafe { First::pop(first, class) } {
            Some(block) => Some(block),
            // SAFETY: passed on.
            None => unsafe { Second::pop(second, class) },
        }
    }

    #[inline(always)]
    unsafe fn push(this: *mut Self, class: Class, block: Block) -> bool {
        let (first, second) = Self::places(this);
        // SAFETY: passed on.
        if unsafe { First::push(first, class, block) } {
            return true;
        }
        let left = Self::left(this, class);
        // SAFETY: the caller's cache.
        let Some(one_less) = unsafe { left.read() }.checked_sub(1) else { return false };
        // SAFETY: passed on.
        if !unsafe { Second::push(second, class, block) } {
            return false;
        }
        // INVARIANT: one came.
        // SAFETY: the caller's cache, not the empty one.
        unsafe { left.write(one_less) };
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
        let (first, second) = Self::places(this);
        // SAFETY: the caller's cache.
        let Some(share) = (unsafe { Self::share(this, geometry) }) else {
            // SAFETY: passed on.
            return unsafe { First::refill(first, class, geometry, source, meta) };
        };
        // INVARIANT: the second level is empty, as if it had been given back.
        // SAFETY: the caller's cache, opened.
        unsafe { Self::left(this, class).write(Self::INTERVAL) };
        // The second level has missed, too: its limit grows. Blocks come to it by frees.
        // SAFETY: passed on; it is empty, as this one is.
        let none = unsafe { Second::refill(second, class, &share, &mut Dry, meta) };
        // SAFETY: as above.
        none.or_else(|| unsafe { First::refill(first, class, &share, source, meta) })
    }

    #[inline]
    unsafe fn spill<S: BlockSource>(
        this: *mut Self,
        class: Class,
        geometry: &Geometry,
        block: Block,
        source: &mut S,
        meta: &impl MetaArena,
    ) {
        let (first, second) = Self::places(this);
        // SAFETY: the caller's cache.
        let Some(share) = (unsafe { Self::share(this, geometry) }) else {
            // SAFETY: passed on.
            unsafe { First::spill(first, class, geometry, block, source, meta) };
            return;
        };
        let left = Self::left(this, class);
        // SAFETY: the caller's cache, opened.
        if unsafe { left.read() } == 0 {
            // SAFETY: passed on.
            unsafe { Second::drain_class(second, class, source) };
            // INVARIANT: it was given back.
            // SAFETY: as above.
            unsafe { left.write(Self::INTERVAL) };
            // SAFETY: passed on.
            if unsafe { Self::push(this, class, block) } {
                return;
            }
        }
        // SAFETY: passed on.
        unsafe { Second::spill(second, class, &share, block, source, meta) };
    }

    #[inline]
    unsafe fn drain_class<S: BlockSource>(this: *mut Self, class: Class, source: &mut S) {
        let (first, second) = Self::places(this);
        // SAFETY: passed on.
        unsafe { First::drain_class(first, class, source) };
        // SAFETY: passed on.
        unsafe { Second::drain_class(second, class, source) };
    }
}
