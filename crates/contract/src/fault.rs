//! What a wrong program did, as far as a box can see it.

/// A fault of the program, found by a box. Boxes return it; the facade reports it and ends the
/// process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The block at this address was free already.
    DoubleFree(usize),
    /// The address is inside a block or a span, not at its start.
    Interior(usize),
    /// The address is not memory of this allocator, or not in use.
    Foreign(usize),
    /// What lies behind the block at this address was written over.
    Overflow(usize),
    /// The free block at this address was written to.
    WrittenAfterFree(usize),
    /// The block at this address was freed with a size or alignment that it was not asked for with.
    WrongSize(usize),
}

impl Fault {
    /// The address of the block, or what the program passed for one.
    #[must_use]
    pub const fn address(self) -> usize {
        match self {
            Self::DoubleFree(address)
            | Self::Interior(address)
            | Self::Foreign(address)
            | Self::Overflow(address)
            | Self::WrittenAfterFree(address)
            | Self::WrongSize(address) => address,
        }
    }

    /// What it is, in a few words that the address is to follow.
    #[must_use]
    pub const fn message(self) -> &'static str {
        match self {
            Self::DoubleFree(_) => "double free of",
            Self::Interior(_) | Self::Foreign(_) => "not a block's address:",
            Self::Overflow(_) => "overflow of",
            Self::WrittenAfterFree(_) => "written after free:",
            Self::WrongSize(_) => "freed with a wrong size:",
        }
    }
}
