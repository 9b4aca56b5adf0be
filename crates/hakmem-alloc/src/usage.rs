//! Where the memory is. The registry's tags, the pool's SuperSlabs and the books of whoever maps memory
//! say it all, so nothing is counted on the way of a block.

use hakmem_contract::geometry::UNIT;
use hakmem_contract::{
    Class, Inspect, Kind, MAX_CLASSES, Pool, SUPERSLAB, SizeClasses, Stats, Superslabs, Survey,
};

use crate::boxes::Boxes;

/// The slabs of one class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClassUse {
    /// Bytes of a block; 0 for a class that does not exist.
    pub block_size: usize,
    /// Bytes of slabs: blocks in use, blocks in a thread's cache, and free ones.
    pub bytes: usize,
}

/// Where the memory is, in bytes, as of about now: other threads go on while it is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// What is mapped, and for whom.
    pub memory: Stats,
    /// Slabs, by class.
    pub classes: [ClassUse; MAX_CLASSES],
    /// All slabs.
    pub slab_bytes: usize,
    /// Live blocks of whole units.
    pub spans: usize,
    /// Bytes of them.
    pub span_bytes: usize,
    /// Live blocks with a mapping of their own.
    pub huge_blocks: usize,
    /// Bytes of their mappings, with guards and quarantine where there are any.
    pub huge_bytes: usize,
    /// Heaps of threads, those of ended threads among them.
    pub heaps: usize,
}

impl Usage {
    /// Bytes that are a block, or part of a slab with blocks.
    #[inline]
    #[must_use]
    pub const fn used(&self) -> usize {
        self.slab_bytes + self.span_bytes + self.huge_bytes
    }

    /// Bytes of SuperSlabs that are neither: free, whether resident or not; guards and quarantine
    /// where there are any.
    #[inline]
    #[must_use]
    pub const fn free_units(&self) -> usize {
        self.memory.handed_out.saturating_sub(self.used())
    }
}

/// Counts.
#[cold]
#[inline(never)]
pub(crate) fn count<B: Boxes>() -> Usage {
    let shared = B::shared();
    let memory = shared.pool.memory().stats();
    let of_pool = shared.pool.superslabs() * SUPERSLAB;
    let mut usage = Usage {
        memory,
        classes: [ClassUse::default(); MAX_CLASSES],
        slab_bytes: 0,
        spans: 0,
        span_bytes: 0,
        huge_blocks: 0,
        huge_bytes: memory.handed_out.saturating_sub(of_pool),
        heaps: shared.heaps.made(),
    };
    let classes = (0..B::Classes::COUNT).filter_map(Class::new);
    for (row, class) in usage.classes.iter_mut().zip(classes) {
        row.block_size = B::Classes::geometry(class).block_size as usize;
    }
    shared.pool.registry().survey(|_, tag, _| note(&mut usage, tag.kind()));
    usage
}

/// One unit more.
fn note(usage: &mut Usage, kind: Kind) {
    match kind {
        Kind::Slab(_, class) => {
            usage.slab_bytes += UNIT;
            if let Some(row) = usage.classes.get_mut(class.index()) {
                row.bytes += UNIT;
            }
        }
        Kind::SpanHead(units) => {
            usage.spans += 1;
            usage.span_bytes += units * UNIT;
        }
        Kind::Huge => usage.huge_blocks += 1,
        Kind::SpanTail | Kind::Foreign => {}
    }
}
