//! One run: a process, its one line, and what can go wrong.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

use super::cases::{Case, Length};
use super::entrants::{Entrant, Kind};
use super::resident::{self, Point, Watch};

/// A run that takes longer hangs.
const LIMIT: Duration = Duration::from_secs(60);

/// How often a run is looked at. It does not take part in what is timed.
const LOOK: Duration = Duration::from_millis(3);

/// What the kernel says of the timed part of a run, by the names that the samples have in a result.
pub(crate) const KERNEL: [&str; 7] = [
    "mean_rss",
    "minor_faults",
    "major_faults",
    "voluntary_switches",
    "involuntary_switches",
    "user_seconds",
    "system_seconds",
];

/// What `workload` prints, as far as it is used.
#[derive(Clone, Debug, serde::Deserialize, serde::Serialize)]
pub(crate) struct Sample {
    #[serde(default, skip_serializing)]
    allocator: String,
    pub(crate) seconds: f64,
    pub(crate) ops: u64,
    pub(crate) peak_rss: u64,
    pub(crate) end_rss: u64,
    pub(crate) checksum: String,
    /// Numbers that only this workload has, by name.
    #[serde(default)]
    pub(crate) extra: BTreeMap<String, f64>,
    /// What a binary of wrapped boxes has counted in the timed part.
    #[serde(default, skip_serializing)]
    pub(crate) counters: BTreeMap<String, u64>,
    /// Of the timed part; `None` for a workload that does not say when that is.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub(crate) timed: Option<Timed>,
    /// Mean resident set of the timed part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) mean_rss: Option<f64>,
    /// Milliseconds from the begin of the timed part, and bytes that were resident; the whole process.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) rss_curve: Vec<Point>,
}

/// What the kernel counted in the timed part.
#[derive(Clone, Debug, serde::Deserialize, serde::Serialize)]
pub(crate) struct Timed {
    /// Its two ends, in seconds of `CLOCK_MONOTONIC`.
    began: f64,
    ended: f64,
    begin_timed_rss: u64,
    end_timed_rss: u64,
    pub(crate) minor_faults: u64,
    pub(crate) major_faults: u64,
    pub(crate) voluntary_switches: u64,
    pub(crate) involuntary_switches: u64,
    pub(crate) user_seconds: f64,
    pub(crate) system_seconds: f64,
}

impl Sample {
    pub(crate) fn ns_per_op(&self) -> f64 {
        self.seconds * 1e9 / self.ops.max(1) as f64
    }

    /// One of [`KERNEL`], if the run has it.
    pub(crate) fn kernel(&self, name: &str) -> Option<f64> {
        let timed = self.timed.as_ref()?;
        match name {
            "mean_rss" => self.mean_rss,
            "minor_faults" => Some(timed.minor_faults as f64),
            "major_faults" => Some(timed.major_faults as f64),
            "voluntary_switches" => Some(timed.voluntary_switches as f64),
            "involuntary_switches" => Some(timed.involuntary_switches as f64),
            "user_seconds" => Some(timed.user_seconds),
            "system_seconds" => Some(timed.system_seconds),
            _ => None,
        }
    }

    /// Adds what was seen from outside.
    fn with_resident(mut self, points: &[Point]) -> Self {
        // A process that measures others says nothing of its own memory.
        let timed = self.timed.as_ref().filter(|timed| timed.end_timed_rss > 0);
        let Some(timed) = timed else { return self };
        let (begin, end) =
            ((timed.began, timed.begin_timed_rss), (timed.ended, timed.end_timed_rss));
        self.mean_rss = Some(resident::mean(points, begin, end).round());
        self.rss_curve = resident::curve(points, timed.began);
        self
    }
}

/// The command of a run, or `None` when this entrant does not take part in this case.
pub(crate) fn command(case: &Case, entrant: &Entrant, length: Length) -> Option<Command> {
    let mut command = Command::new(&entrant.binary);
    command.args(case.all_args(length).split(' ')).args(entrant.more_args);
    if let Some(trace) = case.trace() {
        command.arg("--file").arg(trace);
    }
    let mut ops = case.ops(length);
    match entrant.kind {
        Kind::Subject | Kind::Peer | Kind::Variant => {}
        Kind::NoAlloc if !case.no_alloc => return None,
        Kind::NoAlloc => {
            command.arg("--no-alloc");
        }
        Kind::Bump => {
            let (fewer, mib) = case.bump(length)?;
            ops = fewer;
            command.args(["--prefault-mib", &mib.to_string()]);
        }
    }
    command.args(["--ops", &ops.to_string()]);
    if let Some(library) = &entrant.preload {
        command.env("LD_PRELOAD", library);
    }
    Some(command)
}

/// Runs the command to its end.
pub(crate) fn run(mut command: Command, entrant: &Entrant) -> Result<Sample> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().context("cannot start the workload")?;
    let mut watch = Watch::new(child.id());
    let status = wait(&mut child, &mut watch)?;
    let (mut line, mut complaint) = (String::new(), String::new());
    if let Some(mut stdout) = child.stdout.take() {
        stdout.read_to_string(&mut line).context("cannot read what the workload printed")?;
    }
    if let Some(mut stderr) = child.stderr.take() {
        // Only shown to people; what is not text does not matter.
        let _ = stderr.read_to_string(&mut complaint);
    }
    let complaint = complaint.trim();
    ensure!(
        status.success(),
        "{status}{}{complaint}",
        if complaint.is_empty() { "" } else { ": " }
    );
    // The dynamic linker goes on without a library that it cannot load.
    ensure!(!complaint.contains("cannot be preloaded"), "{complaint}");
    let sample: Sample = serde_json::from_str(line.trim())
        .with_context(|| format!("the workload printed `{}`", line.trim()))?;
    ensure!(
        sample.allocator == entrant.built_with,
        "the binary runs on {}, not on {}",
        sample.allocator,
        entrant.built_with
    );
    Ok(sample.with_resident(&watch.into_points()))
}

fn wait(child: &mut Child, watch: &mut Watch) -> Result<ExitStatus> {
    let start = Instant::now();
    loop {
        watch.look();
        if let Some(status) = child.try_wait().context("cannot wait for the workload")? {
            return Ok(status);
        }
        if start.elapsed() > LIMIT {
            child.kill().context("cannot end a workload that hangs")?;
            child.wait().context("cannot wait for the workload")?;
            bail!("did not end within {} s", LIMIT.as_secs());
        }
        thread::sleep(LOOK);
    }
}
