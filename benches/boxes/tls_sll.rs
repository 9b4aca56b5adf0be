//! The front cache of lists.

mod common;

use hakmem_tls_sll::TlsSll;

fn main() {
    common::run(&[|criterion| common::front::bench::<TlsSll>(criterion, "tls_sll")]);
}
