//! The C ancestor's arrangement of boxes, made of the boxes of today.
//!
//! hakmem began as a C allocator whose boxes did other things in the same places
//! (`docs/heritage.md`). This composition has its choices wherever there is a box that makes them:
//!
//! | box | as there |
//! |---|---|
//! | classes | powers of two: up to half of a block is wasted |
//! | front | arrays in front of lists through the blocks, which are given back every 2048 blocks |
//! | warm pool | two slabs in a step once a class has run dry ([`OPTIONS`]) |
//! | page | one slab's free blocks |
//! | registry | a hash table |
//! | below | empty SuperSlabs are kept: as many as there is room for, 512 MiB, a minute ([`OPTIONS`]) |
//!
//! `docs/boxes/classic.md` says which of the ancestor's costs this shows, and which it cannot.

use crate::{Options, compose, parts};

compose! {
    /// The ancestor's arrangement: an allocator like [`Hakmem`](crate::Hakmem), to see what the other
    /// choices are worth.
    pub Classic, "hakmem_classic_word" {
        classes: parts::PowersOfTwo,
        front: parts::Tiered<parts::UnifiedCache, parts::TlsSll, 2048>,
        counters: parts::NoCounters,
        page: parts::Slab,
        pool: parts::SharedPool<parts::Acquire<parts::Linux>, parts::Hash>,
    }
}

/// The ancestor's numbers, for `Classic::with(OPTIONS)`.
pub const OPTIONS: Options = Options::new()
    .prefill(2)
    .superslab_cache_count(64)
    .superslab_cache_bytes(512 << 20)
    .superslab_cache_age_ms(60_000);
