//! The warm pool at work: what the front cache above it calls.

use core::marker::PhantomData;
use core::ptr::NonNull;

use hakmem_contract::{
    Backend, BlockSource, Class, Fault, Geometry, MAX_CLASSES, Owner, Page, Registry, SizeClasses,
    Span, Tag,
};

use crate::{Budget, Counters, WarmPool};

/// A warm pool, the thread it belongs to, and what it stands on.
#[derive(Debug)]
pub struct Source<'a, C, P: Page, K, B> {
    pool: &'a mut WarmPool<P, K>,
    inbox: *const P::Inbox,
    owner: Owner,
    backend: &'a B,
    classes: PhantomData<C>,
}

impl<'a, C: SizeClasses, P: Page, K: Counters, B: Backend> Source<'a, C, P, K, B> {
    /// Lends `pool` the rest.
    ///
    /// # Safety
    ///
    /// `inbox` is the one of the thread that owns `pool`, and outlives every slab; `owner` is
    /// that thread's, and no other's.
    #[inline]
    pub unsafe fn new(
        pool: &'a mut WarmPool<P, K>,
        inbox: *const P::Inbox,
        owner: Owner,
        backend: &'a B,
    ) -> Self {
        Self { pool, inbox, owner, backend, classes: PhantomData }
    }

    /// Takes back what other threads gave. Slabs that became empty are kept or released.
    #[inline]
    pub fn collect(&mut self) {
        let inbox = self.inbox;
        let relist = |slab| {
            // SAFETY: a slab in our inbox is ours, and `collect_local` says it is noticed.
            if unsafe { self.relist(slab) } {
                // SAFETY: it is on no list, and all free.
                unsafe { self.release(slab) };
            }
        };
        // SAFETY: the inbox is this thread's (`new`).
        let result = unsafe { P::collect_local(inbox, relist) };
        if let Err(fault) = result {
            self.backend.fault(fault);
        }
    }

    /// Gives every empty slab back to the shared pool. Returns how many units.
    #[inline]
    pub fn trim(&mut self) -> usize {
        let mut units = 0;
        for index in 0..MAX_CLASSES {
            while let Some(slab) = self.pool.shelves.get_mut(index).and_then(|s| s.pop_empty()) {
                // SAFETY: a slab on a shelf is ours and open.
                let n = usize::from(unsafe { (*P::local(slab)).span.units });
                self.pool.kept = self.pool.kept.saturating_sub(n);
                units += n;
                // SAFETY: an empty slab, on no list any more.
                unsafe { self.release(slab) };
            }
        }
        units
    }

    /// A slab of `class` with free blocks, on the ring.
    #[inline]
    fn slab(&mut self, class: Class) -> Option<NonNull<P>> {
        match self.pool.shelves.get(class.index())?.partial() {
            Some(slab) => {
                self.pool.counters.hit();
                Some(slab)
            }
            None => self.slab_cold(class),
        }
    }

    /// The ring is empty: an empty slab, or new ones.
    #[cold]
    #[inline(never)]
    fn slab_cold(&mut self, class: Class) -> Option<NonNull<P>> {
        let shelf = self.pool.shelves.get_mut(class.index())?;
        let slab = if let Some(slab) = shelf.pop_empty() {
            // SAFETY: a slab on a shelf is ours and open.
            let units = unsafe { (*P::local(slab)).span.units };
            // INVARIANT: one empty slab fewer.
            self.pool.kept = self.pool.kept.saturating_sub(usize::from(units));
            self.pool.counters.hit();
            slab
        } else {
            self.acquire(class)?
        };
        // SAFETY: just opened, or just taken off the stack.
        unsafe { self.pool.shelves.get_mut(class.index())?.append(slab) };
        Some(slab)
    }

    /// New slabs in one step: one to use, and the rest of the budget onto the stack.
    fn acquire(&mut self, class: Class) -> Option<NonNull<P>> {
        let shelf = self.pool.shelves.get_mut(class.index())?;
        shelf.dry = shelf.dry.saturating_add(1);
        // A class that ran dry twice has shown that it grows.
        let budget = if shelf.dry > 2 { usize::from(self.pool.budget.prefill) } else { 1 };
        let mut spans = [Span::NONE; Budget::MAX_PREFILL];
        let wanted = spans.get_mut(..budget.clamp(1, Budget::MAX_PREFILL))?;
        let units = usize::from(C::geometry(class).units);
        let n = self.backend.acquire(units, wanted);
        let mut first = None;
        let mut extra = 0;
        for span in spans.into_iter().take(n) {
            let Some(slab) = self.open(class, span) else { continue };
            if first.is_none() {
                first = Some(slab);
            } else {
                extra += 1;
                // INVARIANT: one empty slab more.
                self.pool.kept += units;
                // SAFETY: just opened.
                unsafe { self.pool.shelves.get_mut(class.index())?.push_empty(slab) };
            }
        }
        self.pool.counters.miss(extra);
        first
    }

    /// Makes a slab of `span`, or gives it back if there is no memory for a descriptor.
    fn open(&mut self, class: Class, span: Span) -> Option<NonNull<P>> {
        let geometry = C::geometry(class);
        let meta = self.backend.meta();
        let Some(memory) = self.pool.stock.take(P::footprint(geometry), meta) else {
            // SAFETY: the span came from `acquire`, and nothing was made of it.
            unsafe { self.backend.release(span) };
            return None;
        };
        let tag = Tag::slab(self.owner, class);
        // SAFETY: memory and span are ours; the inbox outlives the slab (`new`).
        let slab = unsafe { P::open_local(memory, span, geometry, tag, self.inbox) };
        // SAFETY: the slab is ours.
        unsafe { (*P::local(slab)).class = class.index().to_le_bytes()[0] };
        let (base, units) = (span.address(), usize::from(span.units));
        // SAFETY: spans from `acquire` are covered.
        unsafe {
            self.backend.registry().publish(
                base,
                units,
                tag,
                tag,
                slab.as_ptr().expose_provenance(),
            );
        }
        Some(slab)
    }

    /// Gives an empty slab back to the shared pool, and its descriptor to the stock.
    ///
    /// # Safety
    ///
    /// All blocks of `slab` are free, and it is on no list.
    unsafe fn release(&mut self, slab: NonNull<P>) {
        // SAFETY: our slab.
        let local = unsafe { &*P::local(slab) };
        let (span, class) = (local.span, local.class);
        let (base, units) = (span.address(), usize::from(span.units));
        let registry = self.backend.registry();
        let class = Class::new(usize::from(class));
        let tag = class.map_or(Tag::FOREIGN, Tag::freed_slab);
        // SAFETY: the units are covered, and ours.
        unsafe { registry.publish(base, units, tag, tag, 0) };
        if let Some(class) = class {
            let bytes = P::footprint(C::geometry(class));
            // SAFETY: it came from the stock, and a slab whose blocks are all free is known to
            // nobody else (`Page`: quiet when whole).
            unsafe { self.pool.stock.keep(slab.cast(), bytes) };
        }
        // SAFETY: ours, and no tag is published for it.
        unsafe { self.backend.release(span) };
    }

    /// A slab's free count reached its notice when blocks were given to it.
    ///
    /// # Safety
    ///
    /// `slab` is ours, and noticed.
    #[cold]
    #[inline(never)]
    unsafe fn noticed_cold(&mut self, slab: NonNull<P>) {
        // SAFETY: passed on.
        if unsafe { self.relist(slab) } {
            // A block that another thread freed, too, waits in the inbox, and the slab with it. It is
            // found there as long as the slab is one.
            self.collect();
            // SAFETY: it is on no list, and all free.
            unsafe { self.release(slab) };
        }
    }

    /// A slab's free count reached its notice: it was full, or is empty now. Returns whether it is
    /// empty and not to be kept: then it is on no list.
    ///
    /// # Safety
    ///
    /// `slab` is ours, and noticed.
    unsafe fn relist(&mut self, slab: NonNull<P>) -> bool {
        // SAFETY: our slab; the reference ends before the shelf touches its links.
        let local = unsafe { &mut *P::local(slab) };
        let was_full = local.notice != local.capacity;
        let is_empty = local.free == local.capacity;
        let units = usize::from(local.span.units);
        let class = usize::from(local.class);
        // INVARIANT: partial or empty.
        local.notice = local.capacity;
        let Some(shelf) = self.pool.shelves.get_mut(class) else { return false };
        if !is_empty {
            // SAFETY: a full slab is on no list.
            unsafe { shelf.append(slab) };
            return false;
        }
        if !was_full {
            // SAFETY: a partial slab is on the ring.
            unsafe { shelf.remove(slab) };
        }
        let within = self.pool.kept + units <= usize::from(self.pool.budget.keep_units);
        let keep = within && !shelf.has_empty();
        if keep {
            self.pool.kept += units;
            // SAFETY: on no list, and all free.
            unsafe { shelf.push_empty(slab) };
        }
        !keep
    }

    /// Gives the blocks from `blocks` on that follow each other in one slab. Returns where the
    /// rest begins.
    ///
    /// # Safety
    ///
    /// As [`BlockSource::give`], for the blocks up to `end`, of which there is one at least.
    #[inline(never)]
    unsafe fn give_run(
        &mut self,
        blocks: *const *mut u8,
        end: *const *mut u8,
        tag: Tag,
    ) -> *const *mut u8 {
        let n = (end.addr() - blocks.addr()) / size_of::<*mut u8>();
        // SAFETY: one at least.
        let slab = self.slab_of(unsafe { blocks.read() }.addr(), tag);
        // SAFETY: our slab; the first block lies in it.
        let given = match unsafe { P::give_local(slab, blocks, n) } {
            Ok(given) => given,
            Err(fault) => self.backend.fault(fault),
        };
        if given.noticed {
            // SAFETY: our slab, and noticed.
            unsafe { self.noticed_cold(slab) };
        }
        blocks.wrapping_add(given.taken)
    }

    /// Gives one block.
    ///
    /// # Safety
    ///
    /// As [`BlockSource::give`].
    #[inline(always)]
    unsafe fn give_one(&mut self, block: *mut u8, tag: Tag, geometry: &Geometry) {
        let slab = self.slab_of(block.addr(), tag);
        // SAFETY: our slab, in which the block lies; its tag says its class.
        match unsafe { P::give_one_local(slab, block, geometry) } {
            Ok(false) => {}
            // SAFETY: our slab, and noticed.
            Ok(true) => unsafe { self.noticed_cold(slab) },
            Err(fault) => self.backend.fault(fault),
        }
    }

    /// The slab of the block at `address`, which was freed as one of `tag`.
    #[inline(always)]
    fn slab_of(&self, address: usize, tag: Tag) -> NonNull<P> {
        // SAFETY: the block passed the front gate as ours, so its unit is covered.
        let word = unsafe { self.backend.registry().word_covered(address) };
        let slab = NonNull::new(core::ptr::with_exposed_provenance_mut::<P>(word));
        // SAFETY: a word of a slab's unit is its descriptor, whose memory is used for nothing but
        // descriptors.
        match slab.filter(|slab| unsafe { P::tag(*slab) } == tag) {
            Some(slab) => slab,
            // The slab was empty and is gone: the block was free before.
            None => self.backend.fault(Fault::DoubleFree(address)),
        }
    }
}

// SAFETY: *exclusive* is the page box's promise, and each slab is on one thread's shelves.
unsafe impl<C: SizeClasses, P: Page, K: Counters, B: Backend> BlockSource
    for Source<'_, C, P, K, B>
{
    #[inline]
    unsafe fn take(&mut self, class: Class, out: *mut *mut u8, want: usize) -> usize {
        self.collect();
        let mut n = 0;
        while n < want {
            let Some(slab) = self.slab(class) else { break };
            // SAFETY: our slab; `want - n` slots are left.
            n += match unsafe { P::take_local(slab, out.wrapping_add(n), want - n) } {
                Ok(taken) => taken,
                Err(fault) => self.backend.fault(fault),
            };
            // SAFETY: our slab.
            let local = unsafe { &mut *P::local(slab) };
            if local.free > 0 {
                break;
            }
            // INVARIANT: full, so on no list, and noticed at the next free.
            local.notice = 1;
            if let Some(shelf) = self.pool.shelves.get_mut(class.index()) {
                // SAFETY: `slab` returned a slab on the ring.
                unsafe { shelf.remove(slab) };
                if shelf.is_bare() {
                    break;
                }
            }
        }
        n
    }

    #[inline]
    unsafe fn give(&mut self, class: Class, blocks: *const *mut u8, n: usize) {
        let tag = Tag::slab(self.owner, class);
        let geometry = C::geometry(class);
        let size = geometry.block_size as usize;
        let end = blocks.wrapping_add(n);
        let mut rest = blocks;
        while rest.wrapping_add(1) < end {
            // SAFETY: before the end.
            let block = unsafe { rest.read() };
            // SAFETY: as above.
            let next = unsafe { rest.wrapping_add(1).read() };
            // Neighbours are given together; blocks from all over the place one at a time,
            // with nothing computed for the next one.
            if next == block.wrapping_add(size) {
                // SAFETY: passed on.
                rest = unsafe { self.give_run(rest, end, tag) };
            } else {
                // SAFETY: passed on.
                unsafe { self.give_one(block, tag, geometry) };
                rest = rest.wrapping_add(1);
            }
        }
        if rest < end {
            // SAFETY: the last one.
            let block = unsafe { rest.read() };
            // SAFETY: passed on.
            unsafe { self.give_one(block, tag, geometry) };
        }
    }
}
