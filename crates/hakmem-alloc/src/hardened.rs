//! The composition for programs that are not trusted, or not yet.
//!
//! It is made of other boxes, so the default one pays nothing for it:
//!
//! | box | what it does |
//! |---|---|
//! | classes | every block has 8 bytes behind what the program may use, for a canary |
//! | front | caches nothing: each free is looked at when it happens |
//! | page | random order; blocks are cleared and held when they come back, and looked at on both ways |
//! | pool | spans and huge blocks lie between inaccessible pages, and stay inaccessible for a while after their free |
//!
//! `docs/wrong-programs.md` says what it detects, and `README.md` what it costs.

use crate::{compose, parts};

compose! {
    /// The hardened composition: an allocator like [`Hakmem`](crate::Hakmem) for a program that is to
    /// end when it does something wrong.
    pub Hardened, "hakmem_hardened_word" {
        classes: parts::Doubling<8>,
        front: parts::Direct,
        counters: parts::NoCounters,
        page: parts::CheckedSlab,
        pool: parts::Guarded<parts::SharedPool<parts::Acquire<parts::Linux>, parts::TwoLevel>>,
    }
}
