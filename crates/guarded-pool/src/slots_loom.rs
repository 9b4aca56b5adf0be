//! Slots that loom has to make one by one.

use hakmem_sync::atomic::AtomicU64;

use super::SLOTS;

/// Slots without a range.
pub(super) fn empty() -> [AtomicU64; SLOTS] {
    core::array::from_fn(|_| AtomicU64::new(0))
}
