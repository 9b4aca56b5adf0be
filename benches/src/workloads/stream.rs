//! `stream` and `scatter`: many objects allocated, then all of them freed.

use super::{one_thread, sizes};
use crate::clock::Clock;
use crate::measure::{Common, Measured, warm_up};
use crate::object::{Heap, Object, Objects, Prepared, table};
use crate::rng::Rng;

const DEFAULT_OPS: u64 = 20_000_000;

/// Options of `stream`.
#[derive(Clone, Debug, clap::Args)]
pub struct Stream {
    /// Objects allocated before the first is freed.
    #[arg(long, default_value_t = 1000)]
    count: usize,
    /// Bytes of each object.
    #[arg(long, default_value_t = 64)]
    size: usize,
}

/// Options of `scatter`.
#[derive(Clone, Debug, clap::Args)]
pub struct Scatter {
    #[command(flatten)]
    stream: Stream,
}

impl Stream {
    pub(super) fn run(&self, common: &Common) -> Result<Measured, String> {
        let order = (0..self.count as u32).collect();
        self.run_in(order, common)
    }

    fn run_in(&self, order: Vec<u32>, common: &Common) -> Result<Measured, String> {
        one_thread(common)?;
        sizes(self.size, self.size)?;
        if self.count == 0 || self.count > 1 << 30 {
            return Err("--count must be 1..=2^30".into());
        }
        Ok(if common.no_alloc {
            run::<Prepared>(self, &order, common)
        } else {
            run::<Heap>(self, &order, common)
        })
    }

    pub(super) fn params(&self) -> Vec<(&'static str, usize)> {
        vec![("count", self.count), ("size", self.size)]
    }
}

impl Scatter {
    pub(super) fn run(&self, common: &Common) -> Result<Measured, String> {
        let mut order: Vec<u32> = (0..self.stream.count as u32).collect();
        Rng::new(common.seed, 0).shuffle(&mut order);
        self.stream.run_in(order, common)
    }

    pub(super) fn params(&self) -> Vec<(&'static str, usize)> {
        self.stream.params()
    }
}

fn run<O: Objects>(args: &Stream, order: &[u32], common: &Common) -> Measured {
    let per_round = 2 * args.count as u64;
    let rounds = common.ops_per_thread(DEFAULT_OPS).div_ceil(per_round);
    let from = O::prepare(args.count, args.size);
    let work = |objects: &mut Vec<Object>, rounds| {
        let mut sum = 0_u64;
        for round in 0..rounds {
            for (number, object) in objects.iter_mut().enumerate() {
                *object = Object::new(&from, number, args.size, round);
            }
            for number in order {
                sum = sum.wrapping_add(objects[*number as usize].free(&from));
            }
        }
        sum
    };
    let mut objects = table(args.count);
    work(&mut objects, warm_up(rounds).max(1));
    let clock = Clock::start();
    let checksum = work(&mut objects, rounds);
    let seconds = clock.stop();
    Measured::new(seconds, rounds * per_round, checksum)
}
