//! A slab that counts.

use core::ptr::NonNull;

use hakmem_contract::page::{Given, Local};
use hakmem_contract::{Block, Fault, Geometry, Page, Span, Tag};

use crate::{Counted, Event, Ledger};

// SAFETY: every call is passed on, and its answer back; a wrapped slab has the address and the layout of the
// slab itself, and the links of its local part lead to wrapped ones.
unsafe impl<P: Page, L: Ledger> Page for Counted<P, L> {
    type Inbox = P::Inbox;

    #[inline]
    fn footprint(geometry: &Geometry) -> usize {
        P::footprint(geometry)
    }

    #[inline]
    unsafe fn open_local(
        memory: NonNull<u8>,
        span: Span,
        geometry: &Geometry,
        tag: Tag,
        inbox: *const Self::Inbox,
    ) -> NonNull<Self> {
        L::note(Event::PageOpen);
        // SAFETY: passed on.
        unsafe { P::open_local(memory, span, geometry, tag, inbox) }.cast()
    }

    #[inline]
    unsafe fn take_local(
        this: NonNull<Self>,
        out: *mut *mut u8,
        want: usize,
    ) -> Result<usize, Fault> {
        // SAFETY: passed on.
        let taken = unsafe { P::take_local(this.cast(), out, want) };
        L::note(Event::PageTake);
        L::add(Event::PageTaken, taken.map_or(0, |n| n as u64));
        taken
    }

    #[inline]
    unsafe fn give_local(
        this: NonNull<Self>,
        blocks: *const *mut u8,
        n: usize,
    ) -> Result<Given, Fault> {
        // SAFETY: passed on.
        let given = unsafe { P::give_local(this.cast(), blocks, n) };
        L::note(Event::PageGive);
        L::add(Event::PageGiven, given.map_or(0, |given| given.taken as u64));
        given
    }

    #[inline]
    unsafe fn give_one_local(
        this: NonNull<Self>,
        block: *mut u8,
        geometry: &Geometry,
    ) -> Result<bool, Fault> {
        // SAFETY: passed on.
        let noticed = unsafe { P::give_one_local(this.cast(), block, geometry) };
        L::note(Event::PageGive);
        L::add(Event::PageGiven, u64::from(noticed.is_ok()));
        noticed
    }

    #[inline]
    unsafe fn tag(this: NonNull<Self>) -> Tag {
        // SAFETY: passed on.
        unsafe { P::tag(this.cast()) }
    }

    #[inline]
    unsafe fn locate(this: NonNull<Self>, address: Block) -> Result<(usize, u64), Fault> {
        // SAFETY: passed on.
        unsafe { P::locate(this.cast(), address) }
    }

    #[inline]
    unsafe fn give_remote(this: NonNull<Self>, word: usize, bits: u64) -> Result<(), Fault> {
        L::note(Event::PageRemote);
        L::add(Event::PageRemoteBlocks, u64::from(bits.count_ones()));
        // SAFETY: passed on.
        unsafe { P::give_remote(this.cast(), word, bits) }
    }

    #[inline]
    unsafe fn collect_local(
        inbox: *const Self::Inbox,
        mut relist: impl FnMut(NonNull<Self>),
    ) -> Result<(), Fault> {
        L::note(Event::PageCollect);
        let counting = |slab: NonNull<P>| {
            L::note(Event::PageRelisted);
            relist(slab.cast());
        };
        // SAFETY: passed on.
        unsafe { P::collect_local(inbox, counting) }
    }

    #[inline]
    fn local(this: NonNull<Self>) -> *mut Local<Self> {
        // The same fields at the same places: it differs in what its links are called.
        P::local(this.cast()).cast()
    }
}
