//! The flat array above an arena that fails: what every registry does, and when it asks for its table.
#![cfg(not(loom))]

use std::ptr::NonNull;
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use hakmem_conformance::memory::{Arena, place};
use hakmem_contract::{MetaArena, Registry, Survey, Tag, UNIT};
use hakmem_flat_registry::Flat;

hakmem_conformance::registry!(Flat);

const GIB_4: usize = 1 << 32;
const END: usize = 1 << 47;

/// 4 bytes and 8 for each unit below 2^47.
const TABLE: usize = 24 << 30;

/// An arena that counts reservations, and refuses them when it is told to.
#[derive(Default)]
struct Addresses {
    arena: Arena,
    reserved: AtomicUsize,
    returned: AtomicUsize,
    refuses: AtomicUsize,
}

// SAFETY: the memory is another arena's.
unsafe impl MetaArena for Addresses {
    fn alloc_meta(&self, _: usize) -> Option<NonNull<u8>> {
        None
    }

    fn reserve_meta(&self, bytes: usize) -> Option<NonNull<u8>> {
        assert_eq!(bytes, TABLE);
        if self.refuses.load(SeqCst) != 0 {
            return None;
        }
        self.reserved.fetch_add(1, SeqCst);
        // So that others come before the first has published its table.
        std::thread::sleep(Duration::from_millis(2));
        self.arena.alloc_meta(bytes)
    }

    unsafe fn unreserve_meta(&self, base: NonNull<u8>, bytes: usize) {
        assert_eq!((base.as_ptr().addr() % 4096, bytes), (0, TABLE));
        self.returned.fetch_add(1, SeqCst);
    }
}

#[test]
fn one_table_is_for_everything_below_2_to_the_47() {
    let (registry, arena) = (place::<Flat>(), Addresses::default());
    for base in [0, GIB_4 - UNIT, 1 << 40, END - UNIT] {
        assert!(registry.cover(base, UNIT, &arena), "{base:#x}");
        // SAFETY: just covered, and nobody else's.
        unsafe { registry.publish(base, 1, Tag::HUGE, Tag::HUGE, base + 1) };
        assert_eq!(registry.tag(base + UNIT - 1), Tag::HUGE);
    }
    assert_eq!(arena.reserved.load(SeqCst), 1);
    for base in [END, END + UNIT, 1 << 63, usize::MAX - UNIT + 1] {
        assert!(!registry.cover(base, UNIT, &arena), "{base:#x}");
        assert_eq!(registry.tag_in_reach(base), None, "{base:#x}");
    }
    assert!(!registry.cover(END - UNIT, 2 * UNIT, &arena), "half beyond the end");
    let mut seen = Vec::new();
    registry.survey(|address, _, _| seen.push(address));
    assert_eq!(seen, [0, GIB_4 - UNIT, 1 << 40, END - UNIT], "a survey finds the far ones, too");
}

/// What `ulimit -v` and strict overcommit do: no room, no memory, no harm; and another day there is.
#[test]
fn without_room_for_the_table_nothing_is_covered() {
    let (registry, arena) = (place::<Flat>(), Addresses::default());
    arena.refuses.store(1, SeqCst);
    for base in [0, GIB_4, END - UNIT] {
        assert!(!registry.cover(base, UNIT, &arena));
        assert_eq!(registry.tag(base), Tag::FOREIGN);
        assert_eq!(registry.tag_in_reach(base), Some(Tag::FOREIGN));
    }
    registry.survey(|address, _, _| panic!("{address:#x}"));
    arena.refuses.store(0, SeqCst);
    assert!(registry.cover(GIB_4, UNIT, &arena));
    arena.refuses.store(1, SeqCst);
    assert!(registry.cover(END - UNIT, UNIT, &arena), "the table is there");
}

#[test]
fn of_several_tables_all_but_one_go_back() {
    let reserved: usize = (0..20).map(|_| race()).sum();
    assert!(reserved > 20, "no two threads met");
}

/// Four threads cover at once. Returns how many tables were reserved.
fn race() -> usize {
    let (registry, arena) = (place::<Flat>(), Addresses::default());
    let barrier = Barrier::new(4);
    std::thread::scope(|scope| {
        for thread in 0..4_usize {
            let (registry, arena, barrier) = (&registry, &arena, &barrier);
            scope.spawn(move || {
                barrier.wait();
                let base = thread * GIB_4;
                assert!(registry.cover(base, UNIT, arena));
                // SAFETY: just covered, and this thread's.
                unsafe { registry.publish(base, 1, Tag::HUGE, Tag::HUGE, base) };
            });
        }
    });
    assert!((0..4).all(|thread| registry.tag(thread * GIB_4) == Tag::HUGE));
    let reserved = arena.reserved.load(SeqCst);
    assert_eq!(arena.returned.load(SeqCst), reserved - 1);
    reserved
}
