//! `cargo xtask trace`: what programs ask their allocator for, recorded.
//!
//! # Reading order
//!
//! [`record`] (a program runs, and leaves recordings), this file (one of them becomes a trace),
//! [`make`] (the traces of the repository), [`check`] (whether what is recorded is what was done).

pub(crate) mod check;
pub(crate) mod make;
mod record;

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, anyhow, ensure};
use hakmem_trace::summary::Summary;
use hakmem_trace::{Trace, file};

use self::record::{Recorder, Recording};
use crate::progress;
use crate::workspace::Workspace;

/// What `cargo xtask trace` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The trace; PROGRAM.trace unless given
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Keep the first N operations
    #[arg(long, value_name = "N")]
    ops: Option<usize>,
    /// Of several processes take one of this name, instead of the one that did most
    #[arg(long, value_name = "NAME")]
    process: Option<String>,
    /// Say what is in a trace
    #[arg(long, value_name = "FILE", conflicts_with = "program")]
    show: Option<PathBuf>,
    /// Make the traces of benches/traces again, all or those named by what follows
    #[arg(long)]
    make: bool,
    /// Test the recorder: programs that say what they do
    #[arg(long, conflicts_with_all = ["program", "make", "show"])]
    pub(crate) check: bool,
    /// The program and its arguments
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    program: Vec<OsString>,
}

/// Where the traces of the repository are.
pub(crate) fn folder() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).join("benches/traces")
}

/// Does what is asked for.
pub(crate) fn run(ws: &Workspace, args: &Args) -> Result<()> {
    if let Some(path) = &args.show {
        say!("{}", words(&read(path)?));
        return Ok(());
    }
    if args.make {
        return make::run(ws, &args.program);
    }
    let (program, rest) = args.program.split_first().context("no program: `-- PROGRAM ARGS`")?;
    let recorder = Recorder::new(ws, args.ops)?;
    let mut command = Command::new(program);
    recorder.watch(command.args(rest));
    let status = command.status().with_context(|| format!("cannot run {}", program.display()))?;
    if !status.success() {
        progress::complain(&format!("the program ended with {status}\n"));
    }
    let recordings = recorder.recordings()?;
    let chosen = choose(&recordings, args.process.as_deref())?;
    let trace = shorten(chosen.trace()?, args.ops);
    let name = PathBuf::from(format!("{}.trace", trace.program));
    save(&trace, args.out.as_ref().unwrap_or(&name))
}

/// Reads a trace.
pub(crate) fn read(path: &Path) -> Result<Trace> {
    let show = || format!("cannot read {}", path.display());
    let bytes = fs::read(path).with_context(show)?;
    file::read(&bytes).map_err(|error| anyhow!(error)).with_context(show)
}

/// The recording with the most records, of those whose program is called `name`.
fn choose<'a>(recordings: &'a [Recording], name: Option<&str>) -> Result<&'a Recording> {
    let wanted = |recording: &&Recording| name.is_none_or(|name| recording.program == name);
    let chosen = recordings.iter().filter(wanted).max_by_key(|recording| recording.records);
    if recordings.len() > 1 {
        let others = recordings.len() - 1;
        say!("{others} other processes are left out; --process NAME takes another one");
    }
    chosen.with_context(|| {
        let names: Vec<_> = recordings.iter().map(|one| one.program.as_str()).collect();
        match names.as_slice() {
            [] => "nothing was recorded: is the program linked statically?".to_owned(),
            names => format!("no process of that name; there were: {}", names.join(", ")),
        }
    })
}

/// The first so many operations.
fn shorten(mut trace: Trace, ops: Option<usize>) -> Trace {
    trace.ops.truncate(ops.unwrap_or(usize::MAX));
    trace
}

/// Writes a trace and says what is in it.
fn save(trace: &Trace, to: &Path) -> Result<()> {
    ensure!(!trace.ops.is_empty(), "the program asked for nothing");
    let bytes = file::write(trace).map_err(|error| anyhow!(error))?;
    fs::write(to, &bytes).with_context(|| format!("cannot write {}", to.display()))?;
    say!("{}\n{}: {} bytes", words(trace), to.display(), bytes.len());
    Ok(())
}

/// What is in a trace.
fn words(trace: &Trace) -> String {
    let sum = Summary::of(trace);
    format!(
        "{}: {} allocations, {} frees ({} by another thread), {} new sizes, {} threads, \
         {} different sizes, {:.1} KiB alive at most, {:.1} MiB in all",
        trace.program,
        sum.allocations,
        sum.frees,
        sum.remote,
        sum.resizes,
        sum.threads,
        sum.sizes,
        sum.peak_live as f64 / 1024.0,
        sum.bytes as f64 / 1_048_576.0,
    )
}
