//! Front caches in front of front caches.

mod common;

use hakmem_tiered_front::{Magazine, Tiered};
use hakmem_tls_sll::TlsSll;
use hakmem_unified_cache::UnifiedCache;

fn main() {
    common::run(&[
        |criterion| common::front::bench::<Magazine<UnifiedCache>>(criterion, "magazine"),
        |criterion| common::front::bench::<Tiered<UnifiedCache, TlsSll>>(criterion, "tiered_sll"),
    ]);
}
