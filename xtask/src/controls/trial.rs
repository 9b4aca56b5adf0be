//! One test on the copy: with nothing planted, and with a bug.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use super::plan::{Control, Named};
use super::tree::Copy;
use crate::shell::{self, Output};
use crate::test::test_results;
use crate::workspace::cargo_program;

/// How long a build may take, and a test with nothing planted.
const LONGEST: Duration = Duration::from_secs(15 * 60);

/// What a test driver may take beside the test.
const SLACK: Duration = Duration::from_secs(60);

/// Leaves no core files, and is what the kernel ends first when a bug eats all memory.
const LAUNCH: &str = "ulimit -c 0; echo 1000 > /proc/self/oom_score_adj; exec \"$@\"";

/// Runs tests on a copy of the workspace.
#[derive(Debug)]
pub(super) struct Bench {
    copy: Copy,
    /// This program; a copy, because somebody may build another one meanwhile.
    xtask: PathBuf,
    /// The builds that succeeded since the sources changed.
    built: BTreeSet<Vec<String>>,
}

/// What a test does with nothing planted.
#[derive(Debug)]
pub(super) enum Soundness {
    Passes,
    /// This machine lacks what it needs.
    Missing(String),
}

/// What a test made of a planted bug.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It failed, and this is what it said.
    Caught(String),
    /// It passed.
    Survived,
    /// The control says nothing: no build, or no test.
    Broken(String),
}

impl Bench {
    /// A copy of `origin` below `work`, with what runs tests there.
    pub(super) fn new(origin: &Path, work: &Path) -> Result<Self> {
        let copy = Copy::sync(origin, work)?;
        fs::create_dir_all(&copy.target)?;
        let xtask = copy.target.join("xtask");
        fs::copy(std::env::current_exe()?, &xtask).context("copy this program")?;
        Ok(Self { copy, xtask, built: BTreeSet::new() })
    }

    /// Runs `test` with nothing planted; it must pass.
    pub(super) fn passes(&mut self, test: &Named) -> Result<Soundness> {
        self.build(test)?;
        let output = self.run(test, None)?;
        if let Some(what) = not_run(&output) {
            return Ok(Soundness::Missing(what));
        }
        if !output.success() {
            bail!("{}\n{}{}", output.ending(), output.stdout, output.stderr);
        }
        let results = test_results(&output.stdout);
        let counts = output.stdout.contains("test result: ");
        ensure!(!counts || results.passed > 0, "runs no test");
        Ok(Soundness::Passes)
    }

    /// Plants a bug, and runs those of its tests that are in `sound`.
    pub(super) fn try_out<'a>(
        &mut self,
        control: &'a Control,
        sound: &BTreeSet<&Named>,
    ) -> Result<Vec<(&'a Named, Outcome)>> {
        let planted = self.copy.plant(control)?;
        self.built.clear();
        let tests = control.caught_by.iter().filter(|test| sound.contains(test));
        let outcomes = tests.map(|test| Ok((test, self.try_one(test, control)?))).collect();
        planted.remove()?;
        self.built.clear();
        outcomes
    }

    /// Makes the copy what the workspace is now.
    pub(super) fn restore(&self) -> Result<()> {
        self.copy.restore()
    }

    fn try_one(&mut self, test: &Named, control: &Control) -> Result<Outcome> {
        if let Err(error) = self.build(test) {
            return Ok(Outcome::Broken(format!("{error:#}")));
        }
        let limit = control.limit();
        let output = self.run(test, Some(limit.time))?;
        Ok(judge(&output, limit.may_hang))
    }

    fn build(&mut self, test: &Named) -> Result<()> {
        const LIBRARY: [&str; 5] = ["build", "--quiet", "--release", "--package", "hakmem-malloc"];
        let mut args: Vec<String> = Vec::new();
        let mut add = |more: &[&str]| args.extend(more.iter().map(|&arg| arg.to_owned()));
        match test {
            Named::Rust { package, binary, .. } => {
                add(&["test", "--quiet", "--no-run", "--package", package]);
                add(&binary_args(binary));
            }
            Named::Command(words) if words.first().is_some_and(|word| word == "trace") => {
                add(&["build", "--quiet", "--release", "--package", "hakmem-recorder"]);
            }
            Named::Capi { hardened: false, .. } | Named::Command(_) => add(&LIBRARY),
            Named::Capi { hardened: true, .. } => {
                let target = self.copy.target.join("hardened");
                add(&LIBRARY);
                add(&["--features", "hardened", "--target-dir", &target.to_string_lossy()]);
            }
        }
        if !self.built.contains(&args) {
            let output = shell::capture(self.command(cargo_program()).args(&args), LONGEST)?;
            ensure!(output.success(), "does not build: {}", first_error(&output));
            self.built.insert(args);
        }
        Ok(())
    }

    fn run(&self, test: &Named, limit: Option<Duration>) -> Result<Output> {
        let seconds = limit.map(|limit| limit.as_secs().to_string());
        let mut outer = limit.map_or(LONGEST, |limit| limit + SLACK);
        let mut command;
        match test {
            Named::Rust { package, binary, filter } => {
                command = self.command(cargo_program());
                command.args(["test", "--quiet", "--package", package]);
                command.args(binary_args(binary)).args(filter);
                outer = limit.unwrap_or(LONGEST);
            }
            Named::Capi { hardened, name } => {
                command = self.command(&self.xtask);
                command.args(["capi", "--exact", name]);
                command.arg(if *hardened { "--hardened" } else { "--default" });
                command.args(seconds.iter().flat_map(|seconds| ["--limit-s", seconds]));
            }
            Named::Command(words) => {
                command = self.command(&self.xtask);
                command.args(words);
            }
        }
        shell::capture(&mut command, outer)
    }

    /// A command on the copy.
    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", LAUNCH, "control"]).arg(program);
        command
            .current_dir(&self.copy.root)
            .env("CARGO_MANIFEST_DIR", self.copy.root.join("xtask"))
            .env("CARGO_TARGET_DIR", &self.copy.target)
            .env("CARGO_TERM_COLOR", "never")
            // A lint is not a test.
            .env("RUSTFLAGS", "--cap-lints allow");
        command
    }
}

fn binary_args(binary: &str) -> Vec<&str> {
    if binary == "lib" { vec!["--lib"] } else { vec!["--test", binary] }
}

fn judge(output: &Output, may_hang: bool) -> Outcome {
    let said = |text: &str| output.stdout.contains(text) || output.stderr.contains(text);
    if output.success() {
        return Outcome::Survived;
    }
    if said("error: could not compile") || said("does not compile:") {
        return Outcome::Broken(format!("does not build: {}", first_error(output)));
    }
    if let Some(what) = not_run(output) {
        return Outcome::Broken(format!("not run: {what}"));
    }
    match output.status {
        // The test has no limit of its own.
        None if !may_hang => Outcome::Broken(output.ending()),
        _ => Outcome::Caught(complaint(output)),
    }
}

/// What is missing, if a command of ours has run nothing.
fn not_run(output: &Output) -> Option<String> {
    let nothing = output.stdout.lines().last() == Some("0 passed, 0 failed");
    let missing = || output.stdout.lines().find_map(|line| line.strip_prefix("not run: "));
    nothing.then(|| missing().unwrap_or("there is no such test").to_owned())
}

/// The line that says what failed.
fn complaint(output: &Output) -> String {
    let ours = output.stdout.lines().find_map(|line| line.strip_prefix("FAILED  "));
    let mut lines = output.stdout.lines().chain(output.stderr.lines());
    let panic = lines.find(|line| line.contains("panicked at"));
    let reason = lines.next().unwrap_or_default();
    match (ours, panic) {
        (Some(ours), _) => ours.to_owned(),
        (None, Some(panic)) => format!("{panic} {reason}"),
        (None, None) => output.ending(),
    }
}

fn first_error(output: &Output) -> String {
    let error = output.stderr.lines().find(|line| line.starts_with("error"));
    error.map_or_else(|| output.ending(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, limit: Duration) -> Output {
        shell::capture(Command::new("sh").args(["-c", script]), limit).unwrap()
    }

    #[test]
    fn only_a_test_that_fails_has_caught_it() {
        let judged = |script: &str| judge(&shell(script, Duration::from_secs(30)), false);
        assert_eq!(judged("exit 0"), Outcome::Survived);
        assert_eq!(judged("exit 1"), Outcome::Caught("exit status: 1".to_owned()));
        assert!(matches!(judged("kill -SEGV $$"), Outcome::Caught(_)));
        let ours = judged("echo 'FAILED  x: no end after 60 s'; exit 1");
        assert_eq!(ours, Outcome::Caught("x: no end after 60 s".to_owned()));
        let nothing = judged("echo 'not run: no cc'; echo '0 passed, 0 failed'; exit 1");
        assert_eq!(nothing, Outcome::Broken("not run: no cc".to_owned()));
        let broken = judged("echo 'error[E1]: x'; echo 'error: could not compile `y`' >&2; exit 1");
        assert!(matches!(broken, Outcome::Broken(_)));
    }

    #[test]
    fn a_hang_counts_where_it_is_expected() {
        let output = shell("sleep 60", Duration::from_millis(20));
        assert!(matches!(judge(&output, false), Outcome::Broken(_)));
        assert!(matches!(judge(&output, true), Outcome::Caught(_)));
    }
}
