//! What a run found: one line a check while it goes, one table and one sum at the end.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::progress::Bar;

/// The outcome of one command: its parts in the order they ran.
#[derive(Debug)]
pub(crate) struct Report {
    parts: Vec<Part>,
    /// Of those parts that are known before.
    bar: Option<Bar>,
}

/// One part, such as `loom`: how many checks held, which did not, which could not run, and which are
/// known not to hold.
#[derive(Debug)]
pub(crate) struct Part {
    name: String,
    passed: u64,
    failed: Vec<String>,
    missing: Vec<String>,
    known: Vec<String>,
    took: Duration,
}

impl Report {
    pub(crate) fn new() -> Self {
        Self { parts: Vec::new(), bar: None }
    }

    /// Shows how many of these parts are over.
    pub(crate) fn expect(&mut self, parts: impl IntoIterator<Item = &'static str>) {
        self.bar = Some(Bar::new("parts", parts));
    }

    /// Runs one part. An error counts as one failed check.
    pub(crate) fn part(&mut self, name: &str, check: impl FnOnce(&mut Part) -> Result<()>) {
        say!("== {name}");
        let run = || Part::run(name, check);
        let part = match &self.bar {
            Some(bar) => bar.step(name, run),
            None => run(),
        };
        self.parts.push(part);
    }

    /// Prints the table and the sum; the sum is the last line.
    pub(crate) fn finish(mut self) -> ExitCode {
        self.bar = None;
        say!("\n== summary");
        for part in &self.parts {
            say!("{}", part.line());
        }
        for part in &self.parts {
            for missing in &part.missing {
                say!("not run: {}: {missing}", part.name);
            }
            for known in &part.known {
                say!("known: {}: {known}", part.name);
            }
            for failed in &part.failed {
                say!("failed: {}: {failed}", part.name);
            }
        }
        let passed: u64 = self.parts.iter().map(|part| part.passed).sum();
        let failed: usize = self.parts.iter().map(|part| part.failed.len()).sum();
        say!("{passed} passed, {failed} failed");
        if failed == 0 && passed > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

impl Part {
    pub(crate) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            passed: 0,
            failed: Vec::new(),
            missing: Vec::new(),
            known: Vec::new(),
            took: Duration::ZERO,
        }
    }

    fn run(name: &str, check: impl FnOnce(&mut Self) -> Result<()>) -> Self {
        let start = Instant::now();
        let mut part = Self::new(name);
        if let Err(error) = check(&mut part) {
            part.fail(name, &format!("{error:#}"));
        }
        part.took = start.elapsed();
        part
    }

    /// One check held.
    pub(crate) fn pass(&mut self, what: &str) {
        say!("ok      {what}");
        self.passed += 1;
    }

    /// `n` checks held, which have printed their own lines.
    pub(crate) fn pass_many(&mut self, n: u64) {
        self.passed += n;
    }

    /// One check did not hold.
    pub(crate) fn fail(&mut self, what: &str, why: &str) {
        say!("FAILED  {what}: {why}");
        self.failed.push(format!("{what}: {}", why.lines().next().unwrap_or_default()));
    }

    /// Passes when `fault` is `None`.
    pub(crate) fn verdict(&mut self, what: &str, fault: Option<String>) {
        match fault {
            None => self.pass(what),
            Some(why) => self.fail(what, &why),
        }
    }

    /// One check did not hold, and cannot: it is listed as a limit of what was checked.
    pub(crate) fn known(&mut self, what: &str, reason: &str) {
        say!("known   {what}: {reason}");
        self.known.push(format!("{what}: {reason}"));
    }

    /// Something this machine lacks, and what was therefore not run.
    pub(crate) fn missing(&mut self, what: &str) {
        say!("not run {what}");
        self.missing.push(what.to_owned());
    }

    /// How many checks held, how many did not, and how many are known not to.
    #[cfg(test)]
    pub(crate) fn counts(&self) -> [usize; 3] {
        [self.passed as usize, self.failed.len(), self.known.len()]
    }

    fn line(&self) -> String {
        let outcome = match (self.passed, self.failed.len()) {
            (0, 0) => "not run",
            (_, 0) => "ok",
            _ => "FAILED",
        };
        format!(
            "{outcome:<8}{:<14}{:>5} passed {:>4} failed {:>3} not run {:>7.1} s",
            self.name,
            self.passed,
            self.failed.len(),
            self.missing.len(),
            self.took.as_secs_f64()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_a_failed_check() {
        let mut report = Report::new();
        report.part("good", |part| {
            part.pass("one");
            Ok(())
        });
        report.part("bad", |_| anyhow::bail!("no luck"));
        assert_eq!(report.parts[1].failed, ["bad: no luck"]);
        assert!(report.parts[0].line().starts_with("ok "));
        assert!(report.parts[1].line().starts_with("FAILED "));
        assert_eq!(report.finish(), ExitCode::FAILURE);
    }

    #[test]
    fn nothing_run_is_no_success() {
        assert_eq!(Report::new().finish(), ExitCode::FAILURE);
    }
}
