//! Front gate: size to class.
//!
//! # Why it exists
//!
//! Every request and every free begins here, so it is a page of pure functions: a table for
//! what is small, a few shifts for the rest, and nothing that a compiler cannot fold when the
//! size is known.
//!
//! # What it does not do
//!
//! It has no state, touches no memory but its own table, and knows no other box. There is no
//! header before a block: what a pointer is, the registry knows.
//!
//! # Reading order
//!
//! [`FourPerDoubling`] and the other schemes, then [`Gate`], which puts a request into its tier.
#![no_std]
#![warn(clippy::missing_inline_in_public_items)] // on the malloc fast path

mod classes;
mod gate;

pub use classes::{Doubling, EightPerDoubling, FourPerDoubling, PowersOfTwo};
pub use gate::{Gate, Tier};
