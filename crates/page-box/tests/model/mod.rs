//! What the models share: slabs in memory of their own, an inbox, and the contents of blocks that
//! other threads hold.
#![allow(dead_code, clippy::allow_attributes, reason = "each model uses a part of it")]
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize as Tally, Ordering::SeqCst};

use hakmem_contract::{Class, Geometry, Owner, Page, Span, Tag, UNIT};
use hakmem_page_box::mutants::{self, Orders};
use hakmem_page_box::{Inbox, Slab};
use loom::cell::UnsafeCell;

#[cfg(not(debug_assertions))]
compile_error!("models run with debug assertions on");

/// Blocks of 4 KiB: 16 of them, one word.
pub(crate) const ONE_WORD: Geometry = Geometry::new(4096, 1 << 16, [4, 256]);
/// Blocks of 1008 bytes: 65 of them, two words, of which the second one has one bit.
pub(crate) const TWO_WORDS: Geometry = Geometry::new(1008, 1 << 16, [4, 256]);

/// Plain `std`, on purpose: it counts across executions and is no part of the model.
pub(crate) fn tallies<const N: usize>() -> std::sync::Arc<[Tally; N]> {
    std::sync::Arc::new([const { Tally::new(0) }; N])
}

pub(crate) fn count<const N: usize>(tally: &[Tally; N], outcome: usize) {
    tally[outcome].fetch_add(1, SeqCst);
}

pub(crate) fn assert_all_seen<const N: usize>(tally: &[Tally; N]) {
    let tally = tally.each_ref().map(|n| n.load(SeqCst));
    assert!(tally.iter().all(|&n| n > 0), "the search skipped a case: {tally:?}");
}

/// A slab, of which two blocks are with other threads.
#[derive(Debug)]
struct Entry {
    page: NonNull<Slab>,
    span: Span,
    contents: [UnsafeCell<usize>; 2],
}

/// See the module docs. Nothing here orders anything.
#[derive(Debug)]
pub(crate) struct Model {
    inbox: Box<Inbox>,
    geometry: Geometry,
    /// Which blocks of a slab are with other threads.
    out: [usize; 2],
    entries: Vec<Entry>,
}

impl Model {
    /// `n` slabs. All blocks are handed out: those of `out` to other threads, the rest to
    /// nobody who will give them back.
    pub(crate) fn new(n: usize, geometry: Geometry, out: [usize; 2]) -> Self {
        let mut model = Self { inbox: Box::default(), geometry, out, entries: Vec::new() };
        for i in 1..=n {
            let base = NonNull::new(std::ptr::without_provenance_mut(i * UNIT)).unwrap();
            let span = Span { base, superslab: 0, units: 1, zeroed: 0 };
            // SAFETY: the layout is not empty.
            let memory = unsafe { alloc(model.layout()) };
            let memory = NonNull::new(memory).unwrap_or_else(|| handle_alloc_error(model.layout()));
            let page = model.open(memory, span);
            let contents = [UnsafeCell::new(0), UnsafeCell::new(0)];
            model.entries.push(Entry { page, span, contents });
            assert_eq!(model.take(i - 1).len(), usize::from(geometry.capacity));
        }
        model
    }

    fn layout(&self) -> Layout {
        Layout::from_size_align(Slab::footprint(&self.geometry), 64).unwrap()
    }

    fn open(&self, memory: NonNull<u8>, span: Span) -> NonNull<Slab> {
        let tag = Tag::slab(Owner::new(0).unwrap(), Class::new(3).unwrap());
        // SAFETY: the memory is the model's, and large enough; the inbox lives as long.
        unsafe { Slab::open_local(memory, span, &self.geometry, tag, &raw const *self.inbox) }
    }

    /// Takes all free blocks of slab `slab`; their numbers.
    fn take(&self, slab: usize) -> Vec<usize> {
        let Entry { page, span, .. } = self.entries[slab];
        let mut blocks = [std::ptr::null_mut(); 128];
        // SAFETY: the owner's slab, and room for all its blocks.
        let n = unsafe { Slab::take_local(page, blocks.as_mut_ptr(), blocks.len()) }.unwrap();
        let size = self.geometry.block_size as usize;
        blocks[..n].iter().map(|block| (block.addr() - span.address()) / size).collect()
    }

    /// Gives back locally all blocks that no other thread has.
    pub(crate) fn give_rest(&self, slab: usize) {
        let Entry { page, span, .. } = self.entries[slab];
        for i in (0..usize::from(self.geometry.capacity)).filter(|i| !self.out.contains(i)) {
            let block = span.base.as_ptr().wrapping_add(i * self.geometry.block_size as usize);
            // SAFETY: the owner's slab, and a block of it.
            unsafe { Slab::give_local(page, &raw const block, 1) }.unwrap();
        }
    }

    /// Another thread: uses its block `which` of slab `slab`, and gives it back.
    pub(crate) fn free_remote(&self, slab: usize, which: usize, edges: Orders) {
        let (page, word, bit) = self.use_remote(slab, which);
        // SAFETY: the block is this thread's, and not used after this.
        unsafe { mutants::give(page, word, bit, edges) }.unwrap();
    }

    /// Another thread: uses its block `which` of slab `slab`. Where the block is accounted.
    pub(crate) fn use_remote(&self, slab: usize, which: usize) -> (NonNull<Slab>, usize, u64) {
        let entry = &self.entries[slab];
        // SAFETY: the block is this thread's; loom panics if it is not.
        entry.contents[which].with_mut(|value| unsafe { *value = 1 });
        let index = self.out[which];
        (entry.page, index / 64, 1 << (index % 64))
    }

    /// The owner: collects, takes what has come and uses it. Returns how many blocks.
    pub(crate) fn collect(&self, edges: Orders) -> usize {
        // SAFETY: one thread at a time plays the owner.
        unsafe { mutants::collect(self.inbox(), |_| (), edges) }.unwrap();
        self.use_all()
    }

    /// The owner: takes all free blocks and uses them.
    pub(crate) fn use_all(&self) -> usize {
        let mut n = 0;
        for (slab, entry) in self.entries.iter().enumerate() {
            for index in self.take(slab) {
                let which = self.out.iter().position(|&out| out == index);
                let which = which.unwrap_or_else(|| unreachable!("a block that nobody gave"));
                // SAFETY: the block is the owner's; loom panics if it is not.
                let old = entry.contents[which].with_mut(|value| unsafe { value.replace(2) });
                assert_eq!(old, 1, "a block came twice, or before its last user's write");
                n += 1;
            }
        }
        n
    }

    pub(crate) fn inbox(&self) -> *const Inbox {
        &raw const *self.inbox
    }

    pub(crate) fn page(&self, slab: usize) -> NonNull<Slab> {
        self.entries[slab].page
    }

    /// Whether all blocks of slab `slab` are free.
    pub(crate) fn is_whole(&self, slab: usize) -> bool {
        let local = Slab::local(self.entries[slab].page);
        // SAFETY: the owner's slab.
        let free = unsafe { (*local).free };
        free == self.geometry.capacity
    }

    /// The owner: makes another slab where slab `slab` was.
    pub(crate) fn reuse(&self, slab: usize) {
        let Entry { page, span, .. } = self.entries[slab];
        // SAFETY: the owner's slab, and whole; loom panics if another thread is at it.
        unsafe { mutants::close(page) };
        // What is there now is another slab, with loom's own record of who knows it.
        self.open(page.cast(), span);
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        for entry in &self.entries {
            // SAFETY: allocated in `new` with this layout.
            unsafe { dealloc(entry.page.as_ptr().cast(), self.layout()) };
        }
    }
}
