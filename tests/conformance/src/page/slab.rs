//! A slab in memory of its own, whose owner is the test.

use std::marker::PhantomData;
use std::ptr::{self, NonNull};
use std::sync::Arc;

use hakmem_contract::page::Given;
use hakmem_contract::{Class, Fault, Geometry, Owner, Page, SizeClasses, Span, Tag, UNIT};
use hakmem_front_gate::FourPerDoubling;

use super::Case;
use crate::memory::Owned;

/// The tag of every slab here.
#[must_use]
pub fn tag() -> Tag {
    Tag::slab(Owner::new(5).unwrap(), Class::new(7).unwrap())
}

/// Blocks of `size` bytes.
#[must_use]
pub const fn of_size(size: u32) -> Geometry {
    Geometry::new(size, 1 << 16, [4, 256])
}

/// The geometries of all classes, and the extremes that no class has.
pub fn geometries() -> impl Iterator<Item = Geometry> {
    let classes = (0..FourPerDoubling::COUNT).filter_map(Class::new);
    let classes = classes.map(|class| *FourPerDoubling::geometry(class));
    let all = classes.chain([48, 1008, 4096, 4112, 8192].map(of_size));
    // An interpreter takes a minute for what is a millisecond.
    all.step_by(if cfg!(miri) { 11 } else { 1 })
}

/// The inbox of some slabs: zero bytes when new.
#[derive(Debug)]
pub struct Inbox<P: Page>(Owned, PhantomData<fn() -> P>);

// SAFETY: any thread may put slabs into an inbox, that is what it is for; its owner is the test.
unsafe impl<P: Page> Sync for Inbox<P> {}

impl<P: Page> Default for Inbox<P> {
    fn default() -> Self {
        Self(Owned::new(size_of::<P::Inbox>().max(1), align_of::<P::Inbox>()), PhantomData)
    }
}

impl<P: Page> Inbox<P> {
    /// Where it is.
    #[must_use]
    pub const fn address(&self) -> *const P::Inbox {
        self.0.base().as_ptr().cast()
    }
}

/// A slab, its blocks' memory, if there is any, and an inbox, perhaps shared.
///
/// # Invariants
///
/// - `page` is an open slab in `descriptor`, over `span`, whose inbox is `inbox`.
#[derive(Debug)]
pub struct Slab<P: Page> {
    /// The slab.
    pub page: NonNull<P>,
    /// Where its blocks are.
    pub span: Span,
    /// What they look like.
    pub geometry: Geometry,
    case: Case<P>,
    inbox: Arc<Inbox<P>>,
    /// Returned when the slab is dropped.
    _memory: [Option<Owned>; 2],
}

// SAFETY: the descriptor and the blocks are not bound to a thread; who is the owner is the test's
// affair.
unsafe impl<P: Page> Send for Slab<P> {}
// SAFETY: as above; the owner's functions are called by one thread at a time.
unsafe impl<P: Page> Sync for Slab<P> {}

impl<P: Page> Slab<P> {
    /// A slab with memory for its blocks, and an inbox of its own.
    #[must_use]
    pub fn new(case: &Case<P>, geometry: Geometry) -> Self {
        Self::with_inbox(case, geometry, Arc::default())
    }

    /// A slab with memory for its blocks, which nobody has cleared.
    #[must_use]
    pub fn with_inbox(case: &Case<P>, geometry: Geometry, inbox: Arc<Inbox<P>>) -> Self {
        let bytes = usize::from(geometry.units) * UNIT;
        let blocks = Owned::new(bytes, UNIT);
        // SAFETY: just allocated, with this size.
        unsafe { blocks.base().write_bytes(0xA5, bytes) };
        let mut slab = Self::at(case, blocks.base(), geometry, inbox);
        slab._memory[1] = Some(blocks);
        slab
    }

    /// A slab at `base`, where memory need be only if the box touches its blocks.
    #[must_use]
    pub fn at(case: &Case<P>, base: NonNull<u8>, geometry: Geometry, inbox: Arc<Inbox<P>>) -> Self {
        let span = Span { base, superslab: 9, units: u16::from(geometry.units), zeroed: 0 };
        let bytes = P::footprint(&geometry);
        let descriptor = Owned::new(bytes, 64);
        // SAFETY: just allocated, with this size. A box may not count on zeroes.
        unsafe { descriptor.base().write_bytes(0x5A, bytes) };
        // SAFETY: the memory is as large as the footprint, the span is the test's, and the
        // inbox lives as long as the slab.
        let page =
            unsafe { P::open_local(descriptor.base(), span, &geometry, tag(), inbox.address()) };
        Self { page, span, geometry, case: *case, inbox, _memory: [Some(descriptor), None] }
    }

    /// Opens another slab in the place of this one, which is whole.
    pub fn open_again(&mut self) {
        let descriptor = self.page.cast();
        let inbox = self.inbox.address();
        // SAFETY: as in `at`; nobody uses the slab that was there.
        self.page = unsafe { P::open_local(descriptor, self.span, &self.geometry, tag(), inbox) };
    }

    /// How many blocks there are.
    #[must_use]
    pub fn capacity(&self) -> usize {
        usize::from(self.geometry.capacity)
    }

    /// The address of block `index`.
    #[must_use]
    pub fn block(&self, index: usize) -> *mut u8 {
        self.span.base.as_ptr().wrapping_add(index * self.geometry.block_size as usize)
    }

    /// The number of the block at `address`, which must be one.
    #[must_use]
    pub fn index(&self, address: *mut u8) -> usize {
        let offset = address.addr().wrapping_sub(self.span.address());
        let size = self.geometry.block_size as usize;
        let is_block = offset.is_multiple_of(size) && offset / size < self.capacity();
        assert!(is_block, "{address:?} is not a block: {:?}", self.geometry);
        offset / size
    }

    /// Blocks that can be taken.
    #[must_use]
    pub fn free(&self) -> usize {
        let local = P::local(self.page);
        // SAFETY: the test owns the slab.
        usize::from(unsafe { (*local).free })
    }

    /// The free count that is to be told.
    #[must_use]
    pub fn notice(&self) -> usize {
        let local = P::local(self.page);
        // SAFETY: the test owns the slab.
        usize::from(unsafe { (*local).notice })
    }

    /// As the warm pool does.
    pub fn set_notice(&self, notice: usize) {
        let local = P::local(self.page);
        // SAFETY: the test owns the slab.
        unsafe { (*local).notice = u16::try_from(notice).unwrap() };
    }

    /// Panics unless the accounting is right and `back` blocks are not out: free, or held back for a while
    /// by a box that says so.
    pub fn check(&self, back: usize) {
        let sound = self.case.sound;
        // SAFETY: the test owns the slab.
        assert!(unsafe { sound(self.page) }, "the slab's own check fails: {:?}", self.geometry);
        let (free, held) = (self.free(), back.wrapping_sub(self.free()));
        let most = if back == self.capacity() { 0 } else { self.capacity() / self.case.held };
        assert!(held <= most, "{free} of {back} that are not out are free: {:?}", self.geometry);
    }

    /// Takes up to `want` blocks: their numbers, in the order in which a stack hands them out.
    #[must_use]
    pub fn take(&self, want: usize) -> Vec<usize> {
        let mut out = vec![ptr::null_mut(); want + 1];
        // SAFETY: the test owns the slab; there is room for so many.
        let n = unsafe { P::take_local(self.page, out.as_mut_ptr(), want) }.unwrap();
        assert!(n <= want, "more than was asked for");
        assert!(out[n..].iter().all(|block| block.is_null()), "wrote more than it says");
        out[..n].iter().rev().map(|&block| self.index(block)).collect()
    }

    /// Takes all there is.
    #[must_use]
    pub fn take_all(&self) -> Vec<usize> {
        self.take(self.capacity() + 1)
    }

    /// One call of `give_local`.
    ///
    /// # Errors
    ///
    /// As the box says.
    pub fn give_at(&self, blocks: &[*mut u8]) -> Result<Given, Fault> {
        assert!(!blocks.is_empty(), "the test is wrong");
        let before = self.free();
        // SAFETY: the test owns the slab, and the list is not empty.
        let given = unsafe { P::give_local(self.page, blocks.as_ptr(), blocks.len()) }?;
        assert!((1..=blocks.len()).contains(&given.taken), "took {} blocks", given.taken);
        self.check_notice(before, given.noticed);
        Ok(given)
    }

    /// One call of `give_one_local`.
    ///
    /// # Errors
    ///
    /// As the box says.
    pub fn give_one(&self, index: usize) -> Result<bool, Fault> {
        let (before, block) = (self.free(), self.block(index));
        // SAFETY: the test owns the slab, which was opened with this geometry.
        let noticed = unsafe { P::give_one_local(self.page, block, &self.geometry) }?;
        self.check_notice(before, noticed);
        Ok(noticed)
    }

    /// The call that reaches the notice says so, and none that has not reached it.
    fn check_notice(&self, before: usize, noticed: bool) {
        let (free, notice) = (self.free(), self.notice());
        let wrong = if noticed { free < notice } else { before < notice && free >= notice };
        assert!(!wrong, "noticed {noticed}: from {before} to {free}, {notice} is to be told");
    }

    /// Gives all of `indices`, in as many calls as it takes. Whether the last one reached the
    /// notice.
    ///
    /// # Errors
    ///
    /// As the box says.
    pub fn give(&self, indices: &[usize]) -> Result<bool, Fault> {
        let blocks: Vec<_> = indices.iter().map(|&index| self.block(index)).collect();
        let mut given = Given { taken: 0, noticed: false };
        let mut rest = blocks.as_slice();
        while !rest.is_empty() {
            given = self.give_at(rest)?;
            rest = &rest[given.taken..];
        }
        Ok(given.noticed)
    }

    /// As another thread would.
    ///
    /// # Errors
    ///
    /// As the box says.
    pub fn give_remote(&self, index: usize) -> Result<(), Fault> {
        let (word, bit) = self.locate(self.block(index)).unwrap();
        self.give_bits(word, bit)
    }

    /// As another thread would.
    ///
    /// # Errors
    ///
    /// As the box says.
    pub fn give_bits(&self, word: usize, bits: u64) -> Result<(), Fault> {
        // SAFETY: the test decides who owns which block.
        unsafe { P::give_remote(self.page, word, bits) }
    }

    /// Where a block is accounted.
    ///
    /// # Errors
    ///
    /// As the box says.
    pub fn locate(&self, address: *mut u8) -> Result<(usize, u64), Fault> {
        // SAFETY: the slab is open.
        unsafe { P::locate(self.page, NonNull::new(address).unwrap()) }
    }

    /// Collects: which slabs of the inbox were told to change lists.
    ///
    /// # Errors
    ///
    /// As the box says.
    pub fn collect(&self) -> Result<Vec<NonNull<P>>, Fault> {
        let mut relisted = Vec::new();
        // SAFETY: the test owns the inbox.
        unsafe { P::collect_local(self.inbox.address(), |page| relisted.push(page)) }?;
        Ok(relisted)
    }

    /// What a second free of block `index` is.
    #[must_use]
    pub fn double(&self, index: usize) -> Fault {
        Fault::DoubleFree(self.block(index).addr())
    }

    /// The bytes of block `index` that tests write to: at both ends of what the program may use.
    fn ends(&self, index: usize) -> impl Iterator<Item = *mut u8> {
        let (block, usable) = (self.block(index), self.geometry.usable());
        (0..usable.min(32)).chain(usable - 8..usable).map(move |at| block.wrapping_add(at))
    }

    /// As a program that has block `index` would write to it.
    pub fn fill(&self, index: usize, byte: u8) {
        // SAFETY: inside the block, which is out, and so the test's.
        self.ends(index).for_each(|at| unsafe { at.write(byte) });
    }

    /// Whether block `index` is as `fill` left it.
    #[must_use]
    pub fn is_filled(&self, index: usize, byte: u8) -> bool {
        // SAFETY: as above.
        self.ends(index).all(|at| unsafe { at.read() } == byte)
    }
}
