//! What the models share: a memory and a registry outside the model, and a unit's contents in it.
#![allow(dead_code, clippy::allow_attributes, reason = "each model uses a part of it")]
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test stops where it fails")]

use std::collections::HashMap;
use std::ptr::NonNull;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize as Tally, Ordering::SeqCst};

use hakmem_contract::os::Range;
use hakmem_contract::{
    Fatal, Memory, MetaArena, Pool, Registry, SUPERSLAB, Span, Tag, UNIT, UnitPool,
};
use hakmem_shared_pool::{Policy, SharedPool};
use loom::cell::UnsafeCell;
use loom::sync::atomic::{AtomicUsize, Ordering};

#[cfg(not(debug_assertions))]
compile_error!("models run with debug assertions on");

const START: usize = 1 << 40;

/// SuperSlabs that one execution may map.
pub(crate) const MOST: usize = 3;

/// Hands out each address once. It orders nothing: plain `std`, on purpose. The contents of the units
/// are loom's.
#[derive(Debug)]
pub(crate) struct Once {
    mapped: Mutex<Vec<bool>>,
    contents: Vec<UnsafeCell<usize>>,
}

impl Once {
    fn new() -> Self {
        let contents = (0..MOST * 32).map(|_| UnsafeCell::new(0)).collect();
        Self { mapped: Mutex::default(), contents }
    }

    /// Writes to units; loom reports a race if anybody else uses them, or did without an edge.
    fn write(&self, address: usize, units: usize, value: usize) {
        let first = self.check(address);
        for cell in &self.contents[first..first + units] {
            // SAFETY: the caller owns the unit; loom checks it.
            cell.with_mut(|cell| unsafe { *cell = value });
        }
    }

    /// Panics unless the SuperSlab of `address` is handed out.
    pub(crate) fn check(&self, address: usize) -> usize {
        let unit = address.checked_sub(START).expect("not an address of ours") / UNIT;
        assert!(self.mapped.lock().unwrap()[unit / 32], "a unit of a SuperSlab that was retired");
        unit
    }

    /// SuperSlabs handed out and not given back.
    pub(crate) fn outstanding(&self) -> usize {
        self.mapped.lock().unwrap().iter().filter(|mapped| **mapped).count()
    }
}

// SAFETY: no metadata.
unsafe impl MetaArena for Once {
    fn alloc_meta(&self, _bytes: usize) -> Option<NonNull<u8>> {
        None
    }
}

// SAFETY: addresses are handed out once and never touched.
unsafe impl Memory for Once {
    fn configure(&self, _limits: hakmem_contract::Limits) {}

    fn prewarm(&self, _superslabs: usize) -> usize {
        0
    }

    fn acquire(&self, bytes: usize, _align: usize, _huge: bool) -> Option<Range> {
        let mut mapped = self.mapped.lock().unwrap();
        let address = START + mapped.len() * SUPERSLAB;
        mapped.extend(std::iter::repeat_n(true, bytes / SUPERSLAB));
        let base = NonNull::new(std::ptr::without_provenance_mut(address))?;
        Some(Range { base, bytes, zeroed: false })
    }

    unsafe fn release(&self, base: NonNull<u8>, bytes: usize) {
        let number = (base.addr().get() - START) / SUPERSLAB;
        for mapped in &mut self.mapped.lock().unwrap()[number..][..bytes / SUPERSLAB] {
            assert!(std::mem::replace(mapped, false), "a SuperSlab was retired twice");
        }
    }

    unsafe fn resize(
        &self,
        _base: NonNull<u8>,
        _old: usize,
        _new: usize,
        _may_move: bool,
    ) -> Option<NonNull<u8>> {
        None
    }

    unsafe fn purge(&self, base: NonNull<u8>, bytes: usize) -> bool {
        self.write(base.addr().get(), bytes / UNIT, 0);
        true
    }

    fn now_ms(&self) -> u64 {
        0
    }

    fn trim(&self, _all: bool) -> usize {
        0
    }
}

impl Fatal for Once {
    fn die(&self, line: &[u8]) -> ! {
        unreachable!("{}", line.escape_ascii())
    }
}

/// A table, outside the model, but each use of it is a point where loom may switch threads.
#[derive(Debug, Default)]
pub(crate) struct Table {
    units: Mutex<HashMap<usize, (Tag, usize)>>,
    turn: AtomicUsize,
}

impl Table {
    fn switch(&self) {
        // Relaxed: orders nothing, on purpose.
        self.turn.fetch_add(1, Ordering::Relaxed);
    }
}

// SAFETY: one lock, one table.
unsafe impl Registry for Table {
    fn tag_in_reach(&self, address: usize) -> Option<Tag> {
        Some(self.tag(address))
    }

    fn cover(&self, _base: usize, _bytes: usize, _meta: &impl MetaArena) -> bool {
        true
    }

    fn tag(&self, address: usize) -> Tag {
        self.switch();
        self.units.lock().unwrap().get(&address).map_or(Tag::FOREIGN, |(tag, _)| *tag)
    }

    unsafe fn tag_covered(&self, address: usize) -> Tag {
        self.tag(address)
    }

    unsafe fn word_covered(&self, address: usize) -> usize {
        self.units.lock().unwrap().get(&address).map_or(0, |(_, word)| *word)
    }

    unsafe fn publish(&self, base: usize, units: usize, head: Tag, tail: Tag, word: usize) {
        self.switch();
        let mut table = self.units.lock().unwrap();
        for unit in 0..units {
            table.insert(base + unit * UNIT, (if unit == 0 { head } else { tail }, word));
        }
    }

    unsafe fn retract(&self, base: usize, expected: Tag, instead: Tag) -> bool {
        self.switch();
        let mut table = self.units.lock().unwrap();
        let Some((tag, _)) = table.get_mut(&base).filter(|(tag, _)| *tag == expected) else {
            return false;
        };
        *tag = instead;
        true
    }
}

/// A pool.
pub(crate) struct Model<P> {
    pub(crate) pool: SharedPool<Once, Table, P>,
}

impl<P: Policy> Model<P> {
    pub(crate) fn new(policy: P) -> Self {
        Self { pool: SharedPool::with_policy(Once::new(), Table::default(), policy) }
    }

    /// A span at hand.
    pub(crate) fn at_hand(&self, units: usize) -> Option<Span> {
        let mut out = [Span::NONE];
        (self.pool.acquire_at_hand(units, &mut out) == 1).then_some(out[0])
    }

    /// A span.
    pub(crate) fn acquire(&self, units: usize) -> Span {
        let mut out = [Span::NONE];
        assert_eq!(self.pool.acquire(units, &mut out), 1);
        out[0]
    }

    pub(crate) fn release(&self, span: Span) {
        // SAFETY: the model owns the span.
        unsafe { self.pool.release(span) };
    }

    /// Maps a SuperSlab and takes all of it: 16 + 8 + 4 + 2 + 1 + 1 units.
    pub(crate) fn all_of_one(&self) -> Vec<Span> {
        [16, 8, 4, 2, 1, 1].map(|units| self.acquire(units)).into()
    }

    /// Writes to the units; loom reports a race if anybody else uses them, or did without an edge.
    pub(crate) fn write(&self, span: Span, value: usize) {
        self.pool.memory().write(span.address(), usize::from(span.units), value);
    }

    /// Reads the first unit.
    pub(crate) fn read(&self, span: Span) -> usize {
        let first = self.pool.memory().check(span.address());
        // SAFETY: as in `Once::write`.
        self.pool.memory().contents[first].with(|cell| unsafe { *cell })
    }
}

/// Nothing is cut. No clock: it is no part of an edge.
pub(crate) struct Whole;

// SAFETY: `DECAY` is no edge.
unsafe impl Policy for Whole {
    const DECAY: bool = false;

    fn step(&self) {}
}

/// Outcomes counted across executions. Plain `std`, on purpose.
pub(crate) fn tallies<const N: usize>() -> std::sync::Arc<[Tally; N]> {
    std::sync::Arc::new([const { Tally::new(0) }; N])
}

pub(crate) fn count<const N: usize>(tally: &[Tally; N], outcome: usize) {
    tally[outcome].fetch_add(1, SeqCst);
}

/// Panics unless each outcome was seen.
pub(crate) fn assert_all_seen<const N: usize>(tally: &[Tally; N]) {
    let tally = tally.each_ref().map(|n| n.load(SeqCst));
    assert!(tally.iter().all(|&n| n > 0), "the search skipped a case: {tally:?}");
}
