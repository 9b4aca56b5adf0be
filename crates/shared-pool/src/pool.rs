//! Claiming units and giving them back.

use core::ptr::NonNull;

use hakmem_contract::geometry::MAX_SPAN_UNITS;
use hakmem_contract::{Fatal, Memory, MetaArena, Pool, Registry, SUPERSLAB, Span, UNIT, UnitPool};
use hakmem_sync::atomic::{AtomicU32, Ordering};
use hakmem_sync::const_unless_loom;
use hakmem_sync::tree::{BitTree, CAPACITY};

use crate::arrays;
use crate::entry::{Entry, Numbers, pointer, unit_at};
use crate::policy::{Policy, Standard};
use crate::purge::{Decay, worth_purging};
use crate::reserve::Reserve;
use crate::state::{ALL, Claim, ORDERS, Units, low_u32, run};

/// Wholly free SuperSlabs that stay in the pool: a thread whose need swings across the edge of
/// a SuperSlab does not go to `Memory` at every swing. What is more than that goes there. None
/// under loom: every empty SuperSlab takes the way of those that are too many.
pub const KEEP_EMPTY: u32 = if cfg!(loom) { 0 } else { 2 };

/// See the [crate docs](crate).
///
/// # Invariants
///
/// - A unit is somebody's, or free in the state of one entry.
/// - In a quiet moment `room[k]` has every number whose state has a run of `2^k` units.
/// - In a quiet moment `empty` is the number of wholly free SuperSlabs.
#[derive(Debug)]
#[repr(C)]
pub struct SharedPool<M, R, P = Standard> {
    pub(crate) memory: M,
    pub(crate) registry: R,
    pub(crate) policy: P,
    pub(crate) empty: AtomicU32,
    pub(crate) decay: Decay,
    pub(crate) reserve: Reserve,
    pub(crate) numbers: Numbers,
    pub(crate) room: [BitTree; ORDERS],
    superslabs: [Entry; CAPACITY],
}

impl<M, R> SharedPool<M, R> {
    const_unless_loom! {
        /// A pool without memory. All zero bytes, if `memory` and `registry` are.
        pub fn new(memory: M, registry: R) -> Self {
            Self {
                memory,
                registry,
                policy: Standard,
                empty: AtomicU32::new(0),
                decay: Decay::new(),
                reserve: Reserve::new(),
                numbers: Numbers::new(),
                room: arrays::trees(),
                superslabs: arrays::entries(),
            }
        }
    }
}

impl<M, R, P> SharedPool<M, R, P> {
    const_unless_loom! {
        /// As [`new`](SharedPool::new), with a policy for tests.
        pub fn with_policy(memory: M, registry: R, policy: P) -> Self {
            Self {
                memory,
                registry,
                policy,
                empty: AtomicU32::new(0),
                decay: Decay::new(),
                reserve: Reserve::new(),
                numbers: Numbers::new(),
                room: arrays::trees(),
                superslabs: arrays::entries(),
            }
        }
    }

    /// Writes what need not be zero.
    ///
    /// # Safety
    ///
    /// `place` is valid for writes and aligned.
    #[cfg_attr(loom, expect(dead_code, reason = "a pool of loom's atomics has no zero bytes"))]
    pub(crate) unsafe fn fill(place: *mut Self, memory: M, registry: R, policy: P) {
        // SAFETY: the caller's promise.
        let memory_place = unsafe { &raw mut (*place).memory };
        // SAFETY: a field of `place`.
        unsafe { memory_place.write(memory) };
        // SAFETY: as above.
        let registry_place = unsafe { &raw mut (*place).registry };
        // SAFETY: as above.
        unsafe { registry_place.write(registry) };
        // SAFETY: as above.
        let policy_place = unsafe { &raw mut (*place).policy };
        // SAFETY: as above.
        unsafe { policy_place.write(policy) };
    }

    /// What the tests changed.
    #[inline]
    pub const fn policy(&self) -> &P {
        &self.policy
    }

    /// The entry of a SuperSlab.
    #[inline]
    pub(crate) fn entry(&self, number: u32) -> Option<&Entry> {
        self.superslabs.get(number as usize)
    }
}

impl<M: Memory, R: Registry, P: Policy> SharedPool<M, R, P> {
    /// Claims runs of SuperSlab `number` and returns how many.
    #[inline]
    pub(crate) fn take_from(&self, number: u32, units: usize, out: &mut [Span]) -> usize {
        let Some(entry) = self.entry(number) else { return 0 };
        let early = if P::CLAIM_FIRST { 0 } else { entry.unit(0) };
        self.policy.step();
        let claim = entry.state.claim_runs::<P>(units, out.len());
        let Some(claim) = claim else { return 0 };
        // After the claim: only an owner may ask where the SuperSlab is (P3).
        let base = if P::CLAIM_FIRST { entry.unit(0) } else { early };
        self.note_claim(number, claim);
        hand_out(claim, base, number, units, out)
    }

    /// Accounts a claim of SuperSlab `number`, and removes the hints that it made wrong: a search
    /// would otherwise find one such hint for every SuperSlab that was filled.
    #[inline]
    pub(crate) fn note_claim(&self, number: u32, claim: Claim) {
        let levels = claim.before.without(claim.mask).levels();
        for order in levels..claim.before.levels() {
            self.forget_room(number, order);
        }
        if claim.before.free == ALL {
            self.policy.step();
            // Relaxed: a number that decides how much is kept, not who owns what.
            self.empty.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// The trees of hints; none where all SuperSlabs are looked at.
    #[inline]
    fn hints(&self) -> &[BitTree] {
        if P::EXCLUSIVE { &[] } else { &self.room }
    }

    /// SuperSlab `number` has no run of order `order`: removes the hint, and puts it back if there
    /// is one after all.
    fn forget_room(&self, number: u32, order: usize) {
        let (Some(room), Some(entry)) = (self.hints().get(order), self.entry(number)) else {
            return;
        };
        self.policy.step();
        room.clear(number as usize);
        if P::LOOK_AGAIN {
            self.policy.step();
            // The head of P2: if a giver set the hint before we removed it, then we see its units.
            if entry.state.load().levels() > order {
                self.policy.step();
                room.set(number as usize);
            }
        }
    }

    /// Maps a SuperSlab, hands out of it, and makes the rest free.
    #[cold]
    #[inline(never)]
    fn map_cold(&self, units: usize, out: &mut [Span]) -> usize {
        let Some(range) = self.memory.acquire(SUPERSLAB, SUPERSLAB, false) else { return 0 };
        let number = if self.cover(range.base, SUPERSLAB) { self.numbers.take() } else { None };
        let (Some(number), Some(entry)) = (number, number.and_then(|n| self.entry(n))) else {
            // SAFETY: the range is ours and was not used.
            unsafe { self.memory.release(range.base, SUPERSLAB) };
            return 0;
        };
        entry.open(range.base);
        let zero = if range.zeroed { ALL } else { 0 };
        let n_spans = out.len().min(ALL.count_ones() as usize / units);
        // Ours before the others see the SuperSlab: whoever maps gets what it mapped for.
        let mask = run(0, units * n_spans);
        let before = Units { free: mask, zero: mask & zero };
        let n_spans = hand_out(Claim { before, mask }, entry.unit(0), number, units, out);
        self.give(number, !mask, zero);
        n_spans
    }

    /// Makes room in the registry for the units of a range.
    pub(crate) fn cover(&self, base: NonNull<u8>, bytes: usize) -> bool {
        let arena = self.reserve.meter(&self.memory);
        self.registry.cover(base.as_ptr().addr(), bytes, &arena)
    }

    /// Makes units free, and sets the hints that become true by it.
    ///
    /// Only a change from "no run of this order" to "a run" sets a hint: whoever made that change
    /// sets it after the change, and no later change needs it again before a claim has undone it.
    /// P2 keeps it from being lost to somebody who removes the hint because of an older mask.
    pub(crate) fn give(&self, number: u32, mask: u32, zero: u32) {
        let Some(entry) = self.entry(number) else { return };
        if mask == 0 {
            return;
        }
        self.policy.step();
        let give = || entry.state.give::<P>(mask, zero);
        let (before, after) = self.policy.exclude(&self.memory, give);
        debug_assert!(before.free & mask == 0, "units released twice");
        if after.free == ALL && self.note_empty(number) {
            return;
        }
        // A wholly free SuperSlab gets all of them again: it makes good what a thread left undone that
        // stopped for ever (the process forked) between a mask and its hint.
        let from = if after.free == ALL { 0 } else { before.levels() };
        for room in self.hints().get(from..after.levels()).unwrap_or_default() {
            self.policy.step();
            room.set(number as usize);
        }
        if P::DECAY && worth_purging(after) && !worth_purging(before) {
            self.policy.step();
            self.decay.note_dirty(number);
        }
    }

    /// Accounts a SuperSlab that became wholly free. Returns whether it left the pool.
    fn note_empty(&self, number: u32) -> bool {
        self.policy.step();
        // Relaxed: see `note_claim`. It may be below zero for a moment, between a claim that was
        // counted and the release before it that was not yet.
        let others = self.empty.fetch_add(1, Ordering::Relaxed).cast_signed();
        others >= KEEP_EMPTY.cast_signed() && self.retire(number)
    }

    /// Claims all units of `mask` or none.
    fn claim_exact(&self, entry: &Entry, mask: u32) -> Option<Claim> {
        self.policy.exclude(&self.memory, || entry.state.claim_exact::<P>(mask))
    }

    /// Gives SuperSlab `number` to `Memory` if it is wholly free.
    pub(crate) fn retire(&self, number: u32) -> bool {
        let Some(entry) = self.entry(number) else { return false };
        self.policy.step();
        // All 32 units at once: from here on nobody else can own one, or look at `base`.
        let claim = self.claim_exact(entry, ALL);
        let Some(claim) = claim else { return false };
        self.note_claim(number, claim);
        let Some(base) = pointer(entry.unit(0)) else { return false };
        // SAFETY: every unit was just claimed, so the range is ours, and it is not used again.
        unsafe { self.memory.release(base, SUPERSLAB) };
        self.policy.step();
        self.numbers.put(number);
        true
    }
}

// SAFETY: a unit is handed out by the claim of its free bit, which one thread wins;
// `map_cold` covers before it hands out; no loop runs over SuperSlabs, and no step waits.
unsafe impl<M: Memory, R: Registry, P: Policy> UnitPool for SharedPool<M, R, P> {
    #[inline]
    fn acquire(&self, units: usize, out: &mut [Span]) -> usize {
        let n_spans = self.acquire_at_hand(units, out);
        if n_spans != 0 || out.is_empty() || order_of(units) >= ORDERS {
            return n_spans;
        }
        self.map_cold(units, out)
    }

    #[inline]
    fn acquire_at_hand(&self, units: usize, out: &mut [Span]) -> usize {
        let order = order_of(units);
        let Some(room) = self.room.get(order) else { return 0 };
        if out.is_empty() {
            return 0;
        }
        if P::EXCLUSIVE {
            return self.take_first_fit(units, out);
        }
        loop {
            self.policy.step();
            let Some(number) = room.first() else { return 0 };
            let number = low_u32(number);
            let n_spans = self.take_from(number, units, out);
            if n_spans != 0 {
                return n_spans;
            }
            self.forget_room(number, order);
        }
    }

    #[inline]
    unsafe fn release(&self, span: Span) {
        let units = usize::from(span.units);
        if units == 0 {
            return;
        }
        self.give(span.superslab, run(unit_at(span.address()), units), 0);
        if P::DECAY {
            self.tick();
        }
    }

    unsafe fn extend(&self, span: Span, more: usize) -> Option<bool> {
        let units = usize::from(span.units);
        let behind = unit_at(span.address()) as usize + units;
        if more == 0 {
            return Some(true);
        }
        if behind + more > ALL.count_ones() as usize {
            return None;
        }
        let mask = run(low_u32(behind), more);
        self.policy.step();
        let claim = self.claim_exact(self.entry(span.superslab)?, mask)?;
        self.note_claim(span.superslab, claim);
        Some(claim.before.zero & mask == mask)
    }
}

// SAFETY: the pool covers its units in its registry, and its memory is where they come from.
unsafe impl<M: Memory + Fatal, R: Registry, P: Policy> Pool for SharedPool<M, R, P> {
    type Registry = R;
    type Memory = M;

    #[inline(always)]
    fn registry(&self) -> &R {
        &self.registry
    }

    #[inline]
    fn memory(&self) -> &M {
        &self.memory
    }

    fn purge_all(&self) -> usize {
        let mut bytes = 0;
        for number in 0..self.numbers.limit() {
            if !self.retire(number) {
                bytes += self.purge_one(number, 1);
            }
        }
        bytes + self.memory.trim(true)
    }
}

// SAFETY: forwarded to a `MetaArena`.
unsafe impl<M: MetaArena, R, P> MetaArena for SharedPool<M, R, P> {
    #[inline]
    fn alloc_meta(&self, bytes: usize) -> Option<NonNull<u8>> {
        self.memory.alloc_meta(bytes)
    }

    fn reserve_meta(&self, bytes: usize) -> Option<NonNull<u8>> {
        self.memory.reserve_meta(bytes)
    }

    unsafe fn unreserve_meta(&self, base: NonNull<u8>, bytes: usize) {
        // SAFETY: passed on.
        unsafe { self.memory.unreserve_meta(base, bytes) };
    }
}

/// log2 of `units` rounded up to a power of two; [`ORDERS`] when it is no length of a span.
#[inline]
const fn order_of(units: usize) -> usize {
    if units == 0 || units > MAX_SPAN_UNITS {
        return ORDERS;
    }
    units.next_power_of_two().trailing_zeros() as usize
}

/// Takes the units of `claim` apart into spans of `units`, ascending, and returns how many.
#[inline]
fn hand_out(claim: Claim, base: usize, superslab: u32, units: usize, out: &mut [Span]) -> usize {
    let mut left = claim.mask;
    let mut n_spans = 0;
    for slot in out {
        if left == 0 {
            break;
        }
        let unit = left.trailing_zeros();
        let mask = run(unit, units);
        left &= !mask;
        let address = base + unit as usize * UNIT;
        let Some(base) = pointer(address) else { break };
        let [low, high, ..] = units.to_le_bytes();
        *slot = Span {
            base,
            superslab,
            units: u16::from_le_bytes([low, high]),
            zeroed: u16::from(claim.before.zero & mask == mask),
        };
        n_spans += 1;
    }
    n_spans
}
