//! `cargo xtask sanitize`: the tests under `ThreadSanitizer`, `AddressSanitizer` and Miri.
//!
//! All three need a nightly toolchain. `ThreadSanitizer` wants a standard library that it has
//! compiled itself (`-Zbuild-std`): else it does not see how the library orders its threads, and
//! reports races that are none.

mod nightly;
mod runs;

use std::time::Duration;

use anyhow::{Result, ensure};

use crate::progress::{self, Bar};
use crate::report::Part;
use crate::shell::{self, Output};
use crate::test::test_results;
use crate::workspace::Workspace;
use nightly::Nightly;
use runs::{Run, TOOLS, Tool};

/// How long one run may take, with its build.
const LIMIT: Duration = Duration::from_secs(20 * 60);

/// What `cargo xtask sanitize` takes.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct Args {
    /// `thread`, `address` or `miri`; all when none is named. More words choose runs whose name
    /// contains one of them.
    names: Vec<String>,
    /// Only the short runs, which are part of `cargo xtask test`
    #[arg(long)]
    quick: bool,
}

impl Args {
    /// What `cargo xtask test` runs.
    pub(crate) fn quick() -> Self {
        Self { names: Vec::new(), quick: true }
    }

    /// The runs of each tool.
    fn wanted(&self) -> Vec<(&'static Tool, Vec<&'static Run>)> {
        let tools = TOOLS.iter().filter(|tool| self.wants_tool(tool));
        let runs = |tool: &'static Tool| tool.runs.iter().filter(|run| self.wants_run(run));
        tools.map(|tool| (tool, runs(tool).collect())).collect()
    }

    fn wants_tool(&self, tool: &Tool) -> bool {
        let named = |name: &String| TOOLS.iter().any(|tool| tool.name == name);
        !self.names.iter().any(named) || self.names.iter().any(|name| name == tool.name)
    }

    fn wants_run(&self, run: &Run) -> bool {
        let filters = || self.names.iter().filter(|name| TOOLS.iter().all(|t| t.name != *name));
        let name = run.name();
        (filters().next().is_none() || filters().any(|filter| name.contains(filter.as_str())))
            && (run.quick || !self.quick)
    }
}

/// Runs what the machine can, and names the rest.
pub(crate) fn check(ws: &Workspace, args: &Args, part: &mut Part) -> Result<()> {
    let nightly = Nightly::find();
    let lack = |tool: &Tool| {
        nightly.as_ref().map_or(Some("a nightly toolchain"), |nightly| nightly.lacks(tool))
    };
    let wanted = args.wanted();
    ensure!(wanted.iter().any(|(_, runs)| !runs.is_empty()), "no run has such a name");
    let possible = wanted.iter().filter(|(tool, _)| lack(tool).is_none());
    let bar = Bar::new("sanitize", possible.flat_map(|(tool, runs)| tool.names(runs)));
    for (tool, runs) in wanted {
        match lack(tool) {
            Some(lack) => part.missing(&format!("{lack}: {} of {} tests", tool.title, runs.len())),
            None => {
                for (run, name) in runs.iter().zip(tool.names(&runs)) {
                    bar.step(&name, || check_run(ws, tool, run, &name, part))?;
                }
            }
        }
        if args.quick && runs.len() < tool.runs.len() {
            let rest = tool.runs.len() - runs.len();
            part.missing(&format!("{rest} longer runs: `cargo xtask sanitize {}`", tool.name));
        }
        for &left_out in tool.left_out {
            part.missing(&format!("{}: {left_out}", tool.title));
        }
    }
    Ok(())
}

impl Tool {
    fn names(&self, runs: &[&Run]) -> Vec<String> {
        runs.iter().map(|run| format!("{}: {}", self.name, run.name())).collect()
    }
}

fn check_run(ws: &Workspace, tool: &Tool, run: &Run, name: &str, part: &mut Part) -> Result<()> {
    let output = execute(ws, tool, run)?;
    let results = test_results(&output.stdout);
    say!("{name}: {} tests in {:.1} s", results.passed, output.took.as_secs_f64());
    match fault(&output, results.passed, &results.failed) {
        None => part.pass_many(results.passed),
        Some(why) => {
            progress::complain(&(output.stdout.clone() + &output.stderr));
            part.fail(name, &why);
        }
    }
    Ok(())
}

/// What is wrong with a run: what the tool found, a test that failed, or nothing that ran.
fn fault(output: &Output, passed: u64, failed: &[String]) -> Option<String> {
    let found = output.stderr.lines().find(|line| {
        line.starts_with("SUMMARY: ") || line.starts_with("error: Undefined Behavior")
    });
    if let Some(found) = found {
        return Some(found.to_owned());
    }
    if !failed.is_empty() {
        return Some(failed.join(", "));
    }
    match (output.success(), passed) {
        (false, _) => Some(output.ending()),
        (true, 0) => Some("ran no test".to_owned()),
        (true, _) => None,
    }
}

fn execute(ws: &Workspace, tool: &Tool, run: &Run) -> Result<Output> {
    let mut command = nightly::cargo(ws);
    command.args(tool.command);
    command.args(["--package", run.package]).args(run.binary_args());
    command.args(["--features", run.features].iter().filter(|_| !run.features.is_empty()));
    if tool.needs_target {
        command.args(["--target", nightly::host()?.as_str()]);
    }
    command.arg("--target-dir").arg(ws.target.join("sanitize").join(tool.name));
    command.envs(tool.env.iter().copied()).envs(run.env.iter().copied());
    command.arg("--").args(run.filter).args(run.skip.iter().flat_map(|skip| ["--skip", skip]));
    shell::capture(&mut command, LIMIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Output {
        let mut command = std::process::Command::new("sh");
        shell::capture(command.args(["-c", script]), Duration::MAX).unwrap()
    }

    #[test]
    fn what_a_tool_finds_is_a_fault() {
        let race = shell("echo 'SUMMARY: ThreadSanitizer: data race x' >&2; exit 66");
        assert!(fault(&race, 3, &[]).unwrap().contains("data race"));
        let pointer = shell("echo 'error: Undefined Behavior: dangling' >&2; exit 1");
        assert!(fault(&pointer, 3, &[]).unwrap().contains("dangling"));
        assert_eq!(fault(&shell("true"), 3, &[]), None);
        assert!(fault(&shell("true"), 0, &[]).is_some(), "nothing ran");
        assert!(fault(&shell("exit 1"), 3, &[]).is_some());
        assert!(fault(&shell("true"), 3, &["a".to_owned()]).is_some());
    }

    #[test]
    fn words_choose_tools_and_runs() {
        let args = |words: &[&str]| Args {
            names: words.iter().map(|word| (*word).to_owned()).collect(),
            quick: false,
        };
        let chosen = |args: &Args| args.wanted().iter().map(|(_, runs)| runs.len()).sum::<usize>();
        let all: usize = TOOLS.iter().map(|tool| tool.runs.len()).sum();
        assert_eq!(chosen(&args(&[])), all);
        assert!(chosen(&args(&["thread"])) < all);
        assert_eq!(chosen(&args(&["thread", "page-box threads"])), 1);
        assert!(chosen(&Args::quick()) >= 2);
    }
}
