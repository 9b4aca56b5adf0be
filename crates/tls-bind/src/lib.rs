//! TLS bind: which heap is this thread's, and what becomes of it when the thread ends.
//!
//! ```text
//!  first malloc ──▶ bind ──▶ an orphan heap, whole, or a new one ──▶ the thread's word
//!  thread ends  ──▶ exit hook ──▶ (facade flushes) ──▶ park: the heap is an orphan
//! ```
//!
//! # Why it exists
//!
//! A thread heap belongs to one thread at a time, and everything fast rests on that. This box
//! is the one place where a heap changes hands. A heap keeps its owner number for ever, so no tag
//! is rewritten when it does: blocks of an orphan that are freed elsewhere go into its inbox as
//! before, and whoever claims the orphan's bit next has them all.
//!
//! # What it does not do
//!
//! It never looks into a heap, and never binds one by itself: a thread that only frees never gets
//! a heap. It uses no dynamic TLS, registers no constructor, and holds no lock, so a `fork` at
//! any moment leaves the child's copy usable. Which heaps of the parent's other threads are whole
//! there, their [`Stage`] says.
//!
//! # Invariants
//!
//! - A heap is bound to one thread, or its bit among the orphans is set, or some thread is between
//!   the two: it cleared or is about to set that bit, and owns the heap.
//! - Heaps are never unmapped, and a heap's number is its index in the table.
//!
//! # Protocol
//!
//! | edge | from | to | what travels |
//! |------|------|----|--------------|
//! | H1 | `HeapTable::park`: Release OR of the orphan's bit | `HeapTable::claim`: Acquire AND of that bit | the heap as the last thread left it |
//! | H2 | `HeapTable::enlist`: Release store of the heap's address | `HeapTable::claim`: Acquire load of it | the address, for a claimer that did not meet the maker before |
//! | H3 | `ExitHook::arm`: Release CAS of the key | `ExitHook::arm`: Acquire load of the key | the key exists |
//!
//! H1 is edge T1 of `hakmem_sync::tree`, used. A maker enlists its heap before it parks it, so
//! who claims a bit has the address by H1 already; H2 is for itself. Modelled in `tests/loom_orphan.rs` and
//! `tests/loom_hook.rs`.
//!
//! # Reading order
//!
//! [`word`] (two instructions to the heap), [`HeapTable`], [`ExitHook`], [`Stage`], [`ForkHook`].
#![cfg_attr(not(loom), no_std)]
#![warn(clippy::missing_inline_in_public_items)] // on the malloc fast path

mod fork;
mod hook;
mod stage;
mod table;
mod unload;
pub mod word;

pub use fork::{ForkHandler, ForkHook, Forks, PthreadForks};
pub use hook::{Destructor, ExitHook, Keys, PthreadKeys};
pub use stage::{Before, Moment, Stage};
pub use table::{Claim, HeapTable};
pub use word::ThreadWord;

#[doc(hidden)]
pub use core::arch;
