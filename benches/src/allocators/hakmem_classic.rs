//! hakmem's boxes, arranged as the C ancestor's were.

use hakmem_alloc::classic::{Classic, OPTIONS};

#[global_allocator]
static GLOBAL: Classic = Classic::with(OPTIONS);

pub(crate) const NAME: &str = "hakmem-classic";

pub(crate) fn prepare(_bytes: usize) {}
