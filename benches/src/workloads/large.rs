//! `large`: objects of pages, each page touched.

use super::{one_thread, sizes};
use crate::clock::Clock;
use crate::measure::{Common, Measured, warm_up};
use crate::object::{Heap, Object, Objects, Prepared, free_all, table};
use crate::rng::Rng;

const DEFAULT_OPS: u64 = 20_000;

/// Options of `large`.
#[derive(Clone, Debug, clap::Args)]
pub struct Large {
    /// Slots of the table; about half of them are filled.
    #[arg(long, default_value_t = 32)]
    set: usize,
    /// Smallest object, in bytes.
    #[arg(long, default_value_t = 32 << 10)]
    min: usize,
    /// Largest object, in bytes; sizes are log-uniform.
    #[arg(long, default_value_t = 4 << 20)]
    max: usize,
}

impl Large {
    pub(super) fn run(&self, common: &Common) -> Result<Measured, String> {
        one_thread(common)?;
        sizes(self.min, self.max)?;
        if self.set == 0 {
            return Err("--set must not be 0".into());
        }
        Ok(if common.no_alloc {
            self.run_on::<Prepared>(common)
        } else {
            self.run_on::<Heap>(common)
        })
    }

    pub(super) fn params(&self) -> Vec<(&'static str, usize)> {
        vec![("set", self.set), ("min", self.min), ("max", self.max)]
    }

    fn run_on<O: Objects>(&self, common: &Common) -> Measured {
        let from = O::prepare(self.set, self.max);
        let mut rng = Rng::new(common.seed, 0);
        let choices: Vec<(usize, usize)> =
            (0..4096).map(|_| (rng.below(self.set), rng.log_uniform(self.min, self.max))).collect();
        let mut slots = table(self.set);
        let ops = common.ops_per_thread(DEFAULT_OPS);
        let mut sum = work(&mut slots, &from, &choices, warm_up(ops));
        let clock = Clock::start();
        sum = sum.wrapping_add(work(&mut slots, &from, &choices, ops));
        let seconds = clock.stop();
        let checksum = sum.wrapping_add(free_all(&mut slots, &from));
        Measured::new(seconds, ops, checksum)
    }
}

fn work(slots: &mut [Object], from: &impl Objects, choices: &[(usize, usize)], ops: u64) -> u64 {
    let mut sum = 0_u64;
    for (op, &(number, size)) in (0..ops).zip(choices.iter().cycle()) {
        let slot = &mut slots[number];
        if slot.is_none() {
            *slot = Object::new(from, number, size, op);
            slot.touch_pages();
        } else {
            sum = sum.wrapping_add(slot.free(from));
        }
    }
    sum
}
