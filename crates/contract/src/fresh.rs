//! The seam between a box that threads share and the static that holds it.

use core::fmt;
use core::mem::ManuallyDrop;

/// A box of which a static can hold a fresh value: a pool, a registry, an OS port, and whatever
/// joins them. A composition names types, and gets their values from here.
///
/// Models have no such values: their atomics are made when they run.
pub trait Fresh: Sized {
    /// The value that nobody has used yet. Zero bytes wherever that is possible: what is zero costs
    /// a program nothing before it is touched.
    const FRESH: Unplaced<Self>;
}

/// A fresh value on its way to the place where it stays, because it may know its own address once
/// it is in use.
#[must_use = "it is of no use before it is placed"]
pub struct Unplaced<T>(ManuallyDrop<T>);

impl<T> Unplaced<T> {
    /// Wraps a fresh value.
    #[inline]
    pub const fn new(value: T) -> Self {
        Self(ManuallyDrop::new(value))
    }

    /// The value itself.
    ///
    /// # Safety
    ///
    /// From the first call of one of its functions on, the value is not moved.
    #[inline]
    #[must_use]
    pub const unsafe fn place(self) -> T {
        ManuallyDrop::into_inner(self.0)
    }
}

impl<T> fmt::Debug for Unplaced<T> {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unplaced").finish_non_exhaustive()
    }
}
