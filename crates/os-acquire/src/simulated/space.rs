//! Which addresses are mapped: what the simulated system checks every call against.

use std::collections::BTreeMap;
use std::vec::Vec;

use hakmem_contract::SUPERSLAB;
use hakmem_contract::os::Purpose;

/// One mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mapping {
    pub(super) bytes: usize,
    pub(super) huge: bool,
    /// Of the pool of explicit huge pages.
    pub(super) explicit: bool,
    pub(super) purpose: Option<Purpose>,
    /// Of somebody else: in the way, but not ours to use.
    pub(super) foreign: bool,
}

impl Mapping {
    /// Without advice or name, as it is mapped.
    pub(super) const fn plain(bytes: usize) -> Self {
        Self { bytes, huge: false, explicit: false, purpose: None, foreign: false }
    }
}

/// Mappings by base. They are split where a call ends inside one and never joined, as if each
/// had been touched before.
///
/// # Invariants
///
/// - No two overlap, none is empty.
#[derive(Debug)]
pub(super) struct Space {
    mappings: BTreeMap<usize, Mapping>,
    top: usize,
}

impl Space {
    pub(super) const fn new(top: usize) -> Self {
        Self { mappings: BTreeMap::new(), top }
    }

    pub(super) fn total(&self) -> usize {
        self.all().map(|(_, bytes)| bytes).sum()
    }

    /// Every mapping that is ours: base and length.
    pub(super) fn all(&self) -> impl Iterator<Item = (usize, usize)> {
        let ours = self.mappings.iter().filter(|(_, mapping)| !mapping.foreign);
        ours.map(|(&base, mapping)| (base, mapping.bytes))
    }

    /// Everything is above this.
    fn lowest(&self) -> usize {
        self.mappings.keys().next().copied().unwrap_or(self.top).min(self.top)
    }

    /// Puts a mapping of somebody else below everything.
    pub(super) fn nudge(&mut self, bytes: usize) {
        let mapping = Mapping { foreign: true, ..Mapping::plain(bytes) };
        self.mappings.insert(self.lowest() - bytes, mapping);
    }

    /// An address for `bytes`: `near` if it is free, else below everything. `None` when there
    /// are no addresses left.
    pub(super) fn place(&self, near: usize, bytes: usize) -> Option<usize> {
        let below = self.lowest().checked_sub(bytes).filter(|&below| below > 0)?;
        Some(if near != 0 && self.is_free(near, bytes) { near } else { below })
    }

    pub(super) fn add(&mut self, base: usize, mapping: Mapping) {
        let bytes = mapping.bytes;
        assert!(bytes > 0 && self.is_free(base, bytes), "mapping {base:#x} overlaps another");
        self.mappings.insert(base, mapping);
    }

    /// Removes the range, cutting mappings at its ends.
    pub(super) fn remove(&mut self, base: usize, bytes: usize) {
        self.cut(base);
        self.cut(base + bytes);
        for key in self.keys(base, bytes) {
            self.mappings.remove(&key);
        }
    }

    /// Changes what is known of the range, cutting mappings at its ends.
    pub(super) fn mark(&mut self, base: usize, bytes: usize, change: impl Fn(&mut Mapping)) {
        self.cut(base);
        self.cut(base + bytes);
        for key in self.keys(base, bytes) {
            if let Some(mapping) = self.mappings.get_mut(&key) {
                change(mapping);
            }
        }
    }

    pub(super) fn is_free(&self, base: usize, bytes: usize) -> bool {
        let before = self.mappings.range(..base + bytes).next_back();
        before.is_none_or(|(&other, mapping)| other + mapping.bytes <= base)
    }

    /// Whether every byte of the range is mapped.
    pub(super) fn covers(&self, base: usize, bytes: usize) -> bool {
        let mut at = base;
        while at < base + bytes {
            let Some((other, mapping)) = self.at(at) else { return false };
            at = other + mapping.bytes;
        }
        true
    }

    /// The mapping that `address` is in.
    pub(super) fn at(&self, address: usize) -> Option<(usize, Mapping)> {
        let (&base, &mapping) = self.mappings.range(..=address).next_back()?;
        (address < base + mapping.bytes && !mapping.foreign).then_some((base, mapping))
    }

    /// How many bytes of a range are in explicit huge pages.
    pub(super) fn explicit_in(&self, base: usize, bytes: usize) -> usize {
        let overlap = |(&other, mapping): (&usize, &Mapping)| {
            let end = (other + mapping.bytes).min(base + bytes);
            if mapping.explicit { end.saturating_sub(other.max(base)) } else { 0 }
        };
        self.mappings.range(..base + bytes).map(overlap).sum()
    }

    /// Whether an explicit huge page lies on both sides of `address`.
    pub(super) fn is_inside_explicit(&self, address: usize) -> bool {
        let explicit = self.at(address).is_some_and(|(_, mapping)| mapping.explicit);
        explicit && !address.is_multiple_of(SUPERSLAB)
    }

    /// The mapping that holds the whole range, if it is in one.
    pub(super) fn one(&self, base: usize, bytes: usize) -> Option<Mapping> {
        let (other, mapping) = self.at(base)?;
        (base + bytes <= other + mapping.bytes).then_some(mapping)
    }

    /// Makes the mapping that ends at `end` longer.
    pub(super) fn extend(&mut self, end: usize, more: usize) {
        if let Some((base, _)) = self.at(end - 1)
            && let Some(mapping) = self.mappings.get_mut(&base)
        {
            mapping.bytes += more;
        }
    }

    fn cut(&mut self, address: usize) {
        let Some((base, mapping)) = self.at(address).filter(|(base, _)| *base < address) else {
            return;
        };
        let front = address - base;
        self.mappings.insert(base, Mapping { bytes: front, ..mapping });
        self.mappings.insert(address, Mapping { bytes: mapping.bytes - front, ..mapping });
    }

    fn keys(&self, base: usize, bytes: usize) -> Vec<usize> {
        self.mappings.range(base..base + bytes).map(|(&key, _)| key).collect()
    }
}
