//! Slots whose zero bytes are their initial state.

use hakmem_sync::atomic::AtomicU64;

use super::SLOTS;

/// Slots without a range.
pub(super) const fn empty() -> [AtomicU64; SLOTS] {
    [const { AtomicU64::new(0) }; SLOTS]
}
