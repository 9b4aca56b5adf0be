//! `false-sharing`: small neighbours, given to different threads that write them.
//!
//! After the `cache-scratch` and `cache-thrash` tests of Hoard: the objects that a thread gets
//! were allocated by another one, side by side. An allocator that hands a freed block of such a
//! line to its new thread keeps the line bouncing.

use std::sync::Mutex;

use super::sizes;
use crate::measure::{Common, Measured, timed};
use crate::object::{Heap, Object, Objects, Prepared, free_all};
use crate::rng::Rng;

const DEFAULT_OPS: u64 = 2_000_000;

/// Options of `false-sharing`.
#[derive(Clone, Debug, clap::Args)]
pub struct FalseSharing {
    /// Smallest object, in bytes.
    #[arg(long, default_value_t = 8)]
    min: usize,
    /// Largest object, in bytes.
    #[arg(long, default_value_t = 64)]
    max: usize,
    /// Objects of each thread.
    #[arg(long, default_value_t = 8)]
    objects: usize,
    /// Writes to an object in its life.
    #[arg(long, default_value_t = 50)]
    writes: u64,
}

impl FalseSharing {
    pub(super) fn run(&self, common: &Common) -> Result<Measured, String> {
        sizes(self.min, self.max)?;
        if self.objects == 0 {
            return Err("--objects must not be 0".into());
        }
        Ok(if common.no_alloc {
            self.run_on::<Prepared>(common)
        } else {
            self.run_on::<Heap>(common)
        })
    }

    pub(super) fn params(&self) -> Vec<(&'static str, usize)> {
        let writes = self.writes as usize;
        vec![("objects", self.objects), ("min", self.min), ("max", self.max), ("writes", writes)]
    }

    fn run_on<O: Objects>(&self, common: &Common) -> Measured {
        let ops = common.ops_per_thread(DEFAULT_OPS);
        let hands = Mutex::new(self.deal::<O>(common));
        let prepare = |_| {
            let hand = hands.lock().ok().and_then(|mut hands| hands.pop());
            // The dealer's objects are freed to this source; for `Heap` that is all the same.
            (hand.unwrap_or_default(), O::prepare(self.objects, self.max.max(64)), 0)
        };
        let (seconds, checksum) = timed(
            common.threads(),
            prepare,
            |(hand, from, sum)| *sum = self.work(hand, from, ops),
            |(mut hand, from, sum): (Vec<Object>, O, u64)| {
                sum.wrapping_add(free_all(&mut hand, &from))
            },
        );
        Measured::new(seconds, ops * common.threads() as u64, checksum)
    }

    /// Allocates all objects one after the other and deals them like cards.
    fn deal<O: Objects>(&self, common: &Common) -> Vec<Vec<Object>> {
        let threads = common.threads();
        let from = O::prepare(threads * self.objects, self.max);
        let mut rng = Rng::new(common.seed, 0);
        let mut hands: Vec<_> = (0..threads).map(|_| Vec::with_capacity(self.objects)).collect();
        for number in 0..threads * self.objects {
            let size = self.min + rng.below(self.max - self.min + 1);
            hands[number % threads].push(Object::new(&from, number, size, 0));
        }
        hands
    }

    /// An object is replaced by one of its size, so that an allocator may give the block back.
    fn work(&self, hand: &mut [Object], from: &impl Objects, ops: u64) -> u64 {
        let (mut sum, mut slot) = (0_u64, 0);
        for op in 0..ops {
            let object = &mut hand[slot];
            object.scribble(self.writes);
            let size = object.size();
            sum = sum.wrapping_add(object.free(from));
            *object = Object::new(from, slot, size, op);
            slot = if slot + 1 == hand.len() { 0 } else { slot + 1 };
        }
        sum
    }
}
