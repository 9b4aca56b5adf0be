//! Where every mapped byte is, by a walk through all boxes.
//!
//! ```text
//!  mapped == live + cached + free + metadata + stranded
//! ```
//!
//! in every quiet moment, whatever failed before: [`Census::accounts_for`]. The left side is the
//! system's; the walk does not know it. The right side is counted where things are: the registry's
//! tags, the slabs' bits, the front caches, the outboxes, the pool's masks, the slots of empty ranges.
//! No path of the allocator keeps a number for it, but for the bytes of the metadata arena and the
//! stranded ones, which are nowhere else.

#[cfg(feature = "alternatives")]
mod alternatives;

use core::ptr::{self, NonNull};

use hakmem_contract::geometry::UNIT;
use hakmem_contract::{
    Class, FrontCache, Kind, MAX_CLASSES, OsPort, Page, Pool, Registry, SizeClasses, Survey,
};
use hakmem_os_acquire::Acquire;
use hakmem_page_box::Slab;
use hakmem_shared_pool::{Policy, SharedPool};
use hakmem_unified_cache::UnifiedCache;

use crate::boxes::Boxes;
use crate::global::Allocator;
use crate::heap::Heap;

/// Bytes, by where they are. See the [module docs](self).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Blocks in the program's hands, with all of their usable bytes.
    pub live: usize,
    /// What is kept for the next request without being anybody's: see [`Cached`].
    pub cached: Cached,
    /// Free units of the shared pool.
    pub free: usize,
    /// The metadata arena's mappings.
    pub metadata: usize,
    /// What the system refused to take back, in pieces that cannot be used again. Zero unless an
    /// unmapping was refused.
    pub stranded: usize,
}

/// What is cached, by where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cached {
    /// Blocks in the threads' front caches.
    pub fronts: usize,
    /// Blocks in outboxes, on their way to the heaps that they came from.
    pub outboxes: usize,
    /// The rest of the slabs: blocks that are free by a bit, and bytes that are no block's.
    pub slabs: usize,
    /// Empty ranges kept for later.
    pub ranges: usize,
    /// Ranges mapped ahead.
    pub ahead: usize,
}

impl Cached {
    /// All of it.
    #[inline]
    #[must_use]
    pub const fn total(&self) -> usize {
        self.fronts + self.outboxes + self.slabs + self.ranges + self.ahead
    }
}

impl Census {
    /// Whether the equation holds, `mapped` being the bytes that the system has mapped for the
    /// allocator, as the system knows it.
    #[inline]
    #[must_use]
    pub const fn accounts_for(&self, mapped: usize) -> bool {
        mapped == self.live + self.cached.total() + self.free + self.metadata + self.stranded
    }
}

/// A front cache that knows how many blocks it holds.
pub trait CountBlocks: FrontCache {
    /// How many blocks of `class`.
    fn count(&self, class: Class) -> usize;
}

impl CountBlocks for UnifiedCache {
    #[inline]
    fn count(&self, class: Class) -> usize {
        self.len(class)
    }
}

/// A slab that knows how many of its blocks are nobody's.
pub trait CountFree: Page {
    /// How many blocks were handed out to nobody, or came back from who had them.
    ///
    /// # Safety
    ///
    /// `this` is an open slab, in a quiet moment.
    unsafe fn count_free(this: NonNull<Self>) -> usize;
}

impl CountFree for Slab {
    #[inline]
    unsafe fn count_free(this: NonNull<Self>) -> usize {
        // SAFETY: passed on.
        unsafe { Self::n_free(this) }
    }
}

/// What the registry says.
#[derive(Default)]
struct Tagged {
    /// Spans and huge blocks.
    large: usize,
    /// Units of slabs.
    slabs: usize,
    /// Those blocks of them that are not free by a bit.
    taken: usize,
}

/// Bytes of a block of `class` that the program may use.
fn usable<B: Boxes>(class: Class) -> usize {
    B::Classes::geometry(class).usable()
}

impl Tagged {
    /// Counts a unit at `address`.
    ///
    /// # Safety
    ///
    /// `kind` and `word` are what the registry says of it, in a quiet moment.
    unsafe fn add<B: Boxes<Page: CountFree>>(&mut self, address: usize, kind: Kind, word: usize) {
        match kind {
            Kind::Slab(_, class) => {
                self.slabs += UNIT;
                let slab = ptr::with_exposed_provenance_mut::<B::Page>(word);
                let Some(slab) = NonNull::new(slab) else { return };
                // SAFETY: the word of a slab's unit is its descriptor.
                self.taken += unsafe { taken_of_head(slab, address) } * usable::<B>(class);
            }
            Kind::SpanHead(_) | Kind::SpanTail => self.large += UNIT,
            Kind::Huge => self.large += word,
            Kind::Foreign => {}
        }
    }
}

/// How many blocks of `slab` are not free by a bit; 0 unless its first unit is at `address`.
///
/// # Safety
///
/// An open slab, in a quiet moment.
unsafe fn taken_of_head<P: CountFree>(slab: NonNull<P>, address: usize) -> usize {
    // SAFETY: the caller's promise.
    let local = unsafe { &*P::local(slab) };
    if local.span.address() != address {
        return 0;
    }
    // SAFETY: the caller's promise.
    usize::from(local.capacity) - unsafe { P::count_free(slab) }
}

/// Bytes of the blocks in the front cache and in the outbox of `heap`.
///
/// # Safety
///
/// The heap was made, in a quiet moment.
unsafe fn held<B: Boxes<Page: CountFree, Front: CountBlocks>>(
    heap: NonNull<Heap<B>>,
) -> [usize; 2] {
    // SAFETY: heaps are never unmapped, and nobody uses it at the moment.
    let heap = unsafe { heap.as_ref() };
    let classes = (0..MAX_CLASSES).filter_map(Class::new);
    let front = classes.map(|class| heap.front.count(class) * usable::<B>(class)).sum();
    let mut outbox = 0;
    heap.outbox.each(|slab, blocks| {
        // SAFETY: the blocks keep the slab open.
        let class = unsafe { (*B::Page::local(slab)).class };
        outbox += Class::new(usize::from(class)).map_or(0, usable::<B>) * blocks;
    });
    [front, outbox]
}

impl<B, O, R, P> Allocator<B>
where
    B: Boxes<Page: CountFree, Front: CountBlocks, Pool = SharedPool<Acquire<O>, R, P>>,
    O: OsPort,
    P: Policy,
    R: Registry + Survey,
{
    /// Where every mapped byte is. O(all that there is); for tests.
    ///
    /// # Safety
    ///
    /// No other thread is in the allocator, nor comes into it meanwhile.
    #[inline]
    #[must_use]
    pub unsafe fn census(&self) -> Census {
        let shared = B::shared();
        let pool = shared.pool();
        let mut tagged = Tagged::default();
        pool.registry().survey(|address, tag, word| {
            // SAFETY: just read, and the caller sees to it that it stays so.
            unsafe { tagged.add::<B>(address, tag.kind(), word) };
        });
        let (mut fronts, mut outboxes) = (0, 0);
        for heap in shared.heaps.heaps() {
            // SAFETY: the caller's promise.
            let [front, outbox] = unsafe { held::<B>(heap) };
            fronts += front;
            outboxes += outbox;
        }
        let in_hands = tagged.taken - fronts - outboxes;
        let [ranges, ahead] = pool.memory().waiting();
        let stats = pool.memory().stats();
        let slabs = tagged.slabs - tagged.taken;
        Census {
            live: tagged.large + in_hands,
            cached: Cached { fronts, outboxes, slabs, ranges, ahead },
            free: pool.census().free_units * UNIT,
            metadata: stats.meta,
            stranded: stats.stranded,
        }
    }
}
