//! Giving the memory of free units back to the system while the pool keeps the units.
//!
//! A SuperSlab is *worth purging* when at least half of it is free and some of that is dirty:
//! a huge page is not split for less. When it becomes so, its number goes into the set of the
//! current *epoch* (half a second). Sets change their role in turn: the one of this epoch is
//! filled, the one before rests, the one before that is worked off, a few at a time. So units are
//! purged half a second to one and a half after the SuperSlab became worth it, without a time stamp
//! for each and without a search for the oldest.

use core::num::NonZeroUsize;

use hakmem_contract::{Memory, Registry, UNIT};
use hakmem_sync::atomic::{AtomicU32, Ordering};
use hakmem_sync::const_unless_loom;
use hakmem_sync::tree::BitTree;

use crate::arrays;
use crate::entry::{Entry, pointer};
use crate::policy::Policy;
use crate::pool::SharedPool;
use crate::state::{Units, low_u32, run};

/// log2 of the milliseconds of an epoch.
const EPOCH_SHIFT: u32 = 9;

/// Sets in turn: filled, resting, worked off.
const SETS: usize = 3;

/// Releases between two looks at the clock.
const TICKS: u32 = 64;

/// SuperSlabs purged at one look at the clock.
const PURGES: u32 = 4;

/// Members of a set that are tried for that: some were taken or retired meanwhile.
const TRIES: u32 = 32;

/// Free units that make a SuperSlab worth purging: half of it.
const HALF: u32 = 16;

/// Whether to purge what is free of a SuperSlab in this state.
#[inline]
pub(crate) const fn worth_purging(units: Units) -> bool {
    units.dirty() != 0 && units.free.count_ones() >= HALF
}

/// What is to be purged, and when.
///
/// # Invariants
///
/// - In a quiet moment every SuperSlab worth purging is in one of the sets.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Decay {
    epoch: AtomicU32,
    ticks: AtomicU32,
    dirty: [BitTree; SETS],
}

impl Decay {
    const_unless_loom! {
        /// Nothing, at time 0.
        pub(crate) fn new() -> Self {
            Self { epoch: AtomicU32::new(0), ticks: AtomicU32::new(0), dirty: arrays::trees() }
        }
    }

    /// SuperSlab `number` became worth purging.
    pub(crate) fn note_dirty(&self, number: u32) {
        // Relaxed: an old epoch means an early purge.
        let epoch = self.epoch.load(Ordering::Relaxed) as usize;
        if let Some(set) = self.dirty.get(epoch % SETS) {
            set.set(number as usize);
        }
    }

    /// Whether SuperSlab `number` is in a set.
    pub(crate) fn has(&self, number: u32) -> bool {
        self.dirty.iter().any(|set| set.contains(number as usize))
    }

    /// Whether it is time to look at the clock.
    #[inline]
    fn tick(&self) -> bool {
        // Relaxed, and not one step: a lost tick is no matter, a locked instruction would be.
        let ticks = self.ticks.load(Ordering::Relaxed).wrapping_add(1);
        self.ticks.store(ticks, Ordering::Relaxed);
        ticks.is_multiple_of(TICKS)
    }
}

impl<M: Memory, R: Registry, P: Policy> SharedPool<M, R, P> {
    /// Purges what has been free for a while, a few SuperSlabs at a call; what it does not come to
    /// is left for the next. Returns the bytes that the system got. O(1).
    pub fn purge_aged(&self, now_ms: u64) -> usize {
        let [a, b, c, d, ..] = (now_ms >> EPOCH_SHIFT).to_le_bytes();
        let epoch = u32::from_le_bytes([a, b, c, d]);
        // Relaxed: nothing is ordered by the time of day.
        self.decay.epoch.store(epoch, Ordering::Relaxed);
        let oldest = (epoch as usize + 1) % SETS;
        let bytes = self.decay.dirty.get(oldest).map_or(0, |set| self.purge_set(set));
        bytes + self.memory.trim(false)
    }

    /// One release more. Every so often: looks at the clock and purges.
    #[inline]
    pub(crate) fn tick(&self) {
        if self.decay.tick() {
            self.tick_cold();
        }
    }

    #[cold]
    #[inline(never)]
    fn tick_cold(&self) {
        self.purge_aged(self.memory.now_ms());
    }

    /// Purges a few members of `set`, which leave it.
    fn purge_set(&self, set: &BitTree) -> usize {
        let (mut bytes, mut purges) = (0, 0);
        for _ in 0..TRIES {
            self.policy.step();
            let Some(number) = set.claim() else { break };
            // The claim is P2's head for this hint: we see the units that it stands for.
            let purged = self.purge_one(low_u32(number), HALF);
            bytes += purged;
            purges += u32::from(purged != 0);
            if purges == PURGES {
                break;
            }
        }
        bytes
    }

    /// Purges the dirty free units of a SuperSlab of which `least` units are free: claims them like
    /// any other taker, and gives them back. Returns the bytes.
    pub(crate) fn purge_one(&self, number: u32, least: u32) -> usize {
        let Some(entry) = self.entry(number) else { return 0 };
        let early = if P::PURGE_CLAIMED {
            0
        } else {
            self.drop_contents(entry, entry.state.load().dirty())
        };
        self.policy.step();
        let claim = || entry.state.claim_dirty::<P>(least);
        let Some(claim) = self.policy.exclude(&self.memory, claim) else { return 0 };
        self.note_claim(number, claim);
        // After the claim: until then the units may become somebody's.
        let zero = if P::PURGE_CLAIMED {
            self.drop_contents(entry, claim.mask)
        } else {
            early & claim.mask
        };
        self.give(number, claim.mask, zero);
        zero.count_ones() as usize * UNIT
    }

    /// Drops the contents of the units of `mask`, which the caller has claimed. Returns those that are
    /// zero now.
    fn drop_contents(&self, entry: &Entry, mask: u32) -> u32 {
        let mut zero = 0;
        for (start, units) in runs_of(mask) {
            let Some(base) = pointer(entry.unit(start)) else { continue };
            // SAFETY: the units are claimed, so their pages are ours; nobody needs what is in them.
            if unsafe { self.memory.purge(base, units.get() * UNIT) } {
                zero |= run(start, units.get());
            }
        }
        zero
    }
}

/// The runs of set bits in `mask`: where each begins, and how long it is.
fn runs_of(mask: u32) -> impl Iterator<Item = (u32, NonZeroUsize)> {
    let mut left = mask;
    core::iter::from_fn(move || {
        let start = left.trailing_zeros();
        let units = left.checked_shr(start)?.trailing_ones() as usize;
        left &= !run(start, units);
        Some((start, NonZeroUsize::new(units)?))
    })
}
