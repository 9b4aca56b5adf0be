//! Which addresses are mapped: what the simulated system checks every call against.

use core::ops::Range;

use hakmem_contract::SUPERSLAB;
use hakmem_contract::os::Purpose;

use super::list::List;

/// Where chosen addresses begin, downwards: not aligned, as on a real system.
const TOP: usize = (1 << 46) + 0x5000;

/// And where they end: programs have their own code and data below.
const BOTTOM: usize = 1 << 40;

/// 4 GiB: how much is left alone when somebody else is met.
const AREA: usize = 1 << 32;

/// The most mappings that one call adds: a move cuts at four ends, and leaves one.
const ADDED: usize = 5;

/// One mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mapping {
    pub(super) base: usize,
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
    pub(super) const fn plain(base: usize, bytes: usize) -> Self {
        Self { base, bytes, huge: false, explicit: false, purpose: None, foreign: false }
    }

    pub(super) const fn end(&self) -> usize {
        self.base.saturating_add(self.bytes)
    }
}

/// Mappings, the highest first: new ones are mostly the lowest. They are split where a call ends inside
/// one and never joined, as if each had been touched before.
///
/// # Invariants
///
/// - The bases descend; no two mappings overlap, none is empty.
/// - `total` is the bytes of those that are ours.
#[derive(Debug)]
pub(super) struct Space {
    mappings: List<Mapping>,
    total: usize,
    /// How far below [`TOP`] chosen addresses begin.
    lowered: usize,
}

impl Space {
    pub(super) const fn new() -> Self {
        Self { mappings: List::new(), total: 0, lowered: 0 }
    }

    /// Sees to room for what one call adds. `false`: that cannot be noted, so it must not be made.
    pub(super) fn has_room(&mut self) -> bool {
        self.mappings.has_room(ADDED)
    }

    /// Takes over what another one knows. `false`: there is no room for it.
    pub(super) fn becomes(&mut self, other: &Self) -> bool {
        (self.total, self.lowered) = (other.total, other.lowered);
        self.mappings.becomes(&other.mappings)
    }

    /// Bytes that are ours.
    pub(super) const fn total(&self) -> usize {
        self.total
    }

    /// Every mapping that is ours.
    pub(super) fn all(&self) -> impl Iterator<Item = &Mapping> {
        self.mappings.items().iter().filter(|mapping| !mapping.foreign)
    }

    /// The mappings with a base below `address` begin here.
    fn below(&self, address: usize) -> usize {
        self.mappings.items().partition_point(|mapping| mapping.base >= address)
    }

    /// Those whose bases are in a range of addresses.
    fn within(&self, base: usize, bytes: usize) -> Range<usize> {
        self.below(base.saturating_add(bytes))..self.below(base)
    }

    const fn top(&self) -> usize {
        TOP - self.lowered
    }

    /// Everything is above this.
    fn lowest(&self) -> usize {
        self.mappings.items().last().map_or(usize::MAX, |mapping| mapping.base).min(self.top())
    }

    /// Puts a mapping of somebody else below everything.
    pub(super) fn nudge(&mut self, bytes: usize) {
        let foreign = Mapping { foreign: true, ..Mapping::plain(self.lowest() - bytes, bytes) };
        self.insert(foreign);
    }

    /// Somebody else is at `address`: what is chosen from now on is clearly lower.
    pub(super) const fn avoid(&mut self, address: usize) {
        let top = address.saturating_sub(1) & !(AREA - 1);
        if BOTTOM < top && top < self.top() {
            self.lowered = TOP - top;
        }
    }

    /// An address for `bytes`: `near` if it is free, else below everything, else the highest gap.
    /// `None` when there are no addresses left.
    pub(super) fn place(&self, near: usize, bytes: usize) -> Option<usize> {
        if near != 0 && self.is_free(near, bytes) {
            return Some(near);
        }
        let below = self.lowest().checked_sub(bytes).filter(|&below| below >= BOTTOM);
        below.or_else(|| self.gap(bytes))
    }

    /// The highest gap between mappings that is long enough.
    fn gap(&self, bytes: usize) -> Option<usize> {
        let mut upper = self.top();
        for mapping in self.mappings.items().iter().skip(self.below(upper)) {
            if upper.saturating_sub(mapping.end()) >= bytes {
                return Some(upper - bytes);
            }
            upper = mapping.base;
        }
        None
    }

    /// Notes a mapping, if it overlaps no other.
    #[must_use]
    pub(super) fn add(&mut self, mapping: Mapping) -> bool {
        let fits = mapping.bytes > 0 && self.is_free(mapping.base, mapping.bytes);
        if fits {
            self.total += mapping.bytes;
            self.insert(mapping);
        }
        fits
    }

    fn insert(&mut self, mapping: Mapping) {
        // INVARIANT: before all lower ones, and after all others.
        self.mappings.insert(self.below(mapping.base), mapping);
    }

    /// Removes the range, all of it ours, cutting mappings at its ends.
    pub(super) fn remove(&mut self, base: usize, bytes: usize) {
        self.cut(base);
        self.cut(base + bytes);
        let range = self.within(base, bytes);
        self.mappings.remove(range.start, range.end);
        self.total -= bytes;
    }

    /// Changes what is known of the range, cutting mappings at its ends.
    pub(super) fn mark(&mut self, base: usize, bytes: usize, change: impl Fn(&mut Mapping)) {
        self.cut(base);
        self.cut(base + bytes);
        let range = self.within(base, bytes);
        self.mappings.items_mut().get_mut(range).into_iter().flatten().for_each(change);
    }

    pub(super) fn is_free(&self, base: usize, bytes: usize) -> bool {
        let Some(end) = base.checked_add(bytes) else { return false };
        self.mappings.items().get(self.below(end)).is_none_or(|before| before.end() <= base)
    }

    /// Whether every byte of the range is mapped.
    pub(super) fn covers(&self, base: usize, bytes: usize) -> bool {
        let Some(end) = base.checked_add(bytes) else { return false };
        let mut at = base;
        while at < end {
            let Some(mapping) = self.at(at) else { return false };
            at = mapping.end();
        }
        true
    }

    /// The mapping that `address` is in.
    pub(super) fn at(&self, address: usize) -> Option<Mapping> {
        let mapping = *self.mappings.items().get(self.below(address.checked_add(1)?))?;
        (address < mapping.end() && !mapping.foreign).then_some(mapping)
    }

    /// How many bytes of a range are in explicit huge pages.
    pub(super) fn explicit_in(&self, base: usize, bytes: usize) -> usize {
        let end = base.saturating_add(bytes);
        let from = self.mappings.items().iter().skip(self.below(end));
        from.take_while(|mapping| mapping.end() > base)
            .filter(|mapping| mapping.explicit)
            .map(|mapping| mapping.end().min(end) - mapping.base.max(base))
            .sum()
    }

    /// Whether an explicit huge page lies on both sides of `address`.
    pub(super) fn is_inside_explicit(&self, address: usize) -> bool {
        let explicit = self.at(address).is_some_and(|mapping| mapping.explicit);
        explicit && !address.is_multiple_of(SUPERSLAB)
    }

    /// The mapping that holds the whole range, if it is in one.
    pub(super) fn one(&self, base: usize, bytes: usize) -> Option<Mapping> {
        self.at(base).filter(|mapping| base + bytes <= mapping.end())
    }

    /// Makes the mapping that ends at `end` longer.
    pub(super) fn extend(&mut self, end: usize, more: usize) {
        let at = self.below(end);
        if let Some(mapping) = self.mappings.items_mut().get_mut(at) {
            mapping.bytes += more;
            self.total += more;
        }
    }

    /// Makes two of the mapping that `address` is inside of.
    fn cut(&mut self, address: usize) {
        let at = self.below(address);
        let Some(mapping) = self.mappings.items_mut().get_mut(at) else { return };
        if address < mapping.end() {
            let rest = Mapping { base: address, bytes: mapping.end() - address, ..*mapping };
            mapping.bytes = address - mapping.base;
            self.mappings.insert(at, rest);
        }
    }
}
