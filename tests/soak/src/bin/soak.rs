//! The soak program on hakmem's facade.

use hakmem_alloc::Hakmem;

#[global_allocator]
static GLOBAL: Hakmem = Hakmem::new();

fn main() {
    hakmem_soak::soak(&GLOBAL);
}
