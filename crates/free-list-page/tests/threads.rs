//! Real threads: three of them free what the owner hands out, as many blocks of a word at once as come
//! one after the other.
#![cfg(not(loom))]
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

use hakmem_conformance::page::{Case, Sent, Slab as Rig, among_threads};
use hakmem_free_list_page::FreeListSlab;

fn remote(slabs: &[Rig<FreeListSlab>], blocks: &mut dyn Iterator<Item = Sent>) {
    let (mut number, mut word, mut bits) = (0, 0, 0);
    for (slab, index) in blocks {
        let (at, bit) = slabs[slab].locate(slabs[slab].block(index)).unwrap();
        if slab != number || at != word {
            slabs[number].give_bits(word, std::mem::take(&mut bits)).unwrap();
            (number, word) = (slab, at);
        }
        bits |= bit;
    }
    slabs[number].give_bits(word, bits).unwrap();
}

#[test]
fn what_three_threads_free_comes_back_once() {
    among_threads(&Case::default().sound(FreeListSlab::check), 2_000_000, remote);
}
