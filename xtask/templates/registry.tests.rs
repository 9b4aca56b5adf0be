//! What every registry promises, and what this one does besides.

use hakmem_conformance::memory::{Arena, place};
use hakmem_contract::{Registry, UNIT};
use my_box::{MyBox, ROOM};

// One of limited reach or room says so: `registry!(MyBox; reach(1 << 40), units(4096))`.
hakmem_conformance::registry!(MyBox);

#[test]
fn what_there_is_no_room_for_is_refused() {
    let (registry, arena) = (place::<MyBox>(), Arena::default());
    assert!(registry.cover(UNIT, ROOM * UNIT, &arena));
    assert!(!registry.cover((ROOM + 1) * UNIT, UNIT, &arena));
    assert!(registry.cover(UNIT, ROOM * UNIT, &arena), "what was covered stays so");
}
