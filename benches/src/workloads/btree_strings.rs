//! `btree-strings`: a map from strings to byte vectors.

use std::collections::BTreeMap;

use super::one_thread;
use crate::clock::Clock;
use crate::measure::{Common, Measured};
use crate::rng::Rng;

const DEFAULT_OPS: u64 = 800_000;

/// Options of `btree-strings`.
#[derive(Clone, Debug, clap::Args)]
pub struct BtreeStrings {
    /// Different keys.
    #[arg(long, default_value_t = 20_000)]
    keys: usize,
}

impl BtreeStrings {
    pub(super) fn run(&self, common: &Common) -> Result<Measured, String> {
        one_thread(common)?;
        if common.no_alloc {
            return Err("btree-strings is made of allocations: no --no-alloc".into());
        }
        if self.keys == 0 {
            return Err("--keys must not be 0".into());
        }
        let mut rng = Rng::new(common.seed, 0);
        let keys: Vec<String> = (0..self.keys)
            .map(|number| {
                let length = 4 + rng.below(36);
                format!("{:08x}{}", rng.word() as u32 ^ number as u32, "k".repeat(length))
            })
            .collect();
        let mut map = BTreeMap::new();
        let ops = common.ops_per_thread(DEFAULT_OPS);
        work(&mut map, &keys, &mut rng, 2 * self.keys as u64);
        let clock = Clock::start();
        let checksum = work(&mut map, &keys, &mut rng, ops);
        let seconds = clock.stop();
        Ok(Measured::new(seconds, ops, checksum))
    }

    pub(super) fn params(&self) -> Vec<(&'static str, usize)> {
        vec![("keys", self.keys)]
    }
}

/// In four operations, on average: two inserts, one look-up, one removal.
fn work(map: &mut BTreeMap<String, Vec<u8>>, keys: &[String], rng: &mut Rng, ops: u64) -> u64 {
    let mut sum = 0_u64;
    for op in 0..ops {
        let (choice, number) = rng.two_below(4, keys.len());
        let key = &keys[number];
        match choice {
            0 | 1 => {
                let value = vec![op as u8; 8 + (op as usize * 37) % 248];
                sum += map.insert(key.clone(), value).map_or(0, |old| old.len() as u64);
            }
            2 => sum += map.get(key).map_or(1, |value| u64::from(value[0])),
            _ => sum += map.remove(key).map_or(2, |old| u64::from(old[7])),
        }
    }
    sum
}
