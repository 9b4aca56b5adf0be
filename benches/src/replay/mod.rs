//! Replaying a trace: what a program asked its allocator for, on the allocator of this binary.
//!
//! Each thread of the trace is a thread here. It does what it did, in its order, as fast as it can;
//! a block that another thread allocates is waited for. Threads stay together: the trace is cut into
//! epochs of [`plan::EPOCH`] operations, and none begins one before all have ended the one before the
//! last. So the memory that is alive is about what it was.
//!
//! Blocks are written when they are allocated, as programs do: small ones whole, others a byte in
//! each page and the last one. What is read back when they are freed goes into the checksum.
//!
//! # Why a second process
//!
//! Reading a trace needs memory, which must not come from the allocator that is measured: it would
//! start with free memory. So another process of this program reads the file and writes the [`image`],
//! which this one maps.
//!
//! # Reading order
//!
//! [`plan`] (the steps of each thread), [`image`] (how they get here), [`run`].

pub mod image;
pub mod map;
pub mod plan;
pub mod run;
