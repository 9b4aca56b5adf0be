//! Real threads: three of them free what the owner hands out.
#![cfg(not(loom))]
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

mod common;

use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Barrier};
use std::thread;

use common::Owned;
use hakmem_contract::Geometry;
use hakmem_page_box::{Inbox, Outbox, Slab};

const N_REMOTE: usize = 3;
const N_SLABS: usize = 4;
const N_BLOCKS: usize = 2_000_000;

/// A block on its way to another thread: the slab's number and the block's.
type Sent = (usize, usize);

/// The words of block `index`: its own number, and how often it was handed out.
fn words(slab: &Owned, index: usize) -> *mut [usize; 2] {
    slab.block(index).cast()
}

/// What whoever frees a block leaves in it.
fn mark(index: usize) -> [usize; 2] {
    [usize::MAX, index]
}

/// Frees what it is sent: gathered in an outbox, or one by one.
fn remote(slabs: &[Owned], blocks: impl Iterator<Item = Sent>, gathered: bool) {
    let mut outbox = Outbox::<Slab>::EMPTY;
    for (slab, index) in blocks {
        let slab = &slabs[slab];
        let contents = words(slab, index);
        // SAFETY: the block was sent to this thread, so it is this thread's.
        let [number, _] = unsafe { contents.read() };
        assert_eq!(number, index, "somebody else wrote to the block");
        // SAFETY: as above.
        unsafe { contents.write(mark(index)) };
        let (word, bit) = slab.locate(slab.block(index)).unwrap();
        if gathered {
            // SAFETY: as above, and not used after this.
            unsafe { outbox.push(slab.page.as_ptr(), word, bit) }.unwrap();
        } else {
            slab.give_bits(word, bit).unwrap();
        }
    }
    // SAFETY: what is in it was this thread's.
    unsafe { outbox.flush() }.unwrap();
}

/// Takes from each slab, writes, and sends most blocks off; frees the others itself.
fn owner(slabs: &[Owned], remotes: &[SyncSender<Sent>]) {
    let mut n = 0;
    while n < N_BLOCKS {
        for (number, slab) in slabs.iter().enumerate() {
            for index in slab.take(48) {
                let contents = words(slab, index);
                // SAFETY: the block is the owner's: it was taken.
                let old = unsafe { contents.read() };
                assert!(old == mark(index) || old == [0, 0], "came before its last user's write");
                n += 1;
                let Some(remote) = remotes.get(n % (N_REMOTE + 1)) else {
                    // SAFETY: as above.
                    unsafe { contents.write(mark(index)) };
                    assert!(slab.give(&[index]).is_ok());
                    continue;
                };
                // SAFETY: as above.
                unsafe { contents.write([index, n]) };
                remote.send((number, index)).unwrap();
            }
        }
        slabs[0].collect().unwrap();
        for slab in slabs {
            slab.check(slab.free());
        }
    }
}

#[test]
fn what_three_threads_free_comes_back_once() {
    let inbox = Arc::new(Inbox::new());
    // 16, 48, 1008 and 4096 bytes: 64, 22, 2 words and 1.
    let sizes: [u32; N_SLABS] = [16, 48, 1008, 4096];
    let slabs = sizes.map(|size| {
        <Owned>::with_inbox(Geometry::new(size, 1 << 16, [4, 256]), Arc::clone(&inbox))
    });
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

/// Two threads give the same block of each word at once: of two frees of a block, one is an error.
/// (One block of a word only: a word is of no use after a fault.)
#[test]
fn of_two_frees_at_once_one_is_found() {
    for round in 0..64 {
        let slab = <Owned>::new(Geometry::new(16, 1 << 16, [4, 256]));
        assert_eq!(slab.take(4096).len(), 4096);
        let start = Barrier::new(2);
        let give_all = || {
            start.wait();
            (0..64).filter(|&word| slab.give_bits(word, 1 << round).is_err()).count()
        };
        let faults: usize = thread::scope(|scope| {
            let givers = [(); 2].map(|()| scope.spawn(give_all));
            givers.into_iter().map(|giver| giver.join().unwrap()).sum()
        });
        assert_eq!(faults, 64, "a double free was not found, or found twice");
    }
}
