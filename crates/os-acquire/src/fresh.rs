//! The value that a static holds before anybody uses it.

use hakmem_contract::{Fresh, Unplaced};

use crate::Acquire;

impl<P: Fresh> Fresh for Acquire<P> {
    // SAFETY: the port is a part of this value, which whoever places it does not move.
    const FRESH: Unplaced<Self> = Unplaced::new(Self::new(unsafe { P::FRESH.place() }));
}
