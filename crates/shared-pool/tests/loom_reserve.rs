//! Model of edge P5: a piece of metadata memory goes from one move of a huge block to another.
//!
//! `RUSTFLAGS="--cfg loom" cargo test --profile loom -p hakmem-shared-pool --test loom_reserve`
//!
//! Size: two huge blocks, two threads, an arena that has one piece left. A move of the first block
//! fails, so a piece that was made for it is put back; a move of the second succeeds and uses it.
//! Memory, registry and the contents of pieces are outside the pool; the contents are loom's.
#![cfg(loom)]
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test stops where it fails")]

mod model;

use std::collections::HashMap;
use std::ptr::NonNull;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize as Tally, Ordering, Ordering::SeqCst};

use hakmem_contract::os::Range;
use hakmem_contract::{Fatal, HugeBlocks, Memory, MetaArena, Pool as _, Registry, SUPERSLAB, Tag};
use hakmem_shared_pool::{Policy, SharedPool};
use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread;
use model::{Whole, assert_all_seen, count, tallies};

const START: usize = 1 << 40;

/// Ranges are so far apart that each costs the registry a piece.
const APART: usize = 1 << 32;

/// Pieces of the arena: one for each of two huge blocks, and one more.
const PIECES: usize = 3;

/// Bytes of a piece.
const PIECE: usize = 64;

fn pointer(address: usize) -> NonNull<u8> {
    NonNull::new(std::ptr::without_provenance_mut(address)).unwrap()
}

/// Who made each piece; `None` once it is used.
struct Pieces([UnsafeCell<Option<thread::ThreadId>>; PIECES]);

// SAFETY: a piece is used by whoever was handed it; loom checks that.
unsafe impl Sync for Pieces {}

/// Hands out each address and each piece once. Orders nothing.
struct Short {
    pieces: std::sync::Arc<Pieces>,
    n_served: Tally,
    n_ranges: Tally,
    /// The block that cannot be moved, or 0.
    stuck: usize,
}

impl Fatal for Short {
    fn die(&self, line: &[u8]) -> ! {
        unreachable!("{}", line.escape_ascii())
    }
}

impl Short {
    fn fresh(&self) -> NonNull<u8> {
        pointer(START + self.n_ranges.fetch_add(1, SeqCst) * APART)
    }
}

// SAFETY: nobody touches the memory.
unsafe impl MetaArena for Short {
    fn alloc_meta(&self, _bytes: usize) -> Option<NonNull<u8>> {
        let number = self.n_served.fetch_add(1, SeqCst);
        // SAFETY: the piece is handed out here, and here only; loom checks it.
        self.pieces
            .0
            .get(number)?
            .with_mut(|piece| unsafe { *piece = Some(thread::current().id()) });
        Some(pointer(PIECE * (number + 1)))
    }
}

// SAFETY: addresses are handed out once and never touched.
unsafe impl Memory for Short {
    fn configure(&self, _limits: hakmem_contract::Limits) {}

    fn prewarm(&self, _superslabs: usize) -> usize {
        0
    }

    fn acquire(&self, bytes: usize, _align: usize, _huge: bool) -> Option<Range> {
        Some(Range { base: self.fresh(), bytes, zeroed: true })
    }

    unsafe fn release(&self, _base: NonNull<u8>, _bytes: usize) {}

    unsafe fn resize(
        &self,
        base: NonNull<u8>,
        _old: usize,
        _new: usize,
        may_move: bool,
    ) -> Option<NonNull<u8>> {
        (may_move && base.addr().get() != self.stuck).then(|| self.fresh())
    }

    unsafe fn purge(&self, _base: NonNull<u8>, _bytes: usize) -> bool {
        false
    }

    fn now_ms(&self) -> u64 {
        0
    }

    fn trim(&self, _all: bool) -> usize {
        0
    }
}

/// A table that uses up a piece for each address.
struct Costly {
    pieces: std::sync::Arc<Pieces>,
    units: Mutex<HashMap<usize, (Tag, usize)>>,
    /// Pieces that somebody else had made.
    n_inherited: Tally,
}

// SAFETY: one lock, one table.
unsafe impl Registry for Costly {
    fn tag_in_reach(&self, address: usize) -> Option<Tag> {
        Some(self.tag(address))
    }

    fn cover(&self, base: usize, _bytes: usize, meta: &impl MetaArena) -> bool {
        if self.units.lock().unwrap().contains_key(&base) {
            return true;
        }
        let Some(piece) = meta.alloc_meta(PIECE) else { return false };
        // SAFETY: the piece was handed to us; loom checks it.
        let maker = self.pieces.0[piece.addr().get() / PIECE - 1]
            .with_mut(|piece| unsafe { (*piece).take() });
        let inherited = maker.expect("a piece was used twice") != thread::current().id();
        self.n_inherited.fetch_add(usize::from(inherited), SeqCst);
        self.units.lock().unwrap().insert(base, (Tag::FOREIGN, 0));
        true
    }

    fn tag(&self, address: usize) -> Tag {
        self.units.lock().unwrap().get(&address).map_or(Tag::FOREIGN, |(tag, _)| *tag)
    }

    unsafe fn tag_covered(&self, address: usize) -> Tag {
        self.tag(address)
    }

    unsafe fn word_covered(&self, address: usize) -> usize {
        self.units.lock().unwrap()[&address].1
    }

    unsafe fn publish(&self, base: usize, _units: usize, head: Tag, _tail: Tag, word: usize) {
        let before = self.units.lock().unwrap().insert(base, (head, word));
        assert!(before.is_some(), "published what is not covered");
    }

    unsafe fn retract(&self, base: usize, expected: Tag, instead: Tag) -> bool {
        let mut table = self.units.lock().unwrap();
        let Some((tag, _)) = table.get_mut(&base).filter(|(tag, _)| *tag == expected) else {
            return false;
        };
        *tag = instead;
        true
    }
}

type Pool<P> = SharedPool<Short, Costly, P>;

/// A pool with two huge blocks, of which the first cannot be moved if `stuck`.
fn pool<P: Policy>(policy: P, stuck: bool) -> (Arc<Pool<P>>, [usize; 2]) {
    let pieces = std::sync::Arc::new(Pieces(std::array::from_fn(|_| UnsafeCell::new(None))));
    let short = Short {
        pieces: std::sync::Arc::clone(&pieces),
        n_served: Tally::new(0),
        n_ranges: Tally::new(0),
        stuck: if stuck { START } else { 0 },
    };
    let costly = Costly { pieces, units: Mutex::default(), n_inherited: Tally::new(0) };
    let pool = Arc::new(SharedPool::with_policy(short, costly, policy));
    let blocks = [(); 2].map(|()| pool.acquire_huge(1, 1).unwrap().0.addr().get());
    (pool, blocks)
}

/// A thread that makes `block` longer. Whether it moved.
fn mover<P: Policy + 'static>(pool: &Arc<Pool<P>>, block: usize) -> thread::JoinHandle<bool> {
    let pool = Arc::clone(pool);
    thread::spawn(move || {
        // SAFETY: the block is live, and this thread's.
        let place = unsafe { pool.resize_huge(pointer(block), SUPERSLAB + 1, true) };
        place.unwrap().is_some()
    })
}

/// Outcomes: no piece was to be had; the mover made its own; it got the other's.
fn hand_over<P: Policy + 'static>(policy: fn() -> P) -> std::sync::Arc<[Tally; 3]> {
    let tally = tallies::<3>();
    let seen = std::sync::Arc::clone(&tally);
    loom::model(move || {
        let (pool, [first, second]) = pool(policy(), true);
        let stays = mover(&pool, first);
        // Spawned last: loom would not search backwards past its first load.
        let moves = mover(&pool, second);
        let moved = moves.join().unwrap();
        assert!(!stays.join().unwrap());
        let inherited = pool.registry().n_inherited.load(SeqCst);
        count(&tally, usize::from(moved) + inherited);
    });
    seen
}

#[test]
fn a_piece_arrives_as_it_was_made() {
    assert_all_seen(&hand_over(|| Whole));
}

/// P5 without its tail.
struct NoTail;

// SAFETY: wrong on purpose, for a negative control.
unsafe impl Policy for NoTail {
    const DECAY: bool = false;
    const PUT_BACK: Ordering = Ordering::Relaxed;

    fn step(&self) {}
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_missing_tail_of_p5_is_caught() {
    hand_over(|| NoTail);
}

/// P5 without its head.
struct NoHead;

// SAFETY: wrong on purpose, for a negative control.
unsafe impl Policy for NoHead {
    const DECAY: bool = false;
    const BORROW: Ordering = Ordering::Relaxed;

    fn step(&self) {}
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_missing_head_of_p5_is_caught() {
    hand_over(|| NoHead);
}

/// Two moves and one piece: one of them gets it.
#[test]
fn a_piece_is_used_once() {
    let tally = tallies::<2>();
    let seen = std::sync::Arc::clone(&tally);
    loom::model(move || {
        let (pool, blocks) = pool(Whole, false);
        let moved = blocks.map(|block| mover(&pool, block)).map(|mover| mover.join().unwrap());
        assert_ne!(moved[0], moved[1], "the piece was lost, or used twice");
        count(&tally, usize::from(moved[1]));
    });
    assert_all_seen(&seen);
}
