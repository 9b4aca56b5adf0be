//! What an allocator is made of.

use hakmem_contract::{
    FrontCache, HugeBlocks, Inspect, Page, Pool, SizeClasses, Spans, Superslabs, Survey,
};
use hakmem_tls_bind::ThreadWord;
use hakmem_warm_pool::Counters;

use crate::heap::Heap;
use crate::shared::Shared;

/// A choice of boxes, with the statics that belong to it. [`compose!`](crate::compose) implements
/// it.
///
/// # Safety
///
/// Implementors promise the *Guarantees* below; unsafe code relies on them.
///
/// # Guarantees
///
/// - `shared` is one object, for ever, and nobody else has a `Word` or `Shared` of this type.
/// - `Word` starts as the address of the first of two copies of [`Heap::EMPTY`] in every thread.
pub unsafe trait Boxes: Sized + 'static {
    /// Size to class.
    type Classes: SizeClasses;
    /// The front cache.
    type Front: FrontCache;
    /// Whether the warm pool counts.
    type Counters: Counters;
    /// One slab's accounting.
    type Page: Page;
    /// Units, spans, huge blocks, and what lies below.
    type Pool: Pool<Memory: Inspect, Registry: Survey> + Superslabs + Spans + HugeBlocks;
    /// Thread to heap.
    type Word: ThreadWord<Heap = Heap<Self>>;

    /// What is called when the composition's code goes away. It is in the program if a heap can be
    /// bound, and with it the statics of the composition.
    const AT_UNLOAD: Option<&'static extern "C" fn()> = None;

    /// What the threads share.
    fn shared() -> &'static Shared<Self>;
}
