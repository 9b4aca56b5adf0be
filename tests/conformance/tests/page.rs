//! Page boxes that are wrong in one way each, and one that is right.

mod common;
mod linger;

use std::ptr::{self, NonNull};
use std::slice;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering::SeqCst};

use common::{check, has};
use hakmem_conformance::page::{self, Case};
use hakmem_contract::page::{Given, Local};
use hakmem_contract::{Block, Fault, Geometry, Page, Span, Tag, UNIT};
use linger::linger;

const STARTS_SHORT: u8 = 1;
const TAKES_TWICE: u8 = 2;
const LOSES_THE_LAST: u8 = 3;
const TAKES_STRANGERS: u8 = 4;
const RUNS_OVER: u8 = 5;
const IGNORES_NOTICE: u8 = 6;
const SHARES_BITS: u8 = 7;
const SHOWS_EARLY: u8 = 8;
const FORGETS_SLABS: u8 = 9;
const STAYS_IN_INBOX: u8 = 10;
const WRITES_BEHIND: u8 = 11;
const COUNTS_WRONG: u8 = 12;
const DESCENDS: u8 = 13;
const TOUCHES: u8 = 14;
const TRUSTS: u8 = 15;
const TRUSTS_OTHERS: u8 = 16;
const TWO_STEPS: u8 = 17;
const ROUNDS_DOWN: u8 = 18;

const WORDS: usize = 64;

/// A word of bits for the owner, and one for others, for each 64 blocks.
#[repr(C)]
struct Bits<const WRONG: bool> {
    local: Local<Self>,
    tag: Tag,
    size: usize,
    free: [u64; WORDS],
    remote: [AtomicU64; WORDS],
    inbox: *const Inbox<WRONG>,
    is_in_inbox: AtomicBool,
    next: *mut Self,
}

/// A list of slabs behind a lock that is spun on. Zero bytes are an empty one.
struct Inbox<const WRONG: bool> {
    locked: AtomicBool,
    head: AtomicPtr<Bits<WRONG>>,
}

impl<const WRONG: bool> Inbox<WRONG> {
    fn with<T>(&self, run: impl FnOnce() -> T) -> T {
        while self.locked.swap(true, SeqCst) {
            std::thread::yield_now();
        }
        let result = run();
        self.locked.store(false, SeqCst);
        result
    }
}

impl<const WRONG: bool> Bits<WRONG> {
    fn index_of(&self, address: usize) -> Result<usize, Fault> {
        let offset = address.wrapping_sub(self.local.span.address());
        let index = offset / self.size;
        let is_block = offset.is_multiple_of(self.size) || has::<WRONG>(ROUNDS_DOWN);
        let is_block = is_block && index < usize::from(self.local.capacity);
        is_block.then_some(index).ok_or(Fault::Interior(address))
    }

    fn block(&self, index: usize) -> *mut u8 {
        self.local.span.base.as_ptr().wrapping_add(index * self.size)
    }

    fn count(&mut self) {
        let n: u32 = self.free.iter().map(|word| word.count_ones()).sum();
        let wrong = u32::from(has::<WRONG>(COUNTS_WRONG) && n == 7);
        self.local.free = u16::try_from(n - wrong).unwrap_or(0);
    }

    fn free_one(&mut self, index: usize) -> Result<(), Fault> {
        let (word, bit) = (index / 64, 1 << (index % 64));
        if self.free[word] & bit != 0 && !has::<WRONG>(TRUSTS) {
            return Err(Fault::DoubleFree(self.block(index).addr()));
        }
        self.free[word] |= bit;
        if has::<WRONG>(TOUCHES)
            || (has::<WRONG>(WRITES_BEHIND) && index + 1 < self.local.capacity.into())
        {
            let at = index + usize::from(has::<WRONG>(WRITES_BEHIND));
            assert!(self.local.span.address() != UNIT, "where there is no memory");
            // SAFETY: a block of the slab.
            unsafe { self.block(at).write(0xBB) };
        }
        Ok(())
    }

    fn is_noticed(&self) -> bool {
        self.local.free >= self.local.notice && !has::<WRONG>(IGNORES_NOTICE)
    }

    /// What others gave becomes free.
    fn merge(&mut self) -> Result<(), Fault> {
        for word in 0..WORDS {
            let bits = self.remote[word].swap(0, SeqCst);
            let twice = self.free[word] & bits;
            if twice != 0 && !has::<WRONG>(TRUSTS_OTHERS) {
                let index = word * 64 + twice.trailing_zeros() as usize;
                return Err(Fault::DoubleFree(self.block(index).addr()));
            }
            self.free[word] |= bits;
        }
        self.count();
        Ok(())
    }
}

// SAFETY: not all of them: that is the test. Blocks are memory of the suite's.
unsafe impl<const WRONG: bool> Page for Bits<WRONG> {
    type Inbox = Inbox<WRONG>;

    fn footprint(_: &Geometry) -> usize {
        size_of::<Self>()
    }

    unsafe fn open_local(
        memory: NonNull<u8>,
        span: Span,
        geometry: &Geometry,
        tag: Tag,
        inbox: *const Inbox<WRONG>,
    ) -> NonNull<Self> {
        let capacity = geometry.capacity;
        let n = usize::from(capacity) - usize::from(has::<WRONG>(STARTS_SHORT));
        let mut free = [0; WORDS];
        (0..n).for_each(|index| free[index / 64] |= 1 << (index % 64));
        let (prev, next) = (ptr::null_mut(), ptr::null_mut());
        let local = Local {
            span,
            free: n as u16,
            notice: capacity,
            capacity,
            class: 0,
            reserved: 0,
            prev,
            next,
        };
        let (remote, is_in_inbox) = ([const { AtomicU64::new(0) }; WORDS], AtomicBool::new(false));
        let size = geometry.block_size as usize;
        let slab = Self { local, tag, size, free, remote, inbox, is_in_inbox, next };
        // SAFETY: the caller's memory.
        unsafe { memory.cast().write(slab) };
        memory.cast()
    }

    unsafe fn take_local(
        this: NonNull<Self>,
        out: *mut *mut u8,
        want: usize,
    ) -> Result<usize, Fault> {
        // SAFETY: the caller's slab.
        let this = unsafe { &mut *this.as_ptr() };
        let n = want.min(this.local.free.into());
        for i in 0..n {
            let last = has::<WRONG>(DESCENDS);
            let word = if last {
                (0..WORDS).rfind(|word| this.free[*word] != 0)
            } else {
                (0..WORDS).find(|word| this.free[*word] != 0)
            };
            let Some(word) = word else { return Ok(i) };
            let bits = this.free[word];
            let bit = if last { bits.ilog2() } else { bits.trailing_zeros() };
            if !has::<WRONG>(TAKES_TWICE) || bit != 5 || word != 0 || want != 7 {
                this.free[word] &= !(1 << bit);
            }
            let block = this.block(word * 64 + bit as usize);
            // SAFETY: room for as many as are wanted; the first one goes to the end.
            unsafe { out.wrapping_add(n - 1 - i).write(block) };
        }
        this.count();
        Ok(n)
    }

    unsafe fn give_local(
        this: NonNull<Self>,
        blocks: *const *mut u8,
        n: usize,
    ) -> Result<Given, Fault> {
        // SAFETY: the caller's slab.
        let this = unsafe { &mut *this.as_ptr() };
        // SAFETY: the caller's list.
        let blocks = unsafe { slice::from_raw_parts(blocks, n) };
        let first = this.index_of(blocks[0].addr())?;
        let mut taken = 0;
        for block in blocks {
            let end = this.block(first + taken);
            match this.index_of(block.addr()) {
                Ok(index) if taken == 0 || *block == end || has::<WRONG>(TAKES_STRANGERS) => {
                    if !has::<WRONG>(LOSES_THE_LAST)
                        || n < 16
                        || index + 1 < this.local.capacity.into()
                    {
                        this.free_one(index)?;
                    }
                }
                Err(_) if has::<WRONG>(RUNS_OVER) && *block == end => {}
                Err(_) if has::<WRONG>(TAKES_STRANGERS) => {}
                _ => break,
            }
            taken += 1;
        }
        this.count();
        Ok(Given { taken, noticed: this.is_noticed() })
    }

    unsafe fn give_one_local(
        this: NonNull<Self>,
        block: *mut u8,
        _geometry: &Geometry,
    ) -> Result<bool, Fault> {
        // SAFETY: passed on.
        Ok(unsafe { Self::give_local(this, &raw const block, 1) }?.noticed)
    }

    unsafe fn tag(this: NonNull<Self>) -> Tag {
        // SAFETY: the caller's slab.
        unsafe { this.as_ref() }.tag
    }

    unsafe fn locate(this: NonNull<Self>, address: Block) -> Result<(usize, u64), Fault> {
        // SAFETY: the caller's slab.
        let index = unsafe { this.as_ref() }.index_of(address.as_ptr().addr())?;
        let index = if has::<WRONG>(SHARES_BITS) { index & !1 } else { index };
        Ok((index / 64, 1 << (index % 64)))
    }

    unsafe fn give_remote(this: NonNull<Self>, word: usize, bits: u64) -> Result<(), Fault> {
        // SAFETY: the caller's block keeps the slab.
        let slab = unsafe { this.as_ref() };
        let old = if has::<WRONG>(TWO_STEPS) {
            let old = slab.remote[word].load(SeqCst);
            linger();
            slab.remote[word].store(old | bits, SeqCst);
            old
        } else {
            slab.remote[word].fetch_or(bits, SeqCst)
        };
        if old & bits != 0 && !has::<WRONG>(TRUSTS_OTHERS) {
            let index = word * 64 + (old & bits).trailing_zeros() as usize;
            return Err(Fault::DoubleFree(slab.block(index).addr()));
        }
        // SAFETY: it lives as long as the slab.
        let inbox = unsafe { &*slab.inbox };
        inbox.with(|| {
            if !slab.is_in_inbox.swap(true, SeqCst) {
                let head = inbox.head.load(SeqCst);
                // SAFETY: whoever set the mark owns the link.
                unsafe { (*this.as_ptr()).next = head };
                inbox.head.store(this.as_ptr(), SeqCst);
            }
        });
        if has::<WRONG>(SHOWS_EARLY) {
            // SAFETY: it is not this thread's.
            let _ = unsafe { &mut *this.as_ptr() }.merge();
        }
        Ok(())
    }

    unsafe fn collect_local(
        inbox: *const Inbox<WRONG>,
        mut relist: impl FnMut(NonNull<Self>),
    ) -> Result<(), Fault> {
        // SAFETY: the caller's.
        let inbox = unsafe { &*inbox };
        let mut result = Ok(());
        inbox.with(|| {
            let mut at = inbox.head.load(SeqCst);
            let mut n = 0;
            // SAFETY: on the list are open slabs.
            while let Some(slab) = unsafe { at.as_mut() } {
                let next = slab.next;
                n += 1;
                // A list that is not emptied comes to bite its tail.
                if n > if has::<WRONG>(FORGETS_SLABS) { 16 } else { 100 } {
                    break;
                }
                slab.is_in_inbox.store(false, SeqCst);
                result = result.and(slab.merge());
                if slab.is_noticed() {
                    relist(NonNull::from(slab));
                }
                at = next;
            }
            if !has::<WRONG>(STAYS_IN_INBOX) {
                inbox.head.store(ptr::null_mut(), SeqCst);
            }
        });
        result
    }

    fn local(this: NonNull<Self>) -> *mut Local<Self> {
        this.as_ptr().cast()
    }
}

hakmem_conformance::page!(
    Bits<false>,
    ascending,
    untouched,
    double_frees,
    remote_double_frees,
    wrong_addresses
);

#[test]
fn wrong_pages_are_noticed() {
    check(
        &page::promises::<Bits<true>>(),
        &Case::default(),
        &[
            (STARTS_SHORT, &["a_fresh_slab_is_whole"]),
            (TAKES_TWICE, &["every_block_is_handed_out_once"]),
            (LOSES_THE_LAST, &["blocks_come_back_in_every_order"]),
            (TAKES_STRANGERS, &["a_list_ends_at_the_first_block_of_another_slab"]),
            (RUNS_OVER, &["a_run_of_blocks_ends_with_its_slab"]),
            (IGNORES_NOTICE, &["the_notice_is_told_when_it_is_reached"]),
            (SHARES_BITS, &["every_block_is_accounted_in_a_bit_of_its_own"]),
            (SHOWS_EARLY, &["what_others_give_comes_when_it_is_collected"]),
            (FORGETS_SLABS, &["an_inbox_holds_many_slabs"]),
            (STAYS_IN_INBOX, &["a_whole_slab_is_quiet"]),
            (WRITES_BEHIND, &["a_live_block_is_left_alone"]),
            (COUNTS_WRONG, &["it_is_a_set"]),
            (DESCENDS, &["blocks_are_handed_out_ascending"]),
            (TRUSTS, &["a_second_free_by_the_owner_is_found"]),
            (TRUSTS_OTHERS, &["a_second_free_by_another_thread_is_found"]),
            (
                TWO_STEPS,
                &["what_three_threads_free_comes_back_once", "of_two_frees_at_once_one_is_found"],
            ),
            (ROUNDS_DOWN, &["an_address_that_is_not_a_blocks_is_found"]),
        ],
    );
}
