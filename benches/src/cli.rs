//! The program `workload`, but for its allocator: whoever has one makes a binary of it.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser;

use crate::clock::{self, Part};
use crate::counters;
use crate::measure::Common;
use crate::report::{Memory, Results, json};
use crate::workloads::Workload;

/// Runs one workload and prints one JSON line.
#[derive(Debug, Parser)]
#[command(name = "workload")]
struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    workload: Workload,
}

/// Runs what the command line asks for on the allocator of this name. `prepare` is told how many
/// bytes the allocator may map beforehand.
pub fn run(allocator: &str, prepare: impl FnOnce(usize)) -> ExitCode {
    let cli = Cli::parse();
    if cli.common.marks {
        clock::be_traced();
    }
    prepare(cli.common.prefault_mib << 20);
    let line = match cli.workload.run(&cli.common) {
        Ok(run) => {
            let (name, params) = cli.workload.describe();
            let memory = run.memory.unwrap_or_else(Memory::read);
            let part = clock::part();
            let part = if run.memory.is_some() { part.map(Part::without_memory) } else { part };
            let counters = counters::counted();
            let results = Results { run: &run, part, memory, counters: &counters };
            json(name, allocator, &params, &cli.common, &results)
        }
        Err(reason) => {
            // Nobody is left to tell when standard error is closed.
            let _ = writeln!(std::io::stderr(), "workload: {reason}");
            return ExitCode::from(2);
        }
    };
    match writeln!(std::io::stdout(), "{line}") {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
