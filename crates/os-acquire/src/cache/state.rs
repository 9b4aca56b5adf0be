//! The word that is a range, and the slot that holds one.

use core::num::NonZeroU64;

use hakmem_contract::geometry::ADDRESS_BITS;
use hakmem_contract::{SUPERSLAB, SUPERSLAB_SHIFT};
use hakmem_sync::atomic::{AtomicU64, Ordering};
use hakmem_sync::const_unless_loom;
use static_assertions::const_assert;

/// Bits of a SuperSlab's number.
const BASE_BITS: u32 = ADDRESS_BITS - SUPERSLAB_SHIFT;
/// Bits of the length in SuperSlabs: up to 2 TiB.
const COUNT_BITS: u32 = 20;
/// One bit says whether every byte is zero; the time gets the rest.
const STAMP_BITS: u32 = 64 - BASE_BITS - COUNT_BITS - 1;

const COUNT_SHIFT: u32 = BASE_BITS;
const STAMP_SHIFT: u32 = COUNT_SHIFT + COUNT_BITS;
const ZEROED: u64 = 1 << (STAMP_SHIFT + STAMP_BITS);

/// log2 of a tick of the clock in milliseconds: 256.
const TICK_SHIFT: u32 = 8;

const_assert!(STAMP_SHIFT + STAMP_BITS + 1 == u64::BITS);
const_assert!(STAMP_BITS >= 16); // four hours and a half until a stamp looks young again

/// The longest range that a slot can hold, in SuperSlabs.
pub const MAX_COUNT: usize = (1 << COUNT_BITS) - 1;

/// A mask of the `bits` lowest bits.
const fn low(bits: u32) -> u64 {
    (1 << bits) - 1
}

/// A moment, as far as a slot remembers it: 256 ms ticks, modulo some hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp(u32);

impl Stamp {
    /// The tick that `now_ms` is in.
    #[must_use]
    pub const fn at(now_ms: u64) -> Self {
        Self(((now_ms >> TICK_SHIFT) & low(STAMP_BITS)) as u32)
    }

    /// Milliseconds from `self` to `now`, rounded down to ticks. Wraps after some hours.
    #[must_use]
    pub const fn age_ms(self, now: Self) -> usize {
        let ticks = now.0.wrapping_sub(self.0) as u64 & low(STAMP_BITS);
        (ticks << TICK_SHIFT) as usize
    }
}

/// A range of whole SuperSlabs that waits: where, how long, since when, and whether it is zero.
///
/// # Invariants
///
/// - Neither the base nor the length is 0, and the range is inside the address space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept(NonZeroU64);

impl Kept {
    /// Packs. `None` when a field does not fit: the length is 0 or more than [`MAX_COUNT`], the
    /// base is 0 or not a multiple of a SuperSlab, or the end is outside the address space.
    #[must_use]
    pub const fn pack(base: usize, count: usize, stamp: Stamp, zeroed: bool) -> Option<Self> {
        let number = (base >> SUPERSLAB_SHIFT) as u64;
        let fits = number != 0
            && base & (SUPERSLAB - 1) == 0
            && count != 0
            && count <= MAX_COUNT
            && number + count as u64 <= 1 << BASE_BITS;
        if !fits {
            return None;
        }
        let zeroed = if zeroed { ZEROED } else { 0 };
        let word = number | (count as u64) << COUNT_SHIFT | (stamp.0 as u64) << STAMP_SHIFT;
        // INVARIANT: checked above.
        match NonZeroU64::new(word | zeroed) {
            Some(word) => Some(Self(word)),
            None => None,
        }
    }

    /// The address of the first byte.
    #[must_use]
    pub const fn base(self) -> usize {
        ((self.0.get() & low(BASE_BITS)) << SUPERSLAB_SHIFT) as usize
    }

    /// The length in SuperSlabs.
    #[must_use]
    pub const fn count(self) -> usize {
        (self.0.get() >> COUNT_SHIFT & low(COUNT_BITS)) as usize
    }

    /// The length in bytes.
    #[must_use]
    pub const fn bytes(self) -> usize {
        self.count() << SUPERSLAB_SHIFT
    }

    /// The address behind the last byte.
    #[must_use]
    pub const fn end(self) -> usize {
        self.base() + self.bytes()
    }

    /// Since when it waits.
    #[must_use]
    pub const fn stamp(self) -> Stamp {
        Stamp((self.0.get() >> STAMP_SHIFT & low(STAMP_BITS)) as u32)
    }

    /// Whether every byte is zero and no page resident.
    #[must_use]
    pub const fn zeroed(self) -> bool {
        self.0.get() & ZEROED != 0
    }

    /// The first `count` SuperSlabs, `None` if there are not so many.
    #[must_use]
    pub const fn front(self, count: usize) -> Option<Self> {
        if count > self.count() {
            return None;
        }
        Self::pack(self.base(), count, self.stamp(), self.zeroed())
    }

    /// What [`front`](Self::front) leaves; `None` if that is nothing.
    #[must_use]
    pub const fn rest(self, count: usize) -> Option<Self> {
        if count >= self.count() {
            return None;
        }
        let base = self.base() + (count << SUPERSLAB_SHIFT);
        Self::pack(base, self.count() - count, self.stamp(), self.zeroed())
    }

    /// Both as one range, if they are neighbours and the sum is not too long: as young as
    /// `self`, and zero if both are.
    #[must_use]
    pub const fn join(self, other: Self) -> Option<Self> {
        let base = if self.base() < other.base() { self.base() } else { other.base() };
        if self.end() != other.base() && other.end() != self.base() {
            return None;
        }
        let zeroed = self.zeroed() && other.zeroed();
        Self::pack(base, self.count() + other.count(), self.stamp(), zeroed)
    }
}

/// A place for one range. All zero bytes when empty.
///
/// # Invariants
///
/// - The word is 0 or a [`Kept`].
/// - The range belongs to whoever's CAS removes it.
#[derive(Debug)]
pub struct Slot {
    word: AtomicU64,
}

impl Slot {
    const_unless_loom! {
        /// Empty.
        pub fn new() -> Self {
            Self { word: AtomicU64::new(0) }
        }
    }

    /// What is in it. A hint: it may be gone by now.
    pub fn peek(&self) -> Option<Kept> {
        // Relaxed: the value becomes the operand of a CAS, which is what orders.
        NonZeroU64::new(self.word.load(Ordering::Relaxed)).map(Kept)
    }

    /// Puts `kept` in, if the slot is empty.
    pub fn put(&self, kept: Kept) -> bool {
        // Release: the tail of A1. It publishes the last use of the range.
        self.change(0, kept.0.get(), Ordering::Release)
    }

    /// `put` with edge A1 cut, for the model's negative control.
    #[cfg(loom)]
    pub fn put_without_a1(&self, kept: Kept) -> bool {
        // Relaxed: wrong on purpose.
        self.change(0, kept.0.get(), Ordering::Relaxed)
    }

    /// Takes `kept` out, if it is still what is in the slot.
    #[must_use = "a range that was taken belongs to the caller"]
    pub fn take(&self, kept: Kept) -> bool {
        // Acquire: the head of A1. The range is ours with all that was done to it.
        self.change(kept.0.get(), 0, Ordering::Acquire)
    }

    /// Takes without looking whether it is still there, for the model's negative control.
    #[cfg(loom)]
    pub fn take_unchecked(&self) -> Option<Kept> {
        // Acquire: A1 is intact; that load and store are two steps is what is wrong.
        let kept = NonZeroU64::new(self.word.load(Ordering::Acquire)).map(Kept)?;
        // Relaxed: wrong on purpose.
        self.word.store(0, Ordering::Relaxed);
        Some(kept)
    }

    /// Takes the first `count` SuperSlabs of `kept` and leaves the rest, if `kept` is still what
    /// is in the slot.
    #[must_use = "a range that was taken belongs to the caller"]
    pub fn take_front(&self, kept: Kept, count: usize) -> bool {
        let rest = kept.rest(count).map_or(0, |rest| rest.0.get());
        // Acquire: the head of A1. No Release is needed for the rest: this read-modify-write
        // continues the release sequence of the `put`.
        self.change(kept.0.get(), rest, Ordering::Acquire)
    }

    /// Takes what is there, if `wanted` says so.
    pub fn take_if(&self, wanted: impl Fn(Kept) -> bool) -> Option<Kept> {
        self.peek().filter(|kept| wanted(*kept) && self.take(*kept))
    }

    fn change(&self, from: u64, to: u64, success: Ordering) -> bool {
        // Failure is Relaxed: then the slot was not changed and its value is not used.
        self.word.compare_exchange(from, to, success, Ordering::Relaxed).is_ok()
    }
}

impl Default for Slot {
    fn default() -> Self {
        Self::new()
    }
}

/// Empty slots.
#[cfg(not(loom))]
pub(super) const fn empty<const N: usize>() -> [Slot; N] {
    [const { Slot::new() }; N]
}

/// Empty slots.
#[cfg(loom)]
pub(super) fn empty<const N: usize>() -> [Slot; N] {
    core::array::from_fn(|_| Slot::new())
}
