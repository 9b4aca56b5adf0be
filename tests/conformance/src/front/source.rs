//! A source that checks.

use std::collections::{BTreeSet, HashMap};

use hakmem_contract::{BlockSource, Class, MAX_CLASSES, SizeClasses};
use hakmem_front_gate::FourPerDoubling;

use crate::memory::Owned;

/// Blocks that the source makes at once, side by side.
const SIDE_BY_SIDE: usize = 512;

/// What a block that leaves the source is filled with, and one that comes back. As links, both
/// would be neither null nor aligned.
const LEFT: u8 = 0xC7;
const CAME_BACK: u8 = 0xD7;

/// Bytes of a block of `class`.
#[must_use]
pub fn block_size(class: Class) -> usize {
    FourPerDoubling::geometry(class).block_size as usize
}

/// Fills what a test looks at of a block of `class`, which is the caller's: its first 64 bytes and its
/// last 16.
#[expect(clippy::not_unsafe_ptr_arg_deref, reason = "blocks of tests, from fakes")]
pub fn fill(block: *mut u8, class: Class, byte: u8) {
    let size = block_size(class);
    // SAFETY: inside the block, which is the caller's.
    unsafe { block.write_bytes(byte, size.min(64)) };
    // SAFETY: as above.
    unsafe { block.wrapping_add(size - 16).write_bytes(byte, 16) };
}

/// Whether a block is as [`fill`] left it.
#[must_use]
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
    /// Calls of `take`.
    pub takes: usize,
    /// Calls of `give`.
    pub gives: usize,
    /// Blocks that came back though they were not out, or as of another class.
    pub faults: Vec<*mut u8>,
    free: [BTreeSet<*mut u8>; MAX_CLASSES],
    out: HashMap<*mut u8, Class>,
    n_out: [usize; MAX_CLASSES],
    memory: Vec<Owned>,
}

impl Default for Source {
    fn default() -> Self {
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
}

impl Source {
    /// Whether this block of `class` is out.
    #[must_use]
    pub fn is_out(&self, block: *mut u8, class: Class) -> bool {
        self.out.get(&block) == Some(&class)
    }

    /// How many blocks of `class` are out.
    #[must_use]
    pub const fn n_out(&self, class: Class) -> usize {
        self.n_out[class.index()]
    }

    /// The free blocks of `class`, of which there is one at least.
    fn free(&mut self, class: Class) -> &mut BTreeSet<*mut u8> {
        let free = &mut self.free[class.index()];
        if free.is_empty() {
            let size = block_size(class);
            let memory = Owned::new(size * SIDE_BY_SIDE, 4096);
            let base = memory.base().as_ptr();
            free.extend((0..SIDE_BY_SIDE).map(|i| base.wrapping_add(i * size)));
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
