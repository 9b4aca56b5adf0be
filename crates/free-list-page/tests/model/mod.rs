//! What the models share: slabs with memory for their blocks, an inbox, and the contents of blocks that
//! other threads hold.
#![allow(dead_code, clippy::allow_attributes, reason = "each model uses a part of it")]
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize as Tally, Ordering::SeqCst};

use hakmem_contract::{Class, Geometry, Owner, Page, Span, Tag, UNIT};
use hakmem_free_list_page::mutants::{self, Orders};
use hakmem_free_list_page::{FreeListSlab, Inbox};
use loom::cell::UnsafeCell;

#[cfg(not(debug_assertions))]
compile_error!("models run with debug assertions on");

/// 16 blocks of 4 KiB. How many a slab has is nothing to its chain.
const GEOMETRY: Geometry = Geometry::new(4096, 1 << 16, [4, 256]);

/// Blocks of a slab that are with other threads.
pub(crate) const OUT: usize = 3;

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

fn memory(layout: Layout) -> NonNull<u8> {
    // SAFETY: no layout here is empty.
    NonNull::new(unsafe { alloc(layout) }).unwrap_or_else(|| handle_alloc_error(layout))
}

/// A slab, whose first blocks are with other threads.
#[derive(Debug)]
struct Entry {
    page: NonNull<FreeListSlab>,
    span: Span,
    contents: [UnsafeCell<usize>; OUT],
}

/// See the module docs. Nothing here orders anything.
#[derive(Debug)]
pub(crate) struct Model {
    inbox: Box<Inbox>,
    entries: Vec<Entry>,
}

impl Model {
    /// `n` slabs. All blocks are handed out: the first ones to other threads, the rest to
    /// nobody who will give them back.
    pub(crate) fn new(n: usize) -> Self {
        let mut model = Self { inbox: Box::default(), entries: Vec::new() };
        for i in 0..n {
            let base = memory(Self::blocks());
            let span = Span { base, superslab: 0, units: 1, zeroed: 0 };
            let page = model.open(memory(Self::descriptor()), span);
            let contents = std::array::from_fn(|_| UnsafeCell::new(0));
            model.entries.push(Entry { page, span, contents });
            assert_eq!(model.take(i).len(), usize::from(GEOMETRY.capacity));
        }
        model
    }

    fn descriptor() -> Layout {
        Layout::from_size_align(FreeListSlab::footprint(&GEOMETRY), 64).unwrap()
    }

    fn blocks() -> Layout {
        Layout::from_size_align(UNIT, UNIT).unwrap()
    }

    fn open(&self, memory: NonNull<u8>, span: Span) -> NonNull<FreeListSlab> {
        let tag = Tag::slab(Owner::new(0).unwrap(), Class::new(3).unwrap());
        // SAFETY: the memory is the model's, and large enough; the inbox lives as long.
        unsafe { FreeListSlab::open_local(memory, span, &GEOMETRY, tag, &raw const *self.inbox) }
    }

    /// Takes all free blocks of slab `slab`; their numbers.
    fn take(&self, slab: usize) -> Vec<usize> {
        let Entry { page, span, .. } = self.entries[slab];
        // SAFETY: the owner's slab.
        assert!(unsafe { FreeListSlab::check(page) }, "the count and the list disagree");
        let mut blocks = [std::ptr::null_mut(); 16];
        // SAFETY: the owner's slab, and room for all its blocks.
        let n = unsafe { FreeListSlab::take_local(page, blocks.as_mut_ptr(), blocks.len()) };
        let size = GEOMETRY.block_size as usize;
        blocks[..n.unwrap()].iter().map(|block| (block.addr() - span.address()) / size).collect()
    }

    /// Gives back locally all blocks of slab `slab` but the first `out`.
    pub(crate) fn give_rest(&self, slab: usize, out: usize) {
        let Entry { page, span, .. } = self.entries[slab];
        for i in out..usize::from(GEOMETRY.capacity) {
            let block = span.base.as_ptr().wrapping_add(i * GEOMETRY.block_size as usize);
            // SAFETY: the owner's slab, and a block of it.
            unsafe { FreeListSlab::give_local(page, &raw const block, 1) }.unwrap();
        }
    }

    /// Another thread: uses its blocks `bits` of slab `slab`, and gives them back.
    pub(crate) fn free_remote(&self, slab: usize, bits: u64, edges: Orders) {
        let page = self.use_remote(slab, bits);
        // SAFETY: the blocks are this thread's, and not used after this.
        unsafe { mutants::give(page, 0, bits, edges) }.unwrap();
    }

    /// Another thread: uses its blocks `bits` of slab `slab`.
    pub(crate) fn use_remote(&self, slab: usize, bits: u64) -> NonNull<FreeListSlab> {
        let entry = &self.entries[slab];
        for which in (0..OUT).filter(|which| bits >> which & 1 != 0) {
            // SAFETY: the block is this thread's; loom panics if it is not.
            entry.contents[which].with_mut(|value| unsafe { *value = 1 });
        }
        entry.page
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
            for which in self.take(slab) {
                assert!(which < OUT, "a block that nobody gave");
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

    pub(crate) fn page(&self, slab: usize) -> NonNull<FreeListSlab> {
        self.entries[slab].page
    }

    /// Whether all blocks of slab `slab` are free.
    pub(crate) fn is_whole(&self, slab: usize) -> bool {
        let local = FreeListSlab::local(self.entries[slab].page);
        // SAFETY: the owner's slab.
        let free = unsafe { (*local).free };
        free == GEOMETRY.capacity
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
            unsafe { dealloc(entry.page.as_ptr().cast(), Self::descriptor()) };
            // SAFETY: as above.
            unsafe { dealloc(entry.span.base.as_ptr(), Self::blocks()) };
        }
    }
}
