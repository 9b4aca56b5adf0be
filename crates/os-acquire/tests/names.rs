//! Names of mappings: what they are for, and what a system without them is asked.
#![cfg(all(target_os = "linux", not(loom)))]

use std::fs;
use std::ptr::NonNull;

use hakmem_contract::os::Purpose;
use hakmem_contract::{Memory, MetaArena, OsPort, SUPERSLAB};
use hakmem_os_acquire::simulated::Call;
use hakmem_os_acquire::{Acquire, Limits, Linux, Simulated};

fn world() -> Acquire<Simulated> {
    Acquire::new(Simulated::virtual_only())
}

fn purpose(memory: &Acquire<Simulated>, base: NonNull<u8>) -> Option<Purpose> {
    memory.os().purpose(base.as_ptr().addr())
}

#[test]
fn a_mapping_says_what_it_is_for() {
    let memory = world();
    let slabs = memory.acquire(SUPERSLAB, SUPERSLAB, false).unwrap();
    assert_eq!(purpose(&memory, slabs.base), Some(Purpose::Slabs));
    let aligned = memory.acquire(SUPERSLAB, 8 * SUPERSLAB, false).unwrap();
    assert_eq!(purpose(&memory, aligned.base), Some(Purpose::Slabs));
    let huge = memory.acquire(3 * SUPERSLAB, SUPERSLAB, true).unwrap();
    assert_eq!(purpose(&memory, huge.base), Some(Purpose::Huge));
    let last = huge.base.as_ptr().addr() + huge.bytes - 1;
    assert_eq!(memory.os().purpose(last), Some(Purpose::Huge), "to its end");
    assert_eq!(purpose(&memory, memory.alloc_meta(64).unwrap()), Some(Purpose::Meta));
    assert_eq!(purpose(&memory, memory.alloc_meta(700_000).unwrap()), Some(Purpose::Table));
}

/// What was a slab's becomes a huge block's when it is moved, from end to end.
#[test]
fn what_moved_is_named_for_what_it_is() {
    let memory = world();
    let slab = memory.acquire(SUPERSLAB, SUPERSLAB, false).unwrap();
    // SAFETY: held until now.
    unsafe { memory.release(slab.base, slab.bytes) };
    let huge = memory.acquire(SUPERSLAB, SUPERSLAB, true).unwrap();
    assert_eq!(purpose(&memory, huge.base), Some(Purpose::Slabs), "used again");
    memory.os().fail_when(|call, _| call == Call::Grow);
    // SAFETY: held, and given up if it moves.
    let base = unsafe { memory.resize(huge.base, SUPERSLAB, 6 * SUPERSLAB, true) }.unwrap();
    assert_ne!(base, huge.base);
    for n in 0..6 {
        let address = base.as_ptr().addr() + n * SUPERSLAB;
        assert_eq!(memory.os().purpose(address), Some(Purpose::Huge), "SuperSlab {n}");
    }
}

/// A name is a system call: one for each mapping, none for memory that is used again.
#[test]
fn what_is_kept_is_not_named_again() {
    let memory = world();
    for _ in 0..10 {
        let range = memory.acquire(SUPERSLAB, SUPERSLAB, false).unwrap();
        // SAFETY: held until now.
        unsafe { memory.release(range.base, range.bytes) };
    }
    assert_eq!(memory.os().count(Call::Name), 1);
}

#[test]
fn a_system_without_names_is_asked_once() {
    let memory = world();
    memory.os().fail_when(|call, _| call == Call::Name);
    for _ in 0..5 {
        assert!(memory.acquire(SUPERSLAB, SUPERSLAB, true).is_some());
        assert!(memory.alloc_meta(20_000).is_some());
    }
    assert_eq!(memory.os().count(Call::Name), 1);
    assert!(memory.stats().is_balanced());
}

#[test]
fn who_wants_no_names_gets_none() {
    let memory = world();
    memory.configure(Limits::new().names(false));
    assert!(memory.acquire(SUPERSLAB, SUPERSLAB, false).is_some());
    assert!(memory.alloc_meta(64).is_some());
    assert_eq!(memory.os().count(Call::Name), 0);
}

/// On a system that knows names the mapping is shown with its own; on another nothing changes.
#[test]
fn the_system_shows_the_name() {
    let bytes = 16 << 12;
    let base = Linux.map(0, bytes).unwrap();
    // SAFETY: ours.
    let known = unsafe { Linux.name(base, bytes, Purpose::Table) };
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    assert_eq!(maps.lines().any(|line| line.ends_with("[anon:hakmem table]")), known);
    // SAFETY: ours, and not used again.
    assert!(unsafe { Linux.unmap(base, bytes) });
}
