//! Fake neighbours: a memory that hands out addresses (nothing is mapped), checks what it is
//! given, and fails on demand; and a registry that is a table.
#![allow(dead_code, clippy::allow_attributes, reason = "each test uses a part of it")]
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test stops where it fails")]

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ptr::NonNull;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst};

use hakmem_contract::os::Range;
use hakmem_contract::{
    Fatal, Kind, Memory, MetaArena, Pool, Registry, SUPERSLAB, Span, Tag, UNIT, UnitPool,
};
use hakmem_shared_pool::SharedPool;

/// Where the fake address space begins.
pub(crate) const START: usize = 1 << 40;

/// Checks that ranges are disjoint and released once.
#[derive(Debug, Default)]
pub(crate) struct Fake {
    inner: Mutex<Inner>,
    pub(crate) now: AtomicU64,
    /// Calls until one fails; 0: never.
    pub(crate) fail_in: AtomicUsize,
    /// Whether every later call fails too.
    pub(crate) keep_failing: AtomicBool,
    pub(crate) n_acquired: AtomicUsize,
    pub(crate) n_released: AtomicUsize,
    pub(crate) n_purged: AtomicUsize,
}

#[derive(Debug, Default)]
struct Inner {
    /// Ranges that are handed out: base to length.
    out: BTreeMap<usize, usize>,
    /// Units that were written to since they were zero.
    written: BTreeSet<usize>,
    top: usize,
    free: Vec<(usize, usize)>,
}

impl Fake {
    /// Whether this call is the one that fails.
    fn fails(&self) -> bool {
        let left = self.fail_in.load(SeqCst);
        if left == 1 {
            if !self.keep_failing.load(SeqCst) {
                self.fail_in.store(0, SeqCst);
            }
            return true;
        }
        self.fail_in.store(left.saturating_sub(1), SeqCst);
        false
    }

    /// Bytes handed out and not released.
    pub(crate) fn outstanding(&self) -> usize {
        self.inner.lock().unwrap().out.values().sum()
    }

    /// The owner writes to the units. Panics if they were said to be zero and are not.
    pub(crate) fn write(&self, base: usize, bytes: usize, zeroed: bool) {
        let mut inner = self.inner.lock().unwrap();
        for unit in (base..base + bytes).step_by(UNIT) {
            let fresh = inner.written.insert(unit);
            assert!(fresh || !zeroed, "unit {unit:#x} is not zero");
        }
    }

    /// Panics unless `bytes` at `base` are inside one range that is handed out.
    pub(crate) fn check_owned(&self, base: usize, bytes: usize) {
        let inner = self.inner.lock().unwrap();
        let (start, length) = inner.out.range(..=base).next_back().expect("below every range");
        assert!(base + bytes <= start + length, "{base:#x} is not handed out");
    }
}

impl Inner {
    fn cut(&mut self, base: usize, bytes: usize) {
        let (&start, &length) = self.out.range(..=base).next_back().expect("released twice");
        assert!(base + bytes <= start + length, "released what is not handed out");
        self.out.remove(&start);
        if base > start {
            self.out.insert(start, base - start);
        }
        if base + bytes < start + length {
            self.out.insert(base + bytes, start + length - base - bytes);
        }
    }

    fn fresh(&mut self, bytes: usize, align: usize) -> usize {
        let base = (START + self.top).next_multiple_of(align);
        self.top = base + bytes - START;
        self.out.insert(base, bytes);
        base
    }
}

fn pointer(address: usize) -> NonNull<u8> {
    NonNull::new(std::ptr::without_provenance_mut(address)).unwrap()
}

// SAFETY: real memory, leaked, zeroed, aligned.
unsafe impl MetaArena for Fake {
    fn alloc_meta(&self, bytes: usize) -> Option<NonNull<u8>> {
        if self.fails() {
            return None;
        }
        let layout = std::alloc::Layout::from_size_align(bytes, 64).unwrap();
        // SAFETY: the size is not zero.
        NonNull::new(unsafe { std::alloc::alloc_zeroed(layout) })
    }
}

// SAFETY: ranges are disjoint; none of them is ever touched.
unsafe impl Memory for Fake {
    fn configure(&self, _limits: hakmem_contract::Limits) {}

    fn prewarm(&self, _superslabs: usize) -> usize {
        0
    }

    fn acquire(&self, bytes: usize, align: usize, _huge: bool) -> Option<Range> {
        if self.fails() {
            return None;
        }
        self.n_acquired.fetch_add(1, SeqCst);
        let mut inner = self.inner.lock().unwrap();
        let bytes = bytes.next_multiple_of(SUPERSLAB);
        let again = inner.free.iter().position(|&(b, n)| n == bytes && b.is_multiple_of(align));
        if let Some(index) = again {
            let (base, bytes) = inner.free.swap_remove(index);
            inner.out.insert(base, bytes);
            return Some(Range { base: pointer(base), bytes, zeroed: false });
        }
        let base = inner.fresh(bytes, align.max(SUPERSLAB));
        Some(Range { base: pointer(base), bytes, zeroed: true })
    }

    unsafe fn release(&self, base: NonNull<u8>, bytes: usize) {
        self.n_released.fetch_add(1, SeqCst);
        let mut inner = self.inner.lock().unwrap();
        inner.cut(base.addr().get(), bytes);
        inner.free.push((base.addr().get(), bytes));
    }

    unsafe fn resize(
        &self,
        base: NonNull<u8>,
        old: usize,
        new: usize,
        may_move: bool,
    ) -> Option<NonNull<u8>> {
        assert!(new > old && new.is_multiple_of(SUPERSLAB) && old.is_multiple_of(SUPERSLAB));
        if self.fails() {
            return None;
        }
        let mut inner = self.inner.lock().unwrap();
        assert_eq!(inner.out.get(&base.addr().get()), Some(&old), "resize of another range");
        if base.addr().get() + old == START + inner.top {
            inner.top += new - old;
            inner.out.insert(base.addr().get(), new);
            return Some(base);
        }
        if !may_move {
            return None;
        }
        inner.cut(base.addr().get(), old);
        inner.free.push((base.addr().get(), old));
        Some(pointer(inner.fresh(new, SUPERSLAB)))
    }

    unsafe fn purge(&self, base: NonNull<u8>, bytes: usize) -> bool {
        if self.fails() {
            return false;
        }
        self.check_owned(base.addr().get(), bytes);
        self.n_purged.fetch_add(bytes, SeqCst);
        let units = base.addr().get()..base.addr().get() + bytes;
        self.inner.lock().unwrap().written.retain(|unit| !units.contains(unit));
        true
    }

    fn now_ms(&self) -> u64 {
        self.now.load(SeqCst)
    }

    fn trim(&self, _all: bool) -> usize {
        0
    }
}

impl Fatal for Fake {
    fn die(&self, line: &[u8]) -> ! {
        unreachable!("{}", line.escape_ascii())
    }
}

/// A registry that is a table. Covering a SuperSlab that it has not seen costs a bit of metadata.
#[derive(Debug, Default)]
pub(crate) struct Table(Mutex<HashMap<usize, (Tag, usize)>>);

impl Table {
    /// How many tags are published.
    pub(crate) fn published(&self) -> usize {
        self.0.lock().unwrap().values().filter(|(tag, _)| tag.kind() != Kind::Foreign).count()
    }
}

// SAFETY: one lock, one table.
unsafe impl Registry for Table {
    fn tag_in_reach(&self, address: usize) -> Option<Tag> {
        Some(self.tag(address))
    }

    fn cover(&self, base: usize, bytes: usize, meta: &impl MetaArena) -> bool {
        let mut table = self.0.lock().unwrap();
        if (0..bytes / UNIT).all(|unit| table.contains_key(&(base + unit * UNIT))) {
            return true;
        }
        if meta.alloc_meta(64).is_none() {
            return false;
        }
        for unit in 0..bytes / UNIT {
            table.entry(base + unit * UNIT).or_insert((Tag::FOREIGN, 0));
        }
        true
    }

    fn tag(&self, address: usize) -> Tag {
        let table = self.0.lock().unwrap();
        table.get(&(address & !(UNIT - 1))).map_or(Tag::FOREIGN, |(tag, _)| *tag)
    }

    unsafe fn tag_covered(&self, address: usize) -> Tag {
        self.tag(address)
    }

    unsafe fn word_covered(&self, address: usize) -> usize {
        self.0.lock().unwrap().get(&(address & !(UNIT - 1))).expect("not covered").1
    }

    unsafe fn publish(&self, base: usize, units: usize, head: Tag, tail: Tag, word: usize) {
        let mut table = self.0.lock().unwrap();
        for unit in 0..units {
            let slot = table.get_mut(&(base + unit * UNIT)).expect("not covered");
            *slot = (if unit == 0 { head } else { tail }, word);
        }
    }

    unsafe fn retract(&self, base: usize, expected: Tag, instead: Tag) -> bool {
        let mut table = self.0.lock().unwrap();
        let Some((tag, _)) = table.get_mut(&base).filter(|(tag, _)| *tag == expected) else {
            return false;
        };
        *tag = instead;
        true
    }
}

/// A pool on the heap: it is too large for a stack.
pub(crate) fn pool<P>(memory: Fake, policy: P) -> Box<SharedPool<Fake, Table, P>> {
    let layout = std::alloc::Layout::new::<SharedPool<Fake, Table, P>>();
    // SAFETY: the size is not zero.
    let place = unsafe { std::alloc::alloc_zeroed(layout) };
    let place = NonNull::new(place.cast::<SharedPool<Fake, Table, P>>()).unwrap();
    // SAFETY: the place is zeroed, ours, and does not move.
    unsafe { SharedPool::open_in(place, memory, Table::default(), policy) };
    // SAFETY: just initialised, and from the global allocator with the type's layout.
    unsafe { Box::from_raw(place.as_ptr()) }
}

/// Acquires up to `want` spans.
pub(crate) fn acquire<P: hakmem_shared_pool::Policy>(
    pool: &SharedPool<Fake, Table, P>,
    units: usize,
    want: usize,
) -> Vec<Span> {
    let mut out = vec![Span::NONE; want];
    let n_spans = pool.acquire(units, &mut out);
    out.truncate(n_spans);
    for span in &out {
        assert_eq!(usize::from(span.units), units);
        pool.memory().check_owned(span.address(), units * UNIT);
        pool.memory().write(span.address(), units * UNIT, span.zeroed != 0);
    }
    out
}

/// Releases spans that a test owns.
pub(crate) fn release<P: hakmem_shared_pool::Policy>(
    pool: &SharedPool<Fake, Table, P>,
    spans: impl IntoIterator<Item = Span>,
) {
    for span in spans {
        pool.memory().check_owned(span.address(), usize::from(span.units) * UNIT);
        // SAFETY: the test owns the span, and keeps no copy.
        unsafe { pool.release(span) };
    }
}
