//! A warm pool between a page box and a world that check: every block is out once or back once,
//! and all units add up.

#[path = "../../crates/warm-pool/tests/common/mod.rs"]
mod common;

use bolero::check;
use bolero::generator::*;
use common::{LARGE, PAGE, PAIR, Rig, SMALL};
use hakmem_fuzz::bits::{Bits, Step, Steps, pick};
use hakmem_fuzz::reproducible;

/// What is done: of which class, how, and how much.
#[derive(Clone, Copy, Debug)]
enum Act {
    Take {
        class: usize,
        n: usize,
    },
    Give {
        class: usize,
        from: usize,
        stride: usize,
        n: usize,
    },
    GiveRemote {
        class: usize,
        from: usize,
        n: usize,
    },
    Collect,
    Trim,
    /// The pool has so many spans a call.
    Most(usize),
    /// The arena serves so many requests more.
    Descriptors(usize),
}

impl Step for Act {
    fn of(bits: Bits) -> Self {
        let class = [SMALL, PAGE, PAGE, PAIR, LARGE][bits.at(9, 7) % 5];
        let n = match bits.low() % 7 {
            0..3 => 1 + bits.low() / 7 % 4,
            3..6 => 5 + bits.low() / 7 % 35,
            _ => 40 + bits.low() / 7 % 1460,
        };
        let from = bits.high();
        match bits.kind() {
            0..85 => Self::Take { class, n },
            85..170 => Self::Give { class, from, stride: 1 + from % 19, n },
            170..213 => Self::GiveRemote { class, from, n },
            213..224 => Self::Collect,
            224..235 => Self::Trim,
            235..245 => Self::Most(bits.low() % 4),
            _ => Self::Descriptors(if bits.flag() { usize::MAX } else { bits.low() % 3 }),
        }
    }
}

fn act(rig: &mut Rig, act: Act) {
    match act {
        Act::Take { class, n } => {
            let can = rig.world.most.get() > 0 && rig.world.descriptors.get() > 0;
            let n_taken = rig.take(class, n).len();
            assert!(n_taken > 0 || !can, "nothing, though there was enough");
        }
        Act::Give { class, from, stride, n } => {
            let chosen = pick(&mut rig.live(class), from, stride, n);
            if !chosen.is_empty() {
                rig.give(class, &chosen);
            }
        }
        Act::GiveRemote { class, from, n } => {
            let chosen = pick(&mut rig.live(class), from, 2, n);
            chosen.into_iter().for_each(|block| rig.give_remote(class, block));
        }
        Act::Collect => rig.collect(),
        Act::Trim => drop(rig.trim()),
        Act::Most(most) => rig.world.most.set(most),
        Act::Descriptors(left) => rig.world.descriptors.set(left),
    }
}

fn run(prefill: u8, keep_units: u8, steps: &Steps<Act>) {
    let mut rig = Rig::new(prefill, keep_units);
    // Each step may be hundreds of blocks.
    for step in steps.iter().take(60) {
        act(&mut rig, step);
        rig.check();
    }
    rig.finish();
}

#[test]
fn everything_adds_up() {
    check!()
        .with_generator((0..10_u8, 0..20_u8, produce::<Steps<Act>>()))
        .with_iterations(3_000)
        .for_each(|(prefill, keep_units, steps)| {
            reproducible(|| run(*prefill, *keep_units, steps));
        });
}
