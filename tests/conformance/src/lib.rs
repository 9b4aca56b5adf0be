//! What each slot's box promises, as tests.
//!
//! A box that implements a trait of `hakmem-contract` runs the suite of its slot with one line in a file
//! below its `tests/`, in this workspace or in any other:
//!
//! ```ignore
//! hakmem_conformance::front!(my_front::MyFront);
//! ```
//!
//! It becomes one `#[test]` a promise; the test's name is the promise. Where boxes differ for good reason,
//! the line says how: `front!(MyFront, caches, ascending; slack(8))`. Each macro's docs list what may be
//! said.
//!
//! # What it does not do
//!
//! It measures nothing, and asks for nothing that a trait's *Guarantees* do not say, unless the line asks for
//! more. It does not see memory orders: those need models. It does not see a thread that stops for ever
//! in the middle of a call (`SURVIVES_CUT`, *No lock*).
//!
//! # Reading order
//!
//! The trait, then the module of its slot, whose public functions are the promises. `tests/` has wrong boxes:
//! each promise is broken by one of them at least, and the suite notices.
#![expect(clippy::unwrap_used, reason = "tests stop where they fail")]

pub mod classes;
pub mod front;
pub mod memory;
pub mod os;
pub mod page;
pub mod pool;
pub mod registry;
mod suite;

pub use suite::Promise;
