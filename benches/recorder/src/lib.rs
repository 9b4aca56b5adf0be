//! The C library, which also records what a program asks of it.
//!
//! Preloaded with `HAKMEM_TRACE=FOLDER` it writes a recording of each process into that folder;
//! without the variable it is the C library. The sources are those of `hakmem-malloc`, with
//! `chosen.rs` in the place of the file of this name there: every function of C and C++ comes by it.
//!
//! # What it does not do
//!
//! It does not turn a recording into a trace (`hakmem-trace` does), and it allocates nothing. A child
//! of `fork` that goes on without `exec` records nothing: half of its blocks are not its own.
//!
//! # Reading order
//!
//! `chosen.rs`, `log.rs`, `start.rs`; `raw.rs` says what is written.
#![no_std]

#[path = "../../../crates/hakmem-malloc/src/aliases.rs"]
pub mod aliases;
#[path = "../../../crates/hakmem-malloc/src/api.rs"]
pub mod api;
mod chosen;
#[cfg(all(feature = "deepbind", target_arch = "x86_64", target_env = "gnu"))]
#[path = "../../../crates/hakmem-malloc/src/deepbind.rs"]
pub mod deepbind;
#[path = "../../../crates/hakmem-malloc/src/errno.rs"]
mod errno;
#[cfg(all(any(feature = "deepbind", feature = "operators"), target_arch = "x86_64"))]
#[path = "../../../crates/hakmem-malloc/src/loader.rs"]
mod loader;
mod log;
#[cfg(all(feature = "operators", target_arch = "x86_64"))]
#[path = "../../../crates/hakmem-malloc/src/operators.rs"]
pub mod operators;
#[path = "../../../crates/hakmem-malloc/src/own.rs"]
pub mod own;
#[cfg(panic = "abort")]
#[path = "../../../crates/hakmem-malloc/src/panic.rs"]
mod panic;
#[path = "../../trace/src/raw.rs"]
pub mod raw;
#[path = "../../../crates/hakmem-malloc/src/settings.rs"]
pub mod settings;
#[path = "../../../crates/hakmem-malloc/src/sized_trusting.rs"]
pub mod sized;
mod start;
#[path = "../../../crates/hakmem-malloc/src/stats.rs"]
pub mod stats;
#[path = "../../../crates/hakmem-malloc/src/text.rs"]
mod text;
