//! A process forks: what the threads left behind that the child does not have.

use hakmem_contract::FrontCache;
use hakmem_tls_bind::{PthreadForks, ThreadWord};

use crate::boxes::Boxes;

/// Has this composition told of forks.
#[inline]
pub(crate) fn arm<B: Boxes>() {
    if B::Front::SURVIVES_CUT {
        B::shared().forks.arm(&PthreadForks, before_fork::<B>, in_child::<B>);
    }
}

/// The thread forks: its heap keeps the moment. Takes no lock.
///
/// # Safety
///
/// None; a handler is of this type.
unsafe extern "C" fn before_fork<B: Boxes>() {
    let moment = B::shared().forks.begin();
    let heap = B::Word::get();
    // SAFETY: this thread's heap, or the empty one, of which only the owner is looked at.
    if !unsafe { &*heap }.is_empty_heap() {
        // SAFETY: this thread's heap.
        unsafe { (*heap).fork = moment };
    }
}

/// The same thread in the child: heaps of threads that are not here become orphans, unless they
/// were in the middle of a change. A thread that another handler started has bound its heap since
/// the fork began, so that one is left alone.
///
/// # Safety
///
/// None; a handler is of this type.
unsafe extern "C" fn in_child<B: Boxes>() {
    let own = B::Word::get();
    // SAFETY: this thread's heap, or the empty one.
    let heap = unsafe { &*own };
    if heap.is_empty_heap() {
        // Without a heap, or called while at work in it: nobody noted the moment.
        return;
    }
    let (heaps, moment) = (&B::shared().heaps, heap.fork);
    heaps.each(|owner, heap| {
        // SAFETY: heaps are never unmapped, and the stage may be looked at by anybody.
        let stage = unsafe { &(*heap.as_ptr()).stage };
        if heap.as_ptr() != own && stage.leave_behind(moment) {
            heaps.park(owner);
        }
    });
}
