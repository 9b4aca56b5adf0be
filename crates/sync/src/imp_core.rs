//! The real thing: `core`.

/// `core::sync::atomic`, the part the boxes use.
pub mod atomic {
    pub use core::sync::atomic::{
        AtomicBool, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering, compiler_fence, fence,
    };
}

/// A cell with loom's interface.
pub mod cell {
    /// `core::cell::UnsafeCell` with loom's two accessors.
    #[derive(Debug)]
    #[repr(transparent)]
    pub struct UnsafeCell<T>(core::cell::UnsafeCell<T>);

    impl<T> UnsafeCell<T> {
        /// Wraps `value`.
        #[inline]
        pub const fn new(value: T) -> Self {
            Self(core::cell::UnsafeCell::new(value))
        }

        /// Gives `f` a pointer to read through. Under loom a concurrent write is a panic.
        #[inline]
        pub fn with<R>(&self, f: impl FnOnce(*const T) -> R) -> R {
            f(self.0.get())
        }

        /// Gives `f` a pointer to write through. Under loom any concurrent use is a panic.
        #[inline]
        pub fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
            f(self.0.get())
        }
    }
}

/// Where a word is, for the system.
#[inline]
pub fn address_of(word: &atomic::AtomicU32) -> core::ptr::NonNull<u32> {
    core::ptr::NonNull::from(word).cast()
}

/// Spin hints.
pub mod hint {
    pub use core::hint::spin_loop;
}
