//! The arena for the allocator's own data: a pointer that moves up through a chunk.
//!
//! # What it does not do
//!
//! It takes nothing back. What is left of a chunk when a piece does not fit is not used.
//!
//! # Protocol
//!
//! | edge | from | to | what travels |
//! |------|------|----|--------------|
//! | A2 | [`Arena::alloc`], installing: Release CAS of the word, from a full chunk to a new one | [`Arena::alloc`], bumping: Acquire CAS of the word within a chunk | that the chunk is mapped and zero |
//!
//! Every bump is a read-modify-write, so it continues the release sequence of the installation.
//! A value of the word never comes back, because chunks are never given back and the pointer
//! only moves up; so a CAS that succeeds got exactly the piece it asked for. Two threads may map
//! a chunk at once: one installs, the other unmaps its own and takes from the first one's.
//!
//! Modelled in `tests/loom_arena.rs`.

pub mod state;
pub mod system;

use core::ptr::{self, NonNull};

use hakmem_contract::OsPort;
use hakmem_contract::geometry::{OS_PAGE, round_up};
use hakmem_contract::os::Purpose;
use hakmem_sync::atomic::Ordering;
use hakmem_sync::const_unless_loom;

use state::{Cursor, PIECE, State};
use system::System;

/// The first chunk; each is twice the one before, up to four doublings (1 MiB). A chunk of four
/// pieces under loom, so that a model reaches its end.
pub const FIRST_CHUNK: usize = if cfg!(loom) { 4 * PIECE } else { 64 << 10 };

/// How often a chunk doubles.
const DOUBLINGS: u32 = 4;

/// A request for more than this part of a first chunk gets a mapping of its own.
const OWN_MAPPING: usize = FIRST_CHUNK / 4;

/// See the [module docs](self). All zero bytes when new.
#[derive(Debug)]
pub struct Arena {
    state: State,
}

impl Arena {
    const_unless_loom! {
        /// No chunk yet.
        pub fn new() -> Self {
            Self { state: State::new() }
        }
    }

    /// `bytes` of zeroed memory, 64-byte aligned, for ever. Lock-free.
    pub fn alloc<P: OsPort>(&self, system: &System<'_, P>, bytes: usize) -> Option<NonNull<u8>> {
        // Release: the tail of A2. It publishes that a new chunk is mapped and zero.
        self.alloc_with(system, bytes, Ordering::Release)
    }

    /// `alloc` with edge A2 cut, for the model's negative control.
    #[cfg(loom)]
    pub fn alloc_without_a2<P: OsPort>(
        &self,
        system: &System<'_, P>,
        bytes: usize,
    ) -> Option<NonNull<u8>> {
        // Relaxed: wrong on purpose.
        self.alloc_with(system, bytes, Ordering::Relaxed)
    }

    fn alloc_with<P: OsPort>(
        &self,
        system: &System<'_, P>,
        bytes: usize,
        publish: Ordering,
    ) -> Option<NonNull<u8>> {
        if bytes > OWN_MAPPING {
            return system.map(round_up(bytes, OS_PAGE)?, Purpose::Table);
        }
        let pieces = bytes.div_ceil(PIECE).max(1);
        // Every turn means that somebody else took a piece or installed a chunk.
        loop {
            let cursor = self.state.peek();
            let address = match cursor.and_then(|cursor| cursor.bumped(pieces)) {
                Some(next) => self.state.bump(cursor, next),
                None => self.install(system, cursor, pieces, publish)?,
            };
            if let Some(address) = address {
                return NonNull::new(ptr::with_exposed_provenance_mut(address));
            }
        }
    }

    /// Maps a chunk and takes its first pieces. `None`: the system has no more. `Some(None)`:
    /// another thread installed one first.
    #[cold]
    #[inline(never)]
    #[expect(clippy::option_option, reason = "refused, overtaken, done: three outcomes, one use")]
    fn install<P: OsPort>(
        &self,
        system: &System<'_, P>,
        full: Option<Cursor>,
        pieces: usize,
        publish: Ordering,
    ) -> Option<Option<usize>> {
        let step = full.map_or(0, |cursor| (cursor.step() + 1).min(DOUBLINGS));
        let (chunk, bytes) = system.map_chunk(FIRST_CHUNK << step)?;
        let base = chunk.as_ptr().expose_provenance();
        let next = Cursor::pack(base, bytes / PIECE, step).and_then(|c| c.bumped(pieces));
        if let Some(next) = next
            && self.state.install(full, next, publish)
        {
            return Some(Some(base));
        }
        system.undo(chunk, bytes);
        next.map(|_| None)
    }
}

impl Default for Arena {
    fn default() -> Self {
        Self::new()
    }
}
