//! `cargo xtask fuzz`: the targets of `fuzz/tests/`, for as long as you like.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::progress::Bar;
use crate::report::Part;
use crate::shell;
use crate::test::test_results;
use crate::workspace::Workspace;

/// The package that has the targets.
const PACKAGE: &str = "hakmem-fuzz";

/// How long a build may take, beside the time that was asked for.
const BUILD: Duration = Duration::from_secs(15 * 60);

/// The longest input, in bytes.
const MOST_BYTES: &str = "8192";

/// What `cargo xtask fuzz` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Targets, by a part of what `--list` prints; all when none is given
    targets: Vec<String>,
    /// How long each target runs
    #[arg(long, default_value_t = 1)]
    minutes: u64,
    /// Random inputs only, also where a coverage-guided engine is at hand
    #[arg(long)]
    random: bool,
    /// List the targets and stop
    #[arg(long)]
    pub(crate) list: bool,
}

/// A test of `fuzz/tests/FILE.rs`.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Target {
    file: String,
    name: String,
}

impl Target {
    fn path(&self) -> String {
        format!("{}::{}", self.file, self.name)
    }
}

/// Prints the targets.
pub(crate) fn list(ws: &Workspace, args: &Args) -> Result<()> {
    for target in select(ws, args)? {
        say!("{}", target.path());
    }
    Ok(())
}

/// Runs the targets, one after the other.
pub(crate) fn check(ws: &Workspace, args: &Args, part: &mut Part) -> Result<()> {
    let guided = !args.random && can_be_guided(part);
    let time = Duration::from_secs(args.minutes * 60);
    let targets = select(ws, args)?;
    // With the time in it, so that it takes as long the next time.
    let step = |target: &Target| format!("{} for {} min", target.path(), args.minutes);
    let bar = Bar::new("fuzz", targets.iter().map(step));
    for target in &targets {
        let fault = bar.step(&step(target), || match guided {
            true => run_guided(ws, target, time),
            false => run_random(ws, target, time),
        })?;
        part.verdict(&target.path(), fault);
    }
    Ok(())
}

/// Whether an engine that looks at coverage is at hand; names what is missing.
fn can_be_guided(part: &mut Part) -> bool {
    let nightly = std::process::Command::new("rustup")
        .args(["run", "nightly", "rustc", "--version"])
        .output()
        .is_ok_and(|output| output.status.success());
    let bolero = shell::has("cargo-bolero");
    if !nightly {
        part.missing("coverage-guided inputs: need a nightly toolchain; inputs are random");
    }
    if !bolero {
        part.missing("coverage-guided inputs: need cargo-bolero; inputs are random");
    }
    nightly && bolero
}

/// Random inputs, by the engine that `cargo test` has. What went wrong.
fn run_random(ws: &Workspace, target: &Target, time: Duration) -> Result<Option<String>> {
    let mut command = ws.cargo();
    command
        .args(["test", "--quiet", "--package", PACKAGE, "--test", &target.file])
        .args(["--", "--exact", &target.name])
        .env("BOLERO_RANDOM_TEST_TIME_MS", time.as_millis().to_string())
        .env("BOLERO_RANDOM_ITERATIONS", usize::MAX.to_string());
    let output = shell::stream(&mut command, time + BUILD)?;
    let passed = test_results(&output.stdout).passed;
    Ok((!output.success() || passed == 0).then(|| output.ending()))
}

/// Inputs that reach new code, by libFuzzer. What went wrong; the input is then in
/// `fuzz/tests/__fuzz__/NAME/crashes`, where `cargo test` finds it.
fn run_guided(ws: &Workspace, target: &Target, time: Duration) -> Result<Option<String>> {
    let mut command = std::process::Command::new("rustup");
    command
        .current_dir(&ws.root)
        .args(["run", "nightly", "cargo", "bolero", "test", "--package", PACKAGE])
        // The thread word is read in assembly, of which AddressSanitizer knows nothing.
        .args(["--sanitizer", "NONE", "--profile", "fuzz", "--max-input-length", MOST_BYTES])
        .args(["-T", &format!("{}s", time.as_secs()), &target.name])
        .arg("--target-dir")
        .arg(ws.target.join("fuzz"));
    let output = shell::stream(&mut command, time + BUILD)?;
    Ok((!output.success()).then(|| output.ending()))
}

fn select(ws: &Workspace, args: &Args) -> Result<Vec<Target>> {
    let mut targets = Vec::new();
    let folder = ws.root.join("fuzz/tests");
    for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            let file = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            targets.extend(targets_of(&file, &fs::read_to_string(&path)?));
        }
    }
    targets.sort();
    let wanted = |path: &str| args.targets.iter().any(|part| path.contains(part));
    targets.retain(|target| args.targets.is_empty() || wanted(&target.path()));
    ensure!(!targets.is_empty(), "no target has such a name");
    Ok(targets)
}

/// The tests in the text of a file.
fn targets_of(file: &str, text: &str) -> Vec<Target> {
    let lines: Vec<_> = text.lines().collect();
    let tests = lines.windows(2).filter(|pair| pair[0] == "#[test]");
    let names = tests.filter_map(|pair| pair[1].strip_prefix("fn ")?.strip_suffix("() {"));
    names.map(|name| Target { file: file.to_owned(), name: name.to_owned() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_tests_of_a_file() {
        let text = "fn helper() {\n}\n\n#[test]\nfn one() {\n}\n#[test]\nfn two() {\n";
        let paths: Vec<_> = targets_of("heap", text).iter().map(Target::path).collect();
        assert_eq!(paths, ["heap::one", "heap::two"]);
    }
}
