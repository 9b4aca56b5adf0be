//! What the pool knows of one SuperSlab, and the numbers that SuperSlabs have.

use core::ptr::{self, NonNull};

use hakmem_contract::{SUPERSLAB, UNIT};
use hakmem_sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use hakmem_sync::const_unless_loom;
use hakmem_sync::tree::{BitTree, CAPACITY};

use crate::state::{Heads, State, low_u32};

/// One SuperSlab. 24 bytes; all of a unit's history goes through `state`.
///
/// # Invariants
///
/// - While a unit's free bit is set, or the unit is somebody's, `base` is the address of the
///   SuperSlab, exposed. It is written only by the thread that has just taken the number, and
///   read only by a thread that owns a unit.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Entry {
    base: AtomicUsize,
    pub(crate) state: State,
    pub(crate) heads: Heads,
}

impl Entry {
    const_unless_loom! {
        /// A number that no SuperSlab has.
        pub(crate) fn new() -> Self {
            Self { base: AtomicUsize::new(0), state: State::new(), heads: Heads::new() }
        }
    }

    /// The address of unit `unit`. Meaningful to an owner of a unit.
    #[inline]
    pub(crate) fn unit(&self, unit: u32) -> usize {
        // Relaxed: an owner has the mapper's store in its past (P3).
        self.base.load(Ordering::Relaxed) + unit as usize * UNIT
    }

    /// The SuperSlab is at `base`.
    pub(crate) fn open(&self, base: NonNull<u8>) {
        // Relaxed: `give` publishes it (P3). Exposed, for `pointer`.
        self.base.store(base.as_ptr().expose_provenance(), Ordering::Relaxed);
    }
}

/// The pointer to `address`, which lies in a SuperSlab that an entry was opened with.
#[inline]
pub(crate) fn pointer(address: usize) -> Option<NonNull<u8>> {
    NonNull::new(ptr::with_exposed_provenance_mut(address))
}

/// The number in its SuperSlab of the unit at `address`.
#[inline]
pub(crate) fn unit_at(address: usize) -> u32 {
    low_u32(address % SUPERSLAB / UNIT)
}

/// Which numbers are taken: the lowest one that came back, else a new one.
///
/// # Invariants
///
/// - A number below `next` is a SuperSlab's, or in `vacant`, or in the hands of one thread.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Numbers {
    next: AtomicU32,
    vacant: BitTree,
}

impl Numbers {
    const_unless_loom! {
        /// None is taken.
        pub(crate) fn new() -> Self {
            Self { next: AtomicU32::new(0), vacant: BitTree::new() }
        }
    }

    /// A number that is nobody's.
    pub(crate) fn take(&self) -> Option<u32> {
        // T1 of the tree: the last owner's look at the entry is over.
        if let Some(number) = self.vacant.claim() {
            return Some(low_u32(number));
        }
        // Relaxed, all: the number alone carries nothing; its entry has never been used.
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        if (number as usize) < CAPACITY {
            return Some(number);
        }
        // Each thread that overshot takes back its own step, so nobody is handed a number twice.
        self.next.fetch_sub(1, Ordering::Relaxed);
        None
    }

    /// `number` is nobody's again.
    pub(crate) fn put(&self, number: u32) {
        self.vacant.set(number as usize);
    }

    /// How many are a SuperSlab's. O(SuperSlabs).
    pub(crate) fn taken(&self) -> usize {
        (0..self.limit()).filter(|&number| !self.vacant.contains(number as usize)).count()
    }

    /// All numbers in use are below this.
    pub(crate) fn limit(&self) -> u32 {
        // Relaxed: who comes later was not there yet.
        self.next.load(Ordering::Relaxed).min(low_u32(CAPACITY))
    }
}
