//! A tag and a word for each of some places: what registries are made of.
//!
//! # Protocol
//!
//! | edge | from | to | what travels |
//! |------|------|----|--------------|
//! | M1 | [`Marks::set_tag`]: Release store, after [`Marks::set_word`] | [`Marks::tag`]: Acquire load; [`Marks::retract`]: Acquire CAS | the word that belongs to the tag |
//!
//! Two of its functions take the order of their half, so that the registries' models can cut the
//! edge; a program passes the one that the table names. Modelled where it is used: in each registry's
//! `tests/loom_*.rs`.

use crate::atomic::{AtomicU32, AtomicUsize, Ordering};

/// Tags and words, apart: who looks for a tag touches no word.
///
/// # Invariants
///
/// - The tags are first.
/// - All zero bytes are places of which nothing is said.
#[derive(Debug)]
#[repr(C)]
pub struct Marks<const N: usize> {
    tags: [AtomicU32; N],
    words: [AtomicUsize; N],
}

impl<const N: usize> Marks<N> {
    /// Places of which nothing is said.
    #[cfg(loom)]
    #[must_use]
    pub fn new() -> Self {
        let tags = core::array::from_fn(|_| AtomicU32::new(0));
        Self { tags, words: core::array::from_fn(|_| AtomicUsize::new(0)) }
    }

    /// The tag of place `index`.
    ///
    /// # Safety
    ///
    /// `index < N`.
    #[inline(always)]
    pub unsafe fn tag(&self, index: usize) -> u32 {
        // SAFETY: the caller's promise.
        let tag = unsafe { self.tags.get_unchecked(index) };
        // Acquire: the head of M1.
        tag.load(Ordering::Acquire)
    }

    /// The word of place `index`, for those who have its tag, or the store of it, in their past.
    ///
    /// # Safety
    ///
    /// `index < N`.
    #[inline(always)]
    pub unsafe fn word(&self, index: usize) -> usize {
        // SAFETY: the caller's promise.
        let word = unsafe { self.words.get_unchecked(index) };
        // Relaxed: ordered by the tag (M1).
        word.load(Ordering::Relaxed)
    }

    /// Sets the word of place `index`; its tag is set afterwards.
    #[inline]
    pub fn set_word(&self, index: usize, word: usize) {
        if let Some(slot) = self.words.get(index) {
            // Relaxed: the tag's store orders it (M1).
            slot.store(word, Ordering::Relaxed);
        }
    }

    /// Sets the tag of place `index`.
    #[inline]
    pub fn set_tag(&self, index: usize, tag: u32, order: Ordering) {
        if let Some(slot) = self.tags.get(index) {
            // `order` is Release: the tail of M1.
            slot.store(tag, order);
        }
    }

    /// Makes the tag of place `index` `new` if it is `old`, in one step. Of several callers one is told
    /// that it did.
    #[inline]
    pub fn retract(&self, index: usize, [old, new]: [u32; 2], order: Ordering) -> bool {
        // `order` is Acquire: the head of M1. Nothing is published, so no Release.
        // Relaxed on failure: who is refused looks at nothing.
        let retract = |slot: &AtomicU32| slot.compare_exchange(old, new, order, Ordering::Relaxed);
        self.tags.get(index).is_some_and(|slot| retract(slot).is_ok())
    }

    /// Shows each place from `first` on, `count` of them, whose tag is not zero: its index, tag and
    /// word.
    pub fn survey(&self, first: usize, count: usize, see: &mut impl FnMut(usize, u32, usize)) {
        let (tags, words) = (self.tags.get(first..), self.words.get(first..));
        let places = tags.unwrap_or_default().iter().zip(words.unwrap_or_default()).take(count);
        for (index, (tag, word)) in (first..).zip(places) {
            // Acquire: the head of M1.
            let tag = tag.load(Ordering::Acquire);
            if tag != 0 {
                // Relaxed: after the tag (M1).
                see(index, tag, word.load(Ordering::Relaxed));
            }
        }
    }

    /// The word of the first place, for whoever owns all of them and keeps them on a list.
    #[inline]
    pub fn first_word(&self) -> Option<&AtomicUsize> {
        self.words.first()
    }
}

#[cfg(loom)]
impl<const N: usize> Default for Marks<N> {
    fn default() -> Self {
        Self::new()
    }
}
