//! A program that uses a front cache as the facade does, and watches it.

use std::collections::{HashMap, HashSet};

use hakmem_contract::{Block, Class, FrontCache, MAX_CLASSES, SizeClasses};
use hakmem_front_gate::FourPerDoubling;

use super::source::{Source, fill, is_filled};
use super::{SMALL, classes};
use crate::memory::{Arena, Owned};

/// A front cache, what is below it, and the blocks that the program has.
///
/// # Invariants
///
/// - `cache` is opened, and points into `place`, where it stays.
#[derive(Debug)]
pub struct Program<F: FrontCache> {
    /// Below the cache.
    pub source: Source,
    /// What it gets memory for larger bins from.
    pub meta: Arena,
    // A pointer, because a cache points into itself, and who moves a box claims that nobody else
    // points there.
    cache: *mut F,
    /// Where the cache is.
    _place: Option<Owned>,
    limit_shift: u32,
    slack: usize,
    live: [Vec<Block>; MAX_CLASSES],
    filled: HashMap<Block, u8>,
    serial: u8,
}

impl<F: FrontCache> Program<F> {
    /// A program with a new cache, made of zero bytes.
    #[must_use]
    pub fn new(limit_shift: u32) -> Self {
        let place = (size_of::<F>() > 0).then(|| Owned::new(size_of::<F>(), align_of::<F>()));
        let cache = match &place {
            Some(place) => place.base().as_ptr().cast(),
            None => std::ptr::dangling_mut(),
        };
        // SAFETY: ours, zero, and it stays where it is.
        unsafe { F::open(cache, limit_shift) };
        Self {
            source: Source::default(),
            meta: Arena::default(),
            cache,
            _place: place,
            limit_shift,
            slack: 0,
            live: [const { Vec::new() }; MAX_CLASSES],
            filled: HashMap::new(),
            serial: 0,
        }
    }

    /// The same, with a cache that may keep `slack` blocks of each class above the limit.
    #[must_use]
    pub const fn with_slack(mut self, slack: usize) -> Self {
        self.slack = slack;
        self
    }

    /// The cache.
    pub const fn cache(&mut self) -> *mut F {
        self.cache
    }

    /// Blocks of `class` that are neither the program's nor the source's.
    #[must_use]
    pub const fn n_cached(&self, class: Class) -> usize {
        self.source.n_out(class) - self.live[class.index()].len()
    }

    /// Blocks of `class` that the program has.
    #[must_use]
    pub const fn n_live(&self, class: Class) -> usize {
        self.live[class.index()].len()
    }

    /// The block that the program got last.
    #[must_use]
    pub fn last(&self, class: Class) -> Option<Block> {
        self.live[class.index()].last().copied()
    }

    /// `malloc`. Whether there was a block.
    pub fn allocate(&mut self, class: Class) -> bool {
        // SAFETY: our cache.
        let popped = unsafe { F::pop(self.cache, class) };
        let block = popped.or_else(|| self.refill(class));
        let Some(block) = block else {
            assert_eq!(self.n_cached(class), 0, "cached blocks were not found: {class:?}");
            return false;
        };
        assert!(self.source.is_out(block.as_ptr(), class), "a block that nobody gave: {class:?}");
        self.serial = self.serial.wrapping_add(1);
        let before = self.filled.insert(block, self.serial);
        assert_eq!(before, None, "a block came out twice: {class:?}");
        fill(block.as_ptr(), class, self.serial);
        self.live[class.index()].push(block);
        self.check_limit(class);
        true
    }

    /// Allocates until the source is asked, and returns how many blocks it gave.
    pub fn miss(&mut self, class: Class) -> usize {
        while self.n_cached(class) > 0 {
            assert!(self.allocate(class), "no block: {class:?}");
        }
        let before = self.source.n_out(class);
        assert!(self.allocate(class), "no block: {class:?}");
        self.source.n_out(class) - before
    }

    fn refill(&mut self, class: Class) -> Option<Block> {
        let geometry = FourPerDoubling::geometry(class);
        // SAFETY: our cache, opened, and empty for the class.
        unsafe { F::refill(self.cache, class, geometry, &mut self.source, &self.meta) }
    }

    /// `free` of one of the program's blocks, if it has one.
    pub fn free(&mut self, class: Class, which: usize) {
        let live = &mut self.live[class.index()];
        if live.is_empty() {
            return;
        }
        let block = live.swap_remove(which % live.len());
        let byte = self.filled.remove(&block).unwrap();
        let whole = is_filled(block.as_ptr(), class, byte);
        assert!(whole, "somebody wrote to a live block: {class:?}");
        // SAFETY: our cache; the block is of the class, and free now.
        if !unsafe { F::push(self.cache, class, block) } {
            self.spill(class, block);
        }
        self.check_limit(class);
    }

    fn spill(&mut self, class: Class, block: Block) {
        let geometry = FourPerDoubling::geometry(class);
        // SAFETY: as for `push`, and it is opened.
        unsafe { F::spill(self.cache, class, geometry, block, &mut self.source, &self.meta) };
    }

    /// The end of a thread.
    pub fn drain(&mut self) {
        // SAFETY: our cache, opened.
        unsafe { F::drain(self.cache, &mut self.source) };
        for class in classes() {
            assert_eq!(self.n_cached(class), 0, "a block was lost: {class:?}");
        }
    }

    /// Makes the drained cache usable again.
    pub fn open_again(&mut self) {
        self.drain();
        // SAFETY: ours, without blocks, and it stays where it is.
        unsafe { F::open(self.cache, self.limit_shift) };
    }

    /// Frees everything and drains; every block must be back.
    pub fn finish(mut self) {
        for class in classes() {
            while self.n_live(class) > 0 {
                self.free(class, 0);
            }
        }
        self.drain();
        let faults: HashSet<_> = self.source.faults.iter().collect();
        assert!(faults.is_empty(), "given twice, or as of another class: {faults:?}");
    }

    /// The class's limit, shifted; but for a few blocks there is always room.
    #[must_use]
    pub fn limit(&self, class: Class) -> usize {
        let limit = usize::from(FourPerDoubling::geometry(class).cache_limit);
        let shifted = limit.checked_shr(self.limit_shift).unwrap_or(0);
        shifted.max(SMALL.min(limit)) + self.slack
    }

    fn check_limit(&self, class: Class) {
        let (n_cached, limit) = (self.n_cached(class), self.limit(class));
        assert!(n_cached <= limit, "{n_cached} blocks are cached, not {limit}: {class:?}");
    }
}
