//! A program that uses a front cache as the facade does, and watches it.

use std::collections::{HashMap, HashSet};

use hakmem_contract::{Block, Class, FrontCache, MAX_CLASSES, SizeClasses};
use hakmem_front_gate::FourPerDoubling;

use super::fakes::{Meta, Source, fill, is_filled};

/// The most blocks that a class may cache before it has missed more than once.
pub const SMALL: usize = 8;

/// A front cache, what is below it, and the blocks that the program has.
#[derive(Debug)]
pub struct Program<F: FrontCache> {
    pub source: Source,
    pub meta: Meta,
    /// From a box. A pointer, because a cache points into itself, and who moves a box claims
    /// that nobody else points there.
    cache: *mut F,
    limit_shift: u32,
    live: [Vec<Block>; MAX_CLASSES],
    filled: HashMap<Block, u8>,
    serial: u8,
}

impl<F: FrontCache> Program<F> {
    pub fn new(limit_shift: u32) -> Self {
        let cache = Box::into_raw(Box::new(F::EMPTY));
        // SAFETY: ours, without blocks, and it stays where it is.
        unsafe { F::open(cache, limit_shift) };
        Self {
            source: Source::new(),
            meta: Meta::default(),
            cache,
            limit_shift,
            live: [const { Vec::new() }; MAX_CLASSES],
            filled: HashMap::new(),
            serial: 0,
        }
    }

    /// The cache.
    pub fn cache(&mut self) -> *mut F {
        self.cache
    }

    /// Blocks of `class` that are neither the program's nor the source's.
    pub fn n_cached(&self, class: Class) -> usize {
        self.source.n_out(class) - self.live[class.index()].len()
    }

    /// Blocks of `class` that the program has.
    pub fn n_live(&self, class: Class) -> usize {
        self.live[class.index()].len()
    }

    /// The block that the program got last.
    pub fn last(&self, class: Class) -> Option<Block> {
        self.live[class.index()].last().copied()
    }

    /// `malloc`. Whether there was a block.
    pub fn allocate(&mut self, class: Class) -> bool {
        // SAFETY: our cache.
        let popped = unsafe { F::pop(self.cache(), class) };
        let block = popped.or_else(|| self.refill(class));
        self.check_limit(class);
        let Some(block) = block else { return false };
        assert!(self.source.is_out(block.as_ptr(), class), "a block that nobody gave");
        self.serial = self.serial.wrapping_add(1);
        fill(block.as_ptr(), class, self.serial);
        assert_eq!(self.filled.insert(block, self.serial), None, "a block came out twice");
        self.live[class.index()].push(block);
        true
    }

    fn refill(&mut self, class: Class) -> Option<Block> {
        assert_eq!(self.n_cached(class), 0, "cached blocks were not found");
        let geometry = FourPerDoubling::geometry(class);
        let cache = self.cache();
        // SAFETY: our cache, opened, and empty for the class.
        unsafe { F::refill(cache, class, geometry, &mut self.source, &self.meta) }
    }

    /// `free` of one of the program's blocks.
    pub fn free(&mut self, class: Class, which: usize) {
        let live = &mut self.live[class.index()];
        if live.is_empty() {
            return;
        }
        let block = live.swap_remove(which % live.len());
        let byte = self.filled.remove(&block).unwrap();
        assert!(is_filled(block.as_ptr(), class, byte), "somebody wrote to a live block");
        // SAFETY: our cache; the block is of the class, and free now.
        if !unsafe { F::push(self.cache(), class, block) } {
            self.spill(class, block);
        }
        self.check_limit(class);
    }

    fn spill(&mut self, class: Class, block: Block) {
        let geometry = FourPerDoubling::geometry(class);
        let cache = self.cache();
        let before = self.source.gives;
        // SAFETY: as for `push`, and it is opened.
        unsafe { F::spill(cache, class, geometry, block, &mut self.source, &self.meta) };
        assert!(self.source.gives > before, "room was made of nothing");
    }

    /// The end of a thread.
    pub fn drain(&mut self) {
        let cache = self.cache();
        // SAFETY: our cache, opened.
        unsafe { F::drain(cache, &mut self.source) };
        for class in (0..MAX_CLASSES).filter_map(Class::new) {
            assert_eq!(self.n_cached(class), 0, "a block was lost: {class:?}");
        }
    }

    /// Frees everything and drains; every block must be back.
    pub fn finish(mut self) {
        for class in (0..MAX_CLASSES).filter_map(Class::new) {
            while self.n_live(class) > 0 {
                self.free(class, 0);
            }
        }
        self.drain();
        let faults: HashSet<_> = self.source.faults.iter().collect();
        assert!(faults.is_empty(), "given twice: {faults:?}");
    }

    /// The class's limit, shifted; but for a few blocks there is always room.
    pub fn limit(&self, class: Class) -> usize {
        let limit = usize::from(FourPerDoubling::geometry(class).cache_limit);
        (limit >> self.limit_shift).max(SMALL.min(limit))
    }

    fn check_limit(&self, class: Class) {
        let n_cached = self.n_cached(class);
        assert!(n_cached <= self.limit(class), "{n_cached} blocks are cached: {class:?}");
    }
}

impl<F: FrontCache> Drop for Program<F> {
    fn drop(&mut self) {
        // SAFETY: from a box, and not used any more.
        drop(unsafe { Box::from_raw(self.cache) });
    }
}
