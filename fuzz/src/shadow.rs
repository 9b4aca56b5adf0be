//! What is known of each live block: where it is, and what must be in it.

use std::alloc::Layout;
use std::collections::BTreeMap;
use std::ptr::NonNull;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Blocks up to this many bytes are written and checked whole.
const WHOLE: usize = 512;

/// Of others, so many bytes at each end.
const EDGE: usize = 64;

/// And so many places between.
const PLACES: usize = 48;

/// A live block and what is in it.
///
/// # Invariants
///
/// - `block` has `usable` bytes, aligned to `align`, and holds the pattern of `id`.
#[derive(Debug)]
pub struct Live {
    pub block: NonNull<u8>,
    pub size: usize,
    pub align: usize,
    pub usable: usize,
    pub id: u64,
}

// SAFETY: a block may be used and freed by any thread; who has the value has the block.
unsafe impl Send for Live {}

impl Live {
    /// Where it is.
    pub fn address(&self) -> usize {
        self.block.as_ptr().addr()
    }

    /// As it was asked for.
    pub fn layout(&self) -> Layout {
        Layout::from_size_align(self.size, self.align).expect("was a layout before")
    }

    /// The places that are written and checked.
    fn places(&self) -> impl Iterator<Item = usize> + use<> {
        let (usable, id) = (self.usable, self.id);
        let (head, tail) = if usable <= WHOLE { (usable, usable) } else { (EDGE, usable - EDGE) };
        let step = ((tail - head) / PLACES).max(1);
        let first = head + id as usize % step;
        (0..head).chain((first..tail).step_by(step)).chain(tail..usable)
    }

    fn at(&self, place: usize) -> *mut u8 {
        assert!(place < self.usable, "{place} of {self:?}");
        self.block.as_ptr().wrapping_add(place)
    }

    fn read(&self, place: usize) -> u8 {
        // SAFETY: inside the block, which is initialised where we look.
        unsafe { self.at(place).read() }
    }

    /// Writes the pattern to all that may be used.
    pub fn stamp(&self) {
        for place in self.places() {
            // SAFETY: inside the block, which is ours.
            unsafe { self.at(place).write(byte(self.id, place)) };
        }
    }

    /// Whether the first `size` bytes are as they were stamped, at another address perhaps.
    pub fn check_moved(&self, to: NonNull<u8>, size: usize) {
        let moved = Self { block: to, ..*self };
        for place in self.places().take_while(|&place| place < size) {
            let (is, was) = (moved.read(place), byte(self.id, place));
            assert_eq!(is, was, "byte {place} was not kept: now at {to:?}, before {self:?}");
        }
    }

    /// Whether all of it is as it was stamped.
    pub fn check(&self) {
        for place in self.places() {
            let (is, was) = (self.read(place), byte(self.id, place));
            assert_eq!(is, was, "byte {place} of a live block changed: {self:?}");
        }
    }

    /// Whether the requested bytes are zero.
    pub fn check_zero(&self) {
        let asked = Self { usable: self.size, ..*self };
        for place in asked.places() {
            assert_eq!(self.read(place), 0, "byte {place} is not zero: {self:?}");
        }
    }
}

/// The byte at `place` of the block `id`. Never 0.
fn byte(id: u64, place: usize) -> u8 {
    let mixed = (id ^ (place as u64 >> 3).wrapping_mul(0xD6E8_FEB8_6659_FD93))
        .wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed >> (8 * (place & 7))) as u8 | 1
}

/// Where live blocks are: of one thread, or of all.
///
/// # Invariants
///
/// - No two ranges overlap.
#[derive(Debug, Default)]
pub(crate) struct Ranges(Mutex<BTreeMap<usize, usize>>);

impl Ranges {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<usize, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A block is live.
    pub(crate) fn add(&self, base: usize, bytes: usize) {
        // Blocks without bytes still have addresses of their own.
        let end = base + bytes.max(1);
        let mut ranges = self.lock();
        if let Some((&other, &length)) = ranges.range(..end).next_back() {
            assert!(other + length <= base, "{base:#x}..{end:#x} overlaps {other:#x}+{length:#x}");
        }
        ranges.insert(base, end - base);
    }

    /// A block has come from `other`'s thread.
    pub(crate) fn receive(&self, other: &Self, base: usize, bytes: usize) {
        if !std::ptr::eq(self, other) {
            other.remove(base);
            self.add(base, bytes);
        }
    }

    /// A block is not live any more.
    pub(crate) fn remove(&self, base: usize) {
        self.lock().remove(&base).expect("was not live");
    }

    /// How many bytes they are.
    pub(crate) fn bytes(&self) -> usize {
        self.lock().values().sum()
    }

    /// All blocks of others, too.
    pub(crate) fn join(&self, others: &Self) {
        let others: Vec<_> = others.lock().iter().map(|(&base, &bytes)| (base, bytes)).collect();
        for (base, bytes) in others {
            self.add(base, bytes);
        }
    }
}
