//! A warm pool between fakes that check: a page box of plain bytes, and a world of one hash map.
#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    clippy::allow_attributes,
    reason = "each test uses a part of it"
)]
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

mod page;
mod rig;
mod world;

pub use page::FakePage;
pub use rig::Rig;
pub use world::World;

use hakmem_contract::{Class, Geometry, SizeClasses};
use hakmem_front_gate::FourPerDoubling;

/// 128 bytes, 512 blocks in a unit.
pub const SMALL: usize = 7;
/// 4 KiB, 16 blocks in a unit.
pub const PAGE: usize = 27;
/// 8 KiB, 16 blocks in 2 units.
pub const PAIR: usize = 31;
/// 32 KiB, 16 blocks in 8 units.
pub const LARGE: usize = 39;

pub fn class(index: usize) -> Class {
    Class::new(index).unwrap()
}

pub fn geometry(class: Class) -> &'static Geometry {
    FourPerDoubling::geometry(class)
}

/// Blocks of a slab.
pub fn capacity(index: usize) -> usize {
    usize::from(geometry(class(index)).capacity)
}

/// Units of a slab.
pub fn units(index: usize) -> usize {
    usize::from(geometry(class(index)).units)
}
