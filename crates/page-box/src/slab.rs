//! The slab's own part: free bits, used by the owner only.

use core::mem::{offset_of, size_of};
use core::ptr::{self, NonNull};

use hakmem_contract::class::index_in;
use hakmem_contract::geometry::UNIT;
use hakmem_contract::page::{Given, Local};
use hakmem_contract::{Block, Fault, Geometry, Page, Span, Tag};
use static_assertions::const_assert;

use crate::arithmetic::run_length;
use crate::remote::{Inbox, Remote};

/// Bits of a word.
pub(crate) const WORD: usize = u64::BITS as usize;

/// Free blocks in a row from which on they are taken by a loop without bits.
const RUN: usize = 8;

/// Bytes of a cache line: the owner's part and the others' part do not share one.
pub(crate) const LINE: usize = 64;

/// The descriptor of a slab: this header, the words of free bits, then, on a line of its own,
/// the part for other threads (`Remote`) with as many words.
///
/// # Invariants
///
/// - The memory behind the header is `footprint` bytes long and laid out as said above.
/// - `local.free` is the number of set bits in the words; bit `i` of the summary is set if and
///   only if word `i` is non-zero.
/// - `reciprocal == ceil(2^64 / block_size)`.
#[derive(Debug)]
#[repr(C)]
pub struct Slab {
    pub(crate) local: Local<Slab>,
    reciprocal: u64,
    pub(crate) summary: u64,
    pub(crate) block_size: u32,
    tag: Tag,
}

const_assert!(size_of::<Slab>() == LINE);
const_assert!(offset_of!(Slab, local) == 0);

/// Words needed for `capacity` bits.
#[inline]
pub(crate) const fn n_words(capacity: usize) -> usize {
    capacity.div_ceil(WORD)
}

/// Where the part for other threads starts.
#[inline]
const fn remote_offset(capacity: usize) -> usize {
    (size_of::<Slab>() + n_words(capacity) * size_of::<u64>()).next_multiple_of(LINE)
}

impl Slab {
    /// The footprint of a slab of `capacity` blocks.
    pub(crate) const fn bytes(capacity: usize) -> usize {
        remote_offset(capacity) + Remote::footprint(n_words(capacity)).next_multiple_of(LINE)
    }

    /// The words of free bits.
    #[inline(always)]
    pub(crate) const fn words(this: *mut Self) -> *mut u64 {
        // The words start right behind the header (type invariant).
        this.wrapping_add(1).cast()
    }

    /// The part for other threads.
    ///
    /// # Safety
    ///
    /// `this` is an open slab.
    #[inline]
    pub(crate) unsafe fn remote(this: *mut Self) -> *const Remote {
        // SAFETY: an open slab has a header; the capacity is not written after `open_local`.
        let capacity = unsafe { (*this).local.capacity };
        // The remote part starts there (type invariant).
        this.wrapping_byte_add(remote_offset(usize::from(capacity))).cast::<Remote>()
    }

    /// Which block is at `address`, if any.
    ///
    /// # Safety
    ///
    /// `this` is an open slab.
    #[inline(always)]
    pub(crate) unsafe fn index_of(this: *mut Self, address: usize) -> Option<usize> {
        // SAFETY: an open slab; these fields are not written after `open_local`.
        let base = unsafe { (*this).local.span.base };
        // SAFETY: as above.
        let reciprocal = unsafe { (*this).reciprocal };
        // SAFETY: as above.
        let capacity = unsafe { (*this).local.capacity };
        index_in(base, address, reciprocal, capacity)
    }

    /// Sets the free bits of a fresh slab: the lowest `capacity` ones.
    ///
    /// # Safety
    ///
    /// `this` is the caller's, with its header written.
    unsafe fn fill(this: *mut Self, capacity: usize) {
        let words = Self::words(this);
        let (full, rest) = (capacity / WORD, capacity % WORD);
        for i in 0..full {
            // SAFETY: `i < n_words`, inside the footprint.
            unsafe { words.wrapping_add(i).write(u64::MAX) };
        }
        if rest > 0 {
            // SAFETY: as above.
            unsafe { words.wrapping_add(full).write((1 << rest) - 1) };
        }
    }

    /// Sets `bits` of word `word`, and notes it in `summary`.
    ///
    /// # Safety
    ///
    /// `this` is this thread's slab, and the word is one of its words.
    #[inline(always)]
    unsafe fn give_bits(
        this: *mut Self,
        word: usize,
        bits: u64,
        summary: &mut u64,
    ) -> Result<(), Fault> {
        let at = Self::words(this).wrapping_add(word);
        // SAFETY: one of the slab's words.
        let old = unsafe { at.read() };
        if old & bits != 0 {
            // SAFETY: the caller's slab.
            return Err(unsafe { Self::double_free_cold(this, word, old & bits) });
        }
        // SAFETY: as above.
        unsafe { at.write(old | bits) };
        *summary |= 1 << word;
        Ok(())
    }

    /// Sets the bits of `run` blocks from `first` on, a word at a time, as far as they are in this
    /// slab. Returns how many: a run may go on in a slab of the same class behind it.
    ///
    /// # Safety
    ///
    /// `this` is this thread's slab.
    #[inline]
    unsafe fn give_run(
        this: *mut Self,
        first: usize,
        run: usize,
        summary: &mut u64,
    ) -> Result<usize, Fault> {
        // SAFETY: the caller's slab.
        let capacity = usize::from(unsafe { (*this).local.capacity });
        let end = (first + run).min(capacity);
        let mut index = first;
        while index < end {
            let (word, bit) = (index / WORD, index % WORD);
            let n = (WORD - bit).min(end - index);
            let bits = (u64::MAX >> (WORD - n)) << bit;
            // SAFETY: `index < capacity`.
            unsafe { Self::give_bits(this, word, bits, summary) }?;
            index += n;
        }
        Ok(end - first)
    }

    /// Adds `bits`, which others gave back, to word `word`.
    ///
    /// # Safety
    ///
    /// `this` is this thread's slab and `word < n_words`.
    #[inline]
    pub(crate) unsafe fn merge(this: *mut Self, word: usize, bits: u64) -> Result<(), Fault> {
        let at = Self::words(this).wrapping_add(word);
        // SAFETY: `word` is one of the slab's words.
        let old = unsafe { at.read() };
        if old & bits != 0 {
            // SAFETY: the caller's slab.
            return Err(unsafe { Self::double_free_cold(this, word, old & bits) });
        }
        // SAFETY: as above.
        unsafe { at.write(old | bits) };
        // INVARIANT: the word became non-zero, and so many bits were added.
        // SAFETY: the owner may write its part of the header.
        unsafe { (*this).summary |= 1 << word };
        // SAFETY: as above.
        unsafe { (*this).local.free += u16::from(bits.count_ones().to_le_bytes()[0]) };
        Ok(())
    }

    /// The fault of giving back the lowest of `bits` in `word` twice.
    ///
    /// # Safety
    ///
    /// `this` is an open slab.
    #[cold]
    #[inline(never)]
    pub(crate) unsafe fn double_free_cold(this: *mut Self, word: usize, bits: u64) -> Fault {
        // SAFETY: an open slab; the field is not written after `open_local`.
        let base = unsafe { (*this).local.span.base };
        // SAFETY: as above.
        let size = unsafe { (*this).block_size };
        let index = word * WORD + bits.trailing_zeros() as usize;
        Fault::DoubleFree(base.as_ptr().addr() + index * size as usize)
    }

    /// Whether the free count has reached the notice.
    ///
    /// # Safety
    ///
    /// `this` is this thread's slab.
    #[inline]
    pub(crate) unsafe fn is_noticed(this: NonNull<Self>) -> bool {
        // SAFETY: the caller's slab.
        let free = unsafe { (*this.as_ptr()).local.free };
        // SAFETY: as above.
        free >= unsafe { (*this.as_ptr()).local.notice }
    }

    /// Tells `relist` of a slab whose free count has reached the notice.
    ///
    /// # Safety
    ///
    /// What is returned is called with this thread's slabs only.
    #[inline]
    pub(crate) unsafe fn if_noticed(
        mut relist: impl FnMut(NonNull<Self>),
    ) -> impl FnMut(NonNull<Self>) -> Result<(), Fault> {
        move |slab| {
            // SAFETY: the caller's promise.
            if unsafe { Self::is_noticed(slab) } {
                relist(slab);
            }
            Ok(())
        }
    }

    /// Checks the accounting: the count against the bits. O(words), for debug builds and tests.
    ///
    /// # Safety
    ///
    /// `this` is this thread's slab.
    #[inline]
    #[must_use]
    pub unsafe fn check(this: NonNull<Self>) -> bool {
        let slab = this.as_ptr();
        // SAFETY: the caller's slab.
        let free = unsafe { (*slab).local.free };
        // SAFETY: as above.
        let capacity = unsafe { (*slab).local.capacity };
        // SAFETY: as above.
        let summary = unsafe { (*slab).summary };
        let mut count = 0;
        for i in 0..n_words(usize::from(capacity)) {
            // SAFETY: as above, and `i < n_words`.
            let word = unsafe { Self::words(slab).wrapping_add(i).read() };
            count += word.count_ones();
            if (word != 0) != (summary >> i & 1 != 0) {
                return false;
            }
        }
        count == u32::from(free) && free <= capacity
    }
}

// SAFETY: *Exclusive*: a set bit is a free block, and taking clears it. *Accounting* and *quiet
// when whole*: the crate's invariants.
unsafe impl Page for Slab {
    type Inbox = Inbox;

    #[inline]
    fn footprint(geometry: &Geometry) -> usize {
        Self::bytes(usize::from(geometry.capacity))
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
        let words = n_words(usize::from(capacity));
        let summary = u64::MAX >> (WORD - words);
        // INVARIANT: all bits are set below, and counted here.
        let header = Self { local, reciprocal, summary, block_size, tag };
        // SAFETY: the memory is the caller's, large and aligned enough.
        unsafe { this.write(header) };
        // SAFETY: the header has just been written.
        unsafe { Self::fill(this.as_ptr(), usize::from(capacity)) };
        // SAFETY: as above.
        let remote = unsafe { Self::remote(this.as_ptr()) };
        // SAFETY: the remote part is inside the footprint, and nobody knows it yet.
        unsafe { Remote::open(remote.cast_mut(), inbox, words) };
        this
    }

    #[inline]
    unsafe fn take_local(
        this: NonNull<Self>,
        out: *mut *mut u8,
        want: usize,
    ) -> Result<usize, Fault> {
        let slab = this.as_ptr();
        // SAFETY: this thread's slab.
        let free = unsafe { (*slab).local.free };
        // SAFETY: as above.
        let size = unsafe { (*slab).block_size } as usize;
        // SAFETY: as above.
        let base = unsafe { (*slab).local.span.base }.as_ptr();
        // SAFETY: as above.
        let mut summary = unsafe { (*slab).summary };
        let n = want.min(usize::from(free));
        // INVARIANT: `n` bits are cleared below.
        // SAFETY: as above.
        unsafe { (*slab).local.free = free - n as u16 };
        // The lowest block is written last.
        let mut left = n;
        while left > 0 {
            let index = summary.trailing_zeros() as usize;
            let at = Self::words(slab).wrapping_add(index);
            // SAFETY: `free` counts the set bits, so there is a word, and the summary names it.
            let mut word = unsafe { at.read() };
            let first = base.wrapping_add(index * WORD * size);
            let low = word.trailing_zeros() as usize;
            let ones = (!(word >> low)).trailing_zeros() as usize;
            if ones >= RUN {
                let n = ones.min(left);
                let block = first.wrapping_add(low * size);
                for i in 0..n {
                    // SAFETY: `left - 1 - i` is in `0..want`.
                    unsafe { out.wrapping_add(left - 1 - i).write(block.wrapping_add(i * size)) };
                }
                left -= n;
                // INVARIANT: the `n` lowest bits, which follow each other.
                word &= !((u64::MAX >> (WORD - n)) << low);
            } else {
                while word != 0 && left > 0 {
                    left -= 1;
                    let block = first.wrapping_add(word.trailing_zeros() as usize * size);
                    // SAFETY: `left` is in `0..want`.
                    unsafe { out.wrapping_add(left).write(block) };
                    word &= word - 1;
                }
            }
            // SAFETY: as above.
            unsafe { at.write(word) };
            if word == 0 {
                summary &= summary - 1;
            }
        }
        // INVARIANT: the words that became zero lost their bit.
        // SAFETY: as above.
        unsafe { (*slab).summary = summary };
        Ok(n)
    }

    #[inline(always)]
    unsafe fn give_local(
        this: NonNull<Self>,
        blocks: *const *mut u8,
        n: usize,
    ) -> Result<Given, Fault> {
        let slab = this.as_ptr();
        // SAFETY: `n > 0`.
        let address = unsafe { blocks.read() }.addr();
        // SAFETY: this thread's slab.
        let Some(index) = (unsafe { Self::index_of(slab, address) }) else {
            return Err(Fault::Interior(address));
        };
        // SAFETY: as above.
        let mut summary = unsafe { (*slab).summary };
        // SAFETY: as above.
        let size = unsafe { (*slab).block_size } as usize;
        // SAFETY: passed on.
        let run = unsafe { run_length(blocks, n, size) };
        let taken = if run > 1 {
            // SAFETY: this thread's slab.
            unsafe { Self::give_run(slab, index, run, &mut summary) }?
        } else {
            let bit = 1 << (index % WORD);
            // SAFETY: as above, and `index < capacity`.
            unsafe { Self::give_bits(slab, index / WORD, bit, &mut summary) }?;
            1
        };
        // INVARIANT: `taken` bits were set, and their words noted.
        // SAFETY: this thread's slab.
        unsafe { (*slab).summary = summary };
        // SAFETY: as above.
        let free = unsafe { (*slab).local.free } + taken as u16;
        // SAFETY: as above.
        unsafe { (*slab).local.free = free };
        // SAFETY: as above.
        Ok(Given { taken, noticed: free >= unsafe { (*slab).local.notice } })
    }

    #[inline(always)]
    unsafe fn give_one_local(
        this: NonNull<Self>,
        block: *mut u8,
        geometry: &Geometry,
    ) -> Result<bool, Fault> {
        let slab = this.as_ptr();
        // SAFETY: this thread's slab.
        let base = unsafe { (*slab).local.span.base };
        let Some(index) = index_in(base, block.addr(), geometry.reciprocal, geometry.capacity)
        else {
            return Err(Fault::Interior(block.addr()));
        };
        let at = Self::words(slab).wrapping_add(index / WORD);
        let bit = 1 << (index % WORD);
        // SAFETY: `index < capacity`, so the word is one of the slab's.
        let old = unsafe { at.read() };
        if old & bit != 0 {
            return Err(Fault::DoubleFree(block.addr()));
        }
        // INVARIANT: one bit more, noted and counted.
        // SAFETY: as above.
        unsafe { at.write(old | bit) };
        // SAFETY: this thread's slab.
        unsafe { (*slab).summary |= 1 << (index / WORD) };
        // SAFETY: as above.
        let free = unsafe { (*slab).local.free } + 1;
        // SAFETY: as above.
        unsafe { (*slab).local.free = free };
        // SAFETY: as above.
        Ok(free == unsafe { (*slab).local.notice })
    }

    #[inline]
    unsafe fn tag(this: NonNull<Self>) -> Tag {
        // SAFETY: the slab was opened, so its header was written.
        unsafe { (*this.as_ptr()).tag }
    }

    #[inline]
    unsafe fn locate(this: NonNull<Self>, address: Block) -> Result<(usize, u64), Fault> {
        let address = address.as_ptr().addr();
        // SAFETY: a live block keeps the slab open.
        match unsafe { Self::index_of(this.as_ptr(), address) } {
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
        // SAFETY: the slabs in an inbox are its owner's, this thread's.
        let each = unsafe { Self::if_noticed(relist) };
        // SAFETY: the inbox is this thread's.
        unsafe { Remote::collect(inbox, each) }
    }

    #[inline(always)]
    fn local(this: NonNull<Self>) -> *mut Local<Self> {
        // It comes first (asserted above).
        this.as_ptr().cast()
    }
}
