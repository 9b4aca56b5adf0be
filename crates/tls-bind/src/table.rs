//! Every heap there is, and which of them are orphans.

use core::fmt;
use core::ptr::{self, NonNull};

use hakmem_contract::Owner;
use hakmem_sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use hakmem_sync::const_unless_loom;
use hakmem_sync::tree::{BitTree, CAPACITY};

/// See the [crate docs](crate).
///
/// # Invariants
///
/// - `heaps[i]` is null, or the heap with owner index `i`, for ever.
/// - `orphans` has `i` only if `i < next`; a member without a heap is a number that nobody uses.
#[repr(C)]
pub struct HeapTable<H> {
    next: AtomicUsize,
    cursor: AtomicUsize,
    orphans: BitTree,
    heaps: [AtomicPtr<H>; CAPACITY],
}

/// A heap that the caller owns now, or a number to make one for.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a claim that is dropped is lost: bind it or park it"]
pub struct Claim<H> {
    /// Whose blocks carry this number.
    pub owner: Owner,
    /// The heap as its last thread left it; `None` if it is still to be made.
    pub heap: Option<NonNull<H>>,
}

impl<H> HeapTable<H> {
    const_unless_loom! {
        /// A table without heaps. All zero bytes.
        #[inline]
        pub fn new() -> Self {
            Self {
                next: AtomicUsize::new(0),
                cursor: AtomicUsize::new(0),
                orphans: BitTree::new(),
                heaps: no_heaps(),
            }
        }
    }

    /// A heap for a thread: the lowest orphan, or a new number. `None` when there are too many.
    /// Lock-free.
    #[inline]
    pub fn claim(&self) -> Option<Claim<H>> {
        if let Some(index) = self.orphans.claim() {
            return self.claimed(index);
        }
        // Relaxed: a number is just a number; what belongs to it travels by H1 and H2.
        let index = self.next.fetch_add(1, Ordering::Relaxed);
        if index >= CAPACITY {
            // Relaxed: undoes the count, so that it cannot wrap.
            self.next.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        Some(Claim { owner: Owner::new(index)?, heap: None })
    }

    /// An orphan to look after for a moment (its inbox may hold memory that nobody else can get
    /// at), a different one at each call. The caller parks it again.
    #[inline]
    pub fn claim_orphan(&self) -> Option<Claim<H>> {
        // Relaxed: only spreads the callers.
        let from = self.cursor.load(Ordering::Relaxed);
        let index = self.orphans.first_from(from).or_else(|| self.orphans.first())?;
        // Relaxed: as above.
        self.cursor.store(index + 1, Ordering::Relaxed);
        if self.orphans.clear(index) { self.claimed(index) } else { None }
    }

    /// `claim_orphan` that does not ask whether it was the one to clear the bit, for the model's
    /// negative control.
    #[cfg(loom)]
    #[inline]
    pub fn claim_orphan_unasked(&self) -> Option<Claim<H>> {
        let index = self.orphans.first()?;
        self.orphans.clear(index);
        self.claimed(index)
    }

    /// The claim on number `index`, for a caller that has cleared its bit; for any other one just a
    /// look.
    fn claimed(&self, index: usize) -> Option<Claim<H>> {
        let owner = Owner::new(index)?;
        // Acquire: the head of H2. H1 was acquired with the bit.
        let heap = self.heaps.get(index)?.load(Ordering::Acquire);
        Some(Claim { owner, heap: NonNull::new(heap) })
    }

    /// Enters the heap that was made for a claim.
    #[inline]
    pub fn enlist(&self, owner: Owner, heap: NonNull<H>) {
        if let Some(slot) = self.heaps.get(owner.index()) {
            // INVARIANT: set once, by the maker.
            // Release: the tail of H2.
            slot.store(heap.as_ptr(), Ordering::Release);
        }
    }

    /// `enlist` with edge H2 cut, for the model's negative control.
    #[cfg(loom)]
    #[inline]
    pub fn enlist_without_h2(&self, owner: Owner, heap: NonNull<H>) {
        if let Some(slot) = self.heaps.get(owner.index()) {
            // Relaxed: the cut.
            slot.store(heap.as_ptr(), Ordering::Relaxed);
        }
    }

    /// How many heaps were made so far, orphans among them.
    #[inline]
    pub fn made(&self) -> usize {
        // Relaxed: for statistics.
        self.next.load(Ordering::Relaxed).min(CAPACITY)
    }

    /// Every heap that was made, whoever has it now. To look at one is for a quiet moment.
    #[inline]
    pub fn heaps(&self) -> impl Iterator<Item = NonNull<H>> {
        // Acquire: the head of H2.
        self.heaps.iter().filter_map(|heap| NonNull::new(heap.load(Ordering::Acquire)))
    }

    /// Makes the claimed heap an orphan. What the caller did to it is visible to the next one
    /// that claims it (H1).
    #[inline]
    pub fn park(&self, owner: Owner) {
        self.orphans.set(owner.index());
    }

    /// Whether nobody has the heap at this moment, or somebody looks after it. For those who only
    /// want to say so.
    #[inline]
    pub fn is_orphan(&self, owner: Owner) -> bool {
        self.orphans.contains(owner.index())
    }

    /// The heap with this number, for those who look at what anybody may look at.
    #[inline]
    pub fn heap(&self, owner: Owner) -> Option<NonNull<H>> {
        self.claimed(owner.index())?.heap
    }

    /// Calls `visit` for every heap there is.
    #[inline]
    pub fn each(&self, mut visit: impl FnMut(Owner, NonNull<H>)) {
        let n = self.made();
        for index in 0..n {
            let Some(Claim { owner, heap: Some(heap) }) = self.claimed(index) else { continue };
            visit(owner, heap);
        }
    }

    /// `park` with edge H1 cut, for the model's negative control.
    #[cfg(loom)]
    #[inline]
    pub fn park_without_h1(&self, owner: Owner) {
        self.orphans.set_relaxed(owner.index());
    }
}

impl<H> fmt::Debug for HeapTable<H> {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeapTable").field("next", &self.next).finish_non_exhaustive()
    }
}

impl<H> Default for HeapTable<H> {
    #[inline]
    fn default() -> Self {
        Self::new()
    }
}

/// An array of nulls.
#[cfg(not(loom))]
const fn no_heaps<H>() -> [AtomicPtr<H>; CAPACITY] {
    [const { AtomicPtr::new(ptr::null_mut()) }; CAPACITY]
}

/// An array of nulls.
#[cfg(loom)]
fn no_heaps<H>() -> [AtomicPtr<H>; CAPACITY] {
    core::array::from_fn(|_| AtomicPtr::new(ptr::null_mut()))
}
