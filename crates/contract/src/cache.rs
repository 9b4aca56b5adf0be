//! The seam between a front cache and what feeds it.

use crate::Block;
use crate::class::{Class, Geometry, MAX_CLASSES};

/// Where a front cache gets blocks from and gives them back: the warm pool, in hakmem.
///
/// # Safety
///
/// Implementors promise the *Guarantees* below; unsafe code above relies on them.
///
/// # Guarantees
///
/// - **Exclusive**: a block that `take` wrote is given to nobody else before it comes back
///   through `give`.
/// - **No re-entry**: neither function calls into a layer above this trait.
pub unsafe trait BlockSource {
    /// Writes up to `want` blocks of `class` to `out[0..]` and returns how many. The *last* one
    /// written has the lowest address of its run, so that a stack hands them out ascending.
    /// Zero means out of memory.
    ///
    /// # Safety
    ///
    /// `out` is valid for writing `want` pointers, and `want > 0`.
    unsafe fn take(&mut self, class: Class, out: *mut *mut u8, want: usize) -> usize;

    /// Takes back `n` blocks, of `class` as far as the program told the truth, in any order.
    ///
    /// # Safety
    ///
    /// `blocks` is valid for reading `n` pointers; each is in a slab of this thread's heap, and
    /// was handed out and not used since. A program that freed twice breaks the last promise:
    /// implementors detect what they can and report it.
    unsafe fn give(&mut self, class: Class, blocks: *const *mut u8, n: usize);
}

/// A thread's cache of free blocks, per class.
///
/// # Safety
///
/// Implementors promise the *Guarantees* below; unsafe code above relies on them.
///
/// # Guarantees
///
/// - **Conservation**: a block that was pushed comes out of `pop`, or goes to the source,
///   once.
/// - **Empty is inert**: on [`EMPTY`](Self::EMPTY), `pop` is `None` and `push` is refused, and
///   neither writes; so one copy can serve every thread that has no heap yet.
pub unsafe trait FrontCache: Sized {
    /// A cache without room, for the heap of threads without a heap.
    const EMPTY: Self;

    /// Whether a thread that stops for ever between any two instructions of `pop` or `push` (the
    /// others, in a process that forks) leaves a whole cache, of which at most that block is missing.
    const SURVIVES_CUT: bool;

    /// Makes the cache usable, in place. `limits` scales the most blocks of each class: the
    /// class's own limit is shifted right by it.
    ///
    /// # Safety
    ///
    /// `this` is valid for writes, stays at its address, and holds zero bytes or a cache without
    /// blocks.
    unsafe fn open(this: *mut Self, limit_shift: u32);

    /// A cached block of `class`. Inlined in the caller: a handful of instructions.
    ///
    /// # Safety
    ///
    /// `this` is valid; no other thread uses it, unless it is [`EMPTY`](Self::EMPTY).
    unsafe fn pop(this: *mut Self, class: Class) -> Option<Block>;

    /// Caches `block`; `false` when there is no room.
    ///
    /// # Safety
    ///
    /// As [`pop`](Self::pop); `block` is free, of `class`, and of this thread's heap.
    unsafe fn push(this: *mut Self, class: Class, block: Block) -> bool;

    /// Gets blocks of `class` from `source` and returns one of them, `None` when there are none.
    /// `meta` lends memory for a larger bin.
    ///
    /// # Safety
    ///
    /// `this` is valid, opened, and this thread's; the class's bin is empty.
    unsafe fn refill<S: BlockSource>(
        this: *mut Self,
        class: Class,
        geometry: &Geometry,
        source: &mut S,
        meta: &impl crate::MetaArena,
    ) -> Option<Block>;

    /// Makes room in the bin of `class` by giving blocks to `source`, and caches `block`, or gives it
    /// like the others.
    ///
    /// # Safety
    ///
    /// As [`push`](Self::push), and `this` is opened.
    unsafe fn spill<S: BlockSource>(
        this: *mut Self,
        class: Class,
        geometry: &Geometry,
        block: Block,
        source: &mut S,
        meta: &impl crate::MetaArena,
    );

    /// Gives every block of `class` to `source`: one after the other, unless the cache knows better.
    ///
    /// # Safety
    ///
    /// `this` is valid, opened, and this thread's.
    #[inline]
    unsafe fn drain_class<S: BlockSource>(this: *mut Self, class: Class, source: &mut S) {
        // SAFETY: passed on.
        while let Some(block) = unsafe { Self::pop(this, class) } {
            let block = block.as_ptr();
            // SAFETY: a free block of the class, which the cache has just lost.
            unsafe { source.give(class, &raw const block, 1) };
        }
    }

    /// Gives every block to `source`.
    ///
    /// # Safety
    ///
    /// `this` is valid, opened, and this thread's.
    #[inline]
    unsafe fn drain<S: BlockSource>(this: *mut Self, source: &mut S) {
        for class in (0..MAX_CLASSES).filter_map(Class::new) {
            // SAFETY: passed on.
            unsafe { Self::drain_class(this, class, source) };
        }
    }
}
