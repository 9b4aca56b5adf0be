//! The front cache of arrays.

mod common;

use hakmem_unified_cache::UnifiedCache;

fn main() {
    common::run(&[|criterion| common::front::bench::<UnifiedCache>(criterion, "unified_cache")]);
}
