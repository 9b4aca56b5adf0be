//! What is timed, and the options that all workloads share.

use std::sync::{Barrier, Mutex};
use std::time::Instant;

use crate::clock::Clock;
use crate::report::Memory;

/// Options of every workload.
#[derive(Clone, Debug, clap::Args)]
pub struct Common {
    /// Threads.
    #[arg(long, default_value_t = 1, global = true)]
    pub threads: usize,
    /// Operations in the timed part, of all threads together; each workload has its default.
    #[arg(long, global = true)]
    pub ops: Option<u64>,
    /// Seed of all random decisions.
    #[arg(long, default_value_t = 42, global = true)]
    pub seed: u64,
    /// Run the same loop on objects that exist from the start.
    #[arg(long, global = true)]
    pub no_alloc: bool,
    /// Make the ends of the timed part visible to a tracer of system calls.
    #[arg(long, global = true)]
    pub marks: bool,
    /// MiB that the allocator `bump` maps before the timed part; others ignore it.
    #[arg(long, default_value_t = 0, global = true)]
    pub prefault_mib: usize,
    /// Do so many per cent more operations than are reported: a slow-down whose size is known.
    #[arg(long, default_value_t = 0, value_name = "PER CENT", global = true)]
    pub slow_down: u64,
}

impl Common {
    /// Threads, at least one.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.threads.max(1)
    }

    /// Operations of one thread.
    #[must_use]
    pub fn ops_per_thread(&self, default: u64) -> u64 {
        let ops = self.ops.unwrap_or(default);
        ((ops + ops * self.slow_down / 100) / self.threads() as u64).max(1)
    }

    /// Of operations that were made those that are reported.
    #[must_use]
    pub fn reported(&self, ops: u64) -> u64 {
        ops * 100 / (100 + self.slow_down)
    }
}

/// One measured run.
#[derive(Clone, Debug, Default)]
pub struct Measured {
    /// The timed part: after the warm-up, before what is left is freed.
    pub seconds: f64,
    /// Operations in the timed part; what one is depends on the workload.
    pub ops: u64,
    /// Equal for all allocators that run the same workload with the same options.
    pub checksum: u64,
    /// Numbers that only this workload has, by name.
    pub extra: Vec<(&'static str, f64)>,
    /// Memory, where the process that is measured is not this one.
    pub memory: Option<Memory>,
}

impl Measured {
    /// A run without numbers of its own.
    #[must_use]
    pub fn new(seconds: f64, ops: u64, checksum: u64) -> Self {
        Self { seconds, ops, checksum, ..Self::default() }
    }
}

/// Warm-up operations for `ops` timed ones.
#[must_use]
pub fn warm_up(ops: u64) -> u64 {
    ops / 8
}

/// Runs `threads` threads through untimed preparation, the timed part and untimed clean-up.
///
/// A single thread is the main thread: some allocators treat a process differently once it has
/// started a second one.
pub fn timed<S>(
    threads: usize,
    prepare: impl Fn(usize) -> S + Sync,
    work: impl Fn(&mut S) + Sync,
    finish: impl Fn(S) -> u64 + Sync,
) -> (f64, u64) {
    let gate = Barrier::new(threads);
    let clock = Mutex::new(None);
    let lanes = Mutex::new(Vec::with_capacity(threads));
    let lane = |number: usize| {
        let mut state = prepare(number);
        together(&gate, || {
            set(&clock, Some(Clock::start()));
        });
        let start = Instant::now();
        work(&mut state);
        let end = Instant::now();
        // Nobody cleans up while others are timed.
        together(&gate, || {
            set(&clock, None).map(Clock::stop);
        });
        let sum = finish(state);
        if let Ok(mut lanes) = lanes.lock() {
            lanes.push((start, end, sum));
        }
    };
    if threads == 1 {
        lane(0);
    } else {
        let lane = &lane;
        std::thread::scope(|scope| {
            for number in 0..threads {
                scope.spawn(move || lane(number));
            }
        });
    }
    summary(&lanes.into_inner().unwrap_or_default())
}

/// Waits for all threads; then one of them does `step` while the others wait on.
fn together(gate: &Barrier, step: impl FnOnce()) {
    if gate.wait().is_leader() {
        step();
    }
    gate.wait();
}

/// Puts `new` in the place of the clock.
fn set(clock: &Mutex<Option<Clock>>, new: Option<Clock>) -> Option<Clock> {
    clock.lock().ok().and_then(|mut clock| std::mem::replace(&mut *clock, new))
}

/// From the first start to the last end, and the sum of all checksums.
fn summary(lanes: &[(Instant, Instant, u64)]) -> (f64, u64) {
    let start = lanes.iter().map(|lane| lane.0).min();
    let end = lanes.iter().map(|lane| lane.1).max();
    let seconds = match (start, end) {
        (Some(start), Some(end)) => (end - start).as_secs_f64(),
        _ => 0.0,
    };
    (seconds, lanes.iter().fold(0, |sum, lane| sum.wrapping_add(lane.2)))
}
