//! What may be asked about memory: for statistics and for settings. No path of the allocator comes
//! here, and nothing is counted for it that is not known anyway.

use crate::limits::Limits;
use crate::tag::Tag;

/// Where every mapped byte is, in bytes.
///
/// ```text
///  mapped == handed_out + cached + fresh + meta + stranded
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Got from the system and not given back.
    pub mapped: usize,
    /// In the hands of callers.
    pub handed_out: usize,
    /// In the cache of empty ranges.
    pub cached: usize,
    /// Mapped ahead and never handed out: addresses, not memory.
    pub fresh: usize,
    /// Chunks of the metadata arena.
    pub meta: usize,
    /// What the system refused to take back and the cache could not keep.
    pub stranded: usize,
}

impl Stats {
    /// Whether the equation above holds.
    #[must_use]
    pub const fn is_balanced(&self) -> bool {
        self.mapped == self.handed_out + self.cached + self.fresh + self.meta + self.stranded
    }
}

/// Whoever maps memory, as a reader of its books sees it.
pub trait Inspect {
    /// Where every mapped byte is: one number after the other, so that they add up in a quiet moment.
    fn stats(&self) -> Stats;

    /// What the cache of empty ranges may keep.
    fn limits(&self) -> Limits;
}

/// A registry that can be read from end to end.
pub trait Survey {
    /// Shows the address, tag and word of each unit that has a tag, as of some moment each. O(address
    /// space in use).
    fn survey(&self, see: impl FnMut(usize, Tag, usize));
}

/// A pool that knows how many SuperSlabs its units lie in.
pub trait Superslabs {
    /// How many SuperSlabs there are, as of some moment each. O(SuperSlabs).
    fn superslabs(&self) -> usize;
}
