//! The books, twice: one of them is whole at any instant, whatever a fork cuts off.

use hakmem_sync::atomic::{Ordering, compiler_fence};

use super::space::Space;

/// What is written before is written first, as the next process sees it: a fork has the stores of another
/// thread in the order in which it made them.
pub(super) fn in_order() {
    // AcqRel: no store moves across, in either direction.
    compiler_fence(Ordering::AcqRel);
}

/// See the [module docs](self).
///
/// # Invariants
///
/// - `copies[current]` is whole.
/// - Unless `changing`, both say the same.
#[derive(Debug)]
pub(super) struct Twice {
    copies: [Space; 2],
    current: bool,
    changing: bool,
}

impl Twice {
    pub(super) const fn new() -> Self {
        Self { copies: [const { Space::new() }; 2], current: false, changing: false }
    }

    /// What holds.
    pub(super) const fn get(&self) -> &Space {
        let [first, second] = &self.copies;
        if self.current { second } else { first }
    }

    /// The one that holds, and the other one.
    const fn both(&mut self) -> (&mut Space, &mut Space) {
        let [first, second] = &mut self.copies;
        if self.current { (second, first) } else { (first, second) }
    }

    /// Sees to room for what one call adds. `false`: that cannot be noted, so it must not be made.
    pub(super) fn has_room(&mut self) -> bool {
        let in_step = !self.changing || self.mend_cold();
        let (current, other) = self.both();
        in_step && current.has_room() && other.has_room()
    }

    /// Makes the other copy anew: a fork has cut a change in the middle.
    #[cold]
    #[inline(never)]
    fn mend_cold(&mut self) -> bool {
        let (current, other) = self.both();
        let in_step = other.becomes(current);
        self.changing = !in_step;
        in_step
    }

    /// Makes a change, the same on both. There is room for it: the caller has asked.
    pub(super) fn change<T>(&mut self, change: impl Fn(&mut Space) -> T) -> T {
        // INVARIANT: one of them changes at a time, and it is not the one that holds.
        self.changing = true;
        in_order();
        let result = change(self.both().1);
        in_order();
        self.current = !self.current;
        in_order();
        change(self.both().1);
        in_order();
        self.changing = false;
        result
    }
}
