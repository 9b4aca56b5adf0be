//! What happens to ranges that nobody uses: kept, joined, aged, given back.

use core::ptr::NonNull;

use hakmem_contract::{OsPort, SUPERSLAB};
use hakmem_sync::atomic::Ordering;

use super::{Acquire, pointer};
use crate::cache::state::Stamp;
use crate::cache::{Kept, N_CACHED, N_FRESH};

/// The clock is read, and old ranges are looked for, in every 16th release.
///
/// A stamp is therefore as old as up to 16 releases. When they come quickly, that is no time;
/// when they come seldom, unmapping too early costs nothing that shows.
const RELEASES_PER_TICK: usize = 16;

/// A range can have two neighbours.
const NEIGHBOURS: usize = 2;

impl<P: OsPort> Acquire<P> {
    /// The moment that was read last.
    fn stamp(&self) -> Stamp {
        // Relaxed: a number that nothing else depends on.
        Stamp::at(self.now.load(Ordering::Relaxed) as u64)
    }

    /// Reads the clock.
    pub(super) fn read_clock(&self) {
        // Relaxed: as in `stamp`.
        self.now.store(self.os.now_ms() as usize, Ordering::Relaxed);
    }

    /// One more release: now and then, looks for old ranges.
    pub(super) fn tick(&self) {
        // Relaxed: a count; it does not matter which thread gets the sixteenth.
        if self.releases.fetch_add(1, Ordering::Relaxed).is_multiple_of(RELEASES_PER_TICK) {
            self.read_clock();
            self.expire(false);
        }
    }

    /// Keeps a range of the caller's for later, up to the limits, else gives it back. It is no
    /// longer counted as handed out.
    pub(super) fn keep(&self, base: NonNull<u8>, bytes: usize) {
        let address = base.as_ptr().expose_provenance();
        let limits = self.settings.get();
        let fits = self.books.cached.get().saturating_add(bytes) <= limits.bytes;
        let kept = Kept::pack(address, bytes / SUPERSLAB, self.stamp(), false);
        let Some(kept) = kept.filter(|_| fits) else {
            self.give_back(address, bytes, false);
            return;
        };
        let kept = self.join_neighbours(kept);
        if !self.cache_put(kept, limits.count) {
            self.give_back(kept.base(), kept.bytes(), kept.zeroed());
        }
    }

    /// Takes the ranges before and behind `kept` out of the cache and makes one of them all.
    fn join_neighbours(&self, kept: Kept) -> Kept {
        let mut kept = kept;
        for _ in 0..NEIGHBOURS {
            let Some(other) = self.cache.take_neighbour(kept) else { break };
            self.books.cached.sub(other.bytes());
            match kept.join(other) {
                Some(both) => kept = both,
                None => self.put_back(other.base(), other.bytes(), other),
            }
        }
        kept
    }

    /// Puts a range into the cache and counts it there.
    fn cache_put(&self, kept: Kept, limit: usize) -> bool {
        // INVARIANT: counted before it is visible, so that `cached` is never too low.
        self.books.cached.add(kept.bytes());
        let done = self.cache.put(kept, limit);
        if !done {
            self.books.cached.sub(kept.bytes());
        }
        done
    }

    /// Puts a part of a range that was taken, whole SuperSlabs or nothing, back into the cache,
    /// as old and as zero as it was.
    pub(super) fn put_back(&self, base: usize, bytes: usize, like: Kept) {
        if bytes == 0 {
            return;
        }
        let kept = Kept::pack(base, bytes / SUPERSLAB, like.stamp(), like.zeroed());
        if !kept.is_some_and(|kept| self.cache_put(kept, N_CACHED)) {
            self.give_back(base, bytes, like.zeroed());
        }
    }

    /// Sets aside `count` fresh SuperSlabs for the next calls, or gives them back when there is
    /// no slot for them. Returns whether they are kept.
    pub(super) fn set_ahead(&self, base: usize, count: usize) -> bool {
        // Nothing left of a step is nothing to set aside.
        let Some(kept) = Kept::pack(base, count, self.stamp(), true) else { return false };
        // INVARIANT: counted before it is visible, so that `fresh` is never too low.
        self.books.fresh.add(kept.bytes());
        if self.fresh.put(kept, N_FRESH) {
            return true;
        }
        self.books.fresh.sub(kept.bytes());
        if self.cache_put(kept, N_CACHED) {
            return true;
        }
        self.give_back(kept.base(), kept.bytes(), true);
        false
    }

    /// Unmaps a range that is in nobody's hands and in no slot; counted as mapped only. If the
    /// system refuses, the range loses its pages and is kept. Returns whether it is unmapped.
    pub(super) fn give_back(&self, base: usize, bytes: usize, zeroed: bool) -> bool {
        let Some(range) = pointer(base).filter(|_| bytes > 0) else { return true };
        // SAFETY: the caller took the range out of circulation.
        if unsafe { self.os.unmap(range, bytes) } {
            self.books.mapped.sub(bytes);
            // The highest gap first: with the last one first, mappings would wander downwards through
            // the address space, and the registry needs memory for every place that they come by.
            // Relaxed: a wish, used by nobody for anything else.
            self.below.fetch_max(base + bytes, Ordering::Relaxed);
            return true;
        }
        // SAFETY: as above; nobody needs the contents.
        let zeroed = zeroed || unsafe { self.os.purge(range, bytes) };
        self.keep_refused(base, bytes, zeroed);
        false
    }

    /// Keeps what the system does not take back: whole SuperSlabs in the cache, whatever its
    /// limits, and the rest as a number in the books.
    #[cold]
    #[inline(never)]
    fn keep_refused(&self, base: usize, bytes: usize, zeroed: bool) {
        let begin = base.next_multiple_of(SUPERSLAB);
        let end = (base + bytes) & !(SUPERSLAB - 1);
        let count = end.saturating_sub(begin) / SUPERSLAB;
        let kept = Kept::pack(begin, count, self.stamp(), zeroed);
        let saved = match kept {
            Some(kept) if self.cache_put(kept, N_CACHED) => kept.bytes(),
            _ => 0,
        };
        self.books.stranded.add(bytes - saved);
    }

    /// Gives back the ranges of the cache that are too old, or all. Returns the bytes.
    pub(super) fn expire(&self, all: bool) -> usize {
        let limits = self.settings.get();
        let now = self.stamp();
        let mut freed = 0;
        for slot in self.cache.iter() {
            let taken = slot.take_if(|kept| {
                all || (kept.stamp().age_ms(now) >= limits.age_ms
                    && !(limits.keep_purged && kept.zeroed()))
            });
            let Some(kept) = taken else { continue };
            self.books.cached.sub(kept.bytes());
            freed += self.give_up(kept, !all && limits.keep_purged);
        }
        freed
    }

    /// Unmaps a range, or only drops its contents if `keep`. Returns the bytes that it cost.
    fn give_up(&self, kept: Kept, keep: bool) -> usize {
        let Some(range) = pointer(kept.base()).filter(|_| keep) else {
            let unmapped = self.give_back(kept.base(), kept.bytes(), kept.zeroed());
            return if unmapped { kept.bytes() } else { 0 };
        };
        // SAFETY: taken from the cache, so ours, and nobody needs the contents.
        let zeroed = unsafe { self.os.purge(range, kept.bytes()) };
        let purged = Kept::pack(kept.base(), kept.count(), self.stamp(), zeroed);
        let purged = purged.unwrap_or(kept);
        self.put_back(kept.base(), kept.bytes(), purged);
        if zeroed { kept.bytes() } else { 0 }
    }

    /// Unmaps what was mapped ahead. Returns the bytes.
    pub(super) fn drop_fresh(&self) -> usize {
        let mut freed = 0;
        for slot in self.fresh.iter() {
            let Some(kept) = slot.take_if(|_| true) else { continue };
            self.books.fresh.sub(kept.bytes());
            freed += self.give_up(kept, false);
        }
        freed
    }
}
