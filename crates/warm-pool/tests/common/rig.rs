//! One thread's warm pool, and the blocks that are out.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;

use hakmem_contract::{BlockSource, Class, Fault, Owner, Page, UNIT};
use hakmem_front_gate::FourPerDoubling;
use hakmem_warm_pool::{Budget, Counts, Source, WarmPool};

use super::page::Inbox;
use super::{FakePage, World, class, geometry};

/// See the [module docs](self).
#[derive(Debug)]
pub struct Rig {
    pub world: World,
    pub pool: Box<WarmPool<FakePage, Counts>>,
    budget: Budget,
    inbox: Box<Inbox>,
    /// Blocks that are out, by address; each class has its own.
    live: BTreeMap<(Class, *mut u8), ()>,
}

/// The fault that ends `work`.
fn fault_in(work: impl FnOnce()) -> Option<Fault> {
    let panic = catch_unwind(AssertUnwindSafe(work)).err()?;
    Some(*panic.downcast::<Fault>().unwrap())
}

impl Rig {
    pub fn new(prefill: u8, keep_units: u8) -> Self {
        let budget = Budget { prefill, keep_units };
        Self {
            world: World::new(),
            pool: Box::new(WarmPool::new(budget)),
            budget,
            inbox: Box::default(),
            live: BTreeMap::new(),
        }
    }

    fn source(&mut self) -> Source<'_, FourPerDoubling, FakePage, Counts, World> {
        // SAFETY: one owner, one thread, one inbox, which is dropped with the slabs.
        unsafe {
            Source::new(&mut self.pool, &raw const *self.inbox, Owner::new(4).unwrap(), &self.world)
        }
    }

    pub fn counts(&self) -> [u64; 3] {
        let counts = self.pool.counts().unwrap();
        [counts.hits, counts.misses, counts.prefills]
    }

    /// Takes up to `want` blocks.
    pub fn take(&mut self, index: usize, want: usize) -> Vec<*mut u8> {
        let mut out = vec![std::ptr::null_mut(); want];
        // SAFETY: room for `want`.
        let n = unsafe { self.source().take(class(index), out.as_mut_ptr(), want) };
        out.truncate(n);
        for block in &out {
            self.check_block(class(index), *block);
            assert_eq!(self.live.insert((class(index), *block), ()), None, "it was out already");
        }
        out
    }

    fn check_block(&self, class: Class, block: *mut u8) {
        let slab = self.slab(block);
        // SAFETY: open, and not borrowed.
        let local = unsafe { &slab.as_ref().local };
        let offset = block.addr() - local.span.address();
        assert_eq!(usize::from(local.class), class.index(), "a block of another class");
        assert!(offset.is_multiple_of(geometry(class).block_size as usize));
        assert!(offset < usize::from(local.span.units) * UNIT);
    }

    /// The slab of a block.
    pub fn slab(&self, block: *mut u8) -> NonNull<FakePage> {
        use hakmem_contract::Registry;
        // SAFETY: the fake needs no promise.
        let word = unsafe { self.world.word_covered(block.addr()) };
        NonNull::new(std::ptr::with_exposed_provenance_mut(word)).unwrap()
    }

    /// Gives blocks back that are out.
    pub fn give(&mut self, index: usize, blocks: &[*mut u8]) {
        for block in blocks {
            assert!(self.live.remove(&(class(index), *block)).is_some(), "the test is wrong");
        }
        // SAFETY: valid for so many, handed out, and not used.
        unsafe { self.source().give(class(index), blocks.as_ptr(), blocks.len()) };
    }

    /// What is said when these are given back though they are not out.
    pub fn fault_of(&mut self, index: usize, blocks: &[*mut u8]) -> Option<Fault> {
        let mut source = self.source();
        // SAFETY: valid for so many; the rest is the test.
        let give = || unsafe { source.give(class(index), blocks.as_ptr(), blocks.len()) };
        fault_in(give)
    }

    /// What is said when the inbox is read.
    pub fn fault_of_collect(&mut self) -> Option<Fault> {
        let mut source = self.source();
        fault_in(|| source.collect())
    }

    /// Another thread gives a block back.
    pub fn give_remote(&mut self, index: usize, block: *mut u8) {
        assert!(self.live.remove(&(class(index), block)).is_some(), "the test is wrong");
        let slab = self.slab(block);
        // SAFETY: a live block keeps its slab.
        let (word, bit) = unsafe { FakePage::locate(slab, NonNull::new(block).unwrap()) }.unwrap();
        // SAFETY: it is ours to give.
        unsafe { FakePage::give_remote(slab, word, bit) }.unwrap();
    }

    pub fn collect(&mut self) {
        self.source().collect();
    }

    pub fn trim(&mut self) -> usize {
        self.source().trim()
    }

    /// The blocks of a class that are out, by address.
    pub fn live(&self, index: usize) -> Vec<*mut u8> {
        let of_class = self.live.keys().filter(|(live, _)| *live == class(index));
        of_class.map(|(_, block)| *block).collect()
    }

    /// Slabs of a class.
    pub fn n_slabs(&self, index: usize) -> usize {
        self.n_slabs_where(|page| usize::from(page.local.class) == index)
    }

    /// Slabs of a class whose blocks are all free.
    pub fn n_empty(&self, index: usize) -> usize {
        self.n_slabs_where(|page| {
            usize::from(page.local.class) == index && page.local.free == page.local.capacity
        })
    }

    fn n_slabs_where(&self, is_it: impl Fn(&FakePage) -> bool) -> usize {
        // SAFETY: open, and not borrowed.
        self.world.slabs().into_iter().filter(|slab| is_it(unsafe { slab.as_ref() })).count()
    }

    /// Units, blocks and lists add up.
    pub fn check(&self) {
        self.world.check();
        let mut n_out = 0;
        let mut kept = 0;
        for slab in self.world.slabs() {
            // SAFETY: open, and not borrowed.
            let page = unsafe { slab.as_ref() };
            let (free, capacity) = (page.n_free(), usize::from(page.local.capacity));
            assert_eq!(free, usize::from(page.local.free));
            assert!(usize::from(page.local.notice) == if free == 0 { 1 } else { capacity });
            n_out += capacity - free - page.n_remote();
            kept += if free == capacity { usize::from(page.local.span.units) } else { 0 };
        }
        assert_eq!(n_out, self.live.len(), "a block was lost");
        let prefilled = 8 * usize::from(self.budget.prefill.saturating_sub(1).min(7)) * 4;
        assert!(kept <= usize::from(self.budget.keep_units) + prefilled, "{kept} units are kept");
    }

    /// Gives everything back, trims, and looks whether all is gone.
    pub fn finish(mut self) {
        let live: Vec<_> = self.live.keys().copied().collect();
        for (class, block) in live {
            self.give(class.index(), &[block]);
        }
        self.collect();
        self.check();
        let owned = self.world.n_owned();
        assert_eq!(self.trim(), owned, "every slab was empty");
        self.check();
        assert_eq!(self.world.n_owned(), 0);
        assert!(self.pool.is_bare());
    }
}
