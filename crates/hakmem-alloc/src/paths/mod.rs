//! The ways of a block through the boxes.

mod bind;
mod fork;
pub(crate) mod large;
pub(crate) mod resize;
pub(crate) mod small;

pub(crate) use bind::{late, relieve_orphan};
