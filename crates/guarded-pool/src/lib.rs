//! Guarded pool: spans and huge blocks between inaccessible pages, and in quarantine after their
//! free.
//!
//! ```text
//!  span        | guard | block ...        | guard |        guards: one unit each
//!  huge block  | header | guard ... | block ... | guard | guards: 2 MiB or more before it, 64 KiB or more behind
//! ```
//!
//! # Why it exists
//!
//! A program that reads or writes past a span or a huge block, or uses one after its free, is
//! stopped by the processor where it happens. It is a pool in front of another pool: what costs
//! system calls and address space is not in the one that does without.
//!
//! # What it does not do
//!
//! It guards no slab: the units for slabs pass through as they are. A block is not grown or shrunk in
//! place. What the system refuses to protect is left as it was, unguarded.
//!
//! # Invariants
//!
//! - The guards of a live block are its owner's and nobody touches them; so is a range in quarantine.
//! - Pages are accessible again before they go back to the pool below; units that the system does not
//!   make accessible are never handed out again.
//!
//! # Protocol
//!
//! | edge | from | to | what travels |
//! |------|------|----|--------------|
//! | G1 | `Quarantine::put`: Release swap of a slot | `Quarantine::put` or `take`: Acquire swap of the same slot | the range, with the end of its last use |
//!
//! Modelled in `tests/loom_quarantine.rs`.
//!
//! # Reading order
//!
//! `pool.rs` (what passes through), `spans.rs`, `huge.rs`, then `quarantine.rs`.
#![cfg_attr(not(loom), no_std)]

#[cfg(not(loom))]
mod fresh;
mod huge;
mod pool;
pub mod quarantine;
mod spans;

pub use pool::Guarded;
pub use quarantine::SLOTS;
