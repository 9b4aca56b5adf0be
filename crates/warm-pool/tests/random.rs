//! Random calls: every block is out once or back once, and all units add up.

mod common;

use common::{LARGE, PAGE, PAIR, Rig, SMALL};
use proptest::prelude::*;

#[derive(Clone, Copy, Debug)]
enum Step {
    /// So many blocks.
    Take(usize, usize),
    /// Live blocks from here on, with this stride, so many.
    Give(usize, usize, usize, usize),
    GiveRemote(usize, usize, usize),
    Collect,
    Trim,
    /// The pool has so many spans a call.
    Most(usize),
    /// The arena serves so many requests more.
    Descriptors(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let index = || prop::sample::select(vec![SMALL, PAGE, PAGE, PAIR, LARGE]);
    let amount = || prop_oneof![3 => 1..5_usize, 3 => 5..40_usize, 1 => 40..1500_usize];
    let step = prop_oneof![
        8 => (index(), amount()).prop_map(|(index, n)| Step::Take(index, n)),
        8 => (index(), any::<usize>(), 1..20_usize, amount())
            .prop_map(|(index, from, stride, n)| Step::Give(index, from, stride, n)),
        4 => (index(), any::<usize>(), amount())
            .prop_map(|(index, from, n)| Step::GiveRemote(index, from, n)),
        1 => Just(Step::Collect),
        1 => Just(Step::Trim),
        1 => (0..4_usize).prop_map(Step::Most),
        1 => prop_oneof![0..3_usize, Just(usize::MAX)].prop_map(Step::Descriptors),
    ];
    prop::collection::vec(step, 1..60)
}

/// `n` of the live blocks, each once, in an order that jumps between slabs.
fn choose(live: &[*mut u8], from: usize, stride: usize, n: usize) -> Vec<*mut u8> {
    let mut rest = live.to_vec();
    let mut chosen = Vec::new();
    let mut at = from;
    while chosen.len() < n && !rest.is_empty() {
        at %= rest.len();
        chosen.push(rest.remove(at));
        at += stride - 1;
    }
    chosen
}

fn apply(rig: &mut Rig, step: Step) {
    match step {
        Step::Take(index, n) => {
            let can = rig.world.most.get() > 0 && rig.world.descriptors.get() > 0;
            let n_taken = rig.take(index, n).len();
            assert!(n_taken > 0 || !can, "nothing, though there was enough");
        }
        Step::Give(index, from, stride, n) => {
            let chosen = choose(&rig.live(index), from, stride, n);
            if !chosen.is_empty() {
                rig.give(index, &chosen);
            }
        }
        Step::GiveRemote(index, from, n) => {
            let chosen = choose(&rig.live(index), from, 3, n);
            chosen.into_iter().for_each(|block| rig.give_remote(index, block));
        }
        Step::Collect => rig.collect(),
        Step::Trim => drop(rig.trim()),
        Step::Most(most) => rig.world.most.set(most),
        Step::Descriptors(left) => rig.world.descriptors.set(left),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn everything_adds_up(prefill in 0..10_u8, keep_units in 0..20_u8, steps in steps()) {
        let mut rig = Rig::new(prefill, keep_units);
        for step in steps {
            apply(&mut rig, step);
            rig.check();
        }
        rig.finish();
    }
}
