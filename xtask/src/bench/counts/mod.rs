//! What is counted instead of timed: events inside of boxes, system calls, instructions.
//!
//! Each needs runs of its own, because it disturbs what is timed: counters are in binaries of wrapped boxes,
//! system calls are traced, instructions are those of a simulated processor. A count needs no repetitions
//! either, as far as the program does the same each time.
//!
//! # Reading order
//!
//! [`run`] here, then [`syscalls`], [`callgrind`] and [`parts`] (whose instruction is it?); [`show`] and [`paid`]
//! for people.

mod callgrind;
pub(super) mod paid;
mod parts;
pub(super) mod show;
mod syscalls;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};

use self::callgrind::Profiler;
use super::cases::{Case, Length};
use super::entrants::{Entrant, Field, Kind};
use super::result::Count;
use super::schedule::Plan;
use super::{Args, Places, process};
use crate::lab::Lab;
use crate::progress::Bar;
use crate::shell;

/// How long one run may take: a simulated processor is fifty times slower, or more.
const LIMIT: Duration = Duration::from_secs(300);

/// What to count.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Flags {
    /// Count what happens inside of boxes: hits, refills, batches, stages
    #[arg(long)]
    counters: bool,
    /// Count system calls by kind, with strace
    #[arg(long)]
    syscalls: bool,
    /// Count instructions per operation, by box where sources are known, with callgrind
    #[arg(long)]
    instructions: bool,
    /// All three, and which box paid for the difference
    #[arg(long)]
    why: bool,
    /// Count only, and time nothing
    #[arg(long)]
    untimed: bool,
}

/// One kind of count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum What {
    Counters,
    Syscalls,
    Instructions,
}

impl What {
    const ALL: [Self; 3] = [Self::Counters, Self::Syscalls, Self::Instructions];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Counters => "counters",
            Self::Syscalls => "system calls",
            Self::Instructions => "instructions",
        }
    }

    /// The program that it needs.
    fn tool(self) -> Option<&'static str> {
        match self {
            Self::Counters => None,
            Self::Syscalls => Some("strace"),
            Self::Instructions => Some("valgrind"),
        }
    }

    /// How long a run is: long enough to see what happens once in many operations, and over soon.
    fn length(self) -> Length {
        let part = match self {
            Self::Counters => 0.3,
            Self::Syscalls => 0.1,
            Self::Instructions => 1.0 / 400.0,
        };
        Length { part, ..Length::QUICK }
    }

    /// Whether the entrant can be asked for it.
    fn concerns(self, entrant: &Entrant, field: &Field) -> bool {
        match self {
            Self::Counters => entrant.preload.is_none() && field.choice(&entrant.name).is_some(),
            Self::Syscalls => !matches!(entrant.kind, Kind::Bump | Kind::NoAlloc),
            Self::Instructions => entrant.kind != Kind::Bump,
        }
    }
}

impl Flags {
    pub(crate) fn want(&self, what: What) -> bool {
        self.why
            || match what {
                What::Counters => self.counters,
                What::Syscalls => self.syscalls,
                What::Instructions => self.instructions,
            }
    }

    /// What cargo is told where instructions are counted by source: lines change no instruction.
    pub(crate) fn build_options(&self) -> &'static [&'static str] {
        if self.want(What::Instructions) {
            &["--config", "profile.release.debug=\"line-tables-only\""]
        } else {
            &[]
        }
    }

    /// Whether anything is timed.
    pub(crate) fn timed(&self) -> bool {
        !self.untimed
    }

    /// Refuses what makes no sense together.
    pub(crate) fn check(&self) -> Result<()> {
        if self.untimed && !What::ALL.into_iter().any(|what| self.want(what)) {
            bail!(
                "--untimed needs something to count: --counters, --syscalls, --instructions, or --why"
            );
        }
        Ok(())
    }
}

/// What was counted, and what could not be.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) counts: Vec<Count>,
    pub(crate) notes: Vec<String>,
}

/// Operations, and numbers by name.
type Numbers = (u64, BTreeMap<String, f64>);

/// One count of one entrant on one row.
#[derive(Clone, Copy)]
struct Job<'a> {
    what: What,
    case: &'a Case,
    entrant: &'a Entrant,
}

/// What the jobs share.
struct Counter<'a> {
    field: &'a Field,
    /// By the entrant's name: the binary of wrapped boxes, and what it says it was built with.
    wrapped: BTreeMap<String, PathBuf>,
    profiler: Profiler,
    /// Where traces and profiles go.
    folder: PathBuf,
}

/// Counts what `args` ask for. Ctrl-C ends it and keeps what there is.
pub(crate) fn run(
    args: &Args,
    places: &Places,
    plan: &Plan,
    field: &Field,
    stop: &AtomicBool,
) -> Result<Counts> {
    let mut counts = Counts::default();
    let wanted: Vec<What> = What::ALL
        .into_iter()
        .filter(|what| args.counts.want(*what) && is_there(*what, &mut counts.notes))
        .collect();
    let mut counter = Counter::new(places, field)?;
    if wanted.contains(&What::Counters) {
        counter.wrap(args, places, &mut counts.notes)?;
    }
    let jobs = jobs(&wanted, plan, field);
    let bar = Bar::new("counts", jobs.iter().map(Job::name));
    for job in jobs {
        let counted = bar.step(&job.name(), || counter.count(&job));
        // Relaxed: the flag carries nothing but itself.
        if stop.load(Ordering::Relaxed) {
            counts.notes.push("interrupted: not everything was counted".to_owned());
            break;
        }
        match counted {
            Ok(Some((ops, numbers))) => counts.counts.push(Count {
                row: job.case.name.to_owned(),
                entrant: job.entrant.name.clone(),
                what: job.what,
                ops,
                numbers,
            }),
            Ok(None) => {}
            Err(error) => counts.notes.push(format!(
                "not counted: {} of {} on {}: {error:#}",
                job.what.name(),
                job.case.name,
                job.entrant.name
            )),
        }
    }
    Ok(counts)
}

fn is_there(what: What, notes: &mut Vec<String>) -> bool {
    let missing = what.tool().filter(|tool| !shell::has(tool));
    notes.extend(missing.map(|tool| format!("not counted: {}: no {tool} here", what.name())));
    missing.is_none()
}

fn jobs<'a>(wanted: &[What], plan: &Plan, field: &'a Field) -> Vec<Job<'a>> {
    let mut jobs = Vec::new();
    for &case in &plan.cases {
        for entrant in &field.entrants {
            let concerned = |what: &&What| {
                what.concerns(entrant, field)
                    && process::command(case, entrant, what.length()).is_some()
                    // Others than the process that is looked at do its work.
                    && (case.workload() != "startup" || **what == What::Syscalls)
            };
            let job = |&what: &What| Job { what, case, entrant };
            jobs.extend(wanted.iter().filter(concerned).map(job));
        }
    }
    jobs
}

impl<'a> Counter<'a> {
    fn new(places: &Places, field: &'a Field) -> Result<Self> {
        let folder = places.out.join("counts");
        std::fs::create_dir_all(&folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
        let profiler = Profiler::new(&field.choices);
        Ok(Self { field, wrapped: BTreeMap::new(), profiler, folder })
    }

    /// Builds every composition of wrapped boxes.
    fn wrap(&mut self, args: &Args, places: &Places, notes: &mut Vec<String>) -> Result<()> {
        let target = places.metadata.target_directory.as_std_path();
        let lab = Lab::new(&places.root, target).quick().verbose(args.verbose);
        if args.preload {
            notes.push("not counted: counters, as nobody can ask a preloaded library".to_owned());
            return Ok(());
        }
        let step = |name: &str| format!("{name}, counting");
        let bar = Bar::builds(self.field.choices.iter().map(|(name, _)| step(name)));
        for (name, choice) in &self.field.choices {
            match bar.step(&step(name), || lab.workload(&choice.counting())) {
                Ok(binary) => {
                    self.wrapped.insert(name.clone(), binary);
                }
                Err(error) => notes.push(format!("not counted: counters of {name}: {error:#}")),
            }
        }
        Ok(())
    }

    /// Operations, and what they took. `None` if nobody can count it.
    fn count(&mut self, job: &Job<'_>) -> Result<Option<Numbers>> {
        let length = job.what.length();
        match job.what {
            What::Counters => self.counters(job, length),
            What::Syscalls => {
                let file = self.folder.join("strace.txt");
                let [before, after] = syscalls::command(&file);
                let mut command = below(&before, &job.command(length)?);
                command.args(after);
                Ok(Some((finish(command)?, syscalls::read(&file)?)))
            }
            What::Instructions => {
                // The difference of two runs: what happens once is in both.
                let (few, less) = self.instructions(job, length)?;
                // Of what was done, not of what was asked for: a replay does nothing by halves.
                let part = 3.0 * few as f64 / job.case.ops(Length::FULL) as f64;
                let (many, more) = self.instructions(job, Length { part, ..length })?;
                ensure!(many > few, "{many} operations are not more than {few}");
                Ok(Some((many - few, callgrind::difference(&more, &less))))
            }
        }
    }

    fn counters(&self, job: &Job<'_>, length: Length) -> Result<Option<Numbers>> {
        let Some(choice) = self.field.choice(&job.entrant.name) else { return Ok(None) };
        let Some(binary) = self.wrapped.get(&job.entrant.name).cloned() else { return Ok(None) };
        let entrant = Entrant { binary, built_with: choice.name(), ..job.entrant.clone() };
        let job = Job { entrant: &entrant, ..*job };
        let sample = process::run(job.command(length)?, &entrant)?;
        let numbers = sample.counters.into_iter().map(|(name, n)| (name, n as f64)).collect();
        Ok(Some((sample.ops, numbers)))
    }

    fn instructions(&mut self, job: &Job<'_>, length: Length) -> Result<Numbers> {
        let base = self.folder.join("callgrind");
        let command = below(&callgrind::command(&base)?, &job.command(length)?);
        let done = finish(command)?;
        Ok((done, self.profiler.read(&base, &job.entrant.binary)?))
    }
}

impl Job<'_> {
    fn name(&self) -> String {
        format!("{}: {} on {}", self.what.name(), self.case.name, self.entrant.name)
    }

    fn command(&self, length: Length) -> Result<Command> {
        process::command(self.case, self.entrant, length).context("it does not take part")
    }
}

/// `command` as the arguments of a tool.
fn below(tool: &[String], command: &Command) -> Command {
    let mut words = tool.iter();
    let mut below = Command::new(words.next().map_or("", String::as_str));
    below.args(words).arg(command.get_program()).args(command.get_args());
    let set = command.get_envs().filter_map(|(name, value)| Some((name, value?)));
    below.envs(set);
    below
}

/// Runs a command to its end. Returns the operations that it says it has done.
fn finish(mut command: Command) -> Result<u64> {
    let output = shell::capture(&mut command, LIMIT)?;
    if !output.success() {
        bail!("{}", output.ending());
    }
    let line = output.stdout.trim();
    let value: serde_json::Value =
        serde_json::from_str(line).with_context(|| format!("the workload printed `{line}`"))?;
    value.get("ops").and_then(serde_json::Value::as_u64).context("the workload names no operations")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_gets_the_whole_command() {
        let mut command = Command::new("/bin/workload");
        command.args(["tree", "--ops", "5"]).env("LD_PRELOAD", "lib.so");
        let below = below(&["strace".to_owned(), "-f".to_owned()], &command);
        assert_eq!(below.get_program(), "strace");
        let words: Vec<_> = below.get_args().map(|word| word.to_string_lossy()).collect();
        assert_eq!(words, ["-f", "/bin/workload", "tree", "--ops", "5"]);
        assert_eq!(below.get_envs().count(), 1);
    }

    #[test]
    fn what_is_asked_for_is_counted() {
        let flags = Flags { syscalls: true, ..Flags::default() };
        let wanted: Vec<_> = What::ALL.into_iter().filter(|what| flags.want(*what)).collect();
        assert_eq!(wanted, [What::Syscalls]);
        let why = Flags { why: true, ..Flags::default() };
        assert!(What::ALL.into_iter().all(|what| why.want(what)));
        assert!(Flags { untimed: true, ..Flags::default() }.check().is_err(), "nothing to do");
    }
}
