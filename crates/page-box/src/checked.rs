//! A slab that looks at its blocks: what a program does wrong is found where it can be.

use core::mem::size_of;
use core::ptr::NonNull;
use core::slice;

use hakmem_contract::geometry::UNIT;
use hakmem_contract::page::{Given, Local};
use hakmem_contract::{Block, Fault, Geometry, Page, Span, Tag};

use crate::chance::{Chance, seed};
use crate::remote::{Inbox, Remote};
use crate::slab::{LINE, Slab, WORD, n_words};

/// Bytes of a canary. A scheme of classes whose tail is shorter has none.
const CANARY: usize = size_of::<u64>();

/// One in so many blocks may be held.
const HELD_SHARE: u16 = 4;

/// A [`Slab`] that hands out blocks in random order, clears what comes back, holds it for a
/// while, and looks at it on both ways:
///
/// - a block given back twice is a double free, held or not, as long as it was not handed out again;
/// - behind what the program may use there is a canary, if the scheme of classes left a tail for it:
///   written over, it is an overflow, found when the block comes back;
/// - free blocks are all zero: one that is not when it is handed out was written after free.
///
/// A block is held until a quarter of the slab's blocks are, or nothing else of the slab is in use.
/// What other threads give back is checked and cleared by them, and is not held.
///
/// It costs what reading and writing every block costs, on both ways.
///
/// # Invariants
///
/// - It is a [`Slab`], behind whose footprint lie the checks (`Checks`) and as many words of held bits as it
///   has words of free bits.
/// - A held block is not free; `n_held` counts the held bits, fewer than a quarter.
/// - Free blocks and held blocks are all zero, as long as the program leaves them alone.
#[derive(Debug)]
#[repr(transparent)]
pub struct CheckedSlab(Slab);

/// What a slab needs beside its bits.
#[derive(Debug)]
#[repr(C)]
struct Checks {
    chance: Chance,
    secret: u64,
    n_held: u16,
    has_canary: bool,
}

impl CheckedSlab {
    /// The slab inside.
    #[inline]
    const fn slab(this: NonNull<Self>) -> *mut Slab {
        this.as_ptr().cast()
    }

    /// Where the checks are.
    ///
    /// # Safety
    ///
    /// `this` is an open slab.
    unsafe fn checks(this: NonNull<Self>) -> *mut Checks {
        // SAFETY: an open slab; the capacity is not written after `open_local`.
        let capacity = unsafe { (*Self::slab(this)).local.capacity };
        let bytes = Slab::bytes(usize::from(capacity));
        // They start there (type invariant).
        Self::slab(this).wrapping_byte_add(bytes).cast()
    }

    /// The words of held bits.
    ///
    /// # Safety
    ///
    /// `this` is an open slab.
    unsafe fn held(this: NonNull<Self>) -> *mut u64 {
        // SAFETY: passed on.
        unsafe { Self::checks(this) }.wrapping_add(1).cast()
    }

    /// The first byte of block `index`.
    ///
    /// # Safety
    ///
    /// `this` is an open slab with more than `index` blocks.
    unsafe fn block(this: NonNull<Self>, index: usize) -> *mut u8 {
        // SAFETY: an open slab; the fields are not written after `open_local`.
        let base = unsafe { (*Self::slab(this)).local.span.base };
        // SAFETY: as above.
        let size = unsafe { (*Self::slab(this)).block_size } as usize;
        base.as_ptr().wrapping_add(index * size)
    }

    /// The canary of the block at `block`: where, and what. `None` without one.
    ///
    /// # Safety
    ///
    /// `this` is an open slab, and the block is one of its.
    unsafe fn canary(this: NonNull<Self>, block: *mut u8) -> Option<(*mut u64, u64)> {
        // SAFETY: passed on.
        let checks = unsafe { Self::checks(this) };
        // SAFETY: the caller's slab; this is not written after `open_local`.
        let secret = unsafe { (*checks).secret };
        // SAFETY: as above.
        let has_canary = unsafe { (*checks).has_canary };
        // SAFETY: as above.
        let size = unsafe { (*Self::slab(this)).block_size } as usize;
        // Never zero, and no byte that ends a string comes first.
        let value = (secret ^ block.addr() as u64) | 1;
        // Blocks are multiples of 16 at multiples of 16.
        has_canary.then(|| (block.wrapping_add(size - CANARY).cast(), value))
    }

    /// Takes `index` out of the free blocks of the slab: any of them.
    ///
    /// # Safety
    ///
    /// `this` is this thread's slab, and has a free block.
    unsafe fn draw(this: NonNull<Self>) -> usize {
        let slab = Self::slab(this);
        // SAFETY: this thread's slab.
        let checks = unsafe { Self::checks(this) };
        // SAFETY: as above.
        let chance = unsafe { &mut (*checks).chance };
        // SAFETY: as above.
        let summary = unsafe { (*slab).summary };
        let word = chance.bit_of(summary);
        let at = Slab::words(slab).wrapping_add(word);
        // SAFETY: the summary names a word.
        let bits = unsafe { at.read() };
        let bit = chance.bit_of(bits);
        let rest = bits & !(1 << bit);
        // SAFETY: as above.
        unsafe { at.write(rest) };
        if rest == 0 {
            // INVARIANT: the word became zero.
            // SAFETY: as above.
            unsafe { (*slab).summary = summary & !(1 << word) };
        }
        // INVARIANT: one bit fewer.
        // SAFETY: as above.
        unsafe { (*slab).local.free -= 1 };
        word * WORD + bit
    }

    /// Looks at a free block, and makes it ready to be handed out.
    ///
    /// # Safety
    ///
    /// The block is of this thread's slab, and was free until now.
    unsafe fn prepare(this: NonNull<Self>, block: *mut u8) -> Result<(), Fault> {
        // SAFETY: this thread's slab.
        let size = unsafe { (*Self::slab(this)).block_size } as usize;
        // SAFETY: the block is nobody's but the slab's, whose memory was written when it was opened.
        let bytes = unsafe { slice::from_raw_parts(block, size) };
        // Without an exit in its body, which the compiler makes wide.
        if bytes.iter().fold(0, |seen, byte| seen | byte) != 0 {
            return Err(Fault::WrittenAfterFree(block.addr()));
        }
        // SAFETY: passed on.
        if let Some((place, value)) = unsafe { Self::canary(this, block) } {
            // SAFETY: inside the block, which is the caller's.
            unsafe { place.write(value) };
        }
        Ok(())
    }

    /// Looks at a block that comes back, and clears it.
    ///
    /// # Safety
    ///
    /// The block is one of the slab's, and the caller's.
    unsafe fn retire(this: NonNull<Self>, block: *mut u8) -> Result<(), Fault> {
        // SAFETY: passed on.
        if let Some((place, value)) = unsafe { Self::canary(this, block) } {
            // SAFETY: inside the block.
            match unsafe { place.read() } {
                found if found == value => {}
                // Blocks that were retired are zero.
                0 => return Err(Fault::DoubleFree(block.addr())),
                _ => return Err(Fault::Overflow(block.addr())),
            }
        }
        // SAFETY: the caller's slab.
        let size = unsafe { (*Self::slab(this)).block_size } as usize;
        // SAFETY: the block is the caller's.
        unsafe { block.write_bytes(0, size) };
        Ok(())
    }

    /// Holds block `index`, and lets all held ones go if they are too many, or all there is.
    ///
    /// # Safety
    ///
    /// `this` is this thread's slab; the block is neither free nor held.
    unsafe fn hold(this: NonNull<Self>, index: usize) -> Result<(), Fault> {
        // SAFETY: this thread's slab.
        let word = unsafe { Self::held(this) }.wrapping_add(index / WORD);
        // SAFETY: one of the held words.
        unsafe { *word |= 1 << (index % WORD) };
        // SAFETY: as above.
        let checks = unsafe { Self::checks(this) };
        // INVARIANT: counted.
        // SAFETY: as above.
        unsafe { (*checks).n_held += 1 };
        // SAFETY: as above.
        unsafe { Self::let_go_if_due(this) }
    }

    /// Lets all held blocks go if they are too many, or all there is.
    ///
    /// # Safety
    ///
    /// `this` is this thread's slab.
    unsafe fn let_go_if_due(this: NonNull<Self>) -> Result<(), Fault> {
        // SAFETY: this thread's slab.
        let checks = unsafe { Self::checks(this) };
        // SAFETY: as above.
        let n_held = unsafe { (*checks).n_held };
        // SAFETY: as above.
        let local = unsafe { &*Self::local(this) };
        if n_held >= local.capacity / HELD_SHARE || n_held + local.free == local.capacity {
            // SAFETY: passed on.
            unsafe { Self::let_go(this) }?;
        }
        Ok(())
    }

    /// Makes the held blocks free. One of them is free already if another thread gave it back, too.
    ///
    /// # Safety
    ///
    /// `this` is this thread's slab.
    unsafe fn let_go(this: NonNull<Self>) -> Result<(), Fault> {
        let slab = Self::slab(this);
        // SAFETY: this thread's slab.
        let capacity = usize::from(unsafe { (*slab).local.capacity });
        for word in 0..n_words(capacity) {
            // SAFETY: this thread's slab.
            let at = unsafe { Self::held(this) }.wrapping_add(word);
            // SAFETY: one of the held words.
            let bits = unsafe { at.replace(0) };
            if bits != 0 {
                // SAFETY: this thread's slab and one of its words.
                unsafe { Slab::merge(slab, word, bits) }?;
            }
        }
        // SAFETY: this thread's slab.
        let checks = unsafe { Self::checks(this) };
        // INVARIANT: none is held any more.
        // SAFETY: as above.
        unsafe { (*checks).n_held = 0 };
        Ok(())
    }

    /// Whether block `index` is free or held.
    ///
    /// # Safety
    ///
    /// `this` is this thread's slab with more than `index` blocks.
    unsafe fn is_back(this: NonNull<Self>, index: usize) -> bool {
        // SAFETY: one of the slab's words.
        let free = unsafe { Slab::words(Self::slab(this)).wrapping_add(index / WORD).read() };
        // SAFETY: this thread's slab.
        let held = unsafe { Self::held(this) }.wrapping_add(index / WORD);
        // SAFETY: one of the held words.
        (free | unsafe { held.read() }) >> (index % WORD) & 1 != 0
    }

    /// Takes back one block. Returns whether the count reached its notice.
    ///
    /// # Safety
    ///
    /// `this` is this thread's slab, and `block` lies in its span.
    unsafe fn give(this: NonNull<Self>, block: *mut u8) -> Result<bool, Fault> {
        // SAFETY: passed on.
        let Some(index) = (unsafe { Slab::index_of(Self::slab(this), block.addr()) }) else {
            return Err(Fault::Interior(block.addr()));
        };
        // SAFETY: `index` is one of the slab's blocks.
        if unsafe { Self::is_back(this, index) } {
            return Err(Fault::DoubleFree(block.addr()));
        }
        // SAFETY: the block is handed out, and the caller gives it up.
        unsafe { Self::retire(this, block) }?;
        // SAFETY: this thread's slab, and the block was handed out.
        unsafe { Self::hold(this, index) }?;
        // SAFETY: this thread's slab.
        Ok(unsafe { Slab::is_noticed(this.cast()) })
    }

    /// Checks the accounting: the count against the bits, and that held blocks are not free. For
    /// tests.
    ///
    /// # Safety
    ///
    /// `this` is this thread's slab.
    #[inline]
    #[must_use]
    pub unsafe fn check(this: NonNull<Self>) -> bool {
        // SAFETY: the caller's slab.
        let capacity = usize::from(unsafe { (*Self::slab(this)).local.capacity });
        let mut count = 0;
        for word in 0..n_words(capacity) {
            // SAFETY: as above.
            let held = unsafe { Self::held(this) }.wrapping_add(word);
            // SAFETY: one of the held words.
            let held = unsafe { held.read() };
            // SAFETY: one of the slab's words.
            let free = unsafe { Slab::words(Self::slab(this)).wrapping_add(word).read() };
            if held & free != 0 {
                return false;
            }
            count += held.count_ones();
        }
        // SAFETY: as above.
        let checks = unsafe { Self::checks(this) };
        // SAFETY: as above.
        let n_held = u32::from(unsafe { (*checks).n_held });
        // SAFETY: as above.
        count == n_held && unsafe { Slab::check(this.cast()) }
    }
}

// SAFETY: *Exclusive*: a set free bit is a free block, and drawing clears it. *Accounting*: a held
// block counts as handed out. *Quiet when whole*: as for the slab inside, since no block is held when
// all are free.
unsafe impl Page for CheckedSlab {
    type Inbox = Inbox;

    #[inline]
    fn footprint(geometry: &Geometry) -> usize {
        let words = n_words(usize::from(geometry.capacity));
        let checks = size_of::<Checks>() + words * size_of::<u64>();
        Slab::footprint(geometry) + checks.next_multiple_of(LINE)
    }

    #[inline]
    unsafe fn open_local(
        memory: NonNull<u8>,
        span: Span,
        geometry: &Geometry,
        tag: Tag,
        inbox: *const Inbox,
    ) -> NonNull<Self> {
        // SAFETY: passed on; our footprint begins with the slab's.
        let this = unsafe { Slab::open_local(memory, span, geometry, tag, inbox) }.cast::<Self>();
        let mut chance = Chance::new(seed(span.address() ^ memory.as_ptr().addr().rotate_left(32)));
        let secret = chance.draw();
        let has_canary = usize::from(geometry.tail) >= CANARY;
        // SAFETY: an open slab.
        let checks = unsafe { Self::checks(this) };
        // SAFETY: inside the footprint, and aligned: the slab's footprint is whole lines.
        unsafe { checks.write(Checks { chance, secret, n_held: 0, has_canary }) };
        // SAFETY: as above.
        let held = unsafe { Self::held(this) };
        // SAFETY: as many words follow, inside the footprint.
        unsafe { held.write_bytes(0, n_words(usize::from(geometry.capacity))) };
        if span.zeroed == 0 {
            // INVARIANT: free blocks are zero.
            // SAFETY: the span is the caller's.
            unsafe { span.base.write_bytes(0, usize::from(span.units) * UNIT) };
        }
        this
    }

    #[inline]
    unsafe fn take_local(
        this: NonNull<Self>,
        out: *mut *mut u8,
        want: usize,
    ) -> Result<usize, Fault> {
        // SAFETY: this thread's slab.
        let free = unsafe { (*Self::local(this)).free };
        let n = want.min(usize::from(free));
        for i in 0..n {
            // SAFETY: this thread's slab, in which more than `i` blocks were free.
            let index = unsafe { Self::draw(this) };
            // SAFETY: an index that was drawn.
            let block = unsafe { Self::block(this, index) };
            // SAFETY: it was free until now.
            unsafe { Self::prepare(this, block) }?;
            // SAFETY: `i < want`.
            unsafe { out.wrapping_add(i).write(block) };
        }
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
        // SAFETY: passed on.
        Ok(Given { taken: 1, noticed: unsafe { Self::give(this, block) }? })
    }

    #[inline]
    unsafe fn give_one_local(
        this: NonNull<Self>,
        block: *mut u8,
        _geometry: &Geometry,
    ) -> Result<bool, Fault> {
        // SAFETY: passed on.
        unsafe { Self::give(this, block) }
    }

    #[inline]
    unsafe fn tag(this: NonNull<Self>) -> Tag {
        // SAFETY: passed on.
        unsafe { Slab::tag(this.cast()) }
    }

    #[inline]
    unsafe fn locate(this: NonNull<Self>, address: Block) -> Result<(usize, u64), Fault> {
        // SAFETY: passed on.
        unsafe { Slab::locate(this.cast(), address) }
    }

    #[inline]
    unsafe fn give_remote(this: NonNull<Self>, word: usize, bits: u64) -> Result<(), Fault> {
        let mut left = bits;
        while left != 0 {
            // SAFETY: the caller's blocks keep the slab open.
            let block = unsafe { Self::block(this, word * WORD + left.trailing_zeros() as usize) };
            // SAFETY: the caller owns the block and gives it up.
            unsafe { Self::retire(this, block) }?;
            left &= left - 1;
        }
        // SAFETY: passed on.
        unsafe { Slab::give_remote(this.cast(), word, bits) }
    }

    #[inline]
    unsafe fn collect_local(
        inbox: *const Inbox,
        mut relist: impl FnMut(NonNull<Self>),
    ) -> Result<(), Fault> {
        let each = |slab: NonNull<Slab>| {
            // Slabs in this inbox were opened here.
            let this = slab.cast::<Self>();
            // What came back may have been the last in use beside the held ones.
            // SAFETY: this thread's slab.
            unsafe { Self::let_go_if_due(this) }?;
            // SAFETY: as above.
            if unsafe { Slab::is_noticed(slab) } {
                relist(this);
            }
            Ok(())
        };
        // SAFETY: passed on.
        unsafe { Remote::collect(inbox, each) }
    }

    #[inline(always)]
    fn local(this: NonNull<Self>) -> *mut Local<Self> {
        // It comes first in the slab inside.
        this.as_ptr().cast()
    }
}
