//! The pool between a fake memory, which checks and fails, and a table for a registry.
mod common;

use common::{Fake, acquire, pool, release};
use hakmem_contract::{SUPERSLAB, UNIT};
use hakmem_shared_pool::Standard;

#[test]
fn units_come_lowest_first_and_go_back() {
    let pool = pool(Fake::default(), Standard);
    let spans = acquire(&pool, 1, 40);
    assert_eq!(spans.len(), 32);
    assert!(spans.windows(2).all(|w| w[1].address() == w[0].address() + UNIT));
    assert!(spans.iter().all(|s| s.zeroed == 1));
    release(&pool, spans);
    assert_eq!(pool.memory().outstanding(), SUPERSLAB, "one empty SuperSlab stays");
    pool.purge(0, true);
    assert_eq!(pool.memory().outstanding(), 0);
}
