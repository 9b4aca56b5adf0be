//! jemalloc, as tikv builds it.

use tikv_jemallocator::Jemalloc;

#[global_allocator]
static GLOBAL: Jemalloc = Jemalloc;

pub(crate) const NAME: &str = "jemalloc";

pub(crate) fn prepare(_bytes: usize) {}
