//! `burst-idle`: what stays resident after a burst.
//!
//! The time is that of the burst: objects allocated, all of them freed. The threads stay alive, and
//! the main thread does what idle programs do, a little every now and then. An allocator that gives
//! memory back only while it works has a chance to do so, as it has in a server that waits.

use std::sync::{Barrier, Mutex};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::sizes;
use crate::measure::{Common, Measured, timed};
use crate::object::{Heap, Object, free_all, table};
use crate::report::Memory;
use crate::rng::Rng;

/// Objects of all threads together; about 140 MiB with the default sizes.
const DEFAULT_OPS: u64 = 200_000;

/// Objects that live for a moment while the program is idle, each time.
const TICK_OBJECTS: usize = 16;

/// After how many seconds memory is looked at.
const LOOKS: [(u64, &str); 3] = [(1, "rss_1s"), (5, "rss_5s"), (30, "rss_30s")];

/// Options of `burst-idle`.
#[derive(Clone, Debug, clap::Args)]
pub struct BurstIdle {
    /// Smallest object, in bytes.
    #[arg(long, default_value_t = 16)]
    min: usize,
    /// Largest object, in bytes; sizes are log-uniform.
    #[arg(long, default_value_t = 4096)]
    max: usize,
    /// Seconds to be idle.
    #[arg(long, default_value_t = 5)]
    idle_s: u64,
    /// Milliseconds between two moments of little work while idle; 0 for none.
    #[arg(long, default_value_t = 50)]
    tick_ms: u64,
}

impl BurstIdle {
    pub(super) fn run(&self, common: &Common) -> Result<Measured, String> {
        sizes(self.min, self.max)?;
        if common.no_alloc {
            return Err("burst-idle is about memory: no --no-alloc".into());
        }
        let objects = common.ops_per_thread(DEFAULT_OPS);
        let all_idle = Barrier::new(common.threads());
        let extra = Mutex::new(Vec::new());
        let prepare = |number| {
            let mut rng = Rng::new(common.seed, number as u64);
            let sizes: Vec<u32> =
                (0..objects).map(|_| rng.log_uniform(self.min, self.max) as u32).collect();
            (number, sizes, table(objects as usize), 0)
        };
        let work = |(number, sizes, slots, sum): &mut (usize, Vec<u32>, Vec<Object>, u64)| {
            for (slot, (object, size)) in slots.iter_mut().zip(sizes.iter()).enumerate() {
                *object = Object::new(&Heap, slot, *size as usize, slot as u64);
            }
            if *number == 0 {
                note(&extra, "rss_burst", Memory::read().now);
            }
            *sum = free_all(slots, &Heap);
        };
        let finish = |(number, _, _, sum): (usize, Vec<u32>, Vec<Object>, u64)| {
            all_idle.wait();
            if number == 0 {
                self.idle(&extra);
            }
            // Threads that have ended would have given back what they cache.
            all_idle.wait();
            sum
        };
        let (seconds, checksum) = timed(common.threads(), prepare, work, finish);
        let extra = extra.into_inner().unwrap_or_default();
        let ops = 2 * objects * common.threads() as u64;
        Ok(Measured { extra, ..Measured::new(seconds, ops, checksum) })
    }

    pub(super) fn params(&self) -> Vec<(&'static str, usize)> {
        let (idle, tick) = (self.idle_s as usize, self.tick_ms as usize);
        vec![("min", self.min), ("max", self.max), ("idle_s", idle), ("tick_ms", tick)]
    }

    /// Waits, and looks at the memory at the set times.
    fn idle(&self, extra: &Mutex<Vec<(&'static str, f64)>>) {
        let start = Instant::now();
        for (after, name) in LOOKS.into_iter().filter(|(after, _)| *after <= self.idle_s) {
            let due = Duration::from_secs(after);
            while let Some(left) = due.checked_sub(start.elapsed()).filter(|left| !left.is_zero()) {
                if self.tick_ms == 0 {
                    sleep(left);
                } else {
                    tick();
                    sleep(left.min(Duration::from_millis(self.tick_ms)));
                }
            }
            note(extra, name, Memory::read().now);
        }
    }
}

fn note(extra: &Mutex<Vec<(&'static str, f64)>>, name: &'static str, bytes: u64) {
    if let Ok(mut extra) = extra.lock() {
        extra.push((name, bytes as f64));
    }
}

/// A little work.
fn tick() {
    let mut objects = [const { Object::NONE }; TICK_OBJECTS];
    for (slot, object) in objects.iter_mut().enumerate() {
        *object = Object::new(&Heap, slot, 64 * (slot + 1), 0);
    }
    free_all(&mut objects, &Heap);
}
