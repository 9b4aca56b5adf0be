//! `huge-realloc`: one vector, doubled until it is huge.

use std::hint::black_box;

use super::one_thread;
use crate::clock::Clock;
use crate::measure::{Common, Measured};

/// One operation is one vector, grown and dropped.
const DEFAULT_OPS: u64 = 2;

/// Options of `huge-realloc`.
#[derive(Clone, Debug, clap::Args)]
pub struct HugeRealloc {
    /// Final size, in MiB.
    #[arg(long, default_value_t = 512)]
    mib: usize,
}

impl HugeRealloc {
    pub(super) fn run(&self, common: &Common) -> Result<Measured, String> {
        one_thread(common)?;
        let bytes = self.mib << 20;
        let piece: Vec<u64> = (0..8192).collect();
        let ops = common.ops_per_thread(DEFAULT_OPS);
        let mut kept = Vec::new();
        if common.no_alloc {
            kept.reserve(bytes / size_of::<u64>());
            grow(&mut kept, &piece, bytes);
        }
        let mut checksum = 0_u64;
        let clock = Clock::start();
        for _ in 0..ops {
            let mut vector = std::mem::take(&mut kept);
            vector.clear();
            checksum = checksum.wrapping_add(grow(&mut vector, &piece, bytes));
            if common.no_alloc {
                kept = vector;
            }
        }
        let seconds = clock.stop();
        Ok(Measured::new(seconds, ops, checksum))
    }

    pub(super) fn params(&self) -> Vec<(&'static str, usize)> {
        vec![("mib", self.mib)]
    }
}

/// Every page is written once, 64 KiB at a time; doubling is left to the vector.
fn grow(vector: &mut Vec<u64>, piece: &[u64], bytes: usize) -> u64 {
    while vector.len() * size_of::<u64>() < bytes {
        vector.extend_from_slice(piece);
    }
    black_box(vector.as_slice()).last().copied().unwrap_or(0) + vector.len() as u64
}
