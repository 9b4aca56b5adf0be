//! Mapping: aligned, in steps, with advice.

use core::ptr::NonNull;

use hakmem_contract::geometry::{ADDRESS_BITS, OS_PAGE};
use hakmem_contract::os::Purpose;
use hakmem_contract::{OsPort, SUPERSLAB};
use hakmem_sync::atomic::Ordering;

use super::{Acquire, pointer};

/// 32 SuperSlabs, 64 MiB: the most that is mapped for slabs at once.
pub(crate) const MAX_STEP: usize = 32;

/// A step is an eighth of what was mapped for slabs so far.
const STEP_PART: usize = 8;

/// How often a plain mapping is tried before a longer one.
const PLAIN_ATTEMPTS: usize = 2;

/// The first SuperSlabs of a process get no huge pages: heaps fill them sparsely, and a huge page is
/// resident as a whole. So many for the process, so many for each of its heaps, and no more than
/// that in all (`docs/why/os-acquire.md` has the numbers).
const SMALL_BASE: usize = 14;
const SMALL_HEAP: usize = 2;
const SMALL_MOST: usize = 64;

/// 2 MiB: huge blocks from this size on get huge pages, for the whole ones inside of them.
pub(crate) const HUGE_BLOCK: usize = SUPERSLAB;

/// Whether the packed words can hold every address of the range.
pub(crate) const fn in_reach(base: usize, bytes: usize) -> bool {
    match base.checked_add(bytes) {
        Some(end) => end <= 1 << ADDRESS_BITS,
        None => false,
    }
}

impl<P: OsPort> Acquire<P> {
    /// How many SuperSlabs to map for slabs this time.
    pub(super) fn step(&self) -> usize {
        (self.books.for_slabs.get() / SUPERSLAB / STEP_PART).clamp(1, MAX_STEP)
    }

    /// Bytes that are mapped for slabs before huge pages are worth it.
    fn small(&self) -> usize {
        // Relaxed: a hint.
        let heaps = self.heaps.load(Ordering::Relaxed).clamp(1, SMALL_MOST);
        (SMALL_BASE + SMALL_HEAP * heaps).min(SMALL_MOST) * SUPERSLAB
    }

    /// Maps `count` SuperSlabs for slabs, or fewer when there is no memory for so many.
    pub(super) fn map_step(&self, count: usize) -> Option<(NonNull<u8>, usize)> {
        let mut count = count;
        while count > 0 {
            let mapped = count.checked_mul(SUPERSLAB).and_then(|n| self.map_aligned(n, SUPERSLAB));
            if let Some(base) = mapped {
                self.name(base, count * SUPERSLAB, Purpose::Slabs);
                let before = self.books.for_slabs.add(count * SUPERSLAB);
                if before >= self.small() {
                    self.advise(base, count * SUPERSLAB);
                }
                return Some((base, count));
            }
            count /= 2;
        }
        None
    }

    /// Maps `bytes` at a multiple of `align`, both whole SuperSlabs.
    ///
    /// The system places mappings next to each other, so a plain one is nearly always aligned.
    /// If it is not, the place that was just given back, rounded down, is the next wish: that
    /// costs neither a longer mapping nor the cutting of it.
    pub(super) fn map_aligned(&self, bytes: usize, align: usize) -> Option<NonNull<u8>> {
        // Relaxed: a wish, used by nobody for anything else.
        let mut below = self.below.load(Ordering::Relaxed);
        for _ in 0..PLAIN_ATTEMPTS {
            let base = self.map_below(below, bytes, align)?;
            let address = base.as_ptr().expose_provenance();
            if address & (align - 1) == 0 && in_reach(address, bytes) {
                // Relaxed: as above.
                self.below.store(address, Ordering::Relaxed);
                return Some(base);
            }
            if !self.give_back(address, bytes, true) {
                break;
            }
            below = address + bytes;
        }
        self.map_longer(below, bytes, align)
    }

    /// Maps more than is needed and gives back what is before and behind the aligned part.
    #[cold]
    #[inline(never)]
    fn map_longer(&self, below: usize, bytes: usize, align: usize) -> Option<NonNull<u8>> {
        let longer = bytes.checked_add(align - OS_PAGE)?;
        let base = self.map_below(below, longer, align)?.as_ptr().expose_provenance();
        if !in_reach(base, longer) {
            self.give_back(base, longer, true);
            return None;
        }
        let begin = base.next_multiple_of(align);
        let is_cut = self.give_back(base, begin - base, true);
        self.give_back(begin + bytes, longer - bytes - (begin - base), true);
        // A piece that stays would be in the way of the next one, and so would the next one's.
        // Relaxed: as in `map_aligned`.
        self.below.store(if is_cut { begin } else { base }, Ordering::Relaxed);
        pointer(begin)
    }

    /// Maps, with the wish to lie just below `below`, and accounts for it.
    fn map_below(&self, below: usize, bytes: usize, align: usize) -> Option<NonNull<u8>> {
        let near = below.checked_sub(bytes).map_or(0, |near| near & !(align - 1));
        let base = self.os.map(near, bytes)?;
        self.books.mapped.add(bytes);
        Some(base)
    }

    /// Names what was mapped just now.
    pub(super) fn name(&self, base: NonNull<u8>, bytes: usize, purpose: Purpose) {
        // SAFETY: every caller owns the range; a name does not change contents.
        unsafe { self.names.give(&self.os, base, bytes, purpose) };
    }

    /// Huge pages for the whole SuperSlabs inside the `asked` bytes of a huge block.
    pub(super) fn advise_huge_block(&self, base: NonNull<u8>, asked: usize) {
        if asked >= HUGE_BLOCK {
            self.advise(base, asked & !(SUPERSLAB - 1));
        }
    }

    /// Asks for huge pages, if the settings do not forbid it.
    pub(super) fn advise(&self, base: NonNull<u8>, bytes: usize) {
        if self.settings.get().huge_pages {
            // SAFETY: every caller owns the range; advice does not change contents.
            unsafe { self.os.advise_huge(base, bytes, true) };
        }
    }
}
