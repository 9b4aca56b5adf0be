//! Atomics, cells and lock-free bitmaps: `core`'s in a program, loom's in a model. And what boxes
//! that do the same thing share.
//!
//! # Why it exists
//!
//! loom cannot see `core`'s atomics, cannot build its own in a `static`, and needs fresh
//! state for every execution. So every box takes its atomics from here, and `cfg(loom)`
//! chooses a module, once.
//!
//! # What it does not do
//!
//! It holds no state and makes no choice of an ordering for anybody: only [`tree`], [`marks`],
//! [`spares`] and [`lock`] order anything, and each has its own table of edges; [`stack`] orders what its
//! caller says.
//!
//! # Reading order
//!
//! `imp_core.rs` and `imp_loom.rs` side by side, then [`tree`]; [`marks`] and [`spares`] when a registry
//! is read, [`stack`] when a page box is.
#![cfg_attr(not(loom), no_std)]

#[cfg(not(loom))]
#[path = "imp_core.rs"]
mod imp;
#[cfg(loom)]
#[path = "imp_loom.rs"]
mod imp;
pub mod lock;
pub mod marks;
pub mod spares;
pub mod stack;
pub mod tree;

pub use imp::{address_of, atomic, cell, hint};

/// Makes a function `const` in a program; loom's constructors are not `const`.
#[cfg(not(loom))]
#[macro_export]
macro_rules! const_unless_loom {
    ($(#[$meta:meta])* $vis:vis fn $name:ident($($arg:tt)*) -> $ret:ty $body:block) => {
        $(#[$meta])* $vis const fn $name($($arg)*) -> $ret $body
    };
}

/// Makes a function `const` in a program; loom's constructors are not `const`.
#[cfg(loom)]
#[macro_export]
macro_rules! const_unless_loom {
    ($(#[$meta:meta])* $vis:vis fn $name:ident($($arg:tt)*) -> $ret:ty $body:block) => {
        $(#[$meta])* $vis fn $name($($arg)*) -> $ret $body
    };
}
