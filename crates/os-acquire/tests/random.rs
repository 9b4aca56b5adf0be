//! Random calls against a naive model: a map of what is held, nothing else.
#![cfg(all(target_os = "linux", not(loom)))]

use std::collections::BTreeMap;

use hakmem_contract::{Memory, SUPERSLAB};
use hakmem_os_acquire::simulated::Call;
use hakmem_os_acquire::{Acquire, Limits, Simulated};
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Op {
    Acquire { superslabs: usize, align_shift: u32, huge: bool },
    Release { index: usize, keep_front: usize },
    Resize { index: usize, more: usize, may_move: bool },
    Trim { all: bool },
    Prewarm { superslabs: usize },
    Wait { ms: u64 },
    Disturb { bytes: usize },
    Refuse { kinds: u8 },
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => (1..12_usize, 0..27_u32, any::<bool>())
            .prop_map(|(superslabs, align_shift, huge)| Op::Acquire { superslabs, align_shift, huge }),
        6 => Just(Op::Acquire { superslabs: 1, align_shift: 0, huge: false }),
        9 => (any::<usize>(), prop_oneof![3 => Just(0_usize), 1 => 0..4_usize])
            .prop_map(|(index, keep_front)| Op::Release { index, keep_front }),
        3 => (any::<usize>(), 1..8_usize, any::<bool>())
            .prop_map(|(index, more, may_move)| Op::Resize { index, more, may_move }),
        1 => any::<bool>().prop_map(|all| Op::Trim { all }),
        1 => (0..10_usize).prop_map(|superslabs| Op::Prewarm { superslabs }),
        2 => (0..2000_u64).prop_map(|ms| Op::Wait { ms }),
        1 => (1..1000_usize).prop_map(|pages| Op::Disturb { bytes: pages * 4096 }),
        1 => (0..64_u8).prop_map(|kinds| Op::Refuse { kinds }),
    ]
}

/// The kinds of which bit `n` of a `Refuse` speaks. Moving is not among them: what cannot be
/// moved is copied, and there is no memory behind these addresses.
const KINDS: [Call; 5] = [Call::Map, Call::Unmap, Call::Purge, Call::Advise, Call::Grow];

struct World {
    memory: Acquire<Simulated>,
    held: BTreeMap<usize, usize>,
    clock: u64,
}

impl World {
    fn hold(&mut self, base: usize, bytes: usize) {
        let before = self.held.range(..base + bytes).next_back();
        assert!(before.is_none_or(|(&other, &length)| other + length <= base), "handed out twice");
        assert!(self.memory.os().covers(base, bytes));
        self.held.insert(base, bytes);
    }

    /// Some range that is held.
    fn pick(&self, index: usize) -> Option<(usize, usize)> {
        let at = index.checked_rem(self.held.len())?;
        self.held.iter().nth(at).map(|(&base, &bytes)| (base, bytes))
    }

    fn release(&mut self, base: usize, bytes: usize) {
        let Some(pointer) = std::ptr::NonNull::new(std::ptr::without_provenance_mut(base)) else {
            return;
        };
        // SAFETY: held, and removed from what is held by the caller.
        unsafe { self.memory.release(pointer, bytes) };
    }

    fn apply(&mut self, op: &Op) {
        match *op {
            Op::Acquire { superslabs, align_shift, huge } => {
                let (bytes, align) = (superslabs * SUPERSLAB, 1 << align_shift);
                if let Some(range) = self.memory.acquire(bytes, align, huge) {
                    let base = range.base.as_ptr().addr();
                    assert!(base.is_multiple_of(align.max(SUPERSLAB)));
                    assert_eq!(range.bytes, bytes);
                    self.hold(base, bytes);
                }
            }
            Op::Release { index, keep_front } => {
                let Some((base, bytes)) = self.pick(index) else { return };
                let front = (keep_front * SUPERSLAB).min(bytes - SUPERSLAB);
                self.held.remove(&base);
                if front > 0 {
                    self.held.insert(base, front);
                }
                self.release(base + front, bytes - front);
            }
            Op::Resize { index, more, may_move } => self.resize(index, more, may_move),
            Op::Trim { all } => {
                let before = self.memory.stats();
                let freed = self.memory.trim(all);
                assert!(freed <= before.cached + before.fresh);
            }
            Op::Prewarm { superslabs } => {
                self.memory.map_ahead(superslabs, false);
            }
            Op::Wait { ms } => {
                self.clock += ms;
                self.memory.os().set_clock(self.clock);
            }
            Op::Disturb { bytes } => self.memory.os().nudge(bytes),
            Op::Refuse { kinds } => self.memory.os().fail_when(move |call, _| {
                KINDS.iter().enumerate().any(|(bit, &kind)| kind == call && kinds >> bit & 1 != 0)
            }),
        }
    }

    fn resize(&mut self, index: usize, more: usize, may_move: bool) {
        let Some((base, bytes)) = self.pick(index) else { return };
        let new = bytes + more * SUPERSLAB;
        let Some(pointer) = std::ptr::NonNull::new(std::ptr::without_provenance_mut(base)) else {
            return;
        };
        // SAFETY: held.
        let moved = unsafe { self.memory.resize(pointer, bytes, new, may_move) };
        if let Some(moved) = moved {
            assert!(may_move || moved == pointer);
            self.held.remove(&base);
            self.hold(moved.as_ptr().addr(), new);
        }
    }

    fn check(&self) {
        let stats = self.memory.stats();
        assert!(stats.is_balanced(), "{stats:?}");
        assert_eq!(stats.mapped, self.memory.os().mapped());
        assert_eq!(stats.handed_out, self.held.values().sum::<usize>());
        assert!(self.held.iter().all(|(&base, &bytes)| self.memory.os().covers(base, bytes)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..Default::default() })]

    #[test]
    fn what_is_held_is_held_once(
        ops in prop::collection::vec(op(), 1..200),
        count in 0..6_usize,
        superslabs in 0..40_usize,
        keep_purged in any::<bool>(),
    ) {
        let memory = Acquire::new(Simulated::virtual_only());
        let limits = Limits::new().count(count).bytes(superslabs * SUPERSLAB).age_ms(1500);
        memory.configure(limits.keep_purged(keep_purged));
        let mut world = World { memory, held: BTreeMap::new(), clock: 0 };
        for op in &ops {
            world.apply(op);
            world.check();
        }
        world.memory.os().fail_never();
        while let Some((base, bytes)) = world.pick(0) {
            world.held.remove(&base);
            world.release(base, bytes);
            world.check();
        }
        world.memory.trim(true);
        let stats = world.memory.stats();
        prop_assert_eq!(stats.mapped, stats.stranded + stats.meta);
    }
}

/// Several threads at once: what a thread holds is its own.
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
