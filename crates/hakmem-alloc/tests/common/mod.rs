//! A shadow of an allocator: what is live, with contents that tell whose they are.
#![allow(dead_code, reason = "each test uses its part")]
#![allow(unreachable_pub, reason = "a module of several crates")]

use std::alloc::{GlobalAlloc, Layout};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering};

use hakmem_alloc::{Allocator, Boxes};

/// A block and what is in it.
///
/// # Invariants
///
/// - `block` has `size` bytes, is aligned to `align`, and holds the pattern of `tag`.
/// - `usable` is its usable size, and part of [`USABLE`].
#[derive(Debug)]
pub struct Live {
    block: NonNull<u8>,
    size: usize,
    usable: usize,
    align: usize,
    tag: usize,
}

// SAFETY: a block may be used and freed by any thread; who has the value has the block.
unsafe impl Send for Live {}

/// Usable bytes of all live blocks of the process, as the program was told when it got them.
pub static USABLE: AtomicUsize = AtomicUsize::new(0);

/// The first so many bytes are written and checked one by one, of the others some.
const DENSE: usize = 64;

/// The distance of the others.
const STEP: usize = 61;

/// From here on they are farther apart.
const NEAR: usize = 16 << 10;

/// The distance of those: a little more than five pages.
const FAR: usize = 20_483;

/// Which bytes of the first `size` are looked at.
fn places(size: usize) -> impl Iterator<Item = usize> {
    let near = (DENSE..size.min(NEAR)).step_by(STEP);
    (0..size.min(DENSE)).chain(near).chain((NEAR..size).step_by(FAR))
}

/// The byte at `place` of the block `tag`. Never 0.
fn byte(tag: usize, place: usize) -> u8 {
    (tag.wrapping_mul(29).wrapping_add(place.wrapping_mul(7)) % 255) as u8 + 1
}

impl Live {
    pub fn address(&self) -> usize {
        self.block.as_ptr().addr()
    }

    pub fn size(&self) -> usize {
        self.size
    }

    fn at(&self, place: usize) -> *mut u8 {
        self.block.as_ptr().wrapping_add(place)
    }

    fn read(&self, place: usize) -> u8 {
        assert!(place < self.size, "{place} of {self:?}");
        // SAFETY: inside the block, which is initialised where we look.
        unsafe { self.at(place).read() }
    }

    fn write(&self, place: usize, byte: u8) {
        assert!(place < self.size, "{place} of {self:?}");
        // SAFETY: inside the block, which is ours.
        unsafe { self.at(place).write(byte) };
    }

    fn stamp(&self) {
        // INVARIANT: the pattern of `tag`.
        for place in places(self.size) {
            self.write(place, byte(self.tag, place));
        }
        if let Some(last) = self.size.checked_sub(1) {
            self.write(last, byte(self.tag, last));
        }
    }

    /// Whether the first `size` bytes are as they were stamped.
    fn check(&self, size: usize) {
        for place in places(size) {
            assert_eq!(self.read(place), byte(self.tag, place), "byte {place} of {self:?}");
        }
    }

    /// Whether all of it is as it was stamped.
    pub fn check_all(&self) {
        self.check(self.size);
        if let Some(last) = self.size.checked_sub(1) {
            assert_eq!(self.read(last), byte(self.tag, last), "the last byte of {self:?}");
        }
    }

    /// Notes what the allocator says of its usable size now.
    fn note_usable(&mut self, usable: usize) {
        assert!(usable >= self.size, "{usable} usable bytes of {self:?}");
        // INVARIANT: the old size leaves the sum, the new one joins it. Relaxed: a sum.
        USABLE.fetch_sub(self.usable, Ordering::Relaxed);
        USABLE.fetch_add(usable, Ordering::Relaxed);
        self.usable = usable;
    }

    fn layout(&self) -> Layout {
        Layout::from_size_align(self.size, self.align).unwrap()
    }
}

/// Every live block of an allocator, or of one thread of it.
#[derive(Debug)]
pub struct Shadow<B: Boxes + 'static> {
    alloc: &'static Allocator<B>,
    pub live: Vec<Live>,
    /// How many requests got null.
    pub refused: usize,
    next_tag: usize,
    watch: fn(),
}

impl<B: Boxes> Shadow<B> {
    pub fn new(alloc: &'static Allocator<B>, first_tag: usize) -> Self {
        Self::watched(alloc, first_tag, || {})
    }

    /// One that calls `watch` after every call of the allocator.
    pub fn watched(alloc: &'static Allocator<B>, first_tag: usize, watch: fn()) -> Self {
        Self { alloc, live: Vec::new(), refused: 0, next_tag: first_tag, watch }
    }

    /// Asks for a block. `false`: null.
    pub fn get(&mut self, size: usize, align: usize) -> bool {
        let layout = Layout::from_size_align(size, align).unwrap();
        // SAFETY: this allocator serves size 0, too.
        let block = unsafe { self.alloc.alloc(layout) };
        self.take(block, size, align)
    }

    /// Asks for a block that is zero. `false`: null.
    pub fn get_zeroed(&mut self, size: usize, align: usize) -> bool {
        let layout = Layout::from_size_align(size, align).unwrap();
        // SAFETY: as in `get`.
        let block = unsafe { self.alloc.alloc_zeroed(layout) };
        if let Some(block) = NonNull::new(block) {
            let live = Live { block, size, usable: 0, align, tag: 0 };
            let dirty = places(size).chain(size.checked_sub(1)).find(|&at| live.read(at) != 0);
            assert_eq!(dirty, None, "a byte that is not zero in {live:?}");
        }
        self.take(block, size, align)
    }

    fn take(&mut self, block: *mut u8, size: usize, align: usize) -> bool {
        let Some(block) = NonNull::new(block) else {
            self.refused += 1;
            (self.watch)();
            return false;
        };
        let mut live = Live { block, size, usable: 0, align, tag: self.next_tag };
        assert!(live.address().is_multiple_of(align.max(16)), "misaligned: {live:?}");
        // SAFETY: a live block.
        live.note_usable(unsafe { self.alloc.usable_size(block.as_ptr()) });
        self.next_tag += 1;
        live.stamp();
        self.live.push(live);
        (self.watch)();
        true
    }

    /// Changes the size of live block `index`. `false`: it stays as it was.
    pub fn resize(&mut self, index: usize, size: usize) -> bool {
        let live = &mut self.live[index];
        live.check_all();
        let old = live.size;
        // SAFETY: a live block of this layout.
        let block = unsafe { self.alloc.realloc(live.block.as_ptr(), live.layout(), size) };
        let Some(block) = NonNull::new(block) else {
            live.check_all();
            self.refused += 1;
            (self.watch)();
            return false;
        };
        // INVARIANT: the block has moved, or is as long as it was asked to be.
        live.block = block;
        live.size = size;
        assert!(live.address().is_multiple_of(live.align.max(16)), "misaligned: {live:?}");
        // SAFETY: a live block.
        live.note_usable(unsafe { self.alloc.usable_size(block.as_ptr()) });
        live.check(old.min(size));
        live.stamp();
        (self.watch)();
        true
    }

    /// Frees live block `index`.
    pub fn give(&mut self, index: usize) {
        let live = self.live.swap_remove(index);
        live.check_all();
        // SAFETY: a live block.
        let usable = unsafe { self.alloc.usable_size(live.block.as_ptr()) };
        assert_eq!(usable, live.usable, "the usable size of {live:?} has changed");
        // Relaxed: a sum.
        USABLE.fetch_sub(live.usable, Ordering::Relaxed);
        let layout = live.layout();
        // By both of the ways that there are.
        if live.tag.is_multiple_of(3) {
            // SAFETY: a live block.
            unsafe { self.alloc.deallocate(live.block.as_ptr()) };
        } else {
            // SAFETY: a live block of this layout.
            unsafe { self.alloc.dealloc(live.block.as_ptr(), layout) };
        }
        (self.watch)();
    }

    /// Checks every live block.
    pub fn check(&self) {
        for live in &self.live {
            live.check_all();
        }
    }

    /// Whether no two live blocks overlap.
    pub fn check_apart(&self) {
        let mut ranges: Vec<_> =
            self.live.iter().map(|live| (live.address(), live.size.max(1))).collect();
        ranges.sort_unstable();
        for pair in ranges.windows(2) {
            if let [(base, size), (next, _)] = pair {
                assert!(base + size <= *next, "{base:#x} of {size} bytes reaches {next:#x}");
            }
        }
    }

    /// Frees everything.
    pub fn clear(&mut self) {
        while !self.live.is_empty() {
            self.give(self.live.len() / 2);
        }
    }
}

/// What every composition has to do: all tiers, threads that hand blocks on, zeroes, growth.
pub fn basic_suite<B: Boxes>(alloc: &'static Allocator<B>) {
    let mut shadow = Shadow::new(alloc, 1);
    for round in 0..3 {
        for size in (0..4096).step_by(37).chain([5_000, 33_000, 70_000, 1 << 20, 3 << 20]) {
            assert!(shadow.get(size, 1 << (size % 8)), "{size} bytes");
            assert!(shadow.get_zeroed(size, 16), "{size} bytes");
            let last = shadow.live.len() - 1;
            assert!(shadow.resize(last, size * (round + 1) / 2 + 1), "{size} bytes");
        }
        shadow.check_apart();
        hand_over(alloc, &mut shadow);
        shadow.clear();
        alloc.trim();
    }
}

/// Other threads free what this one allocated, and leave something in its place.
fn hand_over<B: Boxes>(alloc: &'static Allocator<B>, shadow: &mut Shadow<B>) {
    for tag in 1..5 {
        let theirs = shadow.live.split_off(shadow.live.len() / 2);
        let thread = std::thread::spawn(move || {
            let mut shadow = Shadow::new(alloc, tag << 20);
            shadow.live = theirs;
            let n = shadow.live.len();
            shadow.clear();
            for i in 0..n {
                assert!(shadow.get(i * 13 % 3000, 16), "{i}");
            }
            shadow.live
        });
        shadow.live.extend(thread.join().unwrap());
        shadow.check();
    }
}
