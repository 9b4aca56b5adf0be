//! What the tests share: a pool with a policy, between the suite's neighbours.
#![allow(
    dead_code,
    unused_imports,
    clippy::allow_attributes,
    reason = "each test uses a part of it"
)]
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::ptr::NonNull;

use hakmem_conformance::pool as suite;
pub(crate) use hakmem_conformance::pool::{Fake, START, Table};
use hakmem_contract::Span;
use hakmem_shared_pool::{Policy, SharedPool};

/// A pool on the heap: it is too large for a stack.
pub(crate) fn pool<P>(memory: Fake, policy: P) -> Box<SharedPool<Fake, Table, P>> {
    let layout = std::alloc::Layout::new::<SharedPool<Fake, Table, P>>();
    // SAFETY: the size is not zero.
    let place = unsafe { std::alloc::alloc_zeroed(layout) };
    let place = NonNull::new(place.cast::<SharedPool<Fake, Table, P>>()).unwrap();
    // SAFETY: the place is zeroed, ours, and does not move.
    unsafe { SharedPool::open_in(place, memory, Table::default(), policy) };
    // SAFETY: just initialised, and from the global allocator with the type's layout.
    unsafe { Box::from_raw(place.as_ptr()) }
}

/// Acquires up to `want` spans.
pub(crate) fn acquire<P: Policy>(
    pool: &SharedPool<Fake, Table, P>,
    units: usize,
    want: usize,
) -> Vec<Span> {
    suite::acquire(pool, units, want)
}

/// Releases spans that a test owns.
pub(crate) fn release<P: Policy>(
    pool: &SharedPool<Fake, Table, P>,
    spans: impl IntoIterator<Item = Span>,
) {
    suite::release(pool, spans);
}
