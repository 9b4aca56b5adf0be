//! Mixed work in cycles of equal load, every block checked, memory sampled.
//!
//! A cycle is a few phases; in each phase every worker does a fixed number of steps. So memory at
//! the end of a phase may be compared with memory at the end of the same phase of any other cycle:
//! that is what `cargo xtask soak` does with the samples, one line of JSON each.
//!
//! It ends after `--seconds`, or when its standard input does. A block whose contents changed, or
//! that is not aligned, ends it by SIGABRT.
//!
//! # Reading order
//!
//! `bin/`, `phases.rs`, `holder.rs`, `worker.rs`, then the phases of the main thread in `cycle.rs`.
#![expect(clippy::print_stdout, reason = "samples are for who started it")]
#![expect(clippy::expect_used, reason = "a test stops where it fails")]

mod child;
mod cycle;
mod holder;
mod memory;
mod phases;
mod worker;

use std::io::Read as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use clap::Parser;

use hakmem_fuzz::Subject;

use crate::cycle::Cycle;

/// Works until the time is over, and prints a line of JSON after each phase.
#[derive(Debug, Parser)]
#[command(name = "soak")]
struct Cli {
    /// How long.
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// Workers, beside the threads that come and go.
    #[arg(long, default_value_t = 4)]
    threads: usize,
    /// The same seed and number of threads ask for the same sizes.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// The program: `subject` serves all blocks that are checked.
pub fn soak(subject: &'static dyn Subject) {
    let cli = Cli::parse();
    let stop = stop_at_end_of_input();
    let start = Instant::now();
    let mut cycle = Cycle::new(subject, cli.threads.max(1), cli.seed, start);
    while start.elapsed() < Duration::from_secs(cli.seconds) && !stop.load(Ordering::Relaxed) {
        cycle.run();
    }
    cycle.finish();
}

/// Set when standard input ends: who started it wants it to end, or has ended itself.
fn stop_at_end_of_input() -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    let set = Arc::clone(&stop);
    thread::spawn(move || {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        // Relaxed: nothing else is told by it.
        set.store(true, Ordering::Relaxed);
    });
    stop
}
