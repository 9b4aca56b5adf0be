//! `fragment`: objects of one range of sizes grow where those of another were.
//!
//! In each phase objects are allocated until so many bytes are alive; then nine in ten are freed at
//! random, and the next phase has other sizes. `overhead` is the peak of resident memory, less what
//! was resident before, divided by the bytes that are alive when a phase has grown: 1 would be an
//! allocator that puts new objects exactly where old ones were.

use super::one_thread;
use crate::clock::Clock;
use crate::measure::{Common, Measured};
use crate::object::{Heap, Object, free_all};
use crate::report::Memory;
use crate::rng::Rng;

const DEFAULT_OPS: u64 = 2_000_000;

/// Sizes of the phases, in bytes.
const PHASES: [(usize, usize); 4] = [(64, 160), (700, 3000), (200, 600), (4000, 12_000)];

/// Options of `fragment`.
#[derive(Clone, Debug, clap::Args)]
pub struct Fragment {
    /// Bytes alive when a phase has grown, in MiB.
    #[arg(long, default_value_t = 64)]
    live_mib: usize,
    /// Of a hundred objects, how many stay.
    #[arg(long, default_value_t = 10)]
    keep: usize,
}

impl Fragment {
    pub(super) fn run(&self, common: &Common) -> Result<Measured, String> {
        one_thread(common)?;
        if common.no_alloc {
            return Err("fragment is about memory: no --no-alloc".into());
        }
        if !(1..=4096).contains(&self.live_mib) || self.keep > 90 {
            return Err("--live-mib must be 1..=4096 and --keep at most 90".into());
        }
        let wanted = common.ops_per_thread(DEFAULT_OPS);
        let mut heap = self.heap(common.seed);
        let before = Memory::read();
        let (mut ops, mut rounds) = (0, 0);
        let clock = Clock::start();
        // At least each range of sizes after each other one, however few operations are wanted.
        while ops < wanted || rounds < 2 {
            for (min, max) in PHASES {
                ops += heap.phase(min, max, self.keep);
            }
            rounds += 1;
        }
        let seconds = clock.stop();
        let after = Memory::read();
        let live = (self.live_mib << 20) as f64;
        let extra = vec![
            ("overhead", (after.peak - before.now.min(after.peak)) as f64 / live),
            ("rss_kept", after.now as f64),
            ("live_kept", heap.live as f64),
        ];
        let checksum = heap.sum.wrapping_add(free_all(&mut heap.objects, &Heap));
        Ok(Measured { extra, ..Measured::new(seconds, ops, checksum) })
    }

    pub(super) fn params(&self) -> Vec<(&'static str, usize)> {
        vec![("live_mib", self.live_mib), ("keep", self.keep)]
    }

    /// An empty heap whose table is resident.
    fn heap(&self, seed: u64) -> Alive {
        let target = self.live_mib << 20;
        let most = target / PHASES[0].0 + 1;
        let mut objects = Vec::with_capacity(most);
        objects.resize_with(most, || Object::NONE);
        objects.clear();
        Alive { objects, live: 0, target, rng: Rng::new(seed, 0), sum: 0 }
    }
}

struct Alive {
    objects: Vec<Object>,
    /// Bytes of all objects.
    live: usize,
    target: usize,
    rng: Rng,
    sum: u64,
}

impl Alive {
    /// Grows, and frees all but `keep` of a hundred; returns the operations.
    fn phase(&mut self, min: usize, max: usize, keep: usize) -> u64 {
        let mut ops = 0;
        while self.live < self.target {
            let size = min + self.rng.below(max - min + 1);
            let mut object = Object::new(&Heap, 0, size, self.objects.len() as u64);
            object.touch_pages();
            self.objects.push(object);
            self.live += size;
            ops += 1;
        }
        self.rng.shuffle(&mut self.objects);
        let stay = self.objects.len() * keep / 100;
        for mut object in self.objects.drain(stay..) {
            self.live -= object.size();
            self.sum = self.sum.wrapping_add(object.free(&Heap));
            ops += 1;
        }
        ops
    }
}
