//! Workloads that compare hakmem with other memory allocators.
//!
//! The binary `workload` runs one of them on the allocator it was built with and prints one JSON
//! line. `cargo xtask bench` builds one binary for each allocator, runs them in turns and prints
//! one table. What each workload does and what counts as one operation is in `README.md`.
//!
//! # What it does not do
//!
//! It judges nothing and compares nothing: it measures one workload on one allocator.
//!
//! # Reading order
//!
//! [`object`] (how a workload gets its memory), [`measure`] and [`clock`] (what is timed), then any file in
//! [`workloads`]; `workloads/slots.rs` is the plainest.

pub mod cli;
pub mod clock;
pub mod counters;
pub mod measure;
pub mod object;
pub mod replay;
pub mod report;
pub mod rng;
mod wait;
pub mod workloads;
