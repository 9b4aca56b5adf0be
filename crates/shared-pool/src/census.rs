//! Looking at the whole pool: for statistics and tests, never on a path of the allocator.

use hakmem_contract::{Superslabs, UNIT};
use hakmem_sync::atomic::Ordering;

use crate::policy::Policy;
use crate::pool::SharedPool;
use crate::purge::worth_purging;
use crate::state::{ALL, Units};

/// What the pool holds at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Units that nobody owns.
    pub free_units: usize,
    /// Those of them that are known to be zero.
    pub zero_units: usize,
    /// SuperSlabs that are wholly free.
    pub empty_superslabs: usize,
}

impl Census {
    /// Bytes that nobody owns and that may be resident.
    #[must_use]
    pub const fn dirty_bytes(&self) -> usize {
        (self.free_units - self.zero_units) * UNIT
    }
}

impl<M, R, P: Policy> SharedPool<M, R, P> {
    /// Counts. O(SuperSlabs).
    pub fn census(&self) -> Census {
        let mut census = Census::default();
        for units in self.states() {
            census.free_units += units.free.count_ones() as usize;
            census.zero_units += units.zero.count_ones() as usize;
            census.empty_superslabs += usize::from(units.free == ALL);
        }
        census
    }

    /// Whether the type's invariants hold. Only in a quiet moment, when no other thread is in the
    /// pool. O(SuperSlabs).
    pub fn is_consistent(&self) -> bool {
        // Relaxed: a quiet moment.
        let empty = self.empty.load(Ordering::Relaxed) as usize;
        let well = (0..).zip(self.states()).all(|(number, units)| {
            units.zero & !units.free == 0
                && self.has_hints(number, units)
                && (!P::DECAY || !worth_purging(units) || self.decay.has(number))
        });
        well && empty == self.census().empty_superslabs
    }

    /// Whether each order of which SuperSlab `number` has a run has its hint.
    fn has_hints(&self, number: u32, units: Units) -> bool {
        P::EXCLUSIVE
            || self.room.iter().take(units.levels()).all(|room| room.contains(number as usize))
    }

    /// The state of every number in use.
    fn states(&self) -> impl Iterator<Item = Units> {
        (0..self.numbers.limit()).filter_map(|number| Some(self.entry(number)?.state.load()))
    }
}

impl<M, R, P: Policy> Superslabs for SharedPool<M, R, P> {
    fn superslabs(&self) -> usize {
        self.numbers.taken()
    }
}
