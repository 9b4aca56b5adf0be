//! The vocabulary of hakmem's boxes, the geometry of its memory, and the traits between boxes.
//!
//! Who writes a new box reads this crate and nothing else.
//!
//! # What it does not do
//!
//! It holds no state, uses no atomics, calls nothing: names, numbers and promises only.
//!
//! # Reading order
//!
//! [`geometry`] (units, SuperSlabs, limits), [`class`] and [`tag`] (how a block is described),
//! then the seams from the top of the allocator to its bottom: [`cache`], [`page`], [`backend`], [`pool`],
//! [`registry`], [`os`], [`thread`]; [`fresh`], how a shared box gets into a static; [`fault`], what is said when a program is wrong; and [`inspect`],
//! what may be asked for statistics.
#![no_std]

pub mod backend;
pub mod cache;
pub mod class;
pub mod fault;
pub mod fresh;
pub mod geometry;
pub mod inspect;
pub mod limits;
pub mod os;
pub mod page;
pub mod pool;
pub mod registry;
pub mod tag;
pub mod thread;

pub use backend::Backend;
pub use cache::{BlockSource, FrontCache};
pub use class::{Class, Geometry, MAX_CLASSES, SizeClasses};
pub use fault::Fault;
pub use fresh::{Fresh, Unplaced};
pub use geometry::{SUPERSLAB, SUPERSLAB_SHIFT, UNIT, UNIT_SHIFT, UNITS_PER_SUPERSLAB};
pub use inspect::{Inspect, Stats, Superslabs, Survey};
pub use limits::Limits;
pub use os::{Fatal, Guard, Memory, MetaArena, OsPort};
pub use page::Page;
pub use pool::{HugeBlocks, Pool, Span, Spans, UnitPool};
pub use registry::Registry;
pub use tag::{Former, Kind, Owner, Tag};
pub use thread::ThreadWord;

use core::ptr::NonNull;

/// The address of a block: given to the user, or free.
pub type Block = NonNull<u8>;
