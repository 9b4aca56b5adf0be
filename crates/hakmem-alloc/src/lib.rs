//! hakmem: a general-purpose memory allocator, composed of boxes.
//!
//! ```no_run
//! #[global_allocator]
//! static ALLOC: hakmem_alloc::Hakmem = hakmem_alloc::Hakmem::new();
//! # fn main() {}
//! ```
//!
//! # Why it exists
//!
//! This is the only place where the boxes meet. [`compose!`] turns a choice of boxes into an
//! allocator type with its statics and its thread word; [`Hakmem`] is one use of it. Everything
//! is resolved at compile time: another choice is another type, not a switch.
//!
//! # What it does not do
//!
//! It keeps no accounting of its own: a block's state is the page box's, a unit's the
//! shared pool's, a thread's `tls-bind`'s. It only leads from one box to the next.
//!
//! # Features
//!
//! `alternatives` (on): [`classic`], [`hardened`], and the boxes in [`parts`] that [`Hakmem`] does not have;
//! `default-features = false` leaves their crates out. `many-classes`: room for 72 size classes.
//! `valgrind`: tells memcheck which bytes are blocks.
//!
//! # Reading order
//!
//! The [`Hakmem`] below, [`Boxes`], `heap.rs`, then `paths/small.rs`, where nearly every call
//! ends.
#![no_std]
#![warn(clippy::missing_inline_in_public_items)] // on the malloc fast path

mod boxes;
pub mod census;
#[cfg(feature = "alternatives")]
pub mod classic;
mod compose;
mod global;
#[cfg(feature = "alternatives")]
pub mod hardened;
mod heap;
mod options;
mod paths;
mod report;
mod shared;
mod usage;
#[cfg(all(feature = "valgrind", target_arch = "x86_64"))]
mod watched;

pub use boxes::Boxes;
pub use census::Census;
#[cfg(not(all(feature = "valgrind", target_arch = "x86_64")))]
pub use global::Allocator;
pub use heap::Heap;
pub use options::Options;
pub use shared::Shared;
pub use usage::{ClassUse, Usage};
#[cfg(all(feature = "valgrind", target_arch = "x86_64"))]
pub use {global::Allocator as Unwatched, watched::Allocator};

/// The boxes, for [`compose!`].
pub mod parts {
    pub use hakmem_contract::{self as contract, MAX_CLASSES};
    pub use hakmem_front_gate::{Doubling, EightPerDoubling, FourPerDoubling, PowersOfTwo};
    pub use hakmem_os_acquire::Acquire;
    #[cfg(not(all(feature = "valgrind", target_arch = "x86_64")))]
    pub use hakmem_os_acquire::Linux;
    pub use hakmem_page_box::{CheckedSlab, Slab};
    pub use hakmem_shared_pool::SharedPool;
    pub use hakmem_superslab_registry::TwoLevel;
    pub use hakmem_tls_bind as tls_bind;
    pub use hakmem_unified_cache::UnifiedCache;
    pub use hakmem_warm_pool::{Counts, NoCounters};
    #[cfg(feature = "alternatives")]
    pub use {
        hakmem_direct_front::Direct,
        hakmem_free_list_page::FreeListSlab,
        hakmem_guarded_pool::Guarded,
        hakmem_hash_registry::Hash,
        hakmem_tiered_front::{Magazine, Tiered},
        hakmem_tls_sll::TlsSll,
    };

    #[cfg(all(feature = "valgrind", target_arch = "x86_64"))]
    pub use crate::watched::Linux;
}

compose! {
    /// The default composition.
    pub Hakmem, "hakmem_default_word" {
        classes: parts::FourPerDoubling,
        front: parts::UnifiedCache,
        counters: parts::NoCounters,
        page: parts::Slab,
        pool: parts::SharedPool<parts::Acquire<parts::Linux>, parts::TwoLevel>,
    }
}

// Every thread may use the allocator; a front cache is one thread's.
static_assertions::assert_impl_all!(Hakmem: Send, Sync);
static_assertions::assert_not_impl_any!(parts::UnifiedCache: Send, Sync);

#[cfg(test)]
mod layout {
    use memoffset::span_of;

    use super::*;

    type Default = Heap<composition::Composed>;
    const LINE: usize = 64;

    /// The bins come first, two in a cache line.
    #[test]
    fn bins_are_aligned() {
        assert_eq!(span_of!(Default, front).start, 0);
        assert_eq!(align_of::<Default>(), LINE);
    }

    /// What the hot path asks of the owner is in one line.
    #[test]
    fn the_owner_is_in_one_line() {
        let owner = span_of!(Default, owner_bits..=owner);
        assert_eq!(owner.start / LINE, (owner.end - 1) / LINE);
    }

    /// What other threads write shares no line with what the thread uses.
    #[test]
    fn the_inbox_is_alone() {
        let inbox = span_of!(Default, inbox);
        assert!(inbox.start.is_multiple_of(LINE) && inbox.end.is_multiple_of(LINE));
    }
}
