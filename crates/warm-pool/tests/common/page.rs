//! A page box: one byte for each block.

use std::cell::RefCell;
use std::ptr::{self, NonNull};

use hakmem_contract::page::{Given, Local};
use hakmem_contract::{Block, Fault, Geometry, Page, Span, Tag};

const FREE: u8 = 0;
const OUT: u8 = 1;
const REMOTE: u8 = 2;
/// Given back by the owner and by another thread, who do not see each other.
const BOTH: u8 = 3;

/// Room for the states of the smallest class that the tests use.
const MOST: usize = 512;

/// The slabs that others gave to.
pub type Inbox = RefCell<Vec<NonNull<FakePage>>>;

/// One slab.
#[derive(Debug)]
#[repr(C)]
pub struct FakePage {
    pub local: Local<FakePage>,
    tag: Tag,
    block_size: usize,
    inbox: *const Inbox,
    states: [u8; MOST],
}

impl FakePage {
    fn states(&self) -> &[u8] {
        &self.states[..usize::from(self.local.capacity)]
    }

    fn count(&self, state: u8) -> usize {
        self.states().iter().filter(|s| **s == state).count()
    }

    /// Blocks that can be taken, counted.
    pub fn n_free(&self) -> usize {
        self.count(FREE)
    }

    /// A block that was given back from both sides.
    fn twice(&self) -> Option<Fault> {
        let index = self.states().iter().position(|state| *state == BOTH)?;
        Some(Fault::DoubleFree(self.local.span.address() + index * self.block_size))
    }

    /// Blocks that others gave back and nobody collected.
    pub fn n_remote(&self) -> usize {
        self.count(REMOTE)
    }

    fn index_of(&self, address: usize) -> Result<usize, Fault> {
        let offset = address.wrapping_sub(self.local.span.address());
        let index = offset / self.block_size;
        let is_block = offset.is_multiple_of(self.block_size) && index < self.states().len();
        if is_block { Ok(index) } else { Err(Fault::Interior(address)) }
    }

    fn give(&mut self, address: usize) -> Result<(), Fault> {
        let index = self.index_of(address)?;
        self.states[index] = match self.states[index] {
            OUT => FREE,
            REMOTE => BOTH,
            _ => return Err(Fault::DoubleFree(address)),
        };
        self.local.free += 1;
        Ok(())
    }

    fn holds(&self, block: *mut u8) -> bool {
        let bytes = usize::from(self.local.span.units) * hakmem_contract::UNIT;
        block.addr().wrapping_sub(self.local.span.address()) < bytes
    }

    fn is_noticed(&self) -> bool {
        self.local.free >= self.local.notice
    }
}

/// Borrows a slab.
///
/// # Safety
///
/// It was opened, and nobody else borrows it.
unsafe fn borrow(this: NonNull<FakePage>) -> &'static mut FakePage {
    // SAFETY: passed on.
    unsafe { &mut *this.as_ptr() }
}

// SAFETY: a block's byte says where it is.
unsafe impl Page for FakePage {
    type Inbox = Inbox;

    /// Another list of the stock for each number of units.
    fn footprint(geometry: &Geometry) -> usize {
        size_of::<Self>() + 64 * usize::from(geometry.units)
    }

    unsafe fn give_one_local(
        this: NonNull<Self>,
        block: *mut u8,
        _geometry: &Geometry,
    ) -> Result<bool, Fault> {
        // SAFETY: passed on.
        unsafe { Self::give_local(this, &raw const block, 1) }.map(|given| given.noticed)
    }

    unsafe fn open_local(
        memory: NonNull<u8>,
        span: Span,
        geometry: &Geometry,
        tag: Tag,
        inbox: *const Inbox,
    ) -> NonNull<Self> {
        assert!(memory.as_ptr().addr().is_multiple_of(64));
        assert_eq!(u16::from(geometry.units), span.units);
        let &Geometry { capacity, block_size, .. } = geometry;
        assert!(usize::from(capacity) <= MOST);
        let local = Local {
            span,
            free: capacity,
            notice: capacity,
            capacity,
            class: u8::MAX,
            reserved: 0,
            prev: ptr::dangling_mut(),
            next: ptr::dangling_mut(),
        };
        let page =
            Self { local, tag, block_size: block_size as usize, inbox, states: [FREE; MOST] };
        let this = memory.cast::<Self>();
        // SAFETY: of `footprint` bytes, aligned, and ours.
        unsafe { this.write(page) };
        this
    }

    unsafe fn take_local(
        this: NonNull<Self>,
        out: *mut *mut u8,
        want: usize,
    ) -> Result<usize, Fault> {
        // SAFETY: the caller's slab.
        let page = unsafe { borrow(this) };
        let n = want.min(usize::from(page.local.free));
        assert!(n > 0, "a slab without free blocks was on a shelf, or nothing was asked for");
        for slot in (0..n).rev() {
            let index = page.states().iter().position(|state| *state == FREE).unwrap();
            page.states[index] = OUT;
            page.local.free -= 1;
            let block = page.local.span.base.as_ptr().wrapping_add(index * page.block_size);
            // SAFETY: `slot < want`.
            unsafe { out.wrapping_add(slot).write(block) };
        }
        Ok(n)
    }

    unsafe fn give_local(
        this: NonNull<Self>,
        blocks: *const *mut u8,
        n: usize,
    ) -> Result<Given, Fault> {
        // SAFETY: the caller's slab.
        let page = unsafe { borrow(this) };
        let mut taken = 0;
        while taken < n {
            // SAFETY: `taken < n`.
            let block = unsafe { blocks.wrapping_add(taken).read() };
            if !page.holds(block) {
                break;
            }
            page.give(block.addr())?;
            taken += 1;
        }
        assert!(taken > 0, "a block was given to another slab");
        Ok(Given { taken, noticed: page.is_noticed() })
    }

    unsafe fn tag(this: NonNull<Self>) -> Tag {
        // SAFETY: it was opened.
        unsafe { borrow(this) }.tag
    }

    unsafe fn locate(this: NonNull<Self>, address: Block) -> Result<(usize, u64), Fault> {
        // SAFETY: the caller's slab.
        let index = unsafe { borrow(this) }.index_of(address.as_ptr().addr())?;
        Ok((index / 64, 1 << (index % 64)))
    }

    unsafe fn give_remote(this: NonNull<Self>, word: usize, bits: u64) -> Result<(), Fault> {
        // SAFETY: the caller's slab.
        let page = unsafe { borrow(this) };
        let is_first = page.n_remote() == 0;
        for index in (0..64).filter(|bit| bits >> bit & 1 != 0).map(|bit| word * 64 + bit) {
            assert_eq!(page.states[index], OUT, "the test is wrong");
            page.states[index] = REMOTE;
        }
        if is_first {
            // SAFETY: it outlives the slab.
            unsafe { &*page.inbox }.borrow_mut().push(this);
        }
        Ok(())
    }

    unsafe fn collect_local(
        inbox: *const Inbox,
        mut relist: impl FnMut(NonNull<Self>),
    ) -> Result<(), Fault> {
        // SAFETY: it outlives the slabs.
        let slabs = unsafe { &*inbox }.take();
        for slab in slabs {
            // SAFETY: a slab in an inbox is open; the borrow ends before `relist`.
            let page = unsafe { borrow(slab) };
            if let Some(fault) = page.twice() {
                return Err(fault);
            }
            page.local.free += u16::try_from(page.n_remote()).unwrap();
            page.states.iter_mut().filter(|s| **s == REMOTE).for_each(|s| *s = FREE);
            if page.is_noticed() {
                relist(slab);
            }
        }
        Ok(())
    }

    fn local(this: NonNull<Self>) -> *mut Local<Self> {
        // It comes first.
        this.as_ptr().cast()
    }
}
