//! What the benches of single boxes share: short measurements, and neighbours that cost next to
//! nothing.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::allow_attributes,
    reason = "each bench uses a part of it"
)]

pub mod front;
pub mod units;

use std::alloc::{Layout, alloc_zeroed};
use std::ptr::NonNull;
use std::time::Duration;

use criterion::Criterion;
use hakmem_benches::rng::Rng;
use hakmem_contract::{Class, MetaArena, OsPort};
use hakmem_os_acquire::Linux;

/// 16 bytes.
pub const TINY: usize = 0;
/// 1 KiB.
pub const MIDDLE: usize = 19;

/// All of `benches` in turn: 10 samples of 30 ms each, unless the command line says otherwise.
pub fn run(benches: &[fn(&mut Criterion)]) {
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(100))
        .measurement_time(Duration::from_millis(300))
        .configure_from_args();
    for bench in benches {
        bench(&mut criterion);
    }
    criterion.final_summary();
}

/// Class number `index`.
pub fn class(index: usize) -> Class {
    Class::new(index).unwrap_or_else(|| std::process::abort())
}

/// `n` random numbers below `bound`.
pub fn random(n: usize, bound: usize) -> Vec<usize> {
    let mut rng = Rng::new(1, 1);
    (0..n).map(|_| rng.below(bound)).collect()
}

/// The same things in random order.
pub fn shuffled<T: Clone>(things: &[T]) -> Vec<T> {
    let mut things = things.to_vec();
    let mut rng = Rng::new(2, 1);
    for end in (1..things.len()).rev() {
        things.swap(end, rng.below(end + 1));
    }
    things
}

/// Memory for ever.
pub fn memory(bytes: usize) -> NonNull<u8> {
    let Ok(layout) = Layout::from_size_align(bytes, 4096) else { std::process::abort() };
    // SAFETY: the size is not zero.
    NonNull::new(unsafe { alloc_zeroed(layout) }).unwrap_or_else(|| std::process::abort())
}

/// Metadata memory for ever.
#[derive(Debug)]
pub struct Meta;

// SAFETY: zero, aligned to a page, and never given back.
unsafe impl MetaArena for Meta {
    fn alloc_meta(&self, bytes: usize) -> Option<NonNull<u8>> {
        Some(memory(bytes))
    }

    fn reserve_meta(&self, bytes: usize) -> Option<NonNull<u8>> {
        Linux.reserve(bytes)
    }
}
