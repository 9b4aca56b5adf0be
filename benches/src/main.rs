//! `workload`: runs one workload on the allocator this binary was built with.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser;
use hakmem_benches::measure::Common;
use hakmem_benches::report::{Memory, json};
use hakmem_benches::workloads::Workload;

#[cfg(feature = "hakmem")]
#[path = "allocators/hakmem.rs"]
mod chosen;

#[cfg(all(feature = "hakmem-hardened", not(feature = "hakmem")))]
#[path = "allocators/hakmem_hardened.rs"]
mod chosen;

#[cfg(all(feature = "bump", not(any(feature = "hakmem", feature = "hakmem-hardened"))))]
#[path = "allocators/bump.rs"]
mod chosen;

#[cfg(all(
    any(feature = "mimalloc", feature = "mimalloc-v2"),
    not(any(feature = "hakmem", feature = "hakmem-hardened", feature = "bump"))
))]
#[path = "allocators/mimalloc.rs"]
mod chosen;

#[cfg(all(
    feature = "jemalloc",
    not(any(
        feature = "hakmem",
        feature = "hakmem-hardened",
        feature = "bump",
        feature = "mimalloc",
        feature = "mimalloc-v2"
    ))
))]
#[path = "allocators/jemalloc.rs"]
mod chosen;

#[cfg(all(
    feature = "snmalloc",
    not(any(
        feature = "hakmem",
        feature = "hakmem-hardened",
        feature = "bump",
        feature = "mimalloc",
        feature = "mimalloc-v2",
        feature = "jemalloc"
    ))
))]
#[path = "allocators/snmalloc.rs"]
mod chosen;

#[cfg(not(any(
    feature = "hakmem",
    feature = "hakmem-hardened",
    feature = "bump",
    feature = "mimalloc",
    feature = "mimalloc-v2",
    feature = "jemalloc",
    feature = "snmalloc"
)))]
#[path = "allocators/system.rs"]
mod chosen;

/// Runs one workload and prints one JSON line.
#[derive(Debug, Parser)]
#[command(name = "workload")]
struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    workload: Workload,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    chosen::prepare(cli.common.prefault_mib << 20);
    let line = match cli.workload.run(&cli.common) {
        Ok(run) => {
            let (name, params) = cli.workload.describe();
            let memory = run.memory.unwrap_or_else(Memory::read);
            json(name, chosen::NAME, &params, &cli.common, &run, memory)
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
