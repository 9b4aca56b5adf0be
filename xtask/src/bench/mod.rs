//! `cargo xtask bench`: the workloads of `benches/` on hakmem and its peers.
//!
//! Builds one `workload` binary for each allocator, runs them in turns, and prints one table:
//! hakmem's time and memory, and both as ratios to those of each peer.
//!
//! # Why in turns
//!
//! A machine that is busy, warm or throttled changes slowly. In each block every allocator runs a
//! workload once, in random order and directly after one another; a ratio is taken within a
//! block and the median over the blocks. What slows all of them down cancels.
//!
//! # Reading order
//!
//! [`cases`] (what is run), [`entrants`] and [`variants`] (on what), [`process`] (one run), [`schedule`]
//! (all runs), [`counts`] (runs that are not timed), [`stats`] (an interval), [`mod@derive`] (all of them), [`result`] (the file with everything),
//! [`table`] (for people).

mod backing;
mod cases;
mod counts;
mod derive;
mod entrants;
mod limits;
mod machine;
#[cfg(test)]
mod made_up;
pub(crate) mod page;
mod pin;
mod preload;
mod process;
mod readme;
mod resident;
mod result;
mod save;
mod schedule;
mod self_test;
mod stats;
mod table;
#[cfg(test)]
mod tests;
mod variants;

use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use cargo_metadata::{CargoOpt, Metadata, MetadataCommand};

use self::result::Document;
use crate::lab;

/// What `cargo xtask bench` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Fewer rows, peers and operations; ends within three minutes, once built.
    #[arg(long)]
    quick: bool,
    /// Only these rows: names or their beginnings, separated by commas.
    #[arg(long, value_delimiter = ',', value_name = "NAME")]
    only: Vec<String>,
    /// Replay this trace: with --only beside those rows, else alone.
    #[arg(long, value_name = "FILE")]
    replay: Vec<PathBuf>,
    /// Peers: `default` (with --quick: system, mimalloc, mimalloc-v2; else all), `all`, or names.
    #[arg(long, value_delimiter = ',', default_value = "default", value_name = "NAME")]
    peers: Vec<String>,
    #[command(flatten)]
    limits: limits::Limits,
    #[command(flatten)]
    counts: counts::Flags,
    #[command(flatten)]
    lab: lab::Swaps,
    /// Compare all combinations: SLOT=A|B or SLOT=* for every box that is known, several with commas
    #[arg(long, value_name = "SLOT=BOXES", conflicts_with = "swaps")]
    grid: Option<String>,
    /// Compare every box that is known, one swapped at a time
    #[arg(long, conflicts_with_all = ["swaps", "grid"])]
    each: bool,
    /// Compare the working tree with a git revision
    #[arg(long, value_name = "REV")]
    compare: Vec<String>,
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
    /// Test the bench: the same binary twice shows no difference, one that is 5 % slower does.
    #[arg(long, conflicts_with_all = ["only", "replay", "list", "preload"])]
    self_test: bool,
    /// Print the tables of a result that was kept, and stop.
    #[arg(long, value_name = "FILE.json")]
    show: Option<PathBuf>,
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
    if let Some(kept) = &args.show {
        let document = Document::read(kept)?;
        let look = table::Look::Terminal;
        say!("{}\n{}", table::head(&document, look), table::page(&document, look));
        return Ok(());
    }
    if args.self_test {
        return self_test::run(args);
    }
    let cases = wanted(args)?;
    if args.list {
        say!("{}", cases::list(&cases));
        return Ok(());
    }
    args.counts.check()?;
    let plan = args.limits.plan(cases, args)?;
    let places = Places::find()?;
    let field = match args.preload {
        _ if variants::wanted(args) => variants::field(args, &places)?,
        true => preload::field(args, &places)?,
        false => entrants::field(args, &places)?,
    };
    ensure!(!field.entrants.is_empty(), "nothing to measure:\n{}", field.missing());
    let stop = schedule::stop_flag()?;
    let watch = machine::Watch::start(&plan.pin.allowed);
    say!("{}\n{}", machine::describe(watch.so_far()), plan.words());
    let outcome = match args.counts.timed() {
        true => schedule::run(&plan, &field, &stop)?,
        false => schedule::Outcome::default(),
    };
    let about = save::About::new(&places, &field, watch.finish());
    let mut document = save::document(&plan, &field, &outcome, about);
    if outcome.cut_short != Some("interrupted") {
        let counted = counts::run(args, &places, &plan, &field, &stop)?;
        (document.counts, document.not_counted) = (counted.counts, counted.notes);
    }
    report(args, &places, &document)
}

/// The rows that are asked for.
fn wanted(args: &Args) -> Result<Vec<&'static cases::Case>> {
    let mut cases = match args.replay.is_empty() || !args.only.is_empty() {
        true => cases::select(&args.only, args.quick)?,
        false => Vec::new(),
    };
    for path in &args.replay {
        cases.push(cases::replay(path)?);
    }
    Ok(cases)
}

fn report(args: &Args, places: &Places, document: &Document) -> Result<()> {
    say!("{}", table::page(document, table::Look::Terminal));
    if args.verbose {
        say!("{}", table::absolute(document, table::Look::Terminal));
        for failure in &document.failures {
            say!("{} on {}: {}", failure.row, failure.entrant, failure.why);
        }
    }
    let saved = save::write(places, document)?;
    say!("saved: {}", saved.display());
    Ok(())
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
