//! What lies below the pool, counted: ranges, metadata, and the system calls.
//!
//! Whether a range came from the cache is not to be seen from outside of the box that has it. But it maps memory
//! if it does not, through a port that counts. So a request is a miss if this thread mapped memory meanwhile; the
//! port has to be wrapped for the same ledger. (Threads that share a shard may take each other's mappings for
//! theirs.)

use core::ptr::NonNull;

use hakmem_contract::os::{Purpose, Range};
use hakmem_contract::{Fatal, Guard, Inspect, Limits, Memory, MetaArena, OsPort, Stats};

use crate::{Counted, Event, Ledger};

// SAFETY: every call is passed on, and its answer back.
unsafe impl<M: MetaArena, L: Ledger> MetaArena for Counted<M, L> {
    #[inline]
    fn alloc_meta(&self, bytes: usize) -> Option<NonNull<u8>> {
        L::note(Event::Meta);
        L::add(Event::MetaBytes, bytes as u64);
        self.inner().alloc_meta(bytes)
    }

    #[inline]
    fn reserve_meta(&self, bytes: usize) -> Option<NonNull<u8>> {
        L::note(Event::Meta);
        L::add(Event::MetaBytes, bytes as u64);
        self.inner().reserve_meta(bytes)
    }

    #[inline]
    unsafe fn unreserve_meta(&self, base: NonNull<u8>, bytes: usize) {
        // SAFETY: passed on.
        unsafe { self.inner().unreserve_meta(base, bytes) };
    }
}

// SAFETY: as above.
unsafe impl<M: Memory, L: Ledger> Memory for Counted<M, L> {
    fn acquire(&self, bytes: usize, align: usize, huge: bool) -> Option<Range> {
        let before = L::counters().of_thread(Event::Map);
        let range = self.inner().acquire(bytes, align, huge);
        let mapped = L::counters().of_thread(Event::Map) != before;
        L::note(if mapped { Event::CacheMiss } else { Event::CacheHit });
        range
    }

    unsafe fn release(&self, base: NonNull<u8>, bytes: usize) {
        let before = L::counters().of_thread(Event::Unmap);
        // SAFETY: passed on.
        unsafe { self.inner().release(base, bytes) };
        L::note(Event::CacheRelease);
        if L::counters().of_thread(Event::Unmap) == before {
            L::note(Event::CacheKept);
        }
    }

    unsafe fn resize(
        &self,
        base: NonNull<u8>,
        old: usize,
        new: usize,
        may_move: bool,
    ) -> Option<NonNull<u8>> {
        // SAFETY: passed on.
        unsafe { self.inner().resize(base, old, new, may_move) }
    }

    unsafe fn purge(&self, base: NonNull<u8>, bytes: usize) -> bool {
        // SAFETY: passed on.
        unsafe { self.inner().purge(base, bytes) }
    }

    fn now_ms(&self) -> u64 {
        self.inner().now_ms()
    }

    fn wait_while(&self, word: NonNull<u32>, value: u32) {
        self.inner().wait_while(word, value);
    }

    fn wake_one(&self, word: NonNull<u32>) {
        self.inner().wake_one(word);
    }

    fn configure(&self, limits: Limits) {
        self.inner().configure(limits);
    }

    fn note_heaps(&self, heaps: usize) {
        self.inner().note_heaps(heaps);
    }

    fn prewarm(&self, superslabs: usize) -> usize {
        self.inner().prewarm(superslabs)
    }

    fn trim(&self, all: bool) -> usize {
        self.inner().trim(all)
    }
}

// SAFETY: as above.
unsafe impl<M: Guard, L: Ledger> Guard for Counted<M, L> {
    unsafe fn protect(&self, base: NonNull<u8>, bytes: usize, access: bool) -> bool {
        // SAFETY: passed on.
        unsafe { self.inner().protect(base, bytes, access) }
    }
}

impl<M: Inspect, L: Ledger> Inspect for Counted<M, L> {
    fn stats(&self) -> Stats {
        self.inner().stats()
    }

    fn limits(&self) -> Limits {
        self.inner().limits()
    }
}

impl<M: Fatal, L: Ledger> Fatal for Counted<M, L> {
    fn die(&self, line: &[u8]) -> ! {
        self.inner().die(line)
    }
}

// SAFETY: as above.
unsafe impl<O: OsPort, L: Ledger> OsPort for Counted<O, L> {
    fn map(&self, near: usize, bytes: usize) -> Option<NonNull<u8>> {
        L::note(Event::Map);
        L::add(Event::MapBytes, bytes as u64);
        self.inner().map(near, bytes)
    }

    fn reserve(&self, bytes: usize) -> Option<NonNull<u8>> {
        L::note(Event::Map);
        L::add(Event::MapBytes, bytes as u64);
        self.inner().reserve(bytes)
    }

    unsafe fn unmap(&self, base: NonNull<u8>, bytes: usize) -> bool {
        L::note(Event::Unmap);
        // SAFETY: passed on.
        unsafe { self.inner().unmap(base, bytes) }
    }

    unsafe fn purge(&self, base: NonNull<u8>, bytes: usize) -> bool {
        L::note(Event::Purge);
        L::add(Event::PurgeBytes, bytes as u64);
        // SAFETY: passed on.
        unsafe { self.inner().purge(base, bytes) }
    }

    unsafe fn populate(&self, base: NonNull<u8>, bytes: usize) -> bool {
        L::note(Event::Advise);
        // SAFETY: passed on.
        unsafe { self.inner().populate(base, bytes) }
    }

    unsafe fn advise_huge(&self, base: NonNull<u8>, bytes: usize, huge: bool) -> bool {
        L::note(Event::Advise);
        // SAFETY: passed on.
        unsafe { self.inner().advise_huge(base, bytes, huge) }
    }

    unsafe fn protect(&self, base: NonNull<u8>, bytes: usize, access: bool) -> bool {
        L::note(Event::Protect);
        // SAFETY: passed on.
        unsafe { self.inner().protect(base, bytes, access) }
    }

    unsafe fn name(&self, base: NonNull<u8>, bytes: usize, purpose: Purpose) -> bool {
        L::note(Event::Name);
        // SAFETY: passed on.
        unsafe { self.inner().name(base, bytes, purpose) }
    }

    unsafe fn grow(&self, base: NonNull<u8>, old: usize, new: usize) -> bool {
        L::note(Event::Remap);
        // SAFETY: passed on.
        unsafe { self.inner().grow(base, old, new) }
    }

    unsafe fn relocate(&self, base: NonNull<u8>, old: usize, to: NonNull<u8>, new: usize) -> bool {
        L::note(Event::Remap);
        // SAFETY: passed on.
        unsafe { self.inner().relocate(base, old, to, new) }
    }

    fn now_ms(&self) -> u64 {
        L::note(Event::Clock);
        self.inner().now_ms()
    }

    fn wait_while(&self, word: NonNull<u32>, value: u32) {
        self.inner().wait_while(word, value);
    }

    fn wake_one(&self, word: NonNull<u32>) {
        self.inner().wake_one(word);
    }

    fn die(&self, line: &[u8]) -> ! {
        self.inner().die(line)
    }
}
