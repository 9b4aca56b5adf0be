//! Free-list page: one slab, whose free blocks are a list through the blocks themselves.
//!
//! ```text
//!  owner    take ◀── list ◀── give                    chain ◀── give_remote       others
//!                ◀── never carved                       │
//!                     list ◀── collect ◀── inbox ◀──────┘ first chain since last time
//! ```
//!
//! # Why it exists
//!
//! It is the other page box, and the one that most allocators have: the first word of a free block
//! is the address of the next one. It replaces the bitmap by naming [`FreeListSlab`] in `compose!`.
//!
//! - To give a block is one store into it and one into the descriptor; no word and no bit has to be
//!   found.
//! - A descriptor is two cache lines, whatever the blocks' size: the bitmap's for 16-byte blocks has 18.
//! - What other threads gave is taken back in one step, however much it is: the word that holds the
//!   chain says its first block, its last one, and how many there are, so nobody walks it.
//! - The block that came back last is the first to leave, while it is in the cache.
//!
//! It loses where blocks are freed or handed out cold, because both touch them, and where it matters
//! in which order blocks leave: after some time a list hops all over its slab. `docs/boxes/freelist.md` has
//! more.
//!
//! # What it does not do
//!
//! It never asks for memory, and knows neither lists of slabs nor threads.
//!
//! It is no defence. A link lies where the program writes if it writes after a free, and is plain: no
//! key, no random order. What can be seen without reading more than a take or a give reads anyway, is
//! seen:
//!
//! - an address that is no block's, always;
//! - a block given back that was never handed out, or that was the last one given before, or beyond
//!   the capacity: a double free;
//! - a link that is not the address of a block of its slab, or that ends the list too early or too
//!   late, when the block that it is in is taken: written after free, or given back twice.
//!
//! Another double free is not seen: the block is on the list twice, and is handed out twice. A link
//! that was overwritten by the address of another block of the slab is followed.
//!
//! # Invariants
//!
//! - `listed + never carved + handed out + chained == capacity`, and `free` counts the first two.
//! - Blocks from `carved` on were never handed out since the slab was last whole, and are not touched.
//! - A slab is in its owner's inbox, or about to be pushed by the thread that put the first chain there,
//!   exactly while its chain is not empty.
//! - So a slab whose blocks are all free is in no inbox, and nobody is about to push it: it
//!   can be released. Only `collect_local` takes a chain, and it visits nothing but slabs that it
//!   popped.
//!
//! # Protocol
//!
//! | edge | from | to | what travels |
//! |------|------|----|--------------|
//! | L1 | `give_remote`: Release CAS of the chain | `collect_local`: Acquire swap of the chain | every use that the freeing threads made of the blocks, and their links, to the blocks' next user |
//! | L2 | `Stack::push`: Release CAS of the head | `Stack::take_all`: Acquire swap of the head | the slab's link, and the chain of every slab on the stack |
//! | L3 | `collect_local`: Release swap of the chain to empty | `give_remote`: Acquire CAS that finds it empty | the slab's link is free to be written again |
//!
//! Modelled in `tests/loom_remote.rs` (blocks), `tests/loom_inbox.rs` (slabs), and
//! `tests/loom_release.rs` (a slab that is whole, and its memory used again). loom has no spurious
//! failure of a weak CAS; both loops make one harmless. A chain's word is replaced whole, by a value
//! that cannot be told from an older one (its blocks came back, went out, and came back again): that
//! is no matter, because what is put in front of a chain links to its first block, and to nothing
//! that was read behind it.
//!
//! # Reading order
//!
//! [`FreeListSlab`], `chain.rs` (the word), then `remote.rs` (the atomics).
#![cfg_attr(not(loom), no_std)]
#![warn(clippy::missing_inline_in_public_items)] // on the malloc fast path

mod chain;
mod inspect;
mod link;
mod remote;
mod slab;

pub use remote::Inbox;
#[cfg(loom)]
pub use remote::mutants;
pub use slab::FreeListSlab;
