//! snmalloc.

use snmalloc_rs::SnMalloc;

#[global_allocator]
static GLOBAL: SnMalloc = SnMalloc;

pub(crate) const NAME: &str = "snmalloc";

pub(crate) fn prepare(_bytes: usize) {}
