//! The tree with an edge cut, for the negative controls of the models. Wrong on purpose.

use super::{BitTree, FAN, bit};
use crate::atomic::Ordering;

impl BitTree {
    /// `set` with T1 cut.
    pub fn set_without_t1(&self, index: usize) -> bool {
        let Some(leaf) = self.leaf.get(index / FAN) else { return false };
        // Relaxed: the cut.
        let old = leaf.fetch_or(bit(index), Ordering::Relaxed);
        if old == 0 {
            self.raise_mid(index / FAN);
        }
        old & bit(index) == 0
    }

    /// `clear` with T2 cut at the middle level: it does not look again.
    pub fn clear_without_look(&self, index: usize) -> bool {
        let Some(leaf) = self.leaf.get(index / FAN) else { return false };
        // AcqRel: as in `clear`.
        let old = leaf.fetch_and(!bit(index), Ordering::AcqRel);
        if old == bit(index)
            && let Some(mid) = self.mid.get(index / FAN / FAN)
            // AcqRel: as in `descend_clear`, of which the rest is cut.
            && mid.fetch_and(!bit(index / FAN), Ordering::AcqRel) == bit(index / FAN)
        {
            self.lower_top(index / FAN / FAN);
        }
        old & bit(index) != 0
    }

    /// `clear` with T2 cut at the top: it does not look again.
    pub fn clear_without_look_at_top(&self, index: usize) -> bool {
        let Some(leaf) = self.leaf.get(index / FAN) else { return false };
        // AcqRel: as in `clear`.
        let old = leaf.fetch_and(!bit(index), Ordering::AcqRel);
        if old == bit(index)
            && let Some(mid) = self.mid.get(index / FAN / FAN)
            // AcqRel: as in `descend_clear`.
            && mid.fetch_and(!bit(index / FAN), Ordering::AcqRel) == bit(index / FAN)
        {
            // AcqRel: as in `lower_top`, of which the rest is cut.
            self.top.fetch_and(!bit(index / FAN / FAN), Ordering::AcqRel);
        }
        old & bit(index) != 0
    }

    /// `set` with T2 cut: it leaves out the hint when there seems to be one.
    pub fn set_lazily(&self, index: usize) -> bool {
        let Some(leaf) = self.leaf.get(index / FAN) else { return false };
        // AcqRel: as in `set`.
        let old = leaf.fetch_or(bit(index), Ordering::AcqRel);
        let Some(mid) = self.mid.get(index / FAN / FAN) else { return false };
        // Acquire: as if that were enough.
        if old == 0 && mid.load(Ordering::Acquire) & bit(index / FAN) == 0 {
            self.raise_mid(index / FAN);
        }
        old & bit(index) == 0
    }
}
