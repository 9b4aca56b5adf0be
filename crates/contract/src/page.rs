//! The seam between the warm pool and one slab's accounting.

use core::ptr::NonNull;

use crate::Block;
use crate::class::Geometry;
use crate::fault::Fault;
use crate::pool::Span;
use crate::tag::Tag;

/// What giving blocks to a slab did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Given {
    /// How many blocks, from the start of the list, were of this slab; at least one.
    pub taken: usize,
    /// Whether the slab's free count reached [`Local::notice`]: it has to change lists.
    pub noticed: bool,
}

/// One slab's accounting: which of its blocks are free.
///
/// Functions that end in `_local` are for the slab's owner only; `give_remote` is for any thread.
///
/// # Safety
///
/// Implementors promise the *Guarantees* below; unsafe code above relies on them.
///
/// # Guarantees
///
/// - **Exclusive**: a block that `take_local` wrote is not written again before it was given
///   back.
/// - **Accounting**: `free + handed out + given remotely and not collected == capacity`.
/// - **Quiet when whole**: when `free == capacity`, the slab is in no inbox and no
///   `give_remote` of it is under way, as long as the program frees each block once.
pub unsafe trait Page: Sized {
    /// The owner's stack of slabs that others freed to; a zeroed one is empty.
    type Inbox;

    /// Bytes of metadata that a slab of this geometry needs, from 64-byte-aligned memory.
    fn footprint(geometry: &Geometry) -> usize;

    /// Makes a slab with every block free.
    ///
    /// # Safety
    ///
    /// `memory` is valid for `footprint` bytes, 64-byte aligned, and the caller's; `span` is the
    /// caller's, of `geometry.units`; `inbox` outlives the slab.
    unsafe fn open_local(
        memory: NonNull<u8>,
        span: Span,
        geometry: &Geometry,
        tag: Tag,
        inbox: *const Self::Inbox,
    ) -> NonNull<Self>;

    /// Writes up to `want` free blocks to `out[0..]`, the last written one having the lowest
    /// address if the box hands out in order. Returns how many: `want`, or all there are.
    ///
    /// # Errors
    ///
    /// A free block that was written to, if the box looks.
    ///
    /// # Safety
    ///
    /// `this` is this thread's slab; `out` is valid for `want` writes.
    unsafe fn take_local(
        this: NonNull<Self>,
        out: *mut *mut u8,
        want: usize,
    ) -> Result<usize, Fault>;

    /// Takes back the first of `blocks[..n]`, and as many of those behind it as the slab can take
    /// in the same step: blocks of its own that follow each other.
    ///
    /// # Errors
    ///
    /// A block that is free already, or an address that is not a block's.
    ///
    /// # Safety
    ///
    /// `this` is this thread's slab, `blocks[0]` lies in its span, `blocks` is valid for `n`
    /// reads, and `n > 0`.
    unsafe fn give_local(
        this: NonNull<Self>,
        blocks: *const *mut u8,
        n: usize,
    ) -> Result<Given, Fault>;

    /// Takes back one block, of a slab of this geometry; the same as `give_local` of one, with what
    /// is the same for every slab of a class kept by the caller. Returns whether the count
    /// reached its notice.
    ///
    /// # Errors
    ///
    /// As [`give_local`](Self::give_local).
    ///
    /// # Safety
    ///
    /// As [`give_local`](Self::give_local), and the slab was opened with `geometry`.
    unsafe fn give_one_local(
        this: NonNull<Self>,
        block: *mut u8,
        geometry: &Geometry,
    ) -> Result<bool, Fault>;

    /// The tag that the slab was opened with.
    ///
    /// # Safety
    ///
    /// `this` was opened at some time; its memory was not lent to anything else since.
    unsafe fn tag(this: NonNull<Self>) -> Tag;

    /// Where the block at `address` is accounted: a word and the bit in it.
    ///
    /// # Errors
    ///
    /// An address that is not a block's.
    ///
    /// # Safety
    ///
    /// `this` is a slab with a live block at `address` (which keeps it from being released).
    unsafe fn locate(this: NonNull<Self>, address: Block) -> Result<(usize, u64), Fault>;

    /// Takes back the blocks `bits` of word `word`. Any thread.
    ///
    /// # Errors
    ///
    /// Blocks that were given back remotely before.
    ///
    /// # Safety
    ///
    /// The caller owns these blocks, which are of this slab, and gives them up.
    unsafe fn give_remote(this: NonNull<Self>, word: usize, bits: u64) -> Result<(), Fault>;

    /// Takes every slab of `inbox`, accounts what others gave back to it, and calls `relist`
    /// for each slab whose count reached its notice.
    ///
    /// # Errors
    ///
    /// Blocks that were given back twice.
    ///
    /// # Safety
    ///
    /// The inbox is this thread's, or the caller claimed it with its heap.
    unsafe fn collect_local(
        inbox: *const Self::Inbox,
        relist: impl FnMut(NonNull<Self>),
    ) -> Result<(), Fault>;

    /// The part of the slab that only its owner uses: valid to use for the slab's owner.
    fn local(this: NonNull<Self>) -> *mut Local<Self>;
}

/// What the warm pool needs to know and to keep of a slab. Only the slab's owner uses it.
///
/// # Invariants
///
/// - `prev` and `next` belong to the list that the warm pool put the slab on.
/// - `notice` is the free count at which the slab changes lists: 1 while it is on none because
///   it is full, its capacity otherwise.
#[derive(Debug)]
#[repr(C)]
pub struct Local<P> {
    /// Where the blocks are.
    pub span: Span,
    /// Blocks that can be taken.
    pub free: u16,
    /// The free count that has to be told to the warm pool.
    pub notice: u16,
    /// Blocks in all.
    pub capacity: u16,
    /// The class's number.
    pub class: u8,
    /// Not used; keeps the layout without holes.
    pub reserved: u8,
    /// Neighbour on the warm pool's list.
    pub prev: *mut P,
    /// Neighbour on the warm pool's list.
    pub next: *mut P,
}
