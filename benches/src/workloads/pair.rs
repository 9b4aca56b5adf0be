//! `box-pair`: the shortest life an object can have.

use std::hint::black_box;

use super::one_thread;
use crate::measure::{Common, Measured, timed, warm_up};

const DEFAULT_OPS: u64 = 40_000_000;

/// `box-pair` has no options of its own.
#[derive(Clone, Debug, clap::Args)]
pub struct BoxPair {}

impl BoxPair {
    pub(super) fn run(&self, common: &Common) -> Result<Measured, String> {
        one_thread(common)?;
        let ops = common.ops_per_thread(DEFAULT_OPS);
        let work = if common.no_alloc { on_stack } else { boxed };
        let prepare = |_| work(warm_up(ops));
        let (seconds, checksum) = timed(1, prepare, |sum| *sum = work(ops), |sum| sum);
        Ok(Measured::new(seconds, ops, checksum))
    }
}

#[inline(never)]
fn boxed(ops: u64) -> u64 {
    let mut sum = 0_u64;
    for op in 0..ops {
        let value = black_box(Box::new([op; 4]));
        sum = sum.wrapping_add(value[3]);
        drop(value);
    }
    sum
}

#[inline(never)]
fn on_stack(ops: u64) -> u64 {
    let mut sum = 0_u64;
    for op in 0..ops {
        let value = [op; 4];
        sum = sum.wrapping_add(black_box(&value)[3]);
    }
    sum
}
