//! What the boxes get: ranges of whole SuperSlabs, and metadata.
//!
//! A range comes from the cache of empty ranges, from memory mapped ahead (`fresh`), or from the
//! system, in this order. Memory for slabs is mapped in steps that grow with the heap; what a
//! step leaves over waits in `fresh`. A range that comes back is kept up to the [`Limits`].
//!
//! # What it does not do
//!
//! It has no background thread: what is too old is given back during some later `release` or
//! [`Memory::trim`], so a program that goes idle keeps up to the limit until somebody calls.
//! It knows nothing of what is in a range. It does not remember alignments beyond a SuperSlab:
//! [`Memory::resize`] that moves gives SuperSlab alignment.
//!
//! # Protocol
//!
//! Ranges travel through slots (edge A1, [`crate::cache`]), metadata through the arena's word
//! (edge A2, [`crate::arena`]). Everything else that is shared is a counter or a hint and orders
//! nothing: every order here is Relaxed.

pub(crate) mod keep;
pub(crate) mod mapping;
pub(crate) mod resize;

use core::ptr::{self, NonNull};

use hakmem_contract::geometry::{MAX_REQUEST, OS_PAGE, round_up};
use hakmem_contract::os::{Purpose, Range};
use hakmem_contract::{Fatal, Guard, Inspect, Limits, Memory, MetaArena, OsPort, SUPERSLAB};
use hakmem_sync::atomic::{AtomicUsize, Ordering};
use hakmem_sync::const_unless_loom;

use crate::arena::Arena;
use crate::arena::system::System;
use crate::books::{Books, Stats};
use crate::cache::state::MAX_COUNT;
use crate::cache::{Kept, N_CACHED, N_FRESH, Slots};
use crate::limits::Settings;
use crate::names::Names;

/// See the [module docs](self). All zero bytes when new, but for the port.
///
/// # Invariants
///
/// - In a quiet moment the books are balanced ([`Stats::is_balanced`]).
/// - A range is in one slot, or in the hands of one caller, or unmapped.
/// - What is in `fresh` is zero and was never handed out, unless it came back through `trim`.
#[derive(Debug)]
pub struct Acquire<P> {
    os: P,
    cache: Slots<N_CACHED>,
    fresh: Slots<N_FRESH>,
    arena: Arena,
    books: Books,
    settings: Settings,
    names: Names,
    /// The address below which the next mapping would best lie; 0 at first.
    below: AtomicUsize,
    /// How many heaps there are: when huge pages begin.
    heaps: AtomicUsize,
    /// How many releases there were, to read the clock now and then.
    releases: AtomicUsize,
    /// The milliseconds that were read last.
    now: AtomicUsize,
}

/// A pointer to `address`, which came from a mapping whose provenance was exposed.
pub(crate) fn pointer(address: usize) -> Option<NonNull<u8>> {
    NonNull::new(ptr::with_exposed_provenance_mut(address))
}

impl<P> Acquire<P> {
    const_unless_loom! {
        /// Nothing is mapped, nothing is called.
        pub fn new(os: P) -> Self {
            Self {
                os,
                cache: Slots::new(),
                fresh: Slots::new(),
                arena: Arena::new(),
                books: Books::new(),
                settings: Settings::new(),
                names: Names::new(),
                below: AtomicUsize::new(0),
                heaps: AtomicUsize::new(0),
                releases: AtomicUsize::new(0),
                now: AtomicUsize::new(0),
            }
        }
    }

    /// The port below.
    pub const fn os(&self) -> &P {
        &self.os
    }

    /// What the arena asks.
    const fn system(&self) -> System<'_, P> {
        System { os: &self.os, books: &self.books, names: &self.names }
    }

    /// Where every mapped byte is.
    pub fn stats(&self) -> Stats {
        self.books.stats()
    }

    /// Bytes of the ranges that wait: in the cache, and mapped ahead. Counted slot by slot, not read
    /// from the books. For tests, in a quiet moment.
    pub fn waiting(&self) -> [usize; 2] {
        [self.cache.bytes(), self.fresh.bytes()]
    }
}

impl<P: OsPort> Acquire<P> {
    /// Maps up to `superslabs` ahead, and makes them resident if `populate`. Returns how many:
    /// fewer when there is no memory for all, none when too much is kept already.
    pub fn map_ahead(&self, superslabs: usize, populate: bool) -> usize {
        let Some((base, count)) = self.map_step(superslabs.min(MAX_COUNT)) else { return 0 };
        if populate {
            // SAFETY: mapped just now; nobody else knows it.
            unsafe { self.os.populate(base, count * SUPERSLAB) };
        }
        if self.set_ahead(base.as_ptr().addr(), count) { count } else { 0 }
    }

    /// Cached or fresh memory, if there is some that fits.
    fn acquire_kept(&self, count: usize, align: usize, fresh: bool) -> Option<Range> {
        if let Some(kept) = self.cache.take_best(count, align) {
            self.books.cached.sub(kept.bytes());
            return self.cut_out(kept, count, align);
        }
        if !fresh {
            return None;
        }
        let kept = self.fresh.take_best(count, align)?;
        self.books.fresh.sub(kept.bytes());
        self.cut_out(kept, count, align)
    }

    /// Hands out `count` SuperSlabs of a range that was taken, and puts back the rest.
    fn cut_out(&self, kept: Kept, count: usize, align: usize) -> Option<Range> {
        let begin = round_up(kept.base(), align)?;
        let bytes = count * SUPERSLAB;
        self.put_back(kept.base(), begin - kept.base(), kept);
        self.put_back(begin + bytes, kept.end() - begin - bytes, kept);
        self.books.handed_out.add(bytes);
        Some(Range { base: pointer(begin)?, bytes, zeroed: kept.zeroed() })
    }

    /// Memory from the system.
    fn acquire_new(&self, count: usize, align: usize, huge: bool, asked: usize) -> Option<Range> {
        let bytes = count.checked_mul(SUPERSLAB)?;
        let base = if huge || count > 1 || align > SUPERSLAB {
            let base = self.map_aligned(bytes, align)?;
            self.name(base, bytes, if huge { Purpose::Huge } else { Purpose::Slabs });
            self.advise_huge_block(base, asked);
            base
        } else {
            let (base, mapped) = self.map_step(self.step())?;
            self.set_ahead(base.as_ptr().addr() + SUPERSLAB, mapped - 1);
            base
        };
        self.books.handed_out.add(bytes);
        Some(Range { base, bytes, zeroed: true })
    }

    /// The last resorts: memory mapped ahead for slabs, then what the cache holds in pieces that
    /// do not fit, given back to the system so that it can give something else.
    #[cold]
    #[inline(never)]
    fn acquire_cold(&self, count: usize, align: usize, huge: bool, asked: usize) -> Option<Range> {
        if let Some(range) = self.acquire_kept(count, align, true) {
            return Some(range);
        }
        if self.trim(true) == 0 {
            return None;
        }
        self.acquire_new(count, align, huge, asked)
    }
}

// SAFETY: the arena gives every piece to one caller only, 64-byte aligned, from fresh mappings.
unsafe impl<P: OsPort> MetaArena for Acquire<P> {
    fn alloc_meta(&self, bytes: usize) -> Option<NonNull<u8>> {
        self.arena.alloc(&self.system(), bytes)
    }

    fn reserve_meta(&self, bytes: usize) -> Option<NonNull<u8>> {
        self.system().reserve(round_up(bytes, OS_PAGE)?)
    }

    unsafe fn unreserve_meta(&self, base: NonNull<u8>, bytes: usize) {
        self.system().undo(base, bytes.next_multiple_of(OS_PAGE));
    }
}

// SAFETY: a range comes out of a slot by the one CAS that removes it, or from a mapping made
// just now, so it is exclusive; both are aligned as asked. Whatever fails on the way goes through
// `keep::give_back`, which unmaps, keeps, or counts it.
unsafe impl<P: OsPort> Memory for Acquire<P> {
    fn acquire(&self, bytes: usize, align: usize, huge: bool) -> Option<Range> {
        if bytes > MAX_REQUEST || !(align.is_power_of_two() || align == 0) {
            return None;
        }
        let count = bytes.div_ceil(SUPERSLAB).max(1);
        let align = align.max(SUPERSLAB);
        self.acquire_kept(count, align, !huge)
            .or_else(|| self.acquire_new(count, align, huge, bytes))
            .or_else(|| self.acquire_cold(count, align, huge, bytes))
    }

    unsafe fn release(&self, base: NonNull<u8>, bytes: usize) {
        self.books.handed_out.sub(bytes);
        self.tick();
        self.keep(base, bytes);
    }

    unsafe fn resize(
        &self,
        base: NonNull<u8>,
        old: usize,
        new: usize,
        may_move: bool,
    ) -> Option<NonNull<u8>> {
        // SAFETY: what we ask for is what `grow_in_place` and `move_to_new` ask for.
        if unsafe { self.grow_in_place(base, old, new) } {
            return Some(base);
        }
        if !may_move {
            return None;
        }
        // SAFETY: as above.
        unsafe { self.move_to_new(base, old, new) }
    }

    unsafe fn purge(&self, base: NonNull<u8>, bytes: usize) -> bool {
        // SAFETY: the port asks for what we ask for.
        unsafe { self.os.purge(base, bytes) }
    }

    fn now_ms(&self) -> u64 {
        self.os.now_ms()
    }

    fn wait_while(&self, word: NonNull<u32>, value: u32) {
        self.os.wait_while(word, value);
    }

    fn wake_one(&self, word: NonNull<u32>) {
        self.os.wake_one(word);
    }

    fn configure(&self, limits: Limits) {
        self.settings.set(limits);
        if !limits.names {
            self.names.stop();
        }
    }

    fn note_heaps(&self, heaps: usize) {
        // Relaxed: a hint.
        self.heaps.store(heaps, Ordering::Relaxed);
    }

    fn prewarm(&self, superslabs: usize) -> usize {
        self.map_ahead(superslabs, false)
    }

    fn trim(&self, all: bool) -> usize {
        self.read_clock();
        let mut freed = self.expire(all);
        if all {
            freed += self.drop_fresh();
        }
        freed
    }
}

// SAFETY: the port keeps the same promise.
unsafe impl<P: OsPort> Guard for Acquire<P> {
    #[inline]
    unsafe fn protect(&self, base: NonNull<u8>, bytes: usize, access: bool) -> bool {
        // SAFETY: the port asks for what we ask for.
        unsafe { self.os.protect(base, bytes, access) }
    }
}

impl<P> Inspect for Acquire<P> {
    fn stats(&self) -> Stats {
        self.books.stats()
    }

    fn limits(&self) -> Limits {
        self.settings.get()
    }
}

impl<P: OsPort> Fatal for Acquire<P> {
    #[inline]
    fn die(&self, line: &[u8]) -> ! {
        self.os.die(line)
    }
}
