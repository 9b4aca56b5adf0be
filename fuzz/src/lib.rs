//! Random programs for allocators, and what it takes to run one: `cargo xtask fuzz`.
//!
//! # Why it exists
//!
//! A test that somebody thought of finds what somebody thought of. Here a [`Program`] is random
//! bytes: a setup, and operations for one to six threads. [`run`] has any allocator (a
//! [`Subject`]) do it, beside a shadow that knows what each block must look like. The targets in
//! `tests/` are bolero's: they run under `cargo test` with random bytes, and under `cargo bolero`
//! with bytes that a coverage-guided engine chooses.
//!
//! # Two schedules
//!
//! - [`Schedule::Turns`]: the threads are real, but one works at a time, and the program says which.
//!   With an allocator that is made anew for each program the same bytes do the same, so that a failure can
//!   be shown again, and made smaller.
//! - [`Schedule::AtOnce`]: all threads work at once.
//!
//! # What it does not do
//!
//! The programs are right: no double frees, no wild pointers. Those have tests of their own.
//!
//! # Reading order
//!
//! [`Subject`], `program.rs`, `shadow.rs`, `actor.rs`, `run.rs`; then the targets. Those of single
//! boxes need only [`bits`].
#![expect(clippy::expect_used, reason = "a test stops where it fails")]
#![expect(missing_docs, reason = "the fields of a step say what they are")]

mod actor;
pub mod bits;
mod program;
mod reproduce;
mod run;
mod shadow;
mod subject;

pub use program::{Ending, Op, Program, Raw, Setup};
pub use reproduce::reproducible;
pub use run::{Done, Schedule, run, run_audited};
pub use shadow::Live;
pub use subject::{Faults, Ledger, Subject, System};
