//! What a test may change about the pool.

use hakmem_contract::{Fresh, Memory, Unplaced};
use hakmem_sync::atomic::Ordering;

/// Counts the pool's steps, and lets a model cut an edge of its protocol. In a program: nothing, or
/// another way to choose and to keep others out.
///
/// # Safety
///
/// An implementor that is used outside a model leaves the constants as they are: each is one half
/// of an edge of the [protocol](crate#protocol).
///
/// # Guarantees
///
/// - With the constants as they are here, every edge of the protocol is whole.
/// - `step` touches nothing of the pool.
/// - If `EXCLUSIVE`, no two threads are in `exclude` at once, and what one did there the next one sees.
pub unsafe trait Policy {
    /// The tail of P1.
    const GIVE: Ordering = Ordering::AcqRel;
    /// The head of P1.
    const CLAIM: Ordering = Ordering::Acquire;
    /// Whether the mask is looked at again after a hint was removed (P2).
    const LOOK_AGAIN: bool = true;
    /// Whether a claim comes before the look at the SuperSlab's address (P3).
    const CLAIM_FIRST: bool = true;
    /// Whether a head bit is what decides between two frees of one span (P4).
    const HEAD_DECIDES: bool = true;
    /// Whether the retracted tag is what decides between two frees of one huge block (P6).
    const TAG_DECIDES: bool = true;
    /// The tail of P5.
    const PUT_BACK: Ordering = Ordering::Release;
    /// The head of P5.
    const BORROW: Ordering = Ordering::Acquire;
    /// Whether units are claimed before their contents are dropped, not afterwards (P1).
    const PURGE_CLAIMED: bool = true;
    /// Whether units are purged when they were free for a while.
    const DECAY: bool = true;
    /// Whether [`exclude`](Self::exclude) keeps others out. Then the state of a SuperSlab is changed
    /// in there by plain loads and stores, and units are looked for from the first SuperSlab on.
    const EXCLUSIVE: bool = false;

    /// Does `work`, which changes the state of SuperSlabs, and does not come back here.
    #[inline(always)]
    fn exclude<T>(&self, memory: &impl Memory, work: impl FnOnce() -> T) -> T {
        let _ = memory;
        work()
    }

    /// Called once for every atomic operation and every visit to a tree.
    fn step(&self);
}

/// The policy of programs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Standard;

impl Fresh for Standard {
    const FRESH: Unplaced<Self> = Unplaced::new(Self);
}

// SAFETY: the constants are the trait's.
unsafe impl Policy for Standard {
    #[inline(always)]
    fn step(&self) {}
}
