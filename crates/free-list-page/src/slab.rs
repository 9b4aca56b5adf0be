//! The slab's own part: the list, used by the owner only.

use core::mem::{offset_of, size_of};
use core::ptr::{self, NonNull};

use hakmem_contract::class::index_in;
use hakmem_contract::geometry::{MIN_ALIGN, UNIT};
use hakmem_contract::page::{Given, Local};
use hakmem_contract::{Block, Fault, Geometry, Page, Span, Tag};
use static_assertions::const_assert;

use crate::chain::Chain;
use crate::link;
use crate::remote::{Inbox, Remote, WORD};

/// Bytes of a cache line: the owner's part and the others' part do not share one.
const LINE: usize = 64;

/// The descriptor of a slab: a line for the owner, and one for other threads.
///
/// # Invariants
///
/// - The owner alone uses its line, but for the tag, which is not written after `open_local`.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct FreeListSlab {
    own: Own,
    remote: Remote,
}

const_assert!(offset_of!(FreeListSlab, remote) == LINE);
const_assert!(cfg!(loom) || size_of::<FreeListSlab>() == 2 * LINE);

/// What the owner knows of its slab.
///
/// # Invariants
///
/// - `local.free - (capacity - carved)` blocks hang on `head`, linked by their first words, the
///   last one with a null link; all are below `carved`.
/// - `reciprocal == ceil(2^64 / block_size)` and `grains * 16 == block_size`.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Own {
    pub(crate) local: Local<FreeListSlab>,
    pub(crate) reciprocal: u64,
    pub(crate) head: *mut u8,
    pub(crate) carved: u16,
    grains: u16,
    tag: Tag,
}

const_assert!(offset_of!(Own, local) == 0);
const_assert!(size_of::<Own>() == LINE);

impl FreeListSlab {
    /// The owner's part.
    ///
    /// # Safety
    ///
    /// `this` is this thread's slab, and no other reference to this part is alive.
    #[inline(always)]
    pub(crate) unsafe fn own<'slab>(this: NonNull<Self>) -> &'slab mut Own {
        // It comes first.
        let own: *mut Own = this.as_ptr().cast();
        // SAFETY: an open slab, of which other threads use nothing but the other part.
        unsafe { &mut *own }
    }

    /// The part for other threads.
    #[inline(always)]
    pub(crate) const fn remote(this: *mut Self) -> *const Remote {
        // Asserted above.
        this.wrapping_byte_add(LINE).cast_const().cast()
    }
}

impl Own {
    /// How many blocks hang on the list.
    #[inline(always)]
    pub(crate) const fn listed(&self) -> usize {
        // The blocks that were never carved are free, too (type invariant).
        (self.local.free + self.carved - self.local.capacity) as usize
    }

    /// Bytes of a block.
    #[inline(always)]
    const fn block_size(&self) -> usize {
        self.grains as usize * MIN_ALIGN
    }

    /// The address of block `index`.
    #[inline(always)]
    const fn block(&self, index: usize) -> *mut u8 {
        self.local.span.base.as_ptr().wrapping_add(index * self.block_size())
    }

    /// Whether `address` is that of a block which was carved: which one.
    #[inline(always)]
    fn carved_at(&self, address: usize) -> Option<usize> {
        index_in(self.local.span.base, address, self.reciprocal, self.carved)
    }

    /// Takes `n` blocks off the list, the first one to the end of `out[..end]`.
    ///
    /// # Safety
    ///
    /// The list has so many, and `out` is valid for `end` writes, `n` or more.
    #[inline(always)]
    unsafe fn unlink(&mut self, out: *mut *mut u8, end: usize, n: usize) -> Result<(), Fault> {
        let (mut block, mut before) = (self.head, ptr::null_mut::<u8>());
        for i in 0..n {
            // The head was looked at when the block before it was taken. Null is no block's address.
            if i > 0 && self.carved_at(block.addr()).is_none() {
                return Err(Fault::WrittenAfterFree(before.addr()));
            }
            // SAFETY: below `end`, as `i < n`.
            unsafe { out.wrapping_add(end - 1 - i).write(block) };
            before = block;
            // SAFETY: a block on the list.
            block = unsafe { link::read(block) };
        }
        let is_sound = if n == self.listed() {
            block.is_null()
        } else {
            n == 0 || self.carved_at(block.addr()).is_some()
        };
        if !is_sound {
            return Err(Fault::WrittenAfterFree(before.addr()));
        }
        // INVARIANT: `n` blocks fewer, which the caller counts.
        self.head = block;
        Ok(())
    }

    /// Takes `n` blocks that were never carved, the lowest one to the end of `out[..n]`.
    ///
    /// # Safety
    ///
    /// There are so many, and `out` is valid for `n` writes.
    #[inline(always)]
    unsafe fn carve(&mut self, out: *mut *mut u8, n: usize) {
        let size = self.block_size();
        let first = self.block(usize::from(self.carved));
        for i in 0..n {
            // SAFETY: below `n`.
            unsafe { out.wrapping_add(n - 1 - i).write(first.wrapping_add(i * size)) };
        }
        // INVARIANT: `n` blocks fewer were never carved; the caller counts them.
        self.carved += n as u16;
    }

    /// Puts the `n` blocks from `first` to `last`, which are linked, in front of the list.
    ///
    /// # Safety
    ///
    /// They are this slab's, were handed out, and are nobody's now.
    #[inline(always)]
    unsafe fn list(&mut self, first: *mut u8, last: *mut u8, n: usize) {
        // SAFETY: nobody's block.
        unsafe { link::write(last, self.head) };
        // INVARIANT: `n` blocks more, linked and counted.
        self.head = first;
        self.local.free += n as u16;
    }

    /// Links `first`, which is block `index`, to those of `blocks[1..n]` that follow it and each
    /// other. Returns the last one, and how many they are.
    ///
    /// # Safety
    ///
    /// `blocks` is valid for `n` reads, `n > 0`, and the blocks are the caller's.
    #[inline(always)]
    unsafe fn link_run(
        &self,
        blocks: *const *mut u8,
        n: usize,
        index: usize,
        first: *mut u8,
    ) -> (*mut u8, usize) {
        let size = self.block_size();
        // A run may go on in a slab of the same class behind this one.
        let most = n.min(usize::from(self.carved) - index);
        let (mut last, mut run) = (first, 1);
        while run < most {
            // SAFETY: below `n`.
            let next = unsafe { blocks.wrapping_add(run).read() };
            if next != last.wrapping_add(size) {
                break;
            }
            // SAFETY: the caller's block.
            unsafe { link::write(last, next) };
            last = next;
            run += 1;
        }
        (last, run)
    }

    /// Adds what others gave back.
    ///
    /// # Safety
    ///
    /// This thread's slab, and the chain was taken from it.
    #[inline]
    pub(crate) unsafe fn merge(&mut self, chain: Chain) -> Result<(), Fault> {
        let (first, last) = (self.block(chain.first()), self.block(chain.last()));
        let free = usize::from(self.local.free) + chain.count();
        let highest = chain.first().max(chain.last());
        if free > usize::from(self.local.capacity) || highest >= usize::from(self.carved) {
            return Err(Fault::DoubleFree(first.addr()));
        }
        // SAFETY: the blocks were given back, so they are nobody's.
        unsafe { self.list(first, last, chain.count()) };
        Ok(())
    }

    /// Whether the free count has reached the notice.
    #[inline(always)]
    pub(crate) const fn is_noticed(&self) -> bool {
        self.local.free >= self.local.notice
    }

    /// What is wrong with giving back `address`: it is no block's, or its block is free.
    #[cold]
    #[inline(never)]
    fn fault_cold(&self, address: usize) -> Fault {
        let Local { span, capacity, .. } = self.local;
        match index_in(span.base, address, self.reciprocal, capacity) {
            Some(_) => Fault::DoubleFree(address),
            None => Fault::Interior(address),
        }
    }
}

// SAFETY: *Exclusive*: a block that is taken leaves the list, or is carved, which it is once as long
// as any block is out. *Accounting* and *quiet when whole*: the crate's invariants.
unsafe impl Page for FreeListSlab {
    type Inbox = Inbox;

    #[inline]
    fn footprint(_geometry: &Geometry) -> usize {
        size_of::<Self>()
    }

    #[inline]
    unsafe fn open_local(
        memory: NonNull<u8>,
        span: Span,
        geometry: &Geometry,
        tag: Tag,
        inbox: *const Inbox,
    ) -> NonNull<Self> {
        let this = memory.cast::<Self>();
        let Geometry { capacity, block_size, reciprocal, .. } = *geometry;
        debug_assert!(
            usize::from(span.units) * UNIT >= usize::from(capacity) * block_size as usize
        );
        let local = Local {
            span,
            free: capacity,
            notice: capacity,
            capacity,
            class: 0,
            reserved: 0,
            prev: ptr::null_mut(),
            next: ptr::null_mut(),
        };
        let grains = (block_size as usize / MIN_ALIGN) as u16;
        let remote = Remote::new(inbox, span.base, geometry);
        // INVARIANT: all blocks are free, and none is carved.
        let own = Own { local, reciprocal, head: ptr::null_mut(), carved: 0, grains, tag };
        // SAFETY: the memory is the caller's, large and aligned enough.
        unsafe { this.write(Self { own, remote }) };
        this
    }

    #[inline]
    unsafe fn take_local(
        this: NonNull<Self>,
        out: *mut *mut u8,
        want: usize,
    ) -> Result<usize, Fault> {
        // SAFETY: this thread's slab.
        let slab = unsafe { Self::own(this) };
        if slab.local.free == slab.local.capacity {
            // A slab that is whole is as it was opened: blocks leave in order again, and what the
            // links have become is no matter.
            // INVARIANT: none is listed, and none is carved.
            slab.head = ptr::null_mut();
            slab.carved = 0;
        }
        let n = want.min(usize::from(slab.local.free));
        let listed = n.min(slab.listed());
        // SAFETY: the list has so many; there is room for `n`.
        unsafe { slab.unlink(out, n, listed) }?;
        // SAFETY: the other free blocks were never carved; as above.
        unsafe { slab.carve(out, n - listed) };
        // INVARIANT: `n` blocks have left.
        slab.local.free -= n as u16;
        Ok(n)
    }

    #[inline(always)]
    unsafe fn give_local(
        this: NonNull<Self>,
        blocks: *const *mut u8,
        n: usize,
    ) -> Result<Given, Fault> {
        // SAFETY: this thread's slab.
        let slab = unsafe { Self::own(this) };
        // SAFETY: `n > 0`.
        let first = unsafe { blocks.read() };
        let Some(index) = slab.carved_at(first.addr()) else {
            return Err(slab.fault_cold(first.addr()));
        };
        // SAFETY: passed on; the blocks are given up.
        let (last, taken) = unsafe { slab.link_run(blocks, n, index, first) };
        let free = usize::from(slab.local.free) + taken;
        if first == slab.head || free > usize::from(slab.local.capacity) {
            return Err(slab.fault_cold(first.addr()));
        }
        // SAFETY: as above, and linked.
        unsafe { slab.list(first, last, taken) };
        Ok(Given { taken, noticed: slab.is_noticed() })
    }

    #[inline(always)]
    unsafe fn give_one_local(
        this: NonNull<Self>,
        block: *mut u8,
        geometry: &Geometry,
    ) -> Result<bool, Fault> {
        // SAFETY: this thread's slab.
        let slab = unsafe { Self::own(this) };
        let Local { span, free, notice, .. } = slab.local;
        let is_block =
            index_in(span.base, block.addr(), geometry.reciprocal, slab.carved).is_some();
        if !is_block || block == slab.head || free == geometry.capacity {
            return Err(slab.fault_cold(block.addr()));
        }
        // SAFETY: the block is given up.
        unsafe { slab.list(block, block, 1) };
        Ok(free + 1 == notice)
    }

    #[inline]
    unsafe fn tag(this: NonNull<Self>) -> Tag {
        // SAFETY: the slab was opened, so its header was written.
        unsafe { (*this.as_ptr()).own.tag }
    }

    #[inline]
    unsafe fn locate(this: NonNull<Self>, address: Block) -> Result<(usize, u64), Fault> {
        let address = address.as_ptr().addr();
        // SAFETY: a live block keeps the slab open.
        let remote = unsafe { &*Self::remote(this.as_ptr()) };
        match remote.index_of(address) {
            Some(index) => Ok((index / WORD, 1 << (index % WORD))),
            None => Err(Fault::Interior(address)),
        }
    }

    #[inline]
    unsafe fn give_remote(this: NonNull<Self>, word: usize, bits: u64) -> Result<(), Fault> {
        // SAFETY: the blocks keep the slab open.
        unsafe { Remote::give(this.as_ptr(), word, bits) }
    }

    #[inline]
    unsafe fn collect_local(
        inbox: *const Inbox,
        relist: impl FnMut(NonNull<Self>),
    ) -> Result<(), Fault> {
        // SAFETY: the inbox is this thread's.
        unsafe { Remote::collect(inbox, relist) }
    }

    #[inline(always)]
    fn local(this: NonNull<Self>) -> *mut Local<Self> {
        // It comes first (asserted above).
        this.as_ptr().cast()
    }
}
