//! Above a real pool and a system that can refuse: what is accessible when, and that nothing is lost.
#![cfg(not(loom))]
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::io::{Read, Write};
use std::ptr::NonNull;
use std::{io, slice};

use hakmem_contract::{Fault, HugeBlocks, Pool, SUPERSLAB, Span, Spans, UNIT, UnitPool};
use hakmem_guarded_pool::{Guarded, SLOTS};
use hakmem_os_acquire::Acquire;
use hakmem_os_acquire::simulated::{Call, Simulated};
use hakmem_shared_pool::SharedPool;
use hakmem_superslab_registry::TwoLevel;

type Under = SharedPool<Acquire<Simulated>, TwoLevel>;

/// A pool for a static of the test.
const fn pool() -> Guarded<Under> {
    // SAFETY: every caller puts it into a static.
    let registry = unsafe { TwoLevel::new() };
    Guarded::new(SharedPool::new(Acquire::new(Simulated::real()), registry))
}

/// A static with a pool of the test's own.
macro_rules! fresh {
    () => {{
        struct Everybody(Guarded<Under>);
        // SAFETY: one test uses it, and it is made for any thread.
        unsafe impl Sync for Everybody {}
        static POOL: Everybody = Everybody(pool());
        &POOL.0
    }};
}

/// Whether a program may read the byte at `base + offset`: the system refuses to write from where one
/// may not.
fn readable(base: NonNull<u8>, offset: isize) -> bool {
    let (mut reader, mut writer) = io::pipe().unwrap();
    // SAFETY: not read but by the system, which looks first.
    let byte = unsafe { slice::from_raw_parts(base.as_ptr().wrapping_offset(offset), 1) };
    let readable = writer.write(byte).is_ok();
    drop(writer);
    reader.read_to_end(&mut Vec::new()).unwrap();
    readable
}

fn span(pool: &Guarded<Under>, units: usize) -> NonNull<u8> {
    let mut spans = [Span::NONE];
    let n = pool.acquire(pool.span_units(units).unwrap(), &mut spans);
    assert_eq!(n, 1);
    // SAFETY: just acquired.
    unsafe { pool.adopt_span(spans[0]) }.0
}

fn signed(bytes: usize) -> isize {
    bytes.cast_signed()
}

/// Everything is freed, and the quarantine ends: nobody has anything.
fn assert_all_back(pool: &Guarded<Under>) {
    pool.purge_all();
    assert_eq!(pool.memory().stats().handed_out, 0);
}

#[test]
fn a_span_lies_between_guards() {
    let pool = fresh!();
    for units in [1, 2, 5, 14] {
        let base = span(pool, units);
        let bytes = signed(units * UNIT);
        assert!(readable(base, 0) && readable(base, bytes - 1));
        assert!(!readable(base, -1) && !readable(base, bytes));
        assert!(!readable(base, 1 - signed(UNIT)) && !readable(base, bytes + signed(UNIT) - 1));
        // SAFETY: the block is not used any more.
        unsafe { pool.release_span(base) }.unwrap();
    }
    assert_eq!(pool.span_units(15), None, "the guards do not fit: a huge block");
    assert_all_back(pool);
}

#[test]
fn a_freed_span_is_inaccessible_until_others_were_freed() {
    let pool = fresh!();
    let first = span(pool, 2);
    // SAFETY: the block is not used any more.
    unsafe { pool.release_span(first) }.unwrap();
    for _ in 1..=SLOTS {
        assert!(!readable(first, 0) && !readable(first, signed(2 * UNIT) - 1));
        let other = span(pool, 1);
        // SAFETY: as above.
        unsafe { pool.release_span(other) }.unwrap();
    }
    assert!(readable(first, -1) && readable(first, 0), "whole, and free");
    // SAFETY: wrong on purpose.
    let again = unsafe { pool.release_span(first) };
    assert_eq!(again, Err(Fault::Foreign(first.as_ptr().addr())));
    assert_all_back(pool);
}

#[test]
fn a_huge_block_ends_at_a_guard_and_begins_behind_one() {
    let pool = fresh!();
    for (bytes, align) in [(1, 1), (4097, 1), (3 << 20, 1 << 16), (5 << 20, 8 << 20)] {
        let (base, _) = pool.acquire_huge(bytes, align).unwrap();
        assert!(base.as_ptr().addr().is_multiple_of(align.max(UNIT)));
        // SAFETY: a live block.
        let usable = unsafe { pool.huge_bytes(base) };
        assert_eq!(usable, bytes.next_multiple_of(4096));
        assert!(readable(base, 0) && readable(base, signed(usable) - 1));
        assert!(!readable(base, -1) && !readable(base, signed(usable)));
        assert!(!readable(base, 4096 - signed(align.max(SUPERSLAB))));
        // SAFETY: the block is not used any more.
        unsafe { pool.release_huge(base) }.unwrap();
        assert!(!readable(base, 0), "in quarantine");
        // SAFETY: wrong on purpose.
        let again = unsafe { pool.release_huge(base) };
        assert_eq!(again, Err(Fault::Foreign(base.as_ptr().addr())));
    }
    assert_all_back(pool);
}

#[test]
fn more_than_there_can_be_is_refused() {
    let pool = fresh!();
    for (bytes, align) in [(usize::MAX, 1), (isize::MAX.cast_unsigned(), 1), (1, 1 << 62)] {
        assert_eq!(pool.acquire_huge(bytes, align), None);
    }
    assert_all_back(pool);
}

#[test]
fn nothing_is_resized_in_place() {
    let pool = fresh!();
    let base = span(pool, 3);
    // SAFETY: a live block.
    let resized = [2, 3, 4].map(|units| unsafe { pool.resize_span(base, units) });
    assert_eq!(resized, [Ok(false), Ok(true), Ok(false)]);
    // SAFETY: the block is not used any more.
    unsafe { pool.release_span(base) }.unwrap();
    let (base, _) = pool.acquire_huge(8192, 1).unwrap();
    // SAFETY: a live block.
    let resized = [4096, 8191, 8193].map(|bytes| unsafe { pool.resize_huge(base, bytes, true) });
    assert_eq!(resized, [Ok(None), Ok(Some(base)), Ok(None)]);
    // SAFETY: the block is not used any more.
    unsafe { pool.release_huge(base) }.unwrap();
    assert_all_back(pool);
}

#[test]
fn a_system_that_protects_nothing_is_served() {
    let pool = fresh!();
    pool.memory().os().fail_when(|call, _| call == Call::Protect);
    for _ in 0..2 * SLOTS {
        let base = span(pool, 1);
        assert!(readable(base, -1), "not guarded");
        // SAFETY: the block is not used any more.
        unsafe { pool.release_span(base) }.unwrap();
        let (base, _) = pool.acquire_huge(1, 1).unwrap();
        // SAFETY: as above.
        unsafe { pool.release_huge(base) }.unwrap();
    }
    pool.memory().os().fail_never();
    assert_all_back(pool);
}

#[test]
fn what_cannot_be_made_accessible_is_never_handed_out() {
    let pool = fresh!();
    let spans = [(); SLOTS + 1].map(|()| span(pool, 1));
    let (last, rest) = spans.split_last().unwrap();
    for base in rest {
        // SAFETY: the blocks are not used any more.
        unsafe { pool.release_span(*base) }.unwrap();
    }
    // The first one comes out of quarantine.
    pool.memory().os().fail_when(|call, _| call == Call::Protect);
    // SAFETY: as above.
    unsafe { pool.release_span(*last) }.unwrap();
    pool.memory().os().fail_never();
    let mut units = [Span::NONE; 32];
    let n = pool.acquire(1, &mut units);
    assert!(n > 0);
    for unit in &units[..n] {
        assert!(readable(unit.base, 0) && readable(unit.base, signed(UNIT) - 1));
    }
}
