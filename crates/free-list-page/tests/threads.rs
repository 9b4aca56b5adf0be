//! Real threads: three of them free what the owner hands out.
#![cfg(not(loom))]
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

mod common;

use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use common::Owned;
use hakmem_contract::Geometry;
use hakmem_free_list_page::Inbox;

const N_REMOTE: usize = 3;
const N_SLABS: usize = 4;
const N_BLOCKS: usize = 2_000_000;

/// A block on its way to another thread: the slab's number and the block's.
type Sent = (usize, usize);

/// The word of block `index` behind its link: its own number while it is with another thread.
fn contents(slab: &Owned, index: usize) -> *mut usize {
    let link: *mut usize = slab.block(index).cast();
    link.wrapping_add(1)
}

/// What whoever frees a block leaves in it.
fn mark(index: usize) -> usize {
    usize::MAX - index
}

/// Frees what it is sent: word by word as long as they are the same, if `gathered`, or one by one.
fn remote(slabs: &[Owned], blocks: impl Iterator<Item = Sent>, gathered: bool) {
    let (mut number, mut word, mut bits) = (0, 0, 0);
    for (slab, index) in blocks {
        let contents = contents(&slabs[slab], index);
        // SAFETY: the block was sent to this thread, so it is this thread's.
        let sent = unsafe { contents.read() };
        assert_eq!(sent, index, "somebody else wrote to the block");
        // SAFETY: as above.
        unsafe { contents.write(mark(index)) };
        let (at, bit) = slabs[slab].locate(slabs[slab].block(index)).unwrap();
        if !gathered || slab != number || at != word {
            slabs[number].give_bits(word, std::mem::take(&mut bits)).unwrap();
            (number, word) = (slab, at);
        }
        bits |= bit;
    }
    slabs[number].give_bits(word, bits).unwrap();
}

/// Takes from each slab, writes, and sends most blocks off; frees the others itself.
fn owner(slabs: &[Owned], remotes: &[SyncSender<Sent>]) {
    let mut n = 0;
    while n < N_BLOCKS {
        for (number, slab) in slabs.iter().enumerate() {
            for index in slab.take(48) {
                let contents = contents(slab, index);
                // SAFETY: the block is the owner's: it was taken.
                let old = unsafe { contents.read() };
                assert!(old == mark(index) || old == 0, "came before its last user's write");
                n += 1;
                let Some(remote) = remotes.get(n / 8 % (N_REMOTE + 1)) else {
                    // SAFETY: as above.
                    unsafe { contents.write(mark(index)) };
                    assert!(slab.give(&[index]).is_ok());
                    continue;
                };
                // SAFETY: as above.
                unsafe { contents.write(index) };
                remote.send((number, index)).unwrap();
            }
        }
        slabs[0].collect().unwrap();
        if n % 64 == 0 {
            slabs.iter().for_each(|slab| slab.check(slab.free()));
        }
    }
}

#[test]
fn what_three_threads_free_comes_back_once() {
    let inbox = Arc::new(Inbox::new());
    // 4096, 1365, 65 and 16 blocks.
    let sizes: [u32; N_SLABS] = [16, 48, 1008, 4096];
    let slabs = sizes
        .map(|size| Owned::with_inbox(Geometry::new(size, 1 << 16, [4, 256]), Arc::clone(&inbox)));
    thread::scope(|scope| {
        let remotes: Vec<_> = (0..N_REMOTE)
            .map(|id| {
                let (sender, receiver) = sync_channel(256);
                let slabs = &slabs;
                scope.spawn(move || remote(slabs, receiver.into_iter(), id > 0));
                sender
            })
            .collect();
        owner(&slabs, &remotes);
    });
    let whole = slabs[0].collect().unwrap();
    for slab in &slabs {
        slab.check(slab.capacity());
    }
    assert!(whole.len() <= N_SLABS);
    assert_eq!(slabs[0].collect(), Ok(vec![]), "a whole slab is in no inbox");
}
