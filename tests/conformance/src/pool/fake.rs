//! A memory that hands out addresses (nothing is mapped), checks what it is given, and fails on demand.

use std::collections::{BTreeMap, BTreeSet};
use std::ptr::{self, NonNull};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst};

use hakmem_contract::os::Range;
use hakmem_contract::{Fatal, Fresh, Limits, Memory, MetaArena, SUPERSLAB, UNIT, Unplaced};

use crate::memory::Owned;

/// Where the fake address space begins.
pub const START: usize = 1 << 40;

/// Checks that ranges are disjoint and released once.
#[derive(Debug)]
pub struct Fake {
    inner: Mutex<Inner>,
    /// Metadata.
    pieces: Mutex<Vec<Owned>>,
    /// What the clock says.
    pub now: AtomicU64,
    /// Calls until one fails; 0: never.
    pub fail_in: AtomicUsize,
    /// Whether every later call fails too.
    pub keep_failing: AtomicBool,
    /// Ranges that were handed out.
    pub n_acquired: AtomicUsize,
    /// Calls of `release`.
    pub n_released: AtomicUsize,
    /// Bytes that were purged.
    pub n_purged: AtomicUsize,
}

impl Fresh for Fake {
    const FRESH: Unplaced<Self> = Unplaced::new(Self {
        inner: Mutex::new(Inner {
            out: BTreeMap::new(),
            written: BTreeSet::new(),
            top: 0,
            free: Vec::new(),
        }),
        pieces: Mutex::new(Vec::new()),
        now: AtomicU64::new(0),
        fail_in: AtomicUsize::new(0),
        keep_failing: AtomicBool::new(false),
        n_acquired: AtomicUsize::new(0),
        n_released: AtomicUsize::new(0),
        n_purged: AtomicUsize::new(0),
    });
}

impl Default for Fake {
    fn default() -> Self {
        // SAFETY: it does not know its own address.
        unsafe { Self::FRESH.place() }
    }
}

#[derive(Debug)]
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
    #[must_use]
    pub fn outstanding(&self) -> usize {
        self.inner.lock().unwrap().out.values().sum()
    }

    /// The owner writes to the units. Panics if they were said to be zero and are not.
    pub fn write(&self, base: usize, bytes: usize, zeroed: bool) {
        let mut inner = self.inner.lock().unwrap();
        for unit in (base..base + bytes).step_by(UNIT) {
            let fresh = inner.written.insert(unit);
            assert!(fresh || !zeroed, "unit {unit:#x} is not zero");
        }
    }

    /// Panics unless `bytes` at `base` are inside one range that is handed out.
    pub fn check_owned(&self, base: usize, bytes: usize) {
        let inner = self.inner.lock().unwrap();
        let (start, length) = inner
            .out
            .range(..=base)
            .next_back()
            .unwrap_or_else(|| unreachable!("{base:#x} is below every range"));
        assert!(base + bytes <= start + length, "{base:#x} is not handed out");
    }
}

impl Inner {
    fn cut(&mut self, base: usize, bytes: usize) {
        let (&start, &length) = self
            .out
            .range(..=base)
            .next_back()
            .unwrap_or_else(|| unreachable!("{base:#x} is released twice"));
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
    NonNull::new(ptr::without_provenance_mut(address)).unwrap()
}

// SAFETY: real memory, zeroed, aligned, nobody else's as long as the test lasts.
unsafe impl MetaArena for Fake {
    fn alloc_meta(&self, bytes: usize) -> Option<NonNull<u8>> {
        if self.fails() {
            return None;
        }
        let piece = Owned::new(bytes, 64);
        let base = piece.base();
        self.pieces.lock().unwrap().push(piece);
        Some(base)
    }
}

// SAFETY: ranges are disjoint; none of them is ever touched.
unsafe impl Memory for Fake {
    fn configure(&self, _limits: Limits) {}

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
