//! `vec-grow`: vectors that grow by `push`.

use super::one_thread;
use crate::clock::Clock;
use crate::measure::{Common, Measured, warm_up};
use crate::rng::Rng;

/// One operation is one vector: its growth, and the drop of an older one.
const DEFAULT_OPS: u64 = 4_000_000;

/// Options of `vec-grow`.
#[derive(Clone, Debug, clap::Args)]
pub struct VecGrow {
    /// Elements of the longest vector, of 8 bytes each; lengths are log-uniform from 1.
    #[arg(long, default_value_t = 128)]
    max_len: usize,
    /// Vectors alive at once.
    #[arg(long, default_value_t = 64)]
    live: usize,
}

impl VecGrow {
    pub(super) fn run(&self, common: &Common) -> Result<Measured, String> {
        one_thread(common)?;
        if self.live == 0 || self.max_len == 0 {
            return Err("--live and --max-len must not be 0".into());
        }
        let mut rng = Rng::new(common.seed, 0);
        let lengths: Vec<usize> = (0..4096).map(|_| rng.log_uniform(1, self.max_len)).collect();
        // Without allocations: vectors keep their capacity, which is enough from the start.
        let capacity = if common.no_alloc { self.max_len } else { 0 };
        let mut vectors: Vec<Vec<u64>> =
            (0..self.live).map(|_| Vec::with_capacity(capacity)).collect();
        let work = if common.no_alloc { refill } else { replace };
        let ops = common.ops_per_thread(DEFAULT_OPS);
        work(&mut vectors, &lengths, warm_up(ops));
        let clock = Clock::start();
        let checksum = work(&mut vectors, &lengths, ops);
        let seconds = clock.stop();
        Ok(Measured::new(seconds, ops, checksum))
    }

    pub(super) fn params(&self) -> Vec<(&'static str, usize)> {
        vec![("max_len", self.max_len), ("live", self.live)]
    }
}

fn replace(vectors: &mut [Vec<u64>], lengths: &[usize], ops: u64) -> u64 {
    each(vectors, lengths, ops, |vector| *vector = Vec::new())
}

fn refill(vectors: &mut [Vec<u64>], lengths: &[usize], ops: u64) -> u64 {
    each(vectors, lengths, ops, Vec::clear)
}

#[inline(always)]
fn each(
    vectors: &mut [Vec<u64>],
    lengths: &[usize],
    ops: u64,
    reset: impl Fn(&mut Vec<u64>),
) -> u64 {
    let mut sum = 0_u64;
    for op in 0..ops as usize {
        let count = vectors.len();
        let vector = &mut vectors[op % count];
        sum = sum.wrapping_add(vector.last().copied().unwrap_or(0));
        reset(vector);
        for element in 0..lengths[op % lengths.len()] {
            vector.push(element as u64);
        }
    }
    sum
}
