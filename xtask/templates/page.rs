//! my-box: one slab, which of its blocks are free, and what other threads gave back. For now, a bit a
//! block for the owner, and one for the others.
//!
//! # Why it exists
//!
//! To be changed. It keeps every promise of [`Page`], and it is slow: it looks for free blocks from the first
//! word on, and takes what others gave bit by bit.
//!
//! # What it does not do
//!
//! It never touches its blocks, asks for no memory, and knows neither lists of slabs nor threads.
//!
//! # Protocol
//!
//! | what travels | from | to |
//! |---|---|---|
//! | every use that was made of a block | `give_remote`: Release OR of the block's bit | `collect_local`: Acquire load of the word |
//! | how many bits may be taken | `give_remote`: Release addition to `pending` | `collect_local`: Acquire swap of `pending` |
//! | the slab's link | `give_remote`: Release CAS of the inbox's head | `collect_local`: Acquire swap of the head |
//!
//! Who adds to a `pending` of 0 puts the slab into the inbox, and touches it no more. The owner takes as
//! many bits as `pending` said, whoever set them. So a block is missing as long as one of those who give is
//! not finished: a slab whose blocks are all free is in no inbox, and nobody is about to put it there.
//!
//! # Where to start
//!
//! 1. `take_local` and `give_one_local` are where front caches get their blocks and leave them. Count
//!    what they touch.
//! 2. A page box may keep a list through the free blocks instead; then it writes to them, and its tests no
//!    longer say `untouched`.
//! 3. Make a model of the protocol with loom (`crates/page-box/tests/loom_remote.rs`).
//! 4. `cargo test` says whether it still keeps the promises; `cargo xtask bench --swap` what it is
//!    worth.
//!
//! # Reading order
//!
//! The trait, in `hakmem-contract`'s `page.rs`, then [`MyBox`].
#![no_std]

use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicPtr, AtomicU64, AtomicUsize, Ordering};

use hakmem_contract::page::{Given, Local};
use hakmem_contract::{Block, Fault, Geometry, Page, Span, Tag};

/// Words of bits: a slab has 4096 blocks at most.
const WORDS: usize = 64;

/// See the [crate docs](crate).
///
/// # Invariants
///
/// - `local` comes first.
/// - `own` is used by the owner only; of `all`, everybody has shared references.
#[derive(Debug)]
#[repr(C)]
pub struct MyBox {
    own: Own,
    all: All,
}

/// What only the owner uses.
///
/// # Invariants
///
/// - `local.free` is the number of bits in `free`.
#[derive(Debug)]
#[repr(C)]
struct Own {
    local: Local<MyBox>,
    free: [u64; WORDS],
}

/// What other threads use, too. Only the atomics change.
#[derive(Debug)]
struct All {
    base: NonNull<u8>,
    size: usize,
    capacity: usize,
    tag: Tag,
    inbox: *const Inbox,
    /// Bits of blocks that others gave.
    remote: [AtomicU64; WORDS],
    /// How many of them the owner may take.
    pending: AtomicUsize,
    /// The next slab in the inbox.
    next: AtomicPtr<MyBox>,
}

/// The owner's stack of slabs that others gave blocks to. Zero bytes are an empty one.
#[derive(Debug)]
pub struct Inbox {
    head: AtomicPtr<MyBox>,
}

impl All {
    /// The address of block `index`.
    fn block(&self, index: usize) -> *mut u8 {
        self.base.as_ptr().wrapping_add(index * self.size)
    }

    /// The number of the block at `address`.
    fn index_of(&self, address: usize) -> Result<usize, Fault> {
        let offset = address.wrapping_sub(self.base.as_ptr().addr());
        let index = offset / self.size;
        let is_block = offset.is_multiple_of(self.size) && index < self.capacity;
        if is_block { Ok(index) } else { Err(Fault::Interior(address)) }
    }

    /// The fault of giving the lowest block of `bits` twice.
    fn twice(&self, word: usize, bits: u64) -> Fault {
        Fault::DoubleFree(self.block(word * 64 + bits.trailing_zeros() as usize).addr())
    }
}

impl Own {
    /// Makes one block of word `word` free; `false` if it is free already.
    fn free_bit(&mut self, word: usize, bit: u64) -> bool {
        let Some(bits) = self.free.get_mut(word).filter(|bits| **bits & bit == 0) else {
            return false;
        };
        *bits |= bit;
        // INVARIANT: one bit more.
        self.local.free += 1;
        true
    }

    /// Takes back the block at `address`, which is the owner's to give.
    fn give(&mut self, all: &All, address: usize) -> Result<bool, Fault> {
        let index = all.index_of(address)?;
        let (word, bit) = (index / 64, 1 << (index % 64));
        if !self.free_bit(word, bit) {
            return Err(all.twice(word, bit));
        }
        Ok(self.local.free >= self.local.notice)
    }

    /// Makes as many blocks free as others are finished with.
    fn collect(&mut self, all: &All) -> Result<(), Fault> {
        // Acquire: so many bits are set.
        let mut left = all.pending.swap(0, Ordering::Acquire);
        let mut word = 0;
        while let Some(at) = all.remote.get(word).filter(|_| left > 0) {
            // Acquire: every use of the blocks.
            let bits = at.load(Ordering::Acquire);
            if bits == 0 {
                word += 1;
                continue;
            }
            let bit = 1 << bits.trailing_zeros();
            // Relaxed: nobody waits for a bit to be cleared.
            at.fetch_and(!bit, Ordering::Relaxed);
            if !self.free_bit(word, bit) {
                return Err(all.twice(word, bit));
            }
            left -= 1;
        }
        Ok(())
    }
}

impl MyBox {
    /// Both parts, for the owner.
    ///
    /// # Safety
    ///
    /// `this` is this thread's slab.
    unsafe fn parts<'a>(this: NonNull<Self>) -> (&'a mut Own, &'a All) {
        // SAFETY: nobody else uses this part.
        let own = unsafe { &mut (*this.as_ptr()).own };
        // SAFETY: the slab is open.
        (own, unsafe { Self::all(this) })
    }

    /// What everybody uses.
    ///
    /// # Safety
    ///
    /// `this` is an open slab, and stays so.
    unsafe fn all<'a>(this: NonNull<Self>) -> &'a All {
        // SAFETY: the caller's promise.
        unsafe { &(*this.as_ptr()).all }
    }
}

// SAFETY: *Exclusive*: a set bit is a free block, and taking clears it. *Accounting*: a block is in
// `free`, in `remote`, or out. *Quiet when whole*: the crate's protocol.
unsafe impl Page for MyBox {
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
        let capacity = geometry.capacity;
        let mut free = [0; WORDS];
        for (word, bits) in free.iter_mut().enumerate() {
            *bits = match usize::from(capacity).saturating_sub(word * 64) {
                0 => 0,
                n => u64::MAX >> (64 - n.min(64)),
            };
        }
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
        let this = memory.cast::<Self>();
        let all = All {
            base: span.base,
            size: geometry.block_size as usize,
            capacity: usize::from(capacity),
            tag,
            inbox,
            remote: [const { AtomicU64::new(0) }; WORDS],
            pending: AtomicUsize::new(0),
            next: AtomicPtr::new(ptr::null_mut()),
        };
        // INVARIANT: as many bits are set as there are blocks.
        let slab = Self { own: Own { local, free }, all };
        // SAFETY: the caller's memory, of this size.
        unsafe { this.write(slab) };
        this
    }

    #[inline]
    unsafe fn take_local(
        this: NonNull<Self>,
        out: *mut *mut u8,
        want: usize,
    ) -> Result<usize, Fault> {
        // SAFETY: this thread's slab.
        let (own, all) = unsafe { Self::parts(this) };
        let n = want.min(usize::from(own.local.free));
        // The lowest block is written last.
        let (mut left, mut word) = (n, 0);
        while let Some(bits) = own.free.get_mut(word).filter(|_| left > 0) {
            if *bits == 0 {
                word += 1;
                continue;
            }
            let block = all.block(word * 64 + bits.trailing_zeros() as usize);
            *bits &= *bits - 1;
            left -= 1;
            // SAFETY: `left` is below `want`.
            unsafe { out.wrapping_add(left).write(block) };
        }
        // INVARIANT: as many bits were cleared, at most `free`.
        own.local.free -= n as u16;
        Ok(n)
    }

    #[inline]
    unsafe fn give_local(
        this: NonNull<Self>,
        blocks: *const *mut u8,
        _n: usize,
    ) -> Result<Given, Fault> {
        // SAFETY: one at least.
        let block = unsafe { blocks.read() };
        // SAFETY: this thread's slab.
        let (own, all) = unsafe { Self::parts(this) };
        Ok(Given { taken: 1, noticed: own.give(all, block.addr())? })
    }

    #[inline]
    unsafe fn give_one_local(
        this: NonNull<Self>,
        block: *mut u8,
        _geometry: &Geometry,
    ) -> Result<bool, Fault> {
        // SAFETY: this thread's slab.
        let (own, all) = unsafe { Self::parts(this) };
        own.give(all, block.addr())
    }

    #[inline]
    unsafe fn tag(this: NonNull<Self>) -> Tag {
        // SAFETY: the caller's slab.
        unsafe { Self::all(this) }.tag
    }

    #[inline]
    unsafe fn locate(this: NonNull<Self>, address: Block) -> Result<(usize, u64), Fault> {
        // SAFETY: a live block keeps the slab.
        let index = unsafe { Self::all(this) }.index_of(address.as_ptr().addr())?;
        Ok((index / 64, 1 << (index % 64)))
    }

    #[inline]
    unsafe fn give_remote(this: NonNull<Self>, word: usize, bits: u64) -> Result<(), Fault> {
        // SAFETY: the caller's blocks keep the slab until `pending` says that they are back.
        let slab = unsafe { Self::all(this) };
        let Some(at) = slab.remote.get(word) else { return Ok(()) };
        // Release: every use of the blocks.
        let twice = at.fetch_or(bits, Ordering::Release) & bits;
        if twice != 0 {
            return Err(slab.twice(word, twice));
        }
        let inbox = slab.inbox;
        // Release: the bits are set.
        if slab.pending.fetch_add(bits.count_ones() as usize, Ordering::Release) > 0 {
            return Ok(());
        }
        // The owner does not look at the slab before it is in the inbox.
        // SAFETY: the inbox outlives its slabs.
        let head = unsafe { &(*inbox).head };
        // Relaxed: it is only compared, and written to the link.
        let mut next = head.load(Ordering::Relaxed);
        loop {
            // Relaxed: the CAS orders it.
            slab.next.store(next, Ordering::Relaxed);
            // Release: the link. Relaxed on failure: as above.
            let put = head.compare_exchange_weak(
                next,
                this.as_ptr(),
                Ordering::Release,
                Ordering::Relaxed,
            );
            match put {
                Ok(_) => return Ok(()),
                Err(seen) => next = seen,
            }
        }
    }

    #[inline]
    unsafe fn collect_local(
        inbox: *const Inbox,
        mut relist: impl FnMut(NonNull<Self>),
    ) -> Result<(), Fault> {
        // SAFETY: the caller's inbox.
        let head = unsafe { &(*inbox).head };
        // Acquire: the links of the slabs in it.
        let mut first = head.swap(ptr::null_mut(), Ordering::Acquire);
        while let Some(slab) = NonNull::new(first) {
            // SAFETY: this thread's slab, because it was in its inbox.
            let (own, all) = unsafe { Self::parts(slab) };
            // Relaxed: the swap has ordered it. After `collect` it may be another's link.
            first = all.next.load(Ordering::Relaxed);
            own.collect(all)?;
            if own.local.free >= own.local.notice {
                relist(slab);
            }
        }
        Ok(())
    }

    #[inline(always)]
    fn local(this: NonNull<Self>) -> *mut Local<Self> {
        // It comes first.
        this.as_ptr().cast()
    }
}
