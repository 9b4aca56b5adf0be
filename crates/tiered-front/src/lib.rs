//! Tiered front: two caches of free blocks in a row, each a front cache.
//!
//! ```text
//!  Magazine:  3 slots each of the     full, empty,      any front
//!             two smallest classes ── other classes ──▶ cache
//!
//!  Tiered:    a front cache        ── full, empty ────▶ another one, given back whole
//!                                                       every N blocks that come to it
//! ```
//!
//! # Why it exists
//!
//! What does a second level give, and what does it cost? The C ancestor had up to four of them, one behind
//! the other, chosen when the program ran. Here each is a type around another type: [`Magazine`] keeps what
//! is hottest in one cache line, [`Tiered`] puts a large, cheap level behind a small, fast one. Both are front
//! caches, so they nest, and a composition without them does not know of them.
//!
//! # What it does not do
//!
//! It shares nothing with other threads, and has no atomics but a fence for the compiler. It does not
//! know what the caches in it are made of, nor look at a block.
//!
//! # Invariants
//!
//! - Of one class the levels hold no more blocks together than its limit, shifted.
//! - A level that is empty and full, as `EMPTY` is, makes the whole one so.
//!
//! # Reading order
//!
//! [`Magazine`], [`Tiered`], then `tests/boundary.rs`.
#![no_std]
#![warn(clippy::missing_inline_in_public_items)] // on the malloc fast path

mod magazine;
mod tiered;

pub use magazine::{CLASSES, Magazine};
pub use tiered::{INTERVAL, LEAST, Tiered};
