//! A thread heap: everything of one thread.

use core::fmt;
use core::mem::MaybeUninit;

use hakmem_contract::{FrontCache, Owner, Page};
use hakmem_page_box::Outbox;
use hakmem_tls_bind::{Moment, Stage};
use hakmem_warm_pool::{Budget, WarmPool};

use crate::boxes::Boxes;

/// The state of one thread, in metadata memory, which is reused and never unmapped.
///
/// # Invariants
///
/// - Only the thread that it is bound to uses it, apart from the inbox; an orphan belongs to
///   whoever cleared its bit.
/// - A thread that is at work in its heap has the empty heap in its word, so a signal handler that
///   interrupts the work does not find it.
/// - `owner_bits` are `owner`'s; both are written once.
/// - The inbox is zero or a live one; it lies on a cache line of its own.
#[repr(C, align(64))]
pub struct Heap<B: Boxes> {
    pub(crate) front: B::Front,
    /// The owner's bits of a tag, for the hot path: a word, so that what is computed of it needs
    /// no widening.
    pub(crate) owner_bits: usize,
    pub(crate) owner: Owner,
    /// The last fork that the heap's thread began.
    pub(crate) fork: Moment,
    pub(crate) stage: Stage,
    /// False until the exit hook was armed in a call after the one that bound the heap.
    pub(crate) armed: bool,
    pub(crate) outbox: Outbox<B::Page>,
    pub(crate) warm: WarmPool<B::Page, B::Counters>,
    pub(crate) inbox: Inbox<B>,
}

/// The inbox, padded.
#[repr(C, align(64))]
pub(crate) struct Inbox<B: Boxes>(pub(crate) MaybeUninit<<B::Page as Page>::Inbox>);

impl<B: Boxes> Heap<B> {
    /// The heap of every thread that has none: its caches are empty and full, and no tag is its
    /// own. Never written.
    #[expect(
        clippy::declare_interior_mutable_const,
        reason = "the value of statics that nobody writes to"
    )]
    pub const EMPTY: Self = Self::new(Owner::NOBODY, Budget::DEFAULT);

    /// A heap without blocks, whose front cache is still to be opened.
    #[inline]
    pub(crate) const fn new(owner: Owner, budget: Budget) -> Self {
        Self {
            owner_bits: owner.tag_bits() as usize,
            owner,
            fork: Moment::START,
            stage: Stage::new(),
            armed: false,
            front: B::Front::EMPTY,
            outbox: Outbox::EMPTY,
            warm: WarmPool::new(budget),
            inbox: Inbox(MaybeUninit::zeroed()),
        }
    }

    /// Whether this is a copy of [`EMPTY`](Self::EMPTY).
    #[inline]
    pub(crate) fn is_empty_heap(&self) -> bool {
        self.owner == Owner::NOBODY
    }
}

impl<B: Boxes> fmt::Debug for Heap<B> {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Heap").field("owner", &self.owner).finish_non_exhaustive()
    }
}
