//! A registry that counts.

use hakmem_contract::{MetaArena, Registry, Survey, Tag};

use crate::{Counted, Event, Ledger};

/// Counts the look-up of a tag.
#[inline]
fn found<L: Ledger>(tag: Tag) -> Tag {
    L::note(Event::RegistryLookup);
    if tag.kind() == hakmem_contract::Kind::Foreign {
        L::note(Event::RegistryForeign);
    }
    tag
}

// SAFETY: every call is passed on, and its answer back.
unsafe impl<R: Registry, L: Ledger> Registry for Counted<R, L> {
    #[inline]
    fn cover(&self, base: usize, bytes: usize, meta: &impl MetaArena) -> bool {
        L::note(Event::RegistryCover);
        self.inner().cover(base, bytes, meta)
    }

    #[inline(always)]
    fn tag(&self, address: usize) -> Tag {
        found::<L>(self.inner().tag(address))
    }

    #[inline(always)]
    fn tag_in_reach(&self, address: usize) -> Option<Tag> {
        // Who gets no answer here asks again.
        self.inner().tag_in_reach(address).map(found::<L>)
    }

    #[inline(always)]
    unsafe fn tag_covered(&self, address: usize) -> Tag {
        // SAFETY: passed on.
        found::<L>(unsafe { self.inner().tag_covered(address) })
    }

    #[inline(always)]
    unsafe fn word_covered(&self, address: usize) -> usize {
        L::note(Event::RegistryLookup);
        // SAFETY: passed on.
        unsafe { self.inner().word_covered(address) }
    }

    #[inline]
    unsafe fn publish(&self, base: usize, units: usize, head: Tag, tail: Tag, word: usize) {
        L::note(Event::RegistryPublish);
        L::add(Event::RegistryUnits, units as u64);
        // SAFETY: passed on.
        unsafe { self.inner().publish(base, units, head, tail, word) };
    }

    #[inline]
    unsafe fn retract(&self, base: usize, expected: Tag, instead: Tag) -> bool {
        L::note(Event::RegistryRetract);
        // SAFETY: passed on.
        unsafe { self.inner().retract(base, expected, instead) }
    }
}

impl<R: Survey, L: Ledger> Survey for Counted<R, L> {
    fn survey(&self, see: impl FnMut(usize, Tag, usize)) {
        self.inner().survey(see);
    }
}
