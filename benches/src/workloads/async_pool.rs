//! `async-pool`: tasks that hop between workers.
//!
//! As the executors of asynchronous programs do: a task is a box, which waits in some worker's queue
//! and is run for a step at a time. A step allocates, frees what an earlier step has allocated, most
//! often in another thread, and passes the task on to a random worker. A task that has ended starts
//! the next one.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use super::sizes;
use crate::measure::{Common, Measured, timed};
use crate::object::{Heap, Object, free_all};
use crate::rng::Rng;

/// One operation is one step.
const DEFAULT_OPS: u64 = 4_000_000;

/// Objects that a task holds at most.
const HELD: usize = 6;

/// Options of `async-pool`.
#[derive(Clone, Debug, clap::Args)]
pub struct AsyncPool {
    /// Tasks alive at once.
    #[arg(long, default_value_t = 2000)]
    tasks: usize,
    /// Steps of a task's life.
    #[arg(long, default_value_t = 20)]
    steps: usize,
    /// Smallest object of a step, in bytes.
    #[arg(long, default_value_t = 16)]
    min: usize,
    /// Largest object of a step, in bytes; half of the objects are below 128.
    #[arg(long, default_value_t = 2048)]
    max: usize,
}

struct Task {
    number: u64,
    steps_left: usize,
    rng: Rng,
    held: [Object; HELD],
}

/// What the workers share.
struct Pool<'a> {
    args: &'a AsyncPool,
    seed: u64,
    queues: Vec<Mutex<VecDeque<Box<Task>>>>,
    /// Number of the next task to start.
    next: AtomicU64,
    /// Tasks that have not ended.
    left: AtomicU64,
    total: u64,
}

impl AsyncPool {
    pub(super) fn run(&self, common: &Common) -> Result<Measured, String> {
        sizes(self.min, self.max)?;
        if common.no_alloc {
            return Err("the objects of async-pool change threads: no --no-alloc".into());
        }
        if self.tasks == 0 || self.steps == 0 {
            return Err("--tasks and --steps must not be 0".into());
        }
        let total = common.ops.unwrap_or(DEFAULT_OPS).div_ceil(self.steps as u64);
        let threads = common.threads();
        let queue = || Mutex::new(VecDeque::with_capacity(self.tasks));
        let pool = Pool {
            args: self,
            seed: common.seed,
            queues: (0..threads).map(|_| queue()).collect(),
            next: AtomicU64::new(0),
            left: AtomicU64::new(total),
            total,
        };
        let prepare = |number: usize| {
            let first = (self.tasks as u64).min(total);
            for _ in 0..first / threads as u64 + u64::from(number == 0) * (first % threads as u64) {
                if let Some(task) = pool.start() {
                    pool.push(number, task);
                }
            }
            (number, 0)
        };
        let work = |(number, sum): &mut (usize, u64)| *sum = pool.serve(*number);
        let (seconds, checksum) = timed(threads, prepare, work, |(_, sum)| sum);
        Ok(Measured::new(seconds, total * self.steps as u64, checksum))
    }

    pub(super) fn params(&self) -> Vec<(&'static str, usize)> {
        vec![("tasks", self.tasks), ("steps", self.steps), ("min", self.min), ("max", self.max)]
    }
}

impl Pool<'_> {
    /// The next task, unless all have been started.
    fn start(&self) -> Option<Box<Task>> {
        // Relaxed: the number is all that matters; tasks travel through the queues' locks.
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        (number < self.total).then(|| {
            let rng = Rng::new(self.seed, number);
            let held = [const { Object::NONE }; HELD];
            Box::new(Task { number, steps_left: self.args.steps, rng, held })
        })
    }

    fn push(&self, worker: usize, task: Box<Task>) {
        if let Ok(mut queue) = self.queues[worker].lock() {
            queue.push_back(task);
        }
    }

    /// The worker's next task, or another worker's.
    fn pop(&self, worker: usize) -> Option<Box<Task>> {
        let count = self.queues.len();
        (worker..worker + count)
            .find_map(|other| self.queues[other % count].lock().ok()?.pop_front())
    }

    /// Runs steps until no task is left; returns the sum of what was read back.
    fn serve(&self, worker: usize) -> u64 {
        let mut sum = 0_u64;
        // Relaxed: the count carries nothing but itself.
        while self.left.load(Ordering::Relaxed) > 0 {
            let Some(mut task) = self.pop(worker) else {
                std::thread::yield_now();
                continue;
            };
            sum = sum.wrapping_add(task.step(self.args));
            if task.steps_left > 0 {
                let onward = task.rng.below(self.queues.len());
                self.push(onward, task);
                continue;
            }
            sum = sum.wrapping_add(free_all(&mut task.held, &Heap));
            drop(task);
            // Relaxed: as above.
            self.left.fetch_sub(1, Ordering::Relaxed);
            if let Some(task) = self.start() {
                self.push(worker, task);
            }
        }
        sum
    }
}

impl Task {
    /// Replaces one of the objects.
    fn step(&mut self, args: &AsyncPool) -> u64 {
        self.steps_left -= 1;
        let (slot, choice) = self.rng.two_below(HELD, 2);
        let top = if choice == 0 { args.max.min(128).max(args.min) } else { args.max };
        let size = args.min + self.rng.below(top - args.min + 1);
        let old = &mut self.held[slot];
        let sum = if old.is_none() { 0 } else { old.free(&Heap) };
        *old = Object::new(&Heap, slot, size, self.number);
        sum
    }
}
