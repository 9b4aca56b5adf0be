//! What threads see.

use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use hakmem_contract::Page;

use super::{Case, Inbox, Slab, of_size};

/// How many threads free, in [`among_threads`].
const N_REMOTE: usize = 3;

/// A block on its way to another thread: the slab's number, and the block's.
pub type Sent = (usize, usize);

/// Three threads free most of what the owner hands out, as `remote` does. Each block's contents are
/// whole when it comes to somebody.
pub fn among_threads<P: Page>(
    case: &Case<P>,
    n_blocks: usize,
    remote: impl Fn(&[Slab<P>], &mut dyn Iterator<Item = Sent>) + Sync,
) {
    let inbox = Arc::<Inbox<P>>::default();
    // 64, 22, 2 words of bits and 1.
    let slabs = [16, 48, 1008, 4096]
        .map(|size| Slab::with_inbox(case, of_size(size).with_tail(case.tail), Arc::clone(&inbox)));
    thread::scope(|scope| {
        let remotes = [(); N_REMOTE].map(|()| {
            let (sender, receiver) = sync_channel::<Sent>(256);
            let (slabs, remote) = (&slabs, &remote);
            scope.spawn(move || {
                let whole = |&(slab, index): &Sent| {
                    let slab: &Slab<P> = &slabs[slab];
                    assert!(slab.is_filled(index, index as u8), "somebody wrote to the block");
                    slab.fill(index, !index as u8);
                };
                remote(slabs, &mut receiver.into_iter().inspect(whole));
            });
            sender
        });
        own(&slabs, n_blocks, &remotes);
    });
    slabs[0].collect().unwrap();
    slabs.iter().for_each(|slab| slab.check(slab.capacity()));
    assert_eq!(slabs[0].collect(), Ok(vec![]), "a whole slab is in no inbox");
}

/// Takes from each slab, writes, and sends most blocks off; frees the others itself.
fn own<P: Page>(slabs: &[Slab<P>], n_blocks: usize, remotes: &[SyncSender<Sent>]) {
    let mut n = 0;
    while n < n_blocks {
        let before = n;
        for (number, slab) in slabs.iter().enumerate() {
            for index in slab.take(48) {
                n += 1;
                slab.fill(index, index as u8);
                match remotes.get(n % (N_REMOTE + 1)) {
                    Some(remote) => remote.send((number, index)).unwrap(),
                    None => assert!(slab.give(&[index]).is_ok()),
                }
            }
        }
        // There are far more blocks than can be on their way.
        assert!(n > before, "blocks were lost");
        slabs[0].collect().unwrap();
    }
}

/// *Accounting*, with real threads.
pub fn what_three_threads_free_comes_back_once<P: Page>(case: &Case<P>) {
    let n_blocks = if cfg!(miri) { 500 } else { 200_000 };
    among_threads(case, n_blocks, |slabs, blocks| {
        blocks.for_each(|(slab, index)| slabs[slab].give_remote(index).unwrap());
    });
}
