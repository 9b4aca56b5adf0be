//! The word that says where in which chunk the arena is.

use core::num::NonZeroU64;

use hakmem_contract::geometry::ADDRESS_BITS;
use hakmem_sync::atomic::{AtomicU64, Ordering};
use hakmem_sync::const_unless_loom;
use static_assertions::const_assert;

/// log2 of [`PIECE`].
const PIECE_SHIFT: u32 = 6;
/// 64 bytes: a cache line, the alignment of everything from the arena.
pub const PIECE: usize = 1 << PIECE_SHIFT;

/// Bits of the next piece's number.
const NEXT_BITS: u32 = ADDRESS_BITS - PIECE_SHIFT;
/// Bits of the number of pieces left: more than a chunk of 1 MiB has.
const LEFT_BITS: u32 = 15;
/// Bits of the number of doublings.
const STEP_BITS: u32 = 3;

const LEFT_SHIFT: u32 = NEXT_BITS;
const STEP_SHIFT: u32 = LEFT_SHIFT + LEFT_BITS;

const_assert!(STEP_SHIFT + STEP_BITS <= u64::BITS);

/// A mask of the `bits` lowest bits.
const fn low(bits: u32) -> u64 {
    (1 << bits) - 1
}

/// Where the next piece is, how many are left, and how large the chunk was.
///
/// # Invariants
///
/// - The next piece's address is not 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor(NonZeroU64);

impl Cursor {
    /// Packs. `None` when a field does not fit, `next` is 0 or not a multiple of [`PIECE`].
    #[must_use]
    pub const fn pack(next: usize, left: usize, step: u32) -> Option<Self> {
        let number = (next >> PIECE_SHIFT) as u64;
        let fits = number != 0
            && next & (PIECE - 1) == 0
            && number <= low(NEXT_BITS)
            && left as u64 <= low(LEFT_BITS)
            && step as u64 <= low(STEP_BITS);
        if !fits {
            return None;
        }
        let word = number | (left as u64) << LEFT_SHIFT | (step as u64) << STEP_SHIFT;
        // INVARIANT: `number` is not 0.
        match NonZeroU64::new(word) {
            Some(word) => Some(Self(word)),
            None => None,
        }
    }

    /// The address of the next piece.
    #[must_use]
    pub const fn next(self) -> usize {
        ((self.0.get() & low(NEXT_BITS)) << PIECE_SHIFT) as usize
    }

    /// How many pieces are left.
    #[must_use]
    pub const fn left(self) -> usize {
        (self.0.get() >> LEFT_SHIFT & low(LEFT_BITS)) as usize
    }

    /// How often the chunk was doubled.
    #[must_use]
    pub const fn step(self) -> u32 {
        (self.0.get() >> STEP_SHIFT & low(STEP_BITS)) as u32
    }

    /// The cursor behind `pieces` more, `None` if there are not so many left.
    #[must_use]
    pub const fn bumped(self, pieces: usize) -> Option<Self> {
        if pieces > self.left() {
            return None;
        }
        Self::pack(self.next() + (pieces << PIECE_SHIFT), self.left() - pieces, self.step())
    }
}

/// The shared cursor. All zero bytes before the first chunk.
#[derive(Debug)]
pub(super) struct State {
    word: AtomicU64,
}

/// The word of a cursor.
fn word(cursor: Option<Cursor>) -> u64 {
    cursor.map_or(0, |cursor| cursor.0.get())
}

impl State {
    const_unless_loom! {
        pub(super) fn new() -> Self {
            Self { word: AtomicU64::new(0) }
        }
    }

    pub(super) fn peek(&self) -> Option<Cursor> {
        // Relaxed: the value becomes the operand of a CAS, which is what orders.
        NonZeroU64::new(self.word.load(Ordering::Relaxed)).map(Cursor)
    }

    /// Moves from `from` up to `next`. Returns the address of what lies between.
    pub(super) fn bump(&self, from: Option<Cursor>, next: Cursor) -> Option<usize> {
        // Acquire: the head of A2. The chunk is mapped and zero.
        let done = self.change(word(from), next, Ordering::Acquire);
        from.filter(|_| done).map(Cursor::next)
    }

    /// Makes `next` the cursor, if it is still `full`. `publish` is Release, the tail of A2.
    pub(super) fn install(&self, full: Option<Cursor>, next: Cursor, publish: Ordering) -> bool {
        self.change(word(full), next, publish)
    }

    fn change(&self, from: u64, to: Cursor, success: Ordering) -> bool {
        // Failure is Relaxed: then nothing was taken, and the caller looks again.
        self.word.compare_exchange(from, to.0.get(), success, Ordering::Relaxed).is_ok()
    }
}
