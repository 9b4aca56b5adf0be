//! `cargo xtask bench`: the workloads of `benches/` on hakmem and its peers.
//!
//! Builds one `workload` binary for each allocator, runs them in turns, and prints one table:
//! hakmem's time and memory, and both as ratios to those of each peer.
//!
//! # Why in turns
//!
//! A machine that is busy, warm or throttled changes slowly. In each repetition every allocator
//! runs each workload once, in random order and directly after one another; a ratio is taken
//! within a repetition and the median over the repetitions. What slows all of them down cancels.
//!
//! # Reading order
//!
//! [`cases`] (what is run), [`entrants`] (on what), [`process`] (one run), [`schedule`] (all
//! runs), [`stats`] and [`table`] (what they mean), [`save`].

mod cases;
mod entrants;
mod machine;
mod preload;
mod process;
mod save;
mod schedule;
mod stats;
mod table;

use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use cargo_metadata::{CargoOpt, Metadata, MetadataCommand};

use self::entrants::Field;
use self::schedule::Plan;

/// What `cargo xtask bench` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Fewer operations and repetitions; ends within three minutes on two cores.
    #[arg(long)]
    quick: bool,
    /// Only these rows: names or their beginnings, separated by commas.
    #[arg(long, value_delimiter = ',', value_name = "NAME")]
    only: Vec<String>,
    /// Peers: `default` (with --quick: system, mimalloc, mimalloc-v2; else all), `all`, or names.
    #[arg(long, value_delimiter = ',', default_value = "default", value_name = "NAME")]
    peers: Vec<String>,
    /// Repetitions of each run; 5 unless given.
    #[arg(long, value_name = "N")]
    reps: Option<usize>,
    /// Measure the C libraries: one binary on the system allocator, under `LD_PRELOAD`.
    #[arg(long)]
    preload: bool,
    /// Another library for --preload.
    #[arg(long = "lib", value_name = "NAME=PATH")]
    libs: Vec<String>,
    /// Show what cargo prints, every failure in full, and the absolute numbers of all peers.
    #[arg(long, short)]
    verbose: bool,
    /// List the rows and stop.
    #[arg(long)]
    list: bool,
}

/// Where things are.
#[derive(Debug)]
struct Places {
    root: PathBuf,
    /// `target/bench`.
    out: PathBuf,
    metadata: Metadata,
}

/// Runs the bench.
pub(crate) fn run(args: &Args) -> Result<()> {
    let cases = cases::select(&args.only, args.quick)?;
    if args.list {
        println!("{}", cases::list(&cases));
        return Ok(());
    }
    let reps = args.reps.unwrap_or(5);
    ensure!(reps > 0, "--reps must not be 0");
    let places = Places::find()?;
    let field =
        if args.preload { preload::field(args, &places)? } else { entrants::field(args, &places)? };
    ensure!(!field.entrants.is_empty(), "nothing to measure:\n{}", field.missing());
    let machine = machine::describe(&places, &field);
    println!("{machine}");
    let plan = Plan { cases, reps, quick: args.quick, verbose: args.verbose };
    let outcome = schedule::run(&plan, &field)?;
    report(args, &places, &field, &plan, &outcome, &machine)
}

fn report(
    args: &Args,
    places: &Places,
    field: &Field,
    plan: &Plan,
    outcome: &schedule::Outcome,
    machine: &str,
) -> Result<()> {
    let rows = stats::rows(plan, field, outcome);
    println!("{}", table::main(&rows, field, table::Look::Terminal));
    if args.verbose {
        println!("{}", table::absolute(&rows, field, table::Look::Terminal));
    }
    println!("{}", table::legend(&rows, field));
    let notes = notes(field, plan, outcome);
    if !notes.is_empty() {
        println!("{notes}");
    }
    let saved = save::write(places, field, plan, outcome, machine, &notes)?;
    println!("saved: {}", saved.display());
    Ok(())
}

/// What is not in the table, and why.
fn notes(field: &Field, plan: &Plan, outcome: &schedule::Outcome) -> String {
    let mut lines = Vec::new();
    if let Some(why) = outcome.cut_short {
        lines.push(format!("{why}: {} of {} runs done", outcome.done, outcome.planned));
    }
    if !field.entrants.iter().any(|entrant| entrant.kind == entrants::Kind::Subject) {
        lines.push("hakmem was not measured, so there are no ratios".to_owned());
    }
    lines.extend(field.missing().lines().map(str::to_owned));
    lines.extend(outcome.failures(plan.verbose));
    lines.extend_from_slice(outcome.damage());
    lines.join("\n")
}

impl Places {
    fn find() -> Result<Self> {
        let metadata = MetadataCommand::new()
            .features(CargoOpt::AllFeatures)
            .exec()
            .context("`cargo metadata` does not work here")?;
        let root = metadata.workspace_root.clone().into_std_path_buf();
        let out = metadata.target_directory.join("bench").into_std_path_buf();
        std::fs::create_dir_all(out.join("results"))
            .with_context(|| format!("cannot create {}", out.display()))?;
        Ok(Self { root, out, metadata })
    }
}
