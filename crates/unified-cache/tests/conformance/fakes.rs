//! A source that checks, and an arena that can refuse.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, HashMap};
use std::ptr::NonNull;

use hakmem_contract::{BlockSource, Class, MAX_CLASSES, MetaArena, SizeClasses};
use hakmem_front_gate::FourPerDoubling;

/// Blocks that the source makes at once, side by side.
const SIDE_BY_SIDE: usize = 512;

/// What a block that leaves the source is filled with, and one that comes back. As links, both
/// would be neither null nor aligned.
const LEFT: u8 = 0xC7;
const CAME_BACK: u8 = 0xD7;

/// Memory that is returned when it is dropped.
#[derive(Debug)]
struct Owned(NonNull<u8>, Layout);

impl Owned {
    fn new(bytes: usize, align: usize) -> Self {
        let layout = Layout::from_size_align(bytes, align).unwrap();
        // SAFETY: the size is not zero.
        Self(NonNull::new(unsafe { alloc_zeroed(layout) }).unwrap(), layout)
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        // SAFETY: from `alloc_zeroed`, with this layout.
        unsafe { dealloc(self.0.as_ptr(), self.1) };
    }
}

/// Bytes of a block of `class`.
pub fn block_size(class: Class) -> usize {
    FourPerDoubling::geometry(class).block_size as usize
}

/// Fills what a test looks at of a block: its first 64 bytes and its last 16.
pub fn fill(block: *mut u8, class: Class, byte: u8) {
    let size = block_size(class);
    // SAFETY: inside the block, which is the caller's.
    unsafe { block.write_bytes(byte, size.min(64)) };
    // SAFETY: as above.
    unsafe { block.wrapping_add(size - 16).write_bytes(byte, 16) };
}

/// Whether a block is as `fill` left it.
pub fn is_filled(block: *mut u8, class: Class, byte: u8) -> bool {
    let size = block_size(class);
    (0..size.min(64)).chain(size - 16..size).all(|at| {
        // SAFETY: inside the block, which is the caller's.
        unsafe { block.wrapping_add(at).read() == byte }
    })
}

/// A [`BlockSource`] of real memory that knows where each of its blocks is.
#[derive(Debug)]
pub struct Source {
    /// The most blocks that one `take` brings; 0 refuses.
    pub most: usize,
    /// Calls of `take`, and of `give`.
    pub takes: usize,
    pub gives: usize,
    /// Blocks that came back though they were not out, or as of another class.
    pub faults: Vec<*mut u8>,
    free: [BTreeSet<*mut u8>; MAX_CLASSES],
    out: HashMap<*mut u8, Class>,
    n_out: [usize; MAX_CLASSES],
    memory: Vec<Owned>,
}

impl Source {
    pub fn new() -> Self {
        Self {
            most: usize::MAX,
            takes: 0,
            gives: 0,
            faults: Vec::new(),
            free: [const { BTreeSet::new() }; MAX_CLASSES],
            out: HashMap::new(),
            n_out: [0; MAX_CLASSES],
            memory: Vec::new(),
        }
    }

    /// Whether this block of `class` is out.
    pub fn is_out(&self, block: *mut u8, class: Class) -> bool {
        self.out.get(&block) == Some(&class)
    }

    /// How many blocks of `class` are out.
    pub fn n_out(&self, class: Class) -> usize {
        self.n_out[class.index()]
    }

    /// The free blocks of `class`, of which there is one at least.
    fn free(&mut self, class: Class) -> &mut BTreeSet<*mut u8> {
        let free = &mut self.free[class.index()];
        if free.is_empty() {
            let size = block_size(class);
            let memory = Owned::new(size * SIDE_BY_SIDE, 4096);
            free.extend((0..SIDE_BY_SIDE).map(|i| memory.0.as_ptr().wrapping_add(i * size)));
            self.memory.push(memory);
        }
        free
    }
}

// SAFETY: a block that is out is not in `free`; nothing above is called.
unsafe impl BlockSource for Source {
    unsafe fn take(&mut self, class: Class, out: *mut *mut u8, want: usize) -> usize {
        assert!(want > 0, "asked for nothing");
        self.takes += 1;
        let n = want.min(self.most).min(self.free(class).len());
        // The last one has the lowest address.
        for slot in (0..n).rev() {
            let block = self.free(class).pop_first().unwrap();
            fill(block, class, LEFT);
            assert_eq!(self.out.insert(block, class), None, "the fake is wrong");
            self.n_out[class.index()] += 1;
            // SAFETY: `slot < want`.
            unsafe { out.wrapping_add(slot).write(block) };
        }
        n
    }

    unsafe fn give(&mut self, class: Class, blocks: *const *mut u8, n: usize) {
        assert!(n > 0, "gave nothing");
        self.gives += 1;
        for i in 0..n {
            // SAFETY: `i < n`.
            let block = unsafe { blocks.wrapping_add(i).read() };
            if !self.is_out(block, class) {
                self.faults.push(block);
                continue;
            }
            fill(block, class, CAME_BACK);
            self.out.remove(&block);
            self.n_out[class.index()] -= 1;
            self.free[class.index()].insert(block);
        }
    }
}

/// A [`MetaArena`] that refuses when told to.
#[derive(Debug, Default)]
pub struct Meta {
    pub refuses: Cell<bool>,
    memory: RefCell<Vec<Owned>>,
}

impl Meta {
    /// Requests that were served.
    pub fn n_served(&self) -> usize {
        self.memory.borrow().len()
    }
}

// SAFETY: zero, aligned, and nobody else's as long as the test lasts.
unsafe impl MetaArena for Meta {
    fn alloc_meta(&self, bytes: usize) -> Option<NonNull<u8>> {
        if self.refuses.get() {
            return None;
        }
        let memory = Owned::new(bytes, 64);
        let base = memory.0;
        self.memory.borrow_mut().push(memory);
        Some(base)
    }
}
