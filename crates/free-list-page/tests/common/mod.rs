//! What the tests share: a slab in memory of its own, whose owner is the test.
#![allow(dead_code, clippy::allow_attributes, reason = "each test uses a part of it")]
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ptr::NonNull;

use hakmem_contract::page::Given;
use hakmem_contract::{Class, Fault, Geometry, Owner, Page, SizeClasses, Span, Tag, UNIT};
use hakmem_free_list_page::{FreeListSlab, Inbox};
use hakmem_front_gate::FourPerDoubling;

/// The tag of every slab here.
pub(crate) fn tag() -> Tag {
    Tag::slab(Owner::new(5).unwrap(), Class::new(7).unwrap())
}

/// The geometries of all classes, and the extremes that no class has.
pub(crate) fn geometries() -> impl Iterator<Item = Geometry> {
    let classes = (0..FourPerDoubling::COUNT).map(|i| *class_geometry(i));
    classes.chain([48, 1008, 4096, 4112, 8192].map(|size| Geometry::new(size, 1 << 16, [4, 256])))
}

fn class_geometry(index: usize) -> &'static Geometry {
    FourPerDoubling::geometry(Class::new(index).unwrap())
}

/// A slab whose blocks the test may write to if it wishes, with an inbox, perhaps shared.
#[derive(Debug)]
pub(crate) struct Owned {
    pub(crate) page: NonNull<FreeListSlab>,
    pub(crate) span: Span,
    pub(crate) geometry: Geometry,
    inbox: std::sync::Arc<Inbox>,
    descriptor: Layout,
    /// The blocks' memory, if there is any.
    blocks: Option<Layout>,
}

impl Owned {
    pub(crate) fn new(geometry: Geometry) -> Self {
        Self::with_inbox(geometry, std::sync::Arc::default())
    }

    /// A slab with memory for its blocks.
    pub(crate) fn with_inbox(geometry: Geometry, inbox: std::sync::Arc<Inbox>) -> Self {
        let blocks = Layout::from_size_align(usize::from(geometry.units) * UNIT, UNIT).unwrap();
        let mut slab = Self::at(memory(blocks), geometry, inbox);
        slab.blocks = Some(blocks);
        slab
    }

    /// A slab at `base`, where the test has memory for its blocks.
    pub(crate) fn at(base: NonNull<u8>, geometry: Geometry, inbox: std::sync::Arc<Inbox>) -> Self {
        let span = Span { base, superslab: 9, units: u16::from(geometry.units), zeroed: 0 };
        let descriptor = Layout::from_size_align(FreeListSlab::footprint(&geometry), 64).unwrap();
        let raw = memory(descriptor);
        // SAFETY: the memory is as large as the footprint, the span is the test's, and the
        // inbox lives as long as the slab.
        let page =
            unsafe { FreeListSlab::open_local(raw, span, &geometry, tag(), &raw const *inbox) };
        Self { page, span, geometry, inbox, descriptor, blocks: None }
    }

    pub(crate) fn capacity(&self) -> usize {
        usize::from(self.geometry.capacity)
    }

    /// The address of block `index`.
    pub(crate) fn block(&self, index: usize) -> *mut u8 {
        self.span.base.as_ptr().wrapping_add(index * self.geometry.block_size as usize)
    }

    /// The number of the block at `address`, which must be one.
    pub(crate) fn index(&self, address: *mut u8) -> usize {
        let offset = address.addr() - self.span.address();
        let size = self.geometry.block_size as usize;
        assert!(offset.is_multiple_of(size) && offset / size < self.capacity());
        offset / size
    }

    pub(crate) fn free(&self) -> usize {
        let local = FreeListSlab::local(self.page);
        // SAFETY: the test owns the slab.
        usize::from(unsafe { (*local).free })
    }

    pub(crate) fn set_notice(&self, notice: usize) {
        let local = FreeListSlab::local(self.page);
        // SAFETY: the test owns the slab.
        unsafe { (*local).notice = u16::try_from(notice).unwrap() };
    }

    /// Panics unless the accounting is right and `free` blocks are free.
    pub(crate) fn check(&self, free: usize) {
        // SAFETY: the test owns the slab.
        assert!(unsafe { FreeListSlab::check(self.page) }, "the count and the list disagree");
        assert_eq!(self.free(), free);
    }

    /// Takes up to `want` blocks: their numbers, in the order in which a stack hands them out.
    pub(crate) fn take(&self, want: usize) -> Vec<usize> {
        let mut out = vec![std::ptr::null_mut(); want];
        // SAFETY: the test owns the slab; there is room for so many.
        let n = unsafe { FreeListSlab::take_local(self.page, out.as_mut_ptr(), want) }.unwrap();
        assert!(out[n..].iter().all(|block| block.is_null()), "wrote more than it says");
        out[..n].iter().rev().map(|&block| self.index(block)).collect()
    }

    /// One call of `give_local`.
    pub(crate) fn give_at(&self, blocks: &[*mut u8]) -> Result<Given, Fault> {
        // SAFETY: the test owns the slab, and the list is not empty.
        unsafe { FreeListSlab::give_local(self.page, blocks.as_ptr(), blocks.len()) }
    }

    /// Gives all of `indices`, in as many calls as it takes. Whether the last one reached the
    /// notice.
    pub(crate) fn give(&self, indices: &[usize]) -> Result<bool, Fault> {
        let blocks: Vec<_> = indices.iter().map(|&index| self.block(index)).collect();
        let mut given = Given { taken: 0, noticed: false };
        let mut rest = blocks.as_slice();
        while !rest.is_empty() {
            given = self.give_at(rest)?;
            assert!((1..=rest.len()).contains(&given.taken));
            rest = &rest[given.taken..];
        }
        Ok(given.noticed)
    }

    /// As another thread would.
    pub(crate) fn give_remote(&self, index: usize) -> Result<(), Fault> {
        let (word, bit) = self.locate(self.block(index)).unwrap();
        self.give_bits(word, bit)
    }

    pub(crate) fn give_bits(&self, word: usize, bits: u64) -> Result<(), Fault> {
        // SAFETY: the test decides who owns which block.
        unsafe { FreeListSlab::give_remote(self.page, word, bits) }
    }

    pub(crate) fn locate(&self, address: *mut u8) -> Result<(usize, u64), Fault> {
        // SAFETY: the slab is open.
        unsafe { FreeListSlab::locate(self.page, NonNull::new(address).unwrap()) }
    }

    /// Collects: which slabs were told to change lists.
    pub(crate) fn collect(&self) -> Result<Vec<NonNull<FreeListSlab>>, Fault> {
        let mut relisted = Vec::new();
        // SAFETY: the test owns the inbox.
        unsafe { FreeListSlab::collect_local(&raw const *self.inbox, |page| relisted.push(page)) }?;
        Ok(relisted)
    }

    /// What a second free of block `index` is.
    pub(crate) fn double(&self, index: usize) -> Fault {
        Fault::DoubleFree(self.block(index).addr())
    }
}

// SAFETY: the descriptor and the blocks are not bound to a thread; who is the owner is the test's
// affair.
unsafe impl Send for Owned {}
// SAFETY: as above; the owner's functions are called by one thread at a time.
unsafe impl Sync for Owned {}

impl Drop for Owned {
    fn drop(&mut self) {
        // SAFETY: allocated in `at` with this layout.
        unsafe { dealloc(self.page.as_ptr().cast(), self.descriptor) };
        if let Some(blocks) = self.blocks {
            // SAFETY: allocated in `with_inbox` with this layout.
            unsafe { dealloc(self.span.base.as_ptr(), blocks) };
        }
    }
}

fn memory(layout: Layout) -> NonNull<u8> {
    // SAFETY: no layout here is empty.
    NonNull::new(unsafe { alloc_zeroed(layout) }).unwrap_or_else(|| handle_alloc_error(layout))
}
