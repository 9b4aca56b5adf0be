//! `cargo xtask soak`: mixed work for minutes, every block checked, memory over time.
//!
//! The work is done by `tests/soak`; here it is built, started, watched, plotted and judged.
//!
//! # Reading order
//!
//! `tests/soak/src/main.rs`, then [`samples`], [`verdict`], [`plot`].

mod plot;
mod samples;
mod verdict;

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use self::samples::Sample;
use self::verdict::Verdict;
use crate::progress::Bar;
use crate::report::Part;
use crate::workspace::{Build, Workspace};

/// Without a sample for so long, the program hangs.
const SILENCE: Duration = Duration::from_secs(120);

/// How often the clock and Ctrl-C are looked at.
const LOOK: Duration = Duration::from_millis(200);

/// How long it runs in `cargo xtask test`.
const SHORT: u64 = 20;

/// What `cargo xtask soak` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How long it runs
    #[arg(long, default_value_t = 1.0, conflicts_with = "seconds")]
    minutes: f64,
    /// How long it runs, in seconds
    #[arg(long)]
    seconds: Option<u64>,
    /// Threads that live all the time, beside those that come and go
    #[arg(long, default_value_t = 4)]
    threads: usize,
    /// Chooses sizes, alignments and the order of everything
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Run on a preloaded libhakmem.so instead of the facade
    #[arg(long)]
    preload: bool,
    /// Run on a preloaded hardened library
    #[arg(long)]
    hardened: bool,
}

impl Args {
    /// As a part of `cargo xtask test`.
    pub(crate) fn short() -> Self {
        Self {
            minutes: 0.0,
            seconds: Some(SHORT),
            threads: 4,
            seed: 1,
            preload: false,
            hardened: false,
        }
    }

    fn seconds(&self) -> u64 {
        self.seconds.unwrap_or((self.minutes * 60.0).ceil() as u64).max(1)
    }
}

/// What was seen of a run.
#[derive(Debug)]
struct Run {
    samples: Vec<Sample>,
    /// `None`: it hung and was ended.
    status: Option<ExitStatus>,
    complaint: String,
    interrupted: bool,
}

/// Builds, runs, plots and judges.
pub(crate) fn check(ws: &Workspace, args: &Args, part: &mut Part) -> Result<()> {
    let run = watch(start(ws, args)?, args.seconds())?;
    let folder = ws.target.join("soak");
    save(&run.samples, &folder)?;
    show(&run.samples);
    say!("samples and plot: {}", folder.display());
    if run.interrupted {
        part.missing("the rest of the soak: it was interrupted");
    }
    part.verdict("every block as it should be", contents(&run));
    match verdict::verdict(&run.samples) {
        Verdict::Flat => part.pass("memory is flat"),
        Verdict::Grows(what) => {
            let first = what.first().map_or("", String::as_str);
            let why = format!("grows in {} of the rows above: {first}", what.len());
            part.fail("memory is flat", &why);
        }
        Verdict::TooShort(_) if run.interrupted => {}
        Verdict::TooShort(cycles) => {
            part.fail("memory is flat", &format!("{cycles} cycles are too few to say"));
        }
    }
    Ok(())
}

fn start(ws: &Workspace, args: &Args) -> Result<Child> {
    let preload = args.preload || args.hardened;
    let binary = if preload { "soak-malloc" } else { "soak" };
    ws.build_release("the soak program", "hakmem-soak", &["--bin", binary], &[])
        .context("error: could not compile the soak program")?;
    let mut command = Command::new(ws.target.join("release").join(binary));
    command.args(["--seconds", &args.seconds().to_string()]);
    command.args(["--threads", &args.threads.to_string(), "--seed", &args.seed.to_string()]);
    // libc reserves 64 MiB for each thread, if it is asked for memory at all.
    command.env("MALLOC_ARENA_MAX", "1");
    if preload {
        command.env("LD_PRELOAD", ws.build(Build::chosen(args.hardened))?.shared);
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // Ctrl-C is for us; the program ends when its input does.
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    command.spawn().context("cannot start the soak program")
}

/// Collects samples until the program ends, or is interrupted, or says nothing more.
fn watch(mut child: Child, seconds: u64) -> Result<Run> {
    let interrupt = interrupt()?;
    let lines = lines(child.stdout.take().context("no stdout")?);
    let mut complaint = child.stderr.take().context("no stderr")?;
    let complaint = thread::spawn(move || {
        let mut text = String::new();
        // Only for people.
        let _ = complaint.read_to_string(&mut text);
        text
    });
    let mut input: Option<ChildStdin> = child.stdin.take();
    let bar = Bar::told("soak");
    let mut samples: Vec<Sample> = Vec::new();
    let (start, mut last) = (Instant::now(), Instant::now());
    let hangs = loop {
        if interrupt.load(Ordering::Relaxed) {
            // Dropped: the end of its input.
            input = None;
        }
        match lines.recv_timeout(LOOK) {
            Ok(line) => {
                let sample: Sample = serde_json::from_str(&line).context("not a sample")?;
                samples.push(sample);
                last = Instant::now();
            }
            Err(RecvTimeoutError::Disconnected) => break false,
            Err(RecvTimeoutError::Timeout) if last.elapsed() > SILENCE => break true,
            Err(RecvTimeoutError::Timeout) => {}
        }
        if let Some(sample) = samples.last() {
            let left = seconds as f64 - start.elapsed().as_secs_f64();
            bar.tell(format!("cycle {}", sample.cycle), Some(left), message(sample));
        }
    };
    drop(bar);
    if hangs {
        child.kill()?;
    }
    let status = child.wait()?;
    let interrupted = input.is_none();
    let complaint = complaint.join().unwrap_or_default();
    Ok(Run { samples, status: (!hangs).then_some(status), complaint, interrupted })
}

/// Set by Ctrl-C.
fn interrupt() -> Result<Arc<AtomicBool>> {
    let flag = Arc::new(AtomicBool::new(false));
    let set = Arc::clone(&flag);
    // Relaxed: nothing else is told by it.
    ctrlc::set_handler(move || set.store(true, Ordering::Relaxed))
        .context("cannot handle Ctrl-C")?;
    Ok(flag)
}

fn lines(pipe: impl Read + Send + 'static) -> Receiver<String> {
    let (send, lines) = channel();
    thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            if send.send(line).is_err() {
                break;
            }
        }
    });
    lines
}

fn message(sample: &Sample) -> String {
    format!("{} MiB after {}", sample.rss >> 20, sample.phase)
}

/// What was wrong with the blocks, or with the allocator's accounting.
fn contents(run: &Run) -> Option<String> {
    if run.complaint.contains("cannot be preloaded") {
        return Some("the loader refused libhakmem.so".to_owned());
    }
    match run.status {
        Some(status) if status.success() => None,
        Some(status) => Some(format!("{status}: {}", run.complaint.trim())),
        None => Some(format!("no sample for {} s: it hangs", SILENCE.as_secs())),
    }
}

fn save(samples: &[Sample], folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)?;
    let file: PathBuf = folder.join("samples.json");
    fs::write(&file, serde_json::to_string_pretty(samples)?)
        .with_context(|| file.display().to_string())?;
    plot::svg(samples, &folder.join("memory.svg"))
}

fn show(samples: &[Sample]) {
    let (Some(first), Some(last)) = (samples.first(), samples.last()) else { return };
    say!("{}", plot::text(samples));
    say!("{:<20}{:>30}{:>12}", "MiB, second half", "medians of its thirds", "noise");
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    for (name, trend) in verdict::trends(samples) {
        let [one, two, three] = trend.thirds.map(mib);
        say!("{name:<20}{one:>10.1}{two:>10.1}{three:>10.1}{:>12.1}", mib(trend.noise));
    }
    say!(
        "{:.0} s, {} cycles, {:.1} million operations; {:.1} MiB resident after the first phase, {:.1} after the last",
        last.seconds,
        last.cycle + 1,
        last.ops as f64 / 1e6,
        mib(first.rss),
        mib(last.rss)
    );
}
