//! Model of edge A2: chunks of the metadata arena.
//!
//! `RUSTFLAGS="--cfg loom" cargo test --profile loom -p hakmem-os-acquire --test loom_arena`
//!
//! Size: a first chunk of four pieces, two threads. The word is the only shared one, so a third
//! thread repeats what two do.
//!
//! Not covered: load buffering, which needs two words, where A2 has one.
#![cfg(loom)]

use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicUsize as Tally, Ordering::SeqCst};

use hakmem_contract::OsPort;
use hakmem_contract::os::Purpose;
use hakmem_os_acquire::arena::Arena;
use hakmem_os_acquire::arena::system::System;
use hakmem_os_acquire::books::Books;
use hakmem_os_acquire::names::Names;
use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread;

#[cfg(not(debug_assertions))]
compile_error!("models run with debug assertions on");

/// The most chunks that a model maps.
const CHUNKS: usize = 4;

/// How far apart chunks are.
const APART: usize = 1 << 20;

/// Gives out addresses. Each chunk has a cell that stands for the zeroing of its memory.
struct Fake {
    chunks: [UnsafeCell<bool>; CHUNKS],
    /// Plain `std`, on purpose: numbering the chunks must not order anything in the model.
    n_mapped: Tally,
    n_unmapped: Tally,
    mapped: Tally,
    refuses: bool,
}

impl Fake {
    fn new(refuses: bool) -> Self {
        let chunks = [0; CHUNKS].map(|_| UnsafeCell::new(false));
        let [n_mapped, n_unmapped, mapped] = [const { Tally::new(0) }; 3];
        Self { chunks, n_mapped, n_unmapped, mapped, refuses }
    }

    /// Uses a piece: its chunk must have been zeroed before.
    fn use_piece(&self, piece: NonNull<u8>) -> usize {
        let address = piece.as_ptr().addr();
        self.chunks[address / APART - 1].with(|zeroed| {
            // SAFETY: written once, by the thread that mapped; loom panics if that is not over.
            assert!(unsafe { *zeroed }, "a piece before its chunk");
        });
        address
    }
}

// SAFETY: chunks do not overlap; nobody touches the memory, which does not exist.
unsafe impl OsPort for Fake {
    fn map(&self, _near: usize, bytes: usize) -> Option<NonNull<u8>> {
        assert!(bytes <= APART);
        let index = self.n_mapped.fetch_add(1, SeqCst);
        self.chunks[index].with_mut(|zeroed| {
            // SAFETY: the number is this call's only.
            unsafe { *zeroed = true };
        });
        self.mapped.fetch_add(bytes, SeqCst);
        NonNull::new(ptr::without_provenance_mut((index + 1) * APART))
    }

    unsafe fn unmap(&self, _base: NonNull<u8>, bytes: usize) -> bool {
        self.n_unmapped.fetch_add(1, SeqCst);
        if !self.refuses {
            self.mapped.fetch_sub(bytes, SeqCst);
        }
        !self.refuses
    }

    unsafe fn purge(&self, _base: NonNull<u8>, _bytes: usize) -> bool {
        false
    }

    unsafe fn populate(&self, _base: NonNull<u8>, _bytes: usize) -> bool {
        false
    }

    unsafe fn advise_huge(&self, _base: NonNull<u8>, _bytes: usize, _huge: bool) -> bool {
        false
    }

    unsafe fn protect(&self, _base: NonNull<u8>, _bytes: usize, _access: bool) -> bool {
        false
    }

    unsafe fn name(&self, _base: NonNull<u8>, _bytes: usize, _purpose: Purpose) -> bool {
        true
    }

    unsafe fn grow(&self, _base: NonNull<u8>, _old: usize, _new: usize) -> bool {
        false
    }

    unsafe fn relocate(&self, _: NonNull<u8>, _: usize, _: NonNull<u8>, _: usize) -> bool {
        false
    }

    fn now_ms(&self) -> u64 {
        0
    }

    fn die(&self, _line: &[u8]) -> ! {
        unreachable!("the arena reports nothing")
    }
}

struct World {
    arena: Arena,
    books: Books,
    names: Names,
    os: Fake,
}

impl World {
    fn new(refuses: bool) -> Self {
        let (arena, books, names) = (Arena::new(), Books::new(), Names::new());
        Self { arena, books, names, os: Fake::new(refuses) }
    }

    fn system(&self) -> System<'_, Fake> {
        System { os: &self.os, books: &self.books, names: &self.names }
    }
}

type Alloc = fn(&World) -> Option<NonNull<u8>>;

fn alloc(world: &World) -> Option<NonNull<u8>> {
    world.arena.alloc(&world.system(), 64)
}

fn alloc_without_a2(world: &World) -> Option<NonNull<u8>> {
    world.arena.alloc_without_a2(&world.system(), 64)
}

/// After `before` pieces, two threads take `each`. Returns how many executions mapped a chunk
/// once and twice at the same time.
fn explore(alloc: Alloc, before: usize, each: usize, refuses: bool) -> [usize; 2] {
    let tally = std::sync::Arc::new([const { Tally::new(0) }; 2]);
    let seen = std::sync::Arc::clone(&tally);
    loom::model(move || {
        let world = Arc::new(World::new(refuses));
        let take = move |world: &World| {
            let piece = alloc(world).unwrap_or_else(|| unreachable!("the fake refuses nothing"));
            world.os.use_piece(piece)
        };
        let mut pieces: Vec<usize> = (0..before).map(|_| take(&world)).collect();
        let threads = [0; 2].map(|_| {
            let world = Arc::clone(&world);
            thread::spawn(move || (0..each).map(|_| take(&world)).collect::<Vec<_>>())
        });
        for thread in threads {
            pieces.extend(thread.join().unwrap_or_default());
        }
        pieces.sort_unstable();
        assert_eq!(pieces.len(), before + 2 * each);
        assert!(pieces.windows(2).all(|pair| pair[0] + 64 <= pair[1]), "handed out twice");
        let stats = world.books.stats();
        assert!(stats.is_balanced() && stats.mapped == world.os.mapped.load(SeqCst), "{stats:?}");
        tally[world.os.n_unmapped.load(SeqCst)].fetch_add(1, SeqCst);
    });
    seen.each_ref().map(|count| count.load(SeqCst))
}

#[test]
fn two_threads_that_need_the_first_chunk() {
    let tally = explore(alloc, 0, 1, false);
    assert!(tally.iter().all(|&n| n > 0), "the search skipped a case: {tally:?}");
}

#[test]
fn a_chunk_too_many_that_the_system_does_not_take_back() {
    let tally = explore(alloc, 0, 1, true);
    assert!(tally.iter().all(|&n| n > 0), "the search skipped a case: {tally:?}");
}

#[test]
fn two_threads_that_use_a_chunk_up() {
    let tally = explore(alloc, 3, 2, false);
    assert!(tally.iter().all(|&n| n > 0), "the search skipped a case: {tally:?}");
}

/// Negative control: without the edge, a piece is used before its chunk is known to be zero.
#[test]
#[should_panic(expected = "Causality violation")]
fn a_missing_a2_is_caught() {
    explore(alloc_without_a2, 0, 1, false);
}
