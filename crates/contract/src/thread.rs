//! The seam between a thread and its heap.

/// A word of each thread: the address of its heap, or of the empty heap.
///
/// # Safety
///
/// Implementors promise the *Guarantees* below; unsafe code relies on them.
///
/// # Guarantees
///
/// - `get` returns what this thread `set` last, or the address of the empty heap.
/// - `get` is not folded with an earlier one: a coroutine may have moved to another thread.
pub unsafe trait ThreadWord {
    /// What the word points to.
    type Heap;

    /// The word of the running thread.
    fn get() -> *mut Self::Heap;

    /// What the word starts as.
    fn empty() -> *mut Self::Heap;

    /// Changes the word of the running thread.
    fn set(heap: *mut Self::Heap);
}
