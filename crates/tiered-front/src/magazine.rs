//! A few blocks of the smallest classes, in front of any front cache.

use core::mem::{offset_of, size_of};
use core::ptr;

use hakmem_contract::tag::KIND_SHIFT;
use hakmem_contract::{Block, BlockSource, Class, FrontCache, Geometry, MetaArena};
use hakmem_sync::atomic::{Ordering, compiler_fence};
use static_assertions::const_assert;

/// Classes that have a rack: the first two, of 16 and 32 bytes in all schemes that there are.
pub const CLASSES: usize = 2;

/// Above the bits of those classes.
const END: usize = CLASSES << KIND_SHIFT;

/// The slots of one class.
///
/// # Invariants
///
/// - `slots[..n]` are free blocks, each once; `n <= limit <= SLOTS`.
/// - On [`Magazine::EMPTY`] both are 0, so nothing is there and nothing fits.
#[derive(Debug)]
#[repr(C)]
struct Rack<const SLOTS: usize> {
    n: u32,
    limit: u16,
    limit_shift: u16,
    slots: [*mut u8; SLOTS],
}

/// `SLOTS` blocks of each of the two smallest classes, in front of `Inner`. With three both racks
/// are one cache line; seven make a line each.
///
/// It is fed by frees, and by nothing else: a refill is for what is behind it.
///
/// # Invariants
///
/// - `Inner` may hold the class's limit less `SLOTS` of a class that has a rack, but for the few that
///   every cache has room for.
#[derive(Debug)]
#[repr(C)]
pub struct Magazine<Inner, const SLOTS: usize = 3> {
    racks: [Rack<SLOTS>; CLASSES],
    inner: Inner,
}

const_assert!(size_of::<Rack<3>>() * CLASSES == 64);
const_assert!(offset_of!(Magazine<()>, racks) == 0);

impl<const SLOTS: usize> Rack<SLOTS> {
    /// Bytes of a rack for each bit that a class has in a tag.
    const STRIDE: usize = {
        assert!(SLOTS % 4 == 3 && SLOTS <= 31, "3, 7, 11, ... slots: then it is found by a shift");
        size_of::<Self>() >> KIND_SHIFT
    };

    const EMPTY: Self = Self { n: 0, limit: 0, limit_shift: 0, slots: [ptr::null_mut(); SLOTS] };

    /// Slot number `n`.
    #[inline(always)]
    const fn slot(this: *mut Self, n: u32) -> *mut *mut u8 {
        this.cast::<*mut u8>().wrapping_byte_add(offset_of!(Self, slots)).wrapping_add(n as usize)
    }
}

impl<Inner, const SLOTS: usize> Magazine<Inner, SLOTS> {
    /// The rack of `class`, if it has one.
    #[inline(always)]
    const fn rack(this: *mut Self, class: Class) -> Option<*mut Rack<SLOTS>> {
        if class.bits() >= END {
            return None;
        }
        Some(this.cast::<Rack<SLOTS>>().wrapping_byte_add(class.bits() * Rack::<SLOTS>::STRIDE))
    }

    /// What is behind it.
    #[inline(always)]
    const fn behind(this: *mut Self) -> *mut Inner {
        this.wrapping_byte_add(offset_of!(Self, inner)).cast()
    }

    /// What is behind it. For a census.
    #[inline]
    pub const fn inner(&self) -> &Inner {
        &self.inner
    }

    /// How many blocks of `class` are in its rack. For a census.
    #[inline]
    pub fn len(&self, class: Class) -> usize {
        self.racks.get(class.index()).map_or(0, |rack| rack.n as usize)
    }

    /// What is behind it keeps so much less as the rack holds.
    ///
    /// # Safety
    ///
    /// `this` is valid.
    unsafe fn behind_rack(this: *mut Self, class: Class, geometry: &Geometry) -> Geometry {
        let mut geometry = *geometry;
        if let Some(rack) = Self::rack(this, class) {
            // SAFETY: the caller's magazine.
            let shift = unsafe { (*rack).limit_shift };
            let most = usize::from(geometry.cache_limit >> shift).saturating_sub(SLOTS);
            geometry.cache_limit = u16::try_from(most << shift).unwrap_or(geometry.cache_limit);
        }
        geometry
    }
}

// SAFETY: *conservation*: a rack's blocks are exactly what was pushed to it and not popped or given
// away; the rest is the inner cache's promise. *Empty is inert*: no slot is taken and none is free,
// and the inner cache is inert.
unsafe impl<Inner: FrontCache, const SLOTS: usize> FrontCache for Magazine<Inner, SLOTS> {
    const EMPTY: Self =
        Self { racks: [const { Rack::EMPTY }; CLASSES], inner: <Inner as FrontCache>::EMPTY };

    // What counts of a rack is one word, `n`, and the slots below it are written before it.
    const SURVIVES_CUT: bool = Inner::SURVIVES_CUT;

    #[inline]
    unsafe fn open(this: *mut Self, limit_shift: u32) {
        // SAFETY: the caller's memory; zero bytes are a valid value.
        let racks = unsafe { &mut (*this).racks };
        for rack in racks {
            // INVARIANT: nothing is there.
            rack.n = 0;
            rack.limit = SLOTS as u16;
            // A limit has no more bits to lose.
            rack.limit_shift = limit_shift.min(u16::BITS - 1) as u16;
        }
        // SAFETY: passed on.
        unsafe { Inner::open(Self::behind(this), limit_shift) };
    }

    #[inline(always)]
    unsafe fn pop(this: *mut Self, class: Class) -> Option<Block> {
        if let Some(rack) = Self::rack(this, class)
            // SAFETY: the caller's cache.
            && let Some(n) = unsafe { (*rack).n }.checked_sub(1)
        {
            // SAFETY: a slot that is taken.
            let block = Block::new(unsafe { Rack::slot(rack, n).read() });
            // INVARIANT: the last one leaves.
            // SAFETY: the caller's cache; the empty one does not get here.
            unsafe { (*rack).n = n };
            return block;
        }
        // SAFETY: passed on.
        unsafe { Inner::pop(Self::behind(this), class) }
    }

    #[inline(always)]
    unsafe fn push(this: *mut Self, class: Class, block: Block) -> bool {
        if let Some(rack) = Self::rack(this, class) {
            // SAFETY: the caller's cache.
            let n = unsafe { (*rack).n };
            // SAFETY: as above.
            if n < u32::from(unsafe { (*rack).limit }) {
                // SAFETY: a slot that is free; the empty cache has none.
                unsafe { Rack::slot(rack, n).write(block.as_ptr()) };
                // Release, for the compiler alone: the slot is written first (`SURVIVES_CUT`).
                compiler_fence(Ordering::Release);
                // INVARIANT: written above.
                // SAFETY: as above.
                unsafe { (*rack).n = n + 1 };
                return true;
            }
        }
        // SAFETY: passed on.
        unsafe { Inner::push(Self::behind(this), class, block) }
    }

    #[inline]
    unsafe fn refill<S: BlockSource>(
        this: *mut Self,
        class: Class,
        geometry: &Geometry,
        source: &mut S,
        meta: &impl MetaArena,
    ) -> Option<Block> {
        // SAFETY: the caller's cache.
        let geometry = unsafe { Self::behind_rack(this, class, geometry) };
        // SAFETY: passed on; the inner cache is as empty as this one.
        unsafe { Inner::refill(Self::behind(this), class, &geometry, source, meta) }
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
        // What is in the rack came last, and stays.
        // SAFETY: the caller's cache.
        let geometry = unsafe { Self::behind_rack(this, class, geometry) };
        // SAFETY: passed on.
        unsafe { Inner::spill(Self::behind(this), class, &geometry, block, source, meta) };
    }

    #[inline]
    unsafe fn drain_class<S: BlockSource>(this: *mut Self, class: Class, source: &mut S) {
        if let Some(rack) = Self::rack(this, class) {
            // SAFETY: the caller's cache, opened.
            let n = unsafe { (*rack).n };
            // INVARIANT: nothing is there.
            // SAFETY: as above.
            unsafe { (*rack).n = 0 };
            if n > 0 {
                // SAFETY: the `n` blocks that the rack has just lost.
                unsafe { source.give(class, Rack::slot(rack, 0), n as usize) };
            }
        }
        // SAFETY: passed on.
        unsafe { Inner::drain_class(Self::behind(this), class, source) };
    }
}
