//! Page box: one slab, which of its blocks are free, and what other threads gave back.
//!
//! ```text
//!  owner    take ◀── free bits ◀── give                 remote bits ◀── give_remote   others
//!                        ▲                                   │
//!                        └────────── collect ◀── inbox ◀─────┘ first bits since last time
//! ```
//!
//! # Why it exists
//!
//! A block's state is a bit, out of line. Taking blocks is "find the lowest set bits", giving
//! back is one multiplication and one OR, and a bit that is set already is a double free, found
//! for nothing. No link is kept in a freed block, so freeing touches no cold line, and a
//! program that writes to freed memory cannot derail the allocator.
//!
//! # What it does not do
//!
//! [`Slab`] never touches the blocks. The crate never asks for memory, and knows neither lists of slabs nor
//! threads: the warm pool keeps the lists, and who calls a `_local` function is the caller's
//! promise.
//!
//! # Invariants
//!
//! - `free bits + handed out + remote bits == capacity`, and `free` counts the free bits.
//! - A bit of a summary is set if its word is non-zero (free bits), or will be before the
//!   thread that made the word non-zero returns (remote bits).
//! - A slab is in its owner's inbox, or about to be pushed by the thread that set the first bit,
//!   exactly while its remote summary is non-zero.
//! - So a slab whose blocks are all free is in no inbox, and nobody is about to push it: it
//!   can be released. Only `Slab::collect_local` clears remote bits, and it visits nothing but
//!   slabs that it popped.
//!
//! # Protocol
//!
//! | edge | from | to | what travels |
//! |------|------|----|--------------|
//! | B1 | `give_remote`: Release addition to a remote word | `collect_local`: Acquire swap of that word | every use that the freeing threads made of the blocks, to the block's next user |
//! | B2 | `give_remote`: Release OR of the remote summary | `collect_local`: Acquire swap of the summary | the bits in the words below |
//! | B3 | `Stack::push`: Release CAS of the head | `Stack::take_all`: Acquire swap of the head | the slab's link, and the summary of every slab on the list |
//! | B4 | `collect_local`: Release swap of the summary to 0 | `give_remote`: Acquire OR that finds 0 | the link is free to be written again |
//!
//! Modelled in `tests/loom_remote.rs` (blocks), `tests/loom_inbox.rs` (slabs), and
//! `tests/loom_release.rs` (a slab that is whole, and its memory used again). loom has no spurious
//! failure of a weak CAS; `push` loops, so one is harmless. Nor has it load buffering: that no bit
//! overtakes its summary bit is what the Release of B2 says.
//!
//! # Reading order
//!
//! [`Slab`], `remote.rs` (the atomics), then [`Outbox`], which gathers remote frees; [`CheckedSlab`] is
//! a slab for those who would rather know what their program does wrong.
#![cfg_attr(not(loom), no_std)]
#![warn(clippy::missing_inline_in_public_items)] // on the malloc fast path

mod arithmetic;
mod chance;
mod checked;
mod count;
mod outbox;
mod remote;
mod slab;
#[cfg(not(target_arch = "x86_64"))]
#[path = "ticks_none.rs"]
mod ticks;
#[cfg(target_arch = "x86_64")]
#[path = "ticks_x86_64.rs"]
mod ticks;

pub use checked::CheckedSlab;
pub use outbox::Outbox;
pub use remote::Inbox;
#[cfg(loom)]
pub use remote::mutants;
pub use slab::Slab;
