//! hakmem's hardened composition.

use hakmem_alloc::hardened::Hardened;

#[global_allocator]
static GLOBAL: Hardened = Hardened::new();

pub(crate) const NAME: &str = "hakmem-hardened";

pub(crate) fn prepare(_bytes: usize) {}
