//! Live blocks, and every operation on them.

use std::ptr::NonNull;

use hakmem_fuzz::{Live, Subject};

/// Some live blocks of one thread, each with a pattern in it.
#[derive(Debug)]
pub(crate) struct Holder {
    subject: &'static dyn Subject,
    live: Vec<Live>,
    rng: fastrand::Rng,
    bytes: usize,
    next_id: u64,
    pub(crate) ops: u64,
}

impl Holder {
    /// `seed` is no other holder's.
    pub(crate) fn new(subject: &'static dyn Subject, seed: u64) -> Self {
        let rng = fastrand::Rng::with_seed(seed);
        Self { subject, live: Vec::new(), rng, bytes: 0, next_id: seed << 32, ops: 0 }
    }

    /// Bytes that were asked for and not freed.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// A number below `n`.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        self.rng.usize(..n)
    }

    /// One random operation, so that about `budget` bytes are live.
    pub(crate) fn step(&mut self, budget: usize) {
        if self.bytes > budget {
            return self.free_one();
        }
        match self.rng.u32(..100) {
            0..60 => self.get_any(),
            60..85 => self.free_one(),
            85..99 => self.resize_one(),
            _ => self.look_at_one(),
        }
    }

    /// A block of any size and kind.
    pub(crate) fn get_any(&mut self) {
        let size = self.any_size();
        let align = match self.rng.u32(..20) {
            0 => 1 << self.rng.u32(4..13),
            1 if size > 100_000 => 1 << self.rng.u32(12..22),
            _ => 16,
        };
        let zeroed = self.rng.u32(..4) == 0;
        self.get(size, align, zeroed);
    }

    /// Most are small; each tier has its part of the bytes.
    fn any_size(&mut self) -> usize {
        match self.rng.u32(..1000) {
            0..700 => self.rng.usize(..1024),
            700..900 => self.rng.usize(..8192),
            900..980 => self.rng.usize(..32 << 10),
            980..998 => self.rng.usize(32 << 10..1 << 20),
            _ => self.rng.usize(1 << 20..3 << 20),
        }
    }

    pub(crate) fn get(&mut self, size: usize, align: usize, zeroed: bool) {
        let block = if zeroed {
            self.subject.allocate_zeroed(size, align)
        } else {
            self.subject.allocate(size, align)
        };
        let block = NonNull::new(block).expect("there is memory");
        let mut live = Live { block, size, align, usable: 0, id: 0 };
        self.place(&mut live, block, size);
        if zeroed {
            live.check_zero();
        }
        live.stamp();
        self.live.push(live);
    }

    /// `live` is at `block` from now on.
    fn place(&mut self, live: &mut Live, block: NonNull<u8>, size: usize) {
        self.ops += 1;
        self.bytes += size;
        self.next_id += 1;
        let address = block.as_ptr().addr();
        assert!(
            address.is_multiple_of(live.align),
            "{address:#x} is not aligned to {}",
            live.align
        );
        // SAFETY: just allocated.
        let usable = unsafe { self.subject.usable_size(block) };
        assert!(usable >= size, "{usable} usable bytes for {size}, at {address:#x}");
        (live.block, live.size, live.usable, live.id) = (block, size, usable, self.next_id);
    }

    fn resize_one(&mut self) {
        if self.live.is_empty() {
            return;
        }
        let at = self.rng.usize(..self.live.len());
        let live = &self.live[at];
        // Most grow or shrink a little, some become anything.
        let size = match self.rng.u32(..4) {
            0 => self.any_size(),
            _ => live.size / 2 + self.rng.usize(..live.size + 64),
        };
        self.resize(at, size.max(1));
    }

    /// The block at `at`, `size` bytes large.
    pub(crate) fn resize(&mut self, at: usize, size: usize) {
        let mut live = self.live.swap_remove(at);
        live.check();
        let known = self.rng.bool();
        // SAFETY: a live block of this layout; its old address is forgotten.
        let block = unsafe { self.subject.reallocate(live.block, live.layout(), size, known) };
        let block = NonNull::new(block).expect("there is memory");
        live.check_moved(block, live.size.min(size));
        self.bytes -= live.size;
        self.place(&mut live, block, size);
        live.stamp();
        self.live.push(live);
    }

    fn look_at_one(&mut self) {
        if !self.live.is_empty() {
            self.live[self.rng.usize(..self.live.len())].check();
        }
    }

    /// Frees some block.
    pub(crate) fn free_one(&mut self) {
        if let Some(live) = self.take_one() {
            self.free(live);
        }
    }

    /// Checks and frees a block, of any thread.
    pub(crate) fn free(&mut self, live: Live) {
        live.check();
        self.ops += 1;
        let known = self.rng.bool();
        // SAFETY: a live block of this layout, and the value is gone with this.
        unsafe { self.subject.deallocate(live.block, live.layout(), known) };
    }

    pub(crate) fn free_all(&mut self) {
        while !self.live.is_empty() {
            self.free_one();
        }
        self.live.shrink_to_fit();
    }

    /// Some block, to be given to another thread.
    pub(crate) fn take_one(&mut self) -> Option<Live> {
        let at = self.rng.usize(..self.live.len().max(1));
        let live = (at < self.live.len()).then(|| self.live.swap_remove(at))?;
        self.bytes -= live.size;
        Some(live)
    }

    /// A block of another thread.
    pub(crate) fn adopt(&mut self, live: Live) {
        self.bytes += live.size;
        self.live.push(live);
    }

    pub(crate) fn check_all(&self) {
        self.live.iter().for_each(Live::check);
    }
}
