//! How a workload gets, marks and gives back memory.
//!
//! Every object carries a tag in its first and in its last eight bytes. The tag is read again
//! when the object is freed and summed into the run's checksum, so an allocator that hands out
//! the same bytes twice does not only run fast but also gives another checksum than its peers.

use std::alloc::{Layout, alloc, alloc_zeroed, dealloc, handle_alloc_error};
use std::ptr;

/// Bytes of a tag; no object is smaller.
pub const TAG: usize = size_of::<u64>();

/// Where objects come from: [`Heap`], or [`Prepared`] for the loop without allocations.
pub trait Objects: Sized {
    /// A source for one thread that has at most `slots` objects, of at most `stride` bytes each.
    fn prepare(slots: usize, stride: usize) -> Self;

    /// Memory for the object number `slot`.
    fn take(&self, slot: usize, size: usize) -> *mut u8;

    /// Gives an object back.
    ///
    /// # Safety
    ///
    /// `ptr` came from [`take`](Self::take) with this `size` and is not used again.
    unsafe fn give(&self, ptr: *mut u8, size: usize);
}

/// The global allocator of the binary.
#[derive(Clone, Copy, Debug)]
pub struct Heap;

impl Objects for Heap {
    fn prepare(_slots: usize, _stride: usize) -> Self {
        Self
    }

    #[inline(always)]
    fn take(&self, _slot: usize, size: usize) -> *mut u8 {
        let layout = layout(size);
        // SAFETY: workloads ask for one byte or more, so the layout's size is not zero.
        let ptr = unsafe { alloc(layout) };
        if ptr.is_null() {
            handle_alloc_error(layout);
        }
        ptr
    }

    #[inline(always)]
    unsafe fn give(&self, ptr: *mut u8, size: usize) {
        // SAFETY: the caller says that `ptr` came from `take` with this size, which is `alloc`
        // with the same layout.
        unsafe { dealloc(ptr, layout(size)) }
    }
}

/// Objects that all exist from the start; taking and giving cost nothing. Never freed.
#[derive(Clone, Copy, Debug)]
pub struct Prepared {
    base: *mut u8,
    stride: usize,
}

// SAFETY: the memory is never freed and has no owner; who may touch which object is a question
// of the workload, as it is for `Heap`.
unsafe impl Send for Prepared {}

// SAFETY: as for `Send`; the fields are never written.
unsafe impl Sync for Prepared {}

impl Objects for Prepared {
    fn prepare(slots: usize, stride: usize) -> Self {
        let stride = stride.next_multiple_of(16);
        let layout = layout(slots * stride);
        // SAFETY: `layout` has at least the size of a tag, so it is not zero.
        let base = unsafe { alloc_zeroed(layout) };
        if base.is_null() {
            handle_alloc_error(layout);
        }
        for offset in (0..layout.size()).step_by(4096) {
            // SAFETY: `offset` is inside the memory just allocated.
            let page = unsafe { base.add(offset) };
            // SAFETY: `page` points into our memory. Volatile, so that the page gets mapped here
            // and not in the timed part.
            unsafe { page.write_volatile(1) };
        }
        Self { base, stride }
    }

    #[inline(always)]
    fn take(&self, slot: usize, _size: usize) -> *mut u8 {
        // SAFETY: the workload asked for more slots than `slot`, so this stays inside.
        unsafe { self.base.add(slot * self.stride) }
    }

    #[inline(always)]
    unsafe fn give(&self, _ptr: *mut u8, _size: usize) {}
}

/// One object of a workload, or an empty slot.
///
/// # Invariants
///
/// - `ptr` is null, or points to `size >= TAG` bytes that this value alone owns and that have
///   been tagged.
#[derive(Debug)]
pub struct Object {
    ptr: *mut u8,
    size: usize,
}

// SAFETY: an object owns its memory, and the allocators measured take a free from any thread.
unsafe impl Send for Object {}

impl Object {
    /// An empty slot.
    pub const NONE: Self = Self { ptr: ptr::null_mut(), size: 0 };

    /// Allocates and tags.
    #[inline(always)]
    pub fn new(from: &impl Objects, slot: usize, size: usize, tag: u64) -> Self {
        let ptr = from.take(slot, size);
        // SAFETY: `take` gave `size >= TAG` bytes.
        unsafe { ptr.cast::<u64>().write_unaligned(tag) };
        // SAFETY: inside the object, as `size >= TAG`.
        let last = unsafe { ptr.add(size - TAG) };
        // SAFETY: the last `TAG` bytes of the object.
        unsafe { last.cast::<u64>().write_unaligned(tag) };
        // INVARIANT: fresh from `take`, so owned by nobody else; tagged above.
        Self { ptr, size }
    }

    /// Whether the slot is empty.
    #[inline(always)]
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.ptr.is_null()
    }

    /// Bytes of the object; 0 for an empty slot.
    #[inline(always)]
    #[must_use]
    pub fn size(&self) -> usize {
        self.size
    }

    /// Reads both tags, frees, and returns what the checksum gets. The slot is empty afterwards.
    #[inline(always)]
    pub fn free(&mut self, from: &impl Objects) -> u64 {
        let Self { ptr, size } = std::mem::replace(self, Self::NONE);
        // SAFETY: the object has `size >= TAG` bytes.
        let first = unsafe { ptr.cast::<u64>().read_unaligned() };
        // SAFETY: inside the object, as `size >= TAG`.
        let last = unsafe { ptr.add(size - TAG) };
        // SAFETY: the last `TAG` bytes of the object, tagged by `new`.
        let last = unsafe { last.cast::<u64>().read_unaligned() };
        // SAFETY: the object owns the memory it got from `take`, and forgot it above.
        unsafe { from.give(ptr, size) };
        first.rotate_left(1).wrapping_add(last)
    }

    /// Writes one byte in each 4 KiB of the object, so that all its memory is mapped: in another
    /// cache line of each, because bytes 4096 apart would all fall into one set of the cache,
    /// and its misses would be all that is measured.
    #[inline]
    pub fn touch_pages(&mut self) {
        // The first and the last page have been written by the tags.
        for page in 1..self.size.saturating_sub(TAG) / 4096 {
            let offset = page * 4096 + page * 64 % 4096;
            // SAFETY: inside page `page`, which is before the end.
            let byte = unsafe { self.ptr.add(offset) };
            // SAFETY: inside the object, which this value owns.
            unsafe { byte.write_volatile(1) };
        }
    }

    /// Writes the object's first word `times` times, for workloads that are about cache lines.
    #[inline]
    pub fn scribble(&mut self, times: u64) {
        for _ in 0..times {
            // SAFETY: the object has at least `TAG` bytes.
            let seen = unsafe { self.ptr.cast::<u64>().read_unaligned() };
            // SAFETY: as for the read; the value owns the object.
            unsafe { self.ptr.cast::<u64>().write_unaligned(seen.wrapping_add(1)) };
            // The next round reads memory again.
            std::hint::black_box(self.ptr);
        }
    }
}

/// An object whose size is in its first eight bytes, so that a pointer is all that travels. The
/// last eight bytes hold the size again, inverted.
///
/// # Invariants
///
/// - The pointer is to an object of 16 bytes or more that this value alone owns, with its size in
///   the first and in the last eight bytes.
#[derive(Debug)]
pub struct Parcel(*mut u8);

// SAFETY: a parcel owns its memory, and the allocators measured take a free from any thread.
unsafe impl Send for Parcel {}

impl Parcel {
    /// Allocates 16 bytes or more.
    #[inline(always)]
    #[must_use]
    pub fn new(size: usize) -> Self {
        let ptr = Heap.take(0, size);
        // SAFETY: the object has `size >= 16` bytes.
        unsafe { ptr.cast::<usize>().write_unaligned(size) };
        // SAFETY: inside the object, as `size >= TAG`.
        let last = unsafe { ptr.add(size - TAG) };
        // SAFETY: the last `TAG` bytes of the object.
        unsafe { last.cast::<usize>().write_unaligned(!size) };
        // INVARIANT: fresh from `take`, and both sizes are written.
        Self(ptr)
    }

    /// The address, which is all that another thread needs.
    #[inline(always)]
    #[must_use]
    pub fn into_raw(self) -> *mut u8 {
        self.0
    }

    /// The parcel at an address.
    ///
    /// # Safety
    ///
    /// `ptr` came from [`into_raw`](Self::into_raw), and no other value was made of it.
    #[inline(always)]
    #[must_use]
    pub unsafe fn from_raw(ptr: *mut u8) -> Self {
        // INVARIANT: the caller says that a parcel of this address was given up.
        Self(ptr)
    }

    /// Frees, and returns the size, or a number that spoils the balance when the object was
    /// damaged.
    #[inline(always)]
    #[must_use]
    pub fn free(self) -> u64 {
        // SAFETY: `new` wrote the size there.
        let size = unsafe { self.0.cast::<usize>().read_unaligned() };
        // SAFETY: inside the object, whose size this is.
        let last = unsafe { self.0.add(size - TAG) };
        // SAFETY: `new` wrote these eight bytes.
        let again = unsafe { last.cast::<usize>().read_unaligned() };
        // SAFETY: the parcel owns the object, got from `take` with this size.
        unsafe { Heap.give(self.0, size) };
        if again == !size { size as u64 } else { 1 << 63 | again as u64 }
    }
}

/// Frees all that is left in `table`.
pub fn free_all(table: &mut [Object], from: &impl Objects) -> u64 {
    let mut sum = 0_u64;
    for object in table.iter_mut().filter(|object| !object.is_none()) {
        sum = sum.wrapping_add(object.free(from));
    }
    sum
}

/// A table of `len` empty slots.
#[must_use]
pub fn table(len: usize) -> Vec<Object> {
    std::iter::repeat_with(|| Object::NONE).take(len).collect()
}

#[inline(always)]
fn layout(size: usize) -> Layout {
    debug_assert!(size > 0 && size < isize::MAX as usize / 2, "workloads check their sizes");
    // SAFETY: 8 is a power of two, and no workload asks for sizes near `isize::MAX`.
    unsafe { Layout::from_size_align_unchecked(size, 8) }
}
