//! mimalloc, version 3 or (feature `mimalloc-v2`) version 2.

use mimalloc::MiMalloc;

#[global_allocator]
static GLOBAL: MiMalloc = MiMalloc;

pub(crate) const NAME: &str =
    if cfg!(feature = "mimalloc-v2") { "mimalloc-v2" } else { "mimalloc" };

pub(crate) fn prepare(_bytes: usize) {}
