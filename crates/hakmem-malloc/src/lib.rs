//! hakmem as C's `malloc`: a shared library to preload, a static one to link.
//!
//! # What it does not do
//!
//! It has no constructor, and its destructor only gives up the exit hook. It needs no
//! initialisation, opens nothing, reads no environment, and calls nothing of libc that could call it
//! back but `pthread_setspecific` and `pthread_atfork`, which are called when the thread's heap is in
//! place, and `dlsym` and `dlopen`, when an `operator new` has found no memory. It exports C's names,
//! C++'s operators, and what `include/hakmem.h` calls its own.
//!
//! The one function that is not about memory is `dlopen` (and `dlmopen`): see [`deepbind`]. It reads
//! the environment, when it is called. The feature of this name, on by default, leaves it out.
//!
//! # Promises
//!
//! - `free` preserves `errno`; every function that fails for want of memory sets it to ENOMEM, and
//!   `posix_memalign` returns what it has to say and leaves both `errno` and its argument alone.
//! - Requests above `PTRDIFF_MAX` fail. `malloc(0)` is unique. `realloc(p, 0)` frees and returns
//!   null, as glibc's does.
//! - `calloc` clears blocks of up to 1 KiB to their end, beyond what was asked for.
//! - A pointer that is no block of ours, and a double free wherever it is seen, ends the process
//!   with one line that says so.
#![no_std]

pub mod aliases;
pub mod api;
mod chosen;
#[cfg(all(feature = "deepbind", target_arch = "x86_64", target_env = "gnu"))]
pub mod deepbind;
mod errno;
#[cfg(all(any(feature = "deepbind", feature = "operators"), target_arch = "x86_64"))]
mod loader;
#[cfg(all(feature = "operators", target_arch = "x86_64"))]
pub mod operators;
pub mod own;
#[cfg(panic = "abort")]
mod panic;
pub mod settings;
#[cfg(feature = "hardened")]
#[path = "sized_checked.rs"]
pub mod sized;
#[cfg(not(feature = "hardened"))]
#[path = "sized_trusting.rs"]
pub mod sized;
pub mod stats;
mod text;
