//! The model's: loom.

/// `loom::sync::atomic`, the part the boxes use.
pub mod atomic {
    pub use core::sync::atomic::compiler_fence;
    pub use loom::sync::atomic::{
        AtomicBool, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence,
    };
}

/// loom's checked cell.
pub mod cell {
    pub use loom::cell::UnsafeCell;
}

/// A name for a word; there is no number behind it.
pub fn address_of(word: &atomic::AtomicU32) -> core::ptr::NonNull<u32> {
    core::ptr::NonNull::from(word).cast()
}

/// Spin hints, which yield to the model's scheduler.
pub mod hint {
    pub use loom::hint::spin_loop;
}
