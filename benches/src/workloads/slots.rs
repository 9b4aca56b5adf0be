//! `random-mixed` and `fixed-size`: a table of slots, filled and freed at random.

use super::sizes;
use crate::measure::{Common, Measured, timed, warm_up};
use crate::object::{Heap, Object, Objects, Prepared, free_all, table};
use crate::rng::Rng;

const DEFAULT_OPS: u64 = 20_000_000;

/// Options of `random-mixed`.
#[derive(Clone, Debug, clap::Args)]
pub struct RandomMixed {
    /// Slots of the table; about half of them are filled.
    #[arg(long, default_value_t = 256)]
    set: usize,
    /// Smallest object, in bytes.
    #[arg(long, default_value_t = 16)]
    min: usize,
    /// Largest object, in bytes.
    #[arg(long, default_value_t = 1024)]
    max: usize,
}

/// Options of `fixed-size`.
#[derive(Clone, Debug, clap::Args)]
pub struct FixedSize {
    /// Slots of the table; about half of them are filled.
    #[arg(long, default_value_t = 256)]
    set: usize,
    /// Bytes of each object.
    #[arg(long, default_value_t = 64)]
    size: usize,
}

impl RandomMixed {
    pub(super) fn run(&self, common: &Common) -> Result<Measured, String> {
        sizes(self.min, self.max)?;
        if self.set == 0 {
            return Err("--set must not be 0".into());
        }
        Ok(if common.no_alloc { run::<Prepared>(self, common) } else { run::<Heap>(self, common) })
    }

    pub(super) fn params(&self) -> Vec<(&'static str, usize)> {
        vec![("set", self.set), ("min", self.min), ("max", self.max)]
    }
}

impl FixedSize {
    pub(super) fn run(&self, common: &Common) -> Result<Measured, String> {
        RandomMixed { set: self.set, min: self.size, max: self.size }.run(common)
    }

    pub(super) fn params(&self) -> Vec<(&'static str, usize)> {
        vec![("set", self.set), ("size", self.size)]
    }
}

/// One thread's table.
struct Table<O> {
    slots: Vec<Object>,
    from: O,
    rng: Rng,
    sum: u64,
}

fn run<O: Objects>(args: &RandomMixed, common: &Common) -> Measured {
    let ops = common.ops_per_thread(DEFAULT_OPS);
    let prepare = |number| {
        let from = O::prepare(args.set, args.max);
        let rng = Rng::new(common.seed, number as u64);
        let mut state = Table { slots: table(args.set), from, rng, sum: 0 };
        work(&mut state, args, warm_up(ops).max(2 * args.set as u64));
        state
    };
    let finish =
        |mut state: Table<O>| state.sum.wrapping_add(free_all(&mut state.slots, &state.from));
    let (seconds, checksum) =
        timed(common.threads(), prepare, |state| work(state, args, ops), finish);
    Measured::new(seconds, ops * common.threads() as u64, checksum)
}

fn work<O: Objects>(state: &mut Table<O>, args: &RandomMixed, ops: u64) {
    let span = args.max - args.min + 1;
    let (set, min) = (state.slots.len(), args.min);
    for op in 0..ops {
        let (number, extra) = state.rng.two_below(set, span);
        let slot = &mut state.slots[number];
        if slot.is_none() {
            *slot = Object::new(&state.from, number, min + extra, op);
        } else {
            state.sum = state.sum.wrapping_add(slot.free(&state.from));
        }
    }
}
