//! SuperSlabs and their units: claim, release, purge; spans and huge blocks. Without a lock.
//!
//! ```text
//!  room[0..5]: numbers of SuperSlabs with a run of 1, 2, 4, 8, 16 free units (hints)
//!      |  first()
//!      v
//!  superslabs[n]:  base | zero | free        (the truth, one word)   | heads
//!                         0010   0110                                  1000
//!                  unit 0 1 2 3 ... of the 2 MiB at `base`
//! ```
//!
//! # Why it exists
//!
//! Slabs come and go in units of 64 KiB, the system is asked for 2 MiB. Between the two somebody
//! has to know which units are free, for all threads, at a cost that does not grow with the heap,
//! and in such a way that a thread which stops for ever (in a process that forks) takes nothing
//! with it but what it had just claimed.
//!
//! # What it does not do
//!
//! It does not look into a unit, and writes no header there. It makes no system call: [`Memory`]
//! does. It knows no classes, no slabs, no threads and no owners. It waits for nobody: there
//! is no lock. Nothing but [`purge_all`](hakmem_contract::Pool::purge_all)
//! and the [`census`](SharedPool::census) has a loop over SuperSlabs.
//! At most 262 144 SuperSlabs, half a TiB, are in use at a time; huge blocks come on top.
//!
//! # How
//!
//! *The truth is the free masks*, one word for each SuperSlab; each change of it is one
//! read-modify-write, and taking is a CAS that removes bits. *Hints* in trees say which SuperSlabs
//! have a run of which order. Who gives units back sets, after the mask, the hints of those orders
//! which had no run before. Who claims removes the hints of those orders which have no run any more,
//! and looks at the mask again: if it has one after all, the hint is put back. So a hint may be wrong
//! for a moment, while somebody is between two steps, and a search that follows a wrong one removes
//! it. Leaving the hints to the searches would cost less for most claims, but then the first search
//! for a long run would meet a wrong hint for every SuperSlab that was ever filled with short ones.
//!
//! A unit's zero bit goes with its free bit, in the same word: set means that every byte is
//! zero. It is cleared by the claim, and comes back when the unit was purged.
//!
//! A SuperSlab that becomes wholly free stays if there are fewer than [`KEEP_EMPTY`] others; else
//! it is claimed whole, like any run, given to [`Memory`], and its number to the vacant ones. A
//! slow taker may still hold the number from a hint. It either fails, or claims units of the
//! SuperSlab that has the number by then, and rightly so; therefore it looks at the address after
//! the claim, not before.
//!
//! A thread that stops for ever inside a call (the others, in a process that forks) keeps the units
//! that it had claimed, or leaves a mask without its hint: those units are found again when
//! the SuperSlab is wholly free, at the latest; or the count of empty SuperSlabs off by one.
//!
//! # Protocol
//!
//! | edge | from | to | what travels |
//! |------|------|----|--------------|
//! | P1 | `State::give`: `AcqRel` OR | `State::claim`: Acquire CAS of the same word | the last owner's use of the units, and their zero bits |
//! | P2 | `give`, then `set` of the hint (edge T1 of the tree) | `clear` of the hint, then the Acquire load in `State::load` | the mask: who removes a hint sees why it was set, and puts it back |
//! | P3 | `Entry::open`, then `give` | the claim, then `Entry::unit` | the address of the SuperSlab that has the number now; and by `Numbers` (T1) the end of the last one |
//! | P4 | `Heads::set`: Release OR | `Heads::clear`: Acquire AND | the tag and length of the span that begins there |
//! | P5 | `Reserve::put_back`: Release CAS | `Reserve::piece`: Acquire swap | a piece of metadata memory |
//! | P6 | `Registry::publish` | `Registry::retract` (an edge of the registry), then the word | the length of the range of a huge block, to one of several who free it |
//!
//! Modelled: P1 in `tests/loom_claim.rs` and `tests/loom_purge.rs`, P2 in `tests/loom_hint.rs`, P3 in
//! `tests/loom_retire.rs`, P4 in `tests/loom_span.rs`, P5 in `tests/loom_reserve.rs`,
//! P6 in `tests/loom_huge.rs`.
//!
//! # Reading order
//!
//! `state.rs` (the word), `entry.rs`, `pool.rs` (claim, give, map, retire), `purge.rs`; then
//! `spans.rs` and `huge.rs`, blocks that are not in slabs; last `first_fit.rs`, another choice.
//!
//! [`Memory`]: hakmem_contract::Memory
#![cfg_attr(not(loom), no_std)]

#[cfg(not(loom))]
#[path = "arrays_core.rs"]
mod arrays;
#[cfg(loom)]
#[path = "arrays_loom.rs"]
mod arrays;
mod census;
mod entry;
pub mod first_fit;
mod huge;
pub mod policy;
mod pool;
mod purge;
mod reserve;
mod spans;
mod state;

pub use census::Census;
pub use first_fit::FirstFit;
pub use policy::{Policy, Standard};
pub use pool::{KEEP_EMPTY, SharedPool};
