//! A stack of nodes with their links inside, which any thread pushes on and one takes whole.
//!
//! It takes its orders from who calls it, whose edges they are: a page box's inbox is one, and its
//! table and its models have them. One taker at a time, and no node leaves alone, so a node that is
//! pushed again meanwhile (ABA) harms nobody.

use core::ptr;

use crate::atomic::{AtomicPtr, Ordering};
use crate::cell::UnsafeCell;
use crate::const_unless_loom;

/// See the [module docs](self). All zero bytes when new.
///
/// # Invariants
///
/// - Every node on it is on it once, is valid, and its [`Link`] belongs to the stack.
#[derive(Debug)]
#[repr(transparent)]
pub struct Stack<T> {
    head: AtomicPtr<T>,
}

impl<T> Stack<T> {
    const_unless_loom! {
        /// A stack with nothing on it.
        #[inline]
        pub fn new() -> Self {
            Self { head: AtomicPtr::new(ptr::null_mut()) }
        }
    }

    /// Puts `node` on top. Lock-free. `tail` is the order of the CAS that does it; when it is Release,
    /// what the caller did before is seen by who takes the node with Acquire.
    ///
    /// # Safety
    ///
    /// `link` is that of `node`, belongs to the caller, and is valid until the node was taken.
    #[inline(always)]
    pub unsafe fn push(&self, node: *mut T, link: &Link<T>, tail: Ordering) {
        // Relaxed: the value is stored and compared, never followed here.
        let mut below = self.head.load(Ordering::Relaxed);
        loop {
            // SAFETY: the link is the caller's until the CAS below succeeds.
            link.0.with_mut(|next| unsafe { *next = below });
            // `tail` is the caller's edge. Failure Relaxed: as for the load above.
            match self.head.compare_exchange_weak(below, node, tail, Ordering::Relaxed) {
                Ok(_) => return,
                Err(seen) => below = seen,
            }
        }
    }

    /// Takes the whole stack: its top, or null. Wait-free. `head` is the order of the swap that does it;
    /// Acquire is enough for every node, because each push is a read-modify-write and continues
    /// the release sequence of the one below.
    #[inline(always)]
    pub fn take_all(&self, head: Ordering) -> *mut T {
        // Relaxed: most often there is nothing, and a load keeps the line shared; what is missed
        // now is found next time.
        if self.head.load(Ordering::Relaxed).is_null() {
            return ptr::null_mut();
        }
        // `head` is the caller's edge.
        self.head.swap(ptr::null_mut(), head)
    }
}

impl<T> Default for Stack<T> {
    #[inline]
    fn default() -> Self {
        Self::new()
    }
}

/// A node's place for the address of the one below.
#[derive(Debug)]
#[repr(transparent)]
pub struct Link<T>(UnsafeCell<*mut T>);

impl<T> Link<T> {
    const_unless_loom! {
        /// The link of a node that is on no stack.
        #[inline]
        pub fn new() -> Self {
            Self(UnsafeCell::new(ptr::null_mut()))
        }
    }

    /// The node below, or null.
    ///
    /// # Safety
    ///
    /// The node was taken from a stack by the caller, and can not have been pushed again since.
    #[inline(always)]
    pub unsafe fn below(&self) -> *mut T {
        // SAFETY: the caller took the node, so the link is the caller's.
        self.0.with(|next| unsafe { *next })
    }

    /// Tells loom that the memory of the link goes to another use.
    #[cfg(loom)]
    pub fn close(&mut self) {
        self.0.with_mut(|_| ());
    }
}

impl<T> Default for Link<T> {
    #[inline]
    fn default() -> Self {
        Self::new()
    }
}
