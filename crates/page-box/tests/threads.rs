//! Real threads: three of them free what the owner hands out, gathered in outboxes.
#![cfg(not(loom))]
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

use hakmem_conformance::page::{Case, Sent, Slab as Rig, among_threads};
use hakmem_page_box::{Outbox, Slab};

/// Frees what it is sent: gathered in an outbox, every seventh by itself.
fn remote(slabs: &[Rig<Slab>], blocks: &mut dyn Iterator<Item = Sent>) {
    let mut outbox = Outbox::<Slab>::EMPTY;
    for (number, (slab, index)) in blocks.enumerate() {
        let slab = &slabs[slab];
        let (word, bit) = slab.locate(slab.block(index)).unwrap();
        if number % 7 == 0 {
            slab.give_bits(word, bit).unwrap();
        } else {
            // SAFETY: the block was sent to this thread, and is not used after this.
            unsafe { outbox.push(slab.page.as_ptr(), word, bit) }.unwrap();
        }
    }
    // SAFETY: what is in it was this thread's.
    unsafe { outbox.flush() }.unwrap();
}

#[test]
fn what_three_threads_free_comes_back_once() {
    among_threads(&Case::default().sound(Slab::check), 2_000_000, remote);
}
