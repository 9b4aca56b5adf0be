//! What the recorder writes: a header and records of fixed size, in memory that is a file.
//!
//! A record's place is its number in the order of all threads. It is claimed after an allocation and
//! before a free, so a block's allocation comes before its free, and a free before the next
//! allocation at that address, whichever threads they are in.
//!
//! The recorder, which has no standard library, includes this file.

/// First eight bytes of a recording.
pub const MAGIC: [u8; 8] = *b"hakmemRW";

/// Changes when this file does.
pub const VERSION: u32 = 1;

/// Where records begin: 4 KiB, so that they fill pages.
pub const HEADER_BYTES: usize = 4096;

/// Bytes of a record.
pub const RECORD_BYTES: usize = 32;

/// Longest name of a program, in bytes.
pub const NAME_BYTES: usize = 56;

/// Where the header's fields are, in bytes from the start.
pub mod header {
    /// [`VERSION`](super::VERSION), 32 bits.
    pub const VERSION: usize = 8;
    /// The process, 32 bits.
    pub const PROCESS: usize = 12;
    /// Records that the file has room for, 64 bits.
    pub const CAPACITY: usize = 16;
    /// Records claimed so far, 64 bits; more than there is room for once it is full.
    pub const CLAIMED: usize = 24;
    /// Threads seen so far, 32 bits.
    pub const THREADS: usize = 32;
    /// The program, padded with zeros.
    pub const NAME: usize = 64;
}

/// Where a record's fields are, in bytes from its start.
pub mod record {
    /// What happened, 32 bits; 0 while the record is not complete.
    pub const KIND: usize = 0;
    /// The thread, 32 bits.
    pub const THREAD: usize = 4;
    /// The block, 64 bits.
    pub const ADDRESS: usize = 8;
    /// Bytes asked for, 64 bits.
    pub const SIZE: usize = 16;
    /// The alignment, or the number of the record that this one completes, 64 bits.
    pub const OTHER: usize = 24;
}

/// What a record says.
pub mod kind {
    /// A block of a size and an alignment.
    pub const ALLOCATED: u32 = 1;
    /// The same, of zeros.
    pub const ZEROED: u32 = 2;
    /// A block is going to be freed.
    pub const FREED: u32 = 3;
    /// A block is going to get another size: nobody else has its address from here on.
    pub const RESIZING: u32 = 4;
    /// It has: the new address and size, and the record of [`RESIZING`].
    pub const RESIZED: u32 = 5;
    /// It has not, and is as it was: the old address, and the record of [`RESIZING`].
    pub const REFUSED: u32 = 6;
    /// The thread ends.
    pub const ENDED: u32 = 7;
}
