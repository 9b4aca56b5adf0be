//! Pools that are wrong in one way each, around one that is right.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

mod common;

use std::ptr::NonNull;
use std::sync::Mutex;

use common::{check, has};
use hakmem_conformance::pool::{self, Case, Fake, Table};
use hakmem_contract::{
    Fault, Fresh, HugeBlocks, Pool, Registry, Span, Spans, Superslabs, Tag, UnitPool, Unplaced,
};
use hakmem_shared_pool::SharedPool;

const BEGINS_WITH_ONE: u8 = 1;
const HANDS_OUT_TWICE: u8 = 2;
const SAYS_ZERO: u8 = 3;
const KEEPS: u8 = 4;
const ANY_LENGTH: u8 = 5;
const ASKS: u8 = 6;
const LOSES_PARTS: u8 = 7;
const GROWS_OVER: u8 = 8;
const FREES_TWICE: u8 = 9;
const RESIZES_NOTHING: u8 = 10;
const NOT_ALIGNED: u8 = 11;
const FREES_HUGE_TWICE: u8 = 12;
const CLAMPS: u8 = 13;
const REFUSED_IS_FREE: u8 = 14;

#[derive(Debug)]
struct Around<const WRONG: bool> {
    pool: SharedPool<Fake, Table>,
    last: Mutex<Option<Span>>,
}

// SAFETY: the span is behind a lock.
unsafe impl<const WRONG: bool> Sync for Around<WRONG> {}

impl<const WRONG: bool> Fresh for Around<WRONG> {
    const FRESH: Unplaced<Self> = Unplaced::new(Self {
        // SAFETY: a part of this value, which whoever places it does not move.
        pool: unsafe { SharedPool::FRESH.place() },
        last: Mutex::new(None),
    });
}

// SAFETY: not all of them: that is the test. No memory is at stake.
unsafe impl<const WRONG: bool> UnitPool for Around<WRONG> {
    fn acquire(&self, units: usize, out: &mut [Span]) -> usize {
        let units = if has::<WRONG>(ANY_LENGTH) { units.clamp(1, 16) } else { units };
        let mut last = self.last.lock().unwrap();
        if has::<WRONG>(HANDS_OUT_TWICE)
            && let Some(span) = last.take_if(|span| usize::from(span.units) == units)
            && let Some(slot) = out.first_mut()
        {
            *slot = Span { zeroed: 0, ..span };
            return 1;
        }
        let n = self.pool.acquire(units, out);
        *last = out[..n].first().copied();
        if has::<WRONG>(SAYS_ZERO) {
            out[..n].iter_mut().for_each(|span| span.zeroed = 1);
        }
        n
    }

    fn acquire_at_hand(&self, units: usize, out: &mut [Span]) -> usize {
        if has::<WRONG>(ASKS) {
            self.acquire(units, out)
        } else {
            self.pool.acquire_at_hand(units, out)
        }
    }

    unsafe fn release(&self, span: Span) {
        let lost = u16::from(has::<WRONG>(LOSES_PARTS) && span.units == 6);
        if !has::<WRONG>(KEEPS) {
            // SAFETY: passed on.
            unsafe { self.pool.release(Span { units: span.units - lost, ..span }) };
        }
    }

    unsafe fn extend(&self, span: Span, more: usize) -> Option<bool> {
        if has::<WRONG>(GROWS_OVER) {
            return Some(false);
        }
        // SAFETY: passed on.
        unsafe { self.pool.extend(span, more) }
    }
}

// SAFETY: as above.
unsafe impl<const WRONG: bool> Pool for Around<WRONG> {
    type Registry = Table;
    type Memory = Fake;

    fn registry(&self) -> &Table {
        self.pool.registry()
    }

    fn memory(&self) -> &Fake {
        self.pool.memory()
    }

    fn purge_all(&self) -> usize {
        self.pool.purge_all()
    }
}

impl<const WRONG: bool> Superslabs for Around<WRONG> {
    fn superslabs(&self) -> usize {
        self.pool.superslabs() + usize::from(has::<WRONG>(BEGINS_WITH_ONE))
    }
}

// SAFETY: as above.
unsafe impl<const WRONG: bool> Spans for Around<WRONG> {
    fn span_units(&self, units: usize) -> Option<usize> {
        self.pool.span_units(units)
    }

    unsafe fn adopt_span(&self, span: Span) -> (NonNull<u8>, bool) {
        // SAFETY: passed on.
        unsafe { self.pool.adopt_span(span) }
    }

    unsafe fn retire_span(&self, base: NonNull<u8>) -> Result<Span, Fault> {
        // SAFETY: passed on.
        unsafe { self.pool.retire_span(base) }
    }

    unsafe fn release_span(&self, base: NonNull<u8>) -> Result<(), Fault> {
        // SAFETY: passed on.
        let freed = unsafe { self.pool.release_span(base) };
        if has::<WRONG>(FREES_TWICE) { Ok(()) } else { freed }
    }

    unsafe fn resize_span(&self, base: NonNull<u8>, units: usize) -> Result<bool, Fault> {
        if has::<WRONG>(RESIZES_NOTHING) {
            return Ok(true);
        }
        // SAFETY: passed on.
        unsafe { self.pool.resize_span(base, units) }
    }
}

// SAFETY: as above.
unsafe impl<const WRONG: bool> HugeBlocks for Around<WRONG> {
    fn acquire_huge(&self, bytes: usize, align: usize) -> Option<(NonNull<u8>, bool)> {
        let align = if has::<WRONG>(NOT_ALIGNED) { 1 } else { align };
        let bytes = if has::<WRONG>(CLAMPS) { bytes.min(1 << 30) } else { bytes };
        self.pool.acquire_huge(bytes, align)
    }

    unsafe fn release_huge(&self, base: NonNull<u8>) -> Result<(), Fault> {
        // SAFETY: passed on.
        let freed = unsafe { self.pool.release_huge(base) };
        if has::<WRONG>(FREES_HUGE_TWICE) { Ok(()) } else { freed }
    }

    unsafe fn huge_bytes(&self, base: NonNull<u8>) -> usize {
        // SAFETY: passed on.
        unsafe { self.pool.huge_bytes(base) }
    }

    unsafe fn resize_huge(
        &self,
        base: NonNull<u8>,
        bytes: usize,
        may_move: bool,
    ) -> Result<Option<NonNull<u8>>, Fault> {
        // SAFETY: passed on.
        let resized = unsafe { self.pool.resize_huge(base, bytes, may_move) };
        if resized == Ok(None) && may_move && has::<WRONG>(REFUSED_IS_FREE) {
            let address = base.as_ptr().addr();
            // SAFETY: covered, since it is a block.
            unsafe { self.registry().publish(address, 1, Tag::FREED_HUGE, Tag::FOREIGN, 0) };
        }
        resized
    }
}

hakmem_conformance::pool!(Around<false>);

#[test]
fn wrong_pools_are_noticed() {
    check(
        &pool::promises::<Around<true>>(),
        &Case,
        &[
            (BEGINS_WITH_ONE, &["a_new_pool_has_nothing"]),
            (HANDS_OUT_TWICE, &["units_are_nobody_elses", "threads_get_units_of_their_own"]),
            (SAYS_ZERO, &["what_is_said_to_be_zero_is_zero"]),
            (KEEPS, &["units_that_came_back_are_used_again", "it_is_a_set_of_units"]),
            (ANY_LENGTH, &["lengths_that_are_none_get_nothing"]),
            (ASKS, &["what_is_at_hand_costs_the_system_nothing"]),
            (LOSES_PARTS, &["a_part_of_a_span_can_go_back"]),
            (GROWS_OVER, &["a_span_grows_into_free_units_only"]),
            (FREES_TWICE, &["a_span_is_tagged_and_freed_once"]),
            (RESIZES_NOTHING, &["a_span_is_resized_where_it_is"]),
            (NOT_ALIGNED, &["a_huge_block_is_large_aligned_and_tagged"]),
            (FREES_HUGE_TWICE, &["a_huge_block_is_resized_and_freed_once"]),
            (CLAMPS, &["too_much_is_refused"]),
            (REFUSED_IS_FREE, &["every_call_may_fail_and_nothing_is_lost"]),
        ],
    );
}
