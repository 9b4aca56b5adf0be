//! The soak program on C's malloc, and so on a library that is preloaded.

use std::alloc;

#[global_allocator]
static GLOBAL: alloc::System = alloc::System;

fn main() {
    hakmem_soak::soak(&hakmem_fuzz::System);
}
