//! hakmem.

use hakmem_alloc::Hakmem;

#[global_allocator]
static GLOBAL: Hakmem = Hakmem::new();

pub(crate) const NAME: &str = "hakmem";

pub(crate) fn prepare(_bytes: usize) {}
