//! The outbox: remote frees of one thread, gathered by slab and word.

use core::ptr::{self, NonNull};

use hakmem_contract::{Fault, Page};
use hakmem_sync::atomic::{Ordering, compiler_fence};

/// Entries: each gathers the frees of one word of one slab.
const ENTRIES: usize = 64;

/// Blocks gathered before all of them are sent off, so that no owner waits long for its memory.
const PENDING: u32 = 256;

/// A write-combining buffer in front of [`Page::give_remote`]: frees of blocks that lie near each
/// other become one atomic addition. A consumer that frees in the order of allocation sends one for
/// up to 64 blocks.
///
/// # Invariants
///
/// - An entry with bits names a slab of another thread that has these blocks; they keep it open.
/// - `pending` counts the blocks pushed since everything was sent off: the bits, and those that
///   had to make room.
/// - An entry's bits are cleared before it names another word, and set after that: a thread that
///   stops for ever between two instructions leaves no bit in the wrong place.
#[derive(Debug)]
#[repr(C)]
pub struct Outbox<P> {
    pending: u32,
    /// `push` is at work, further up this thread's stack, or was when a signal handler jumped away.
    busy: bool,
    entries: [Entry<P>; ENTRIES],
}

#[derive(Debug)]
#[repr(C)]
struct Entry<P> {
    slab: *mut P,
    word: usize,
    bits: u64,
}

impl<P> Entry<P> {
    const EMPTY: Self = Self { slab: ptr::null_mut(), word: 0, bits: 0 };
}

impl<P: Page> Outbox<P> {
    /// An outbox with nothing in it. All zero bytes.
    pub const EMPTY: Self =
        Self { pending: 0, busy: false, entries: [const { Entry::EMPTY }; ENTRIES] };

    /// Gathers the block `bit` of `word` of `slab`, and sends off what has to make room.
    ///
    /// # Errors
    ///
    /// Blocks that were given back twice.
    ///
    /// # Safety
    ///
    /// The caller owns that block, and gives it up.
    #[inline(always)]
    pub unsafe fn push(&mut self, slab: *mut P, word: usize, bit: u64) -> Result<(), Fault> {
        let Some(named) = NonNull::new(slab) else { return Ok(()) };
        if self.busy {
            // In a signal handler: past the outbox.
            // SAFETY: the caller gives the block up.
            return unsafe { P::give_remote(named, word, bit) };
        }
        // INVARIANT: nobody else pushes.
        self.busy = true;
        // Release, for the compiler alone: before the entry changes.
        compiler_fence(Ordering::Release);
        // SAFETY: passed on.
        let result = unsafe { self.gather(slab, word, bit) };
        // Release, for the compiler alone: after the entry has changed.
        compiler_fence(Ordering::Release);
        self.busy = false;
        result
    }

    /// For a new thread: whatever the last one was at, it is over.
    #[inline]
    pub fn reopen(&mut self) {
        self.busy = false;
    }

    /// `push`, alone.
    ///
    /// # Safety
    ///
    /// As there.
    #[inline(always)]
    unsafe fn gather(&mut self, slab: *mut P, word: usize, bit: u64) -> Result<(), Fault> {
        // Neighbouring words of one slab, and the same word of neighbouring descriptors, get
        // different entries.
        let hash = (slab.addr() >> 6) ^ (slab.addr() >> 11) ^ word;
        let entry = &mut self.entries[hash % ENTRIES];
        if entry.slab != slab || entry.word != word {
            if entry.bits != 0 {
                // SAFETY: the entry's blocks are ours to give.
                unsafe { Self::send(entry) }?;
            }
            // INVARIANT: an entry without bits may name anything.
            (entry.slab, entry.word) = (slab, word);
            // Release, for the compiler alone: see the invariants.
            compiler_fence(Ordering::Release);
        }
        if entry.bits & bit != 0 {
            // SAFETY: the entry's blocks are ours to give. It sets the bits; the one more of
            // the same is found there.
            unsafe { Self::send(entry) }?;
        }
        // INVARIANT: one more block, counted.
        entry.bits |= bit;
        self.pending += 1;
        if self.pending >= PENDING {
            // SAFETY: as for `push`.
            unsafe { self.flush() }?;
        }
        Ok(())
    }

    /// Shows `visit` every slab that blocks wait for, and how many; a slab may come several times. For a
    /// census.
    #[inline]
    pub fn each(&self, mut visit: impl FnMut(ptr::NonNull<P>, usize)) {
        for entry in &self.entries {
            if let Some(slab) = ptr::NonNull::new(entry.slab)
                && entry.bits != 0
            {
                visit(slab, entry.bits.count_ones() as usize);
            }
        }
    }

    /// Sends everything off.
    ///
    /// # Errors
    ///
    /// Blocks that were given back twice.
    ///
    /// # Safety
    ///
    /// None beyond the type's invariants; unsafe because it gives blocks up.
    #[inline(never)]
    pub unsafe fn flush(&mut self) -> Result<(), Fault> {
        if self.pending == 0 {
            return Ok(());
        }
        // INVARIANT: no bits are left below.
        self.pending = 0;
        for entry in &mut self.entries {
            if entry.bits != 0 {
                // SAFETY: the entry's blocks are ours to give.
                unsafe { Self::send(entry) }?;
            }
        }
        Ok(())
    }

    /// Gives the blocks of `entry` back.
    ///
    /// # Safety
    ///
    /// They are ours to give.
    #[inline(never)]
    unsafe fn send(entry: &mut Entry<P>) -> Result<(), Fault> {
        let bits = core::mem::take(&mut entry.bits);
        // Release, for the compiler alone: see the invariants.
        compiler_fence(Ordering::Release);
        let Some(slab) = NonNull::new(entry.slab) else { return Ok(()) };
        // SAFETY: the caller's promise.
        unsafe { P::give_remote(slab, entry.word, bits) }
    }
}
