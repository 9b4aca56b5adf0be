//! Every system call of the allocator, and what it makes of them: aligned mappings, a cache of
//! empty ranges, an arena for metadata.
//!
//! ```text
//!  shared pool, facade ──acquire, release, resize──▶ Acquire ──map, unmap, purge, …──▶ OsPort
//!  every box           ──alloc_meta───────────────▶    │                            (Linux, or
//!                                        cache, fresh, arena                         simulated)
//! ```
//!
//! # What it does not do
//!
//! It never looks into memory that it hands out, keeps nothing inside it, and holds no lock: a
//! thread that stops for ever inside a call (a fork in another thread) loses at most the range
//! of that call. It reads no file and no environment, and asks for no random numbers. It has no
//! thread: what is old is given back when somebody calls, or not at all.
//!
//! # Reading order
//!
//! [`books`] (the equation), [`cache::state`] and [`cache`] (where
//! empty ranges wait), [`arena`], then [`acquire`], which joins them; [`linux`] last, and [`huge`] after it.
#![cfg_attr(not(loom), no_std)]

pub mod acquire;
pub mod arena;
pub mod books;
pub mod cache;
#[cfg(not(loom))]
mod fresh;
#[cfg(target_os = "linux")]
pub mod huge;
mod limits;
#[cfg(target_os = "linux")]
pub mod linux;
pub mod names;
#[cfg(all(target_os = "linux", feature = "simulated", not(loom)))]
pub mod simulated;
#[cfg(target_os = "linux")]
mod syscall;

pub use acquire::Acquire;
pub use books::Stats;
pub use hakmem_contract::Limits;
#[cfg(target_os = "linux")]
pub use huge::{Huge, LinuxHuge};
#[cfg(target_os = "linux")]
pub use linux::Linux;
#[cfg(all(target_os = "linux", feature = "simulated", not(loom)))]
pub use simulated::Simulated;
