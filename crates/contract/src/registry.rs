//! The seam of the registry: what is at an address?

use crate::os::MetaArena;
use crate::tag::Tag;

/// Address → tag, and address → one word (a slab's descriptor, a span's SuperSlab, a huge
/// block's length). Any thread, at any time, before anything was initialised too.
///
/// # Safety
///
/// Implementors promise the *Guarantees* below; unsafe code above relies on them.
///
/// # Guarantees
///
/// - **Total**: `tag` answers for every `usize`; what nobody published is [`Tag::FOREIGN`].
/// - **Ordered**: a thread that got the address of a unit from another thread, by any means
///   that orders memory, sees what was published for it before.
/// - **No lock, no system call, no look at the memory** that the address points to.
pub unsafe trait Registry {
    /// Makes room for the units of `bytes` at `base`. Returns `false` when `meta` had no memory;
    /// then nothing has changed that a later call would not do again.
    ///
    /// `base` and `bytes` are multiples of a unit.
    fn cover(&self, base: usize, bytes: usize, meta: &impl MetaArena) -> bool;

    /// The tag of the unit that `address` lies in. O(1), a few instructions.
    fn tag(&self, address: usize) -> Tag;

    /// The same, or `None` for an address that no memory of a program can have. For the hot path,
    /// which has somewhere else to go then.
    fn tag_in_reach(&self, address: usize) -> Option<Tag>;

    /// The tag of the unit that `address` lies in.
    ///
    /// # Safety
    ///
    /// The unit was covered before.
    unsafe fn tag_covered(&self, address: usize) -> Tag;

    /// The word of the unit that `address` lies in.
    ///
    /// # Safety
    ///
    /// The unit was covered before.
    unsafe fn word_covered(&self, address: usize) -> usize;

    /// Says that the unit at `base` is `head`, that the `units - 1` after it are `tail`, and
    /// that the word of each is `word`.
    ///
    /// # Safety
    ///
    /// The units are covered and the caller's.
    unsafe fn publish(&self, base: usize, units: usize, head: Tag, tail: Tag, word: usize);

    /// Makes the tag of the unit at `base` `instead`, a foreign one, if it is `expected`, in one
    /// step; the word stays. Returns whether it did: of several callers one is told so, and sees the
    /// word that belongs to the tag.
    ///
    /// # Safety
    ///
    /// The unit is covered. Its owner gives it up: it is the caller's from here on who is told
    /// `true`.
    unsafe fn retract(&self, base: usize, expected: Tag, instead: Tag) -> bool;
}
