//! The shared pool against a naive model: which units are whose.
#![expect(clippy::expect_used, reason = "a test stops where it fails")]

#[path = "../../crates/shared-pool/tests/common/mod.rs"]
mod common;

use std::collections::BTreeMap;
use std::ptr::NonNull;
use std::sync::atomic::Ordering::SeqCst;

use bolero::check;
use common::{Fake, Table, acquire, pool, release};
use hakmem_contract::{
    HugeBlocks, Pool as _, Registry, SUPERSLAB, Span, Spans, Tag, UNIT, UnitPool,
};
use hakmem_fuzz::bits::{Bits, Step, Steps};
use hakmem_fuzz::reproducible;
use hakmem_shared_pool::{FirstFit, Policy, SharedPool, Standard};

/// What is done, and what happens.
#[derive(Clone, Copy, Debug)]
enum Act {
    Acquire { units: usize, want: usize },
    Release(usize),
    ReleasePart(usize, usize),
    Extend(usize, usize),
    AcquireBlock(usize),
    ReleaseBlock(usize),
    ResizeBlock(usize, usize),
    AcquireHuge(usize),
    ReleaseHuge(usize),
    ResizeHuge(usize, usize, bool),
    Purge { later: u64, all: bool },
    FailIn(usize),
}

impl Step for Act {
    fn of(bits: Bits) -> Self {
        let (which, number) = (bits.low(), bits.high());
        match bits.kind() {
            0..55 => Self::Acquire { units: 1 + number % 16, want: 1 + which % 4 },
            55..100 => Self::Release(which),
            100..110 => Self::ReleasePart(which, 1 + number % 15),
            110..128 => Self::Extend(which, 1 + number % 15),
            128..155 => Self::AcquireBlock(1 + number % 16),
            155..173 => Self::ReleaseBlock(which),
            173..200 => Self::ResizeBlock(which, 1 + number % 16),
            200..209 => Self::AcquireHuge(1 + number % (4 * SUPERSLAB)),
            209..218 => Self::ReleaseHuge(which),
            218..236 => Self::ResizeHuge(which, 1 + number % (6 * SUPERSLAB), bits.flag()),
            236..246 => Self::Purge { later: which as u64 % 2000, all: number.is_multiple_of(5) },
            _ => Self::FailIn(1 + number % 5),
        }
    }
}

/// What the program owns.
#[derive(Default)]
struct Naive {
    spans: Vec<Span>,
    blocks: Vec<(usize, usize)>,
    huge: Vec<(usize, usize)>,
    /// Base to bytes, of all of them.
    owned: BTreeMap<usize, usize>,
}

impl Naive {
    fn own(&mut self, base: usize, bytes: usize) {
        let before = self.owned.range(..base + bytes).next_back();
        assert!(before.is_none_or(|(start, length)| start + length <= base), "an overlap");
        self.owned.insert(base, bytes);
    }

    fn give_up(&mut self, base: usize) {
        self.owned.remove(&base).expect("not owned");
    }

    /// Units in spans and blocks.
    fn units(&self) -> usize {
        let spans: usize = self.spans.iter().map(|span| usize::from(span.units)).sum();
        spans + self.blocks.iter().map(|block| block.1).sum::<usize>()
    }
}

type Pool<P> = SharedPool<Fake, Table, P>;

fn pointer(address: usize) -> NonNull<u8> {
    NonNull::new(std::ptr::without_provenance_mut(address)).expect("not null")
}

/// Removes one of `list`.
fn pick<T>(list: &mut Vec<T>, which: usize) -> Option<T> {
    let which = which.checked_rem(list.len())?;
    Some(list.swap_remove(which))
}

fn on_spans<P: Policy>(pool: &Pool<P>, naive: &mut Naive, act: Act) {
    match act {
        Act::Acquire { units, want } => {
            for span in acquire(pool, units, want) {
                naive.own(span.address(), units * UNIT);
                naive.spans.push(span);
            }
        }
        Act::Release(which) => {
            let Some(span) = pick(&mut naive.spans, which) else { return };
            naive.give_up(span.address());
            release(pool, [span]);
        }
        Act::ReleasePart(which, keep) => {
            let Some(span) = pick(&mut naive.spans, which) else { return };
            let units = usize::from(span.units);
            let keep = keep.min(units);
            let head = Span { units: u16::try_from(keep).expect("small"), ..span };
            let rest = Span {
                base: pointer(span.address() + keep * UNIT),
                units: u16::try_from(units - keep).expect("small"),
                ..span
            };
            naive.give_up(span.address());
            naive.own(span.address(), keep * UNIT);
            naive.spans.push(head);
            release(pool, (keep < units).then_some(rest));
        }
        Act::Extend(which, more) => {
            let Some(span) = pick(&mut naive.spans, which) else { return };
            let units = usize::from(span.units);
            // SAFETY: the test owns the span.
            let zeroed = unsafe { pool.extend(span, more) };
            let more = if zeroed.is_some() { more } else { 0 };
            let behind = span.address() + units * UNIT;
            pool.memory().write(behind, more * UNIT, zeroed == Some(true));
            naive.give_up(span.address());
            naive.own(span.address(), (units + more) * UNIT);
            let units = u16::try_from(units + more).expect("at most 32");
            naive.spans.push(Span { units, ..span });
        }
        _ => {}
    }
}

fn on_blocks<P: Policy>(pool: &Pool<P>, naive: &mut Naive, act: Act) {
    match act {
        Act::AcquireBlock(units) => {
            let Some((base, zeroed)) = pool.acquire_span(units) else { return };
            let base = base.as_ptr().addr();
            pool.memory().write(base, units * UNIT, zeroed);
            naive.own(base, units * UNIT);
            naive.blocks.push((base, units));
        }
        Act::ReleaseBlock(which) => {
            let Some((base, units)) = pick(&mut naive.blocks, which) else { return };
            naive.give_up(base);
            // SAFETY: nobody uses the block.
            assert_eq!(unsafe { pool.release_span(pointer(base)) }, Ok(()));
            assert_eq!(pool.registry().tag(base), Tag::freed_span(units));
        }
        Act::ResizeBlock(which, units) => {
            let Some((base, old)) = pick(&mut naive.blocks, which) else { return };
            // SAFETY: the block is the test's.
            let resized = unsafe { pool.resize_span(pointer(base), units) };
            let now = if resized == Ok(true) { units } else { old };
            assert!(resized.is_ok() && (units > old || now == units));
            assert_eq!(pool.registry().tag(base), Tag::span_head(now));
            pool.memory().write(base, now * UNIT, false);
            naive.give_up(base);
            naive.own(base, now * UNIT);
            naive.blocks.push((base, now));
        }
        _ => {}
    }
}

fn on_huge<P: Policy>(pool: &Pool<P>, naive: &mut Naive, act: Act) {
    match act {
        Act::AcquireHuge(bytes) => {
            let Some((base, zeroed)) = pool.acquire_huge(bytes, 1) else { return };
            let (base, bytes) = (base.as_ptr().addr(), bytes.next_multiple_of(SUPERSLAB));
            pool.memory().write(base, bytes, zeroed);
            naive.own(base, bytes);
            naive.huge.push((base, bytes));
        }
        Act::ReleaseHuge(which) => {
            let Some((base, _)) = pick(&mut naive.huge, which) else { return };
            naive.give_up(base);
            // SAFETY: nobody uses the block.
            assert_eq!(unsafe { pool.release_huge(pointer(base)) }, Ok(()));
        }
        Act::ResizeHuge(which, bytes, may_move) => {
            let Some((base, old)) = pick(&mut naive.huge, which) else { return };
            // SAFETY: the block is the test's.
            let resized =
                unsafe { pool.resize_huge(pointer(base), bytes, may_move) }.expect("live");
            let bytes = bytes.next_multiple_of(SUPERSLAB);
            assert!(bytes > old || resized == Some(pointer(base)), "a block was not made shorter");
            let now = resized.map_or(base, |place| place.as_ptr().addr());
            let bytes = if resized.is_some() { bytes } else { old };
            assert_eq!(pool.registry().tag(now), Tag::HUGE);
            // SAFETY: the block is live.
            assert_eq!(unsafe { pool.huge_bytes(pointer(now)) }, bytes);
            pool.memory().check_owned(now, bytes);
            pool.memory().write(now, bytes, false);
            naive.give_up(base);
            naive.own(now, bytes);
            naive.huge.push((now, bytes));
        }
        _ => {}
    }
}

fn on_time<P: Policy>(pool: &Pool<P>, act: Act) {
    match act {
        Act::Purge { later, all } => {
            let now = pool.memory().now.fetch_add(later, SeqCst) + later;
            if all {
                pool.purge_all();
            } else {
                pool.purge_aged(now);
            }
        }
        Act::FailIn(calls) => pool.memory().fail_in.store(calls, SeqCst),
        _ => {}
    }
}

fn check_units<P: Policy>(pool: &Pool<P>, naive: &Naive) {
    let huge: usize = naive.huge.iter().map(|block| block.1).sum();
    let units = pool.census().free_units + naive.units();
    assert_eq!(units * UNIT + huge, pool.memory().outstanding(), "units were lost, or made up");
    let tags = naive.blocks.iter().map(|block| block.1).sum::<usize>() + naive.huge.len();
    assert_eq!(pool.registry().published(), tags);
    assert!(pool.is_consistent());
}

fn run(policy: impl Policy, steps: &Steps<Act>) {
    let pool = pool(Fake::default(), policy);
    let mut naive = Naive::default();
    for act in steps.iter() {
        on_spans(&pool, &mut naive, act);
        on_blocks(&pool, &mut naive, act);
        on_huge(&pool, &mut naive, act);
        on_time(&pool, act);
        check_units(&pool, &naive);
    }
    pool.memory().fail_in.store(0, SeqCst);
    release(&pool, naive.spans.drain(..));
    for (base, _) in naive.blocks.drain(..) {
        // SAFETY: nobody uses the block.
        assert_eq!(unsafe { pool.release_span(pointer(base)) }, Ok(()));
    }
    for (base, _) in naive.huge.drain(..) {
        // SAFETY: nobody uses the block.
        assert_eq!(unsafe { pool.release_huge(pointer(base)) }, Ok(()));
    }
    check_units(&pool, &naive);
    pool.purge_all();
    assert_eq!(pool.memory().outstanding(), 0, "a SuperSlab stayed");
}

#[test]
fn no_unit_is_lost_or_shared() {
    check!()
        .with_type::<Steps<Act>>()
        .with_iterations(4_000)
        .for_each(|steps| reproducible(|| run(Standard, steps)));
}

#[test]
fn nor_with_one_lock_and_first_fit() {
    check!()
        .with_type::<Steps<Act>>()
        .with_iterations(1_000)
        .for_each(|steps| reproducible(|| run(FirstFit::new(), steps)));
}
