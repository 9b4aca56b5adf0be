//! The seams at the bottom: the system, and what `os-acquire` makes of it.

use core::ffi::CStr;
use core::ptr::NonNull;

use crate::limits::Limits;

/// What a mapping was made for. It may serve something else later: an empty range is
/// handed out again without a new name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// SuperSlabs: slabs and spans.
    Slabs,
    /// One huge block.
    Huge,
    /// Small pieces of the allocator's own data.
    Meta,
    /// One large piece of it, such as a leaf of the registry.
    Table,
}

impl Purpose {
    /// What the system shows beside the mapping.
    #[must_use]
    pub const fn name(self) -> &'static CStr {
        match self {
            Self::Slabs => c"hakmem superslab",
            Self::Huge => c"hakmem huge",
            Self::Meta => c"hakmem meta",
            Self::Table => c"hakmem table",
        }
    }
}

/// Every system call that hakmem makes, one function each. Implemented by the real system and by
/// a simulated one that can fail any call.
///
/// None of them sets `errno`, is a cancellation point, or can be interposed. A refusal (ENOMEM,
/// EPERM, ENOSYS) is an answer, never an abort.
///
/// # Safety
///
/// Implementors promise the *Guarantees* below; unsafe code above relies on them.
///
/// # Guarantees
///
/// - Memory from `map` is readable, writable, zero, private, and overlaps nothing.
/// - A call that reports failure has changed nothing.
pub unsafe trait OsPort {
    /// `bytes` of fresh memory, anywhere (`near` is a wish: the address it would best have, 0 for
    /// none). Page-aligned.
    fn map(&self, near: usize, bytes: usize) -> Option<NonNull<u8>>;

    /// `bytes` of fresh memory of which little is going to be touched: it should cost addresses, not
    /// memory, and what is touched of it should be small pages. As [`map`](Self::map) otherwise, and
    /// that is what it is where the system knows no difference.
    fn reserve(&self, bytes: usize) -> Option<NonNull<u8>> {
        self.map(0, bytes)
    }

    /// Gives memory back. `false` when the system refused: the range stays mapped.
    ///
    /// # Safety
    ///
    /// The pages are the caller's and not used again, unless the answer is `false`.
    unsafe fn unmap(&self, base: NonNull<u8>, bytes: usize) -> bool;

    /// Drops the contents: on `true` the pages are not resident and read as zero.
    ///
    /// # Safety
    ///
    /// The pages are the caller's, and their contents are not needed.
    unsafe fn purge(&self, base: NonNull<u8>, bytes: usize) -> bool;

    /// Makes pages resident at once. `false` when the system cannot.
    ///
    /// # Safety
    ///
    /// The pages are the caller's.
    unsafe fn populate(&self, base: NonNull<u8>, bytes: usize) -> bool;

    /// Asks for huge pages (`true`) or forbids them (`false`). Advice: failure changes nothing.
    ///
    /// # Safety
    ///
    /// The pages are the caller's.
    unsafe fn advise_huge(&self, base: NonNull<u8>, bytes: usize, huge: bool) -> bool;

    /// Makes pages inaccessible (`false`) or readable and writable again (`true`); contents stay.
    ///
    /// # Safety
    ///
    /// The pages are the caller's, who does not touch them while they are inaccessible.
    unsafe fn protect(&self, base: NonNull<u8>, bytes: usize, access: bool) -> bool;

    /// Tells the system whose pages these are. Advice: failure changes nothing. `false` when the
    /// system knows no names or a filter forbids them, so that asking again is of no use.
    ///
    /// # Safety
    ///
    /// The pages are the caller's.
    unsafe fn name(&self, base: NonNull<u8>, bytes: usize, purpose: Purpose) -> bool;

    /// Makes the mapping longer where it is.
    ///
    /// # Safety
    ///
    /// `old` bytes at `base` are the caller's, and end where their mapping ends; `new > old`.
    unsafe fn grow(&self, base: NonNull<u8>, old: usize, new: usize) -> bool;

    /// Moves `old` bytes of pages to `to`, which becomes `new` bytes long; what was mapped at
    /// `to` is replaced, and nothing stays mapped at `base`.
    ///
    /// # Safety
    ///
    /// Both ranges are the caller's and do not overlap; `new >= old`.
    unsafe fn relocate(&self, base: NonNull<u8>, old: usize, to: NonNull<u8>, new: usize) -> bool;

    /// Milliseconds of a clock that does not go back.
    fn now_ms(&self) -> u64;

    /// Waits as long as the word at `word` is `value`, or shorter. For boxes with a lock; a port that
    /// knows no way to wait returns at once.
    fn wait_while(&self, word: NonNull<u32>, value: u32) {
        let _ = (word, value);
        core::hint::spin_loop();
    }

    /// Wakes one thread that waits for the word at `word`.
    fn wake_one(&self, word: NonNull<u32>) {
        let _ = word;
    }

    /// Writes `line` to the standard error stream and ends the process.
    fn die(&self, line: &[u8]) -> !;
}

/// Memory for the allocator's own data: never given back, never from the allocator itself.
///
/// # Safety
///
/// Implementors promise the *Guarantees* below; unsafe code above relies on them.
///
/// # Guarantees
///
/// - The memory is zero, 64-byte aligned, and nobody else's, for ever.
pub unsafe trait MetaArena {
    /// `bytes` of zeroed memory, or `None` when the system has no more.
    fn alloc_meta(&self, bytes: usize) -> Option<NonNull<u8>>;

    /// The same for a table of which little is going to be touched: it should cost addresses, not
    /// memory.
    fn reserve_meta(&self, bytes: usize) -> Option<NonNull<u8>> {
        self.alloc_meta(bytes)
    }

    /// Takes back what `reserve_meta` gave just now, if it can.
    ///
    /// # Safety
    ///
    /// `bytes` at `base` are from `reserve_meta` of this arena; nobody else has seen them, and nobody
    /// uses them again.
    unsafe fn unreserve_meta(&self, base: NonNull<u8>, bytes: usize) {
        let _ = (base, bytes);
    }
}

/// What a range from [`Memory`] looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// Its first byte.
    pub base: NonNull<u8>,
    /// Its length in bytes, as asked for, rounded up to SuperSlabs.
    pub bytes: usize,
    /// Whether every byte is known to be zero.
    pub zeroed: bool,
}

/// Ranges of whole SuperSlabs, mapped or from the cache of empty ones. Any thread, at any
/// time, without a lock.
///
/// # Safety
///
/// Implementors promise the *Guarantees* below; unsafe code above relies on them.
///
/// # Guarantees
///
/// - **Exclusive**: a range is handed to nobody else before it was released.
/// - Ranges are aligned to a SuperSlab, or to `align` if that is more.
/// - On failure nothing is lost: what was mapped is cached or unmapped again.
pub unsafe trait Memory: MetaArena {
    /// A range of at least `bytes`, for good use of which the caller knows whether it is going to
    /// be one SuperSlab of many (`huge == false`) or a block of its own (`huge == true`).
    fn acquire(&self, bytes: usize, align: usize, huge: bool) -> Option<Range>;

    /// Takes back a range, or a part of one that is made of whole SuperSlabs. It is kept for
    /// later, up to the limits, else given to the system.
    ///
    /// # Safety
    ///
    /// The range is the caller's and not used again.
    unsafe fn release(&self, base: NonNull<u8>, bytes: usize);

    /// Makes a range of `old` bytes `new` bytes long, in place or by moving its pages
    /// (`may_move`), then to a multiple of a SuperSlab, no more. What was added need not be zero.
    /// `None`: it stays as it was.
    ///
    /// # Safety
    ///
    /// The range is the caller's; `new > old`, both whole SuperSlabs.
    unsafe fn resize(
        &self,
        base: NonNull<u8>,
        old: usize,
        new: usize,
        may_move: bool,
    ) -> Option<NonNull<u8>>;

    /// Drops the contents of pages that stay the caller's. `true`: they read as zero.
    ///
    /// # Safety
    ///
    /// The pages are the caller's, and their contents are not needed.
    unsafe fn purge(&self, base: NonNull<u8>, bytes: usize) -> bool;

    /// Milliseconds of a clock that does not go back.
    fn now_ms(&self) -> u64;

    /// Waits as long as the word at `word` is `value`, or shorter. For boxes with a lock; memory that
    /// knows no way to wait returns at once.
    fn wait_while(&self, word: NonNull<u32>, value: u32) {
        let _ = (word, value);
        core::hint::spin_loop();
    }

    /// Wakes one thread that waits for the word at `word`.
    fn wake_one(&self, word: NonNull<u32>) {
        let _ = word;
    }

    /// Sets what the cache may keep. Holds from the next release on.
    fn configure(&self, limits: Limits);

    /// So many heaps fill the ranges for slabs by now. Each fills slabs of its own, so many heaps fill
    /// a SuperSlab sparsely: what is worth a huge page depends on it. Advice, which may be ignored.
    fn note_heaps(&self, heaps: usize) {
        let _ = heaps;
    }

    /// Maps up to `superslabs` ahead. Returns how many.
    fn prewarm(&self, superslabs: usize) -> usize;

    /// Gives back what the cache holds longer than its age limit; all of it if `all`. Returns
    /// the bytes given back.
    fn trim(&self, all: bool) -> usize;
}

/// Memory in which pages can be made inaccessible, to end a program that touches them.
///
/// # Safety
///
/// Implementors promise the *Guarantees* below; unsafe code above relies on them.
///
/// # Guarantees
///
/// - On `false` nothing has changed.
pub unsafe trait Guard {
    /// Makes pages inaccessible (`false`) or readable and writable again (`true`); contents stay.
    ///
    /// # Safety
    ///
    /// The pages are the caller's, who makes them accessible before they are released.
    unsafe fn protect(&self, base: NonNull<u8>, bytes: usize, access: bool) -> bool;
}

/// How the process ends when the program is wrong.
pub trait Fatal {
    /// Writes `line` to the standard error stream and aborts.
    fn die(&self, line: &[u8]) -> !;
}
