//! Several threads at once: what a thread holds is its own.
#![cfg(all(target_os = "linux", not(loom)))]

use hakmem_contract::{Memory, SUPERSLAB};
use hakmem_os_acquire::{Acquire, Limits, Simulated};

#[test]
fn threads_share_one_box() {
    let memory = Acquire::new(Simulated::virtual_only());
    memory.configure(Limits::new().count(8).bytes(64 * SUPERSLAB));
    let owned = std::sync::Mutex::new(std::collections::BTreeSet::new());
    std::thread::scope(|scope| {
        for seed in 1..=4_usize {
            let (memory, owned) = (&memory, &owned);
            scope.spawn(move || hammer(memory, owned, seed));
        }
    });
    let stats = memory.stats();
    assert!(stats.is_balanced() && stats.handed_out == 0, "{stats:?}");
    assert_eq!(stats.mapped, memory.os().mapped());
    memory.trim(true);
    assert_eq!(memory.stats().mapped, memory.stats().stranded);
}

fn hammer(
    memory: &Acquire<Simulated>,
    owned: &std::sync::Mutex<std::collections::BTreeSet<usize>>,
    seed: usize,
) {
    let mut state = seed;
    let mut held = Vec::new();
    for _ in 0..4000 {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let superslabs = 1 + (state >> 40) % 4;
        if state >> 60 < 8 && held.len() < 20 {
            let range = memory.acquire(superslabs * SUPERSLAB, 1, superslabs > 1);
            let Some(range) = range else { continue };
            let first = range.base.as_ptr().addr() / SUPERSLAB;
            let mut owned = owned.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            for number in first..first + superslabs {
                assert!(owned.insert(number), "handed out twice");
            }
            held.push(range);
        } else if !held.is_empty() {
            let range = held.swap_remove((state >> 20) % held.len());
            give(memory, owned, range);
        }
    }
    for range in held {
        give(memory, owned, range);
    }
}

fn give(
    memory: &Acquire<Simulated>,
    owned: &std::sync::Mutex<std::collections::BTreeSet<usize>>,
    range: hakmem_contract::os::Range,
) {
    let first = range.base.as_ptr().addr() / SUPERSLAB;
    {
        let mut owned = owned.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        for number in first..first + range.bytes / SUPERSLAB {
            assert!(owned.remove(&number));
        }
    }
    // SAFETY: held by this thread until now.
    unsafe { memory.release(range.base, range.bytes) };
}
