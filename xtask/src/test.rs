//! `cargo xtask test`: every part in order, the sum last.

use std::process::ExitCode;

use anyhow::Result;

use crate::report::{Part, Report};
use crate::workspace::Workspace;
use crate::{
    asm, bench, capi, controls, lab, loom, new_box, programs, sanitize, so, soak, tidy, trace,
    valgrind,
};

/// What `cargo xtask test` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Plant the bugs of tests/controls/*.toml, and see each caught by the tests it names
    #[arg(long)]
    controls: bool,
    /// Only controls whose name contains one of these
    #[arg(requires = "controls")]
    filters: Vec<String>,
    /// Only the controls of tests/controls/AREA.toml
    #[arg(long, requires = "controls")]
    area: Option<String>,
    /// Show what each test says about each bug
    #[arg(long, short, requires = "controls")]
    verbose: bool,
    /// How many bugs to plant at a time, each in a copy of its own; as many as cores, up to 4
    #[arg(long, short, value_name = "N", requires = "controls")]
    jobs: Option<usize>,
    /// List the controls and stop
    #[arg(long, requires = "controls")]
    list: bool,
}

/// Runs what is asked for.
pub(crate) fn run(ws: &Workspace, args: &Args, mut report: Report) -> Result<ExitCode> {
    let wanted = controls::Wanted {
        filters: &args.filters,
        area: args.area.as_deref(),
        verbose: args.verbose,
        jobs: args.jobs,
    };
    if args.list {
        return controls::list(ws, &wanted).map(|()| ExitCode::SUCCESS);
    }
    if args.controls {
        report.part("controls", |part| controls::check(ws, &wanted, part));
    } else {
        report.expect(parts());
        all(ws, &mut report);
    }
    Ok(report.finish())
}

/// A part: its name, and what it does.
type Run = (&'static str, fn(&Workspace, &mut Part) -> Result<()>);

/// Everything but formatting, lints and controls, in order.
const PARTS: [Run; 16] = [
    ("tidy", tidy::check),
    ("cargo test", |ws, part| {
        name_what_is_missing(part);
        cargo_test(ws, &ALL, part)
    }),
    ("many classes", |ws, part| cargo_test(ws, &MANY_CLASSES, part)),
    ("loom", |ws, part| loom::check(ws, &loom::Args::bounded(), part)),
    ("asm", |ws, part| asm::check(ws, &asm::Args::default(), part)),
    ("so", so::check),
    ("capi", |ws, part| capi::check(ws, &capi::Args::default(), part)),
    ("lab", lab::check::check),
    ("new-box", new_box::check::check),
    ("trace", trace::check::check),
    ("programs", |ws, part| programs::check(ws, &programs::Args::quick(), part)),
    ("soak", |ws, part| soak::check(ws, &soak::Args::short(), part)),
    ("valgrind", |ws, part| valgrind::check(ws, &valgrind::Args::default(), part)),
    ("sanitize", |ws, part| sanitize::check(ws, &sanitize::Args::quick(), part)),
    ("report", bench::page::browser::check),
    ("longer", |_, part| {
        elsewhere(part);
        Ok(())
    }),
];

/// Their names.
pub(crate) fn parts() -> impl Iterator<Item = &'static str> {
    PARTS.iter().map(|part| part.0)
}

/// Runs them.
pub(crate) fn all(ws: &Workspace, report: &mut Report) {
    for (name, check) in PARTS {
        report.part(name, |part| check(ws, part));
    }
}

/// What `cargo test` said.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Results {
    pub(crate) passed: u64,
    pub(crate) failed: Vec<String>,
}

/// Reads the lines that libtest prints.
pub(crate) fn test_results(stdout: &str) -> Results {
    let mut results = Results::default();
    for line in stdout.lines() {
        if let Some(rest) = line.strip_prefix("test result: ") {
            let count = rest.split_once(". ").and_then(|(_, counts)| counts.split_once(" passed"));
            results.passed += count.and_then(|(n, _)| n.parse::<u64>().ok()).unwrap_or(0);
        } else if let Some(name) =
            line.strip_prefix("test ").and_then(|rest| rest.strip_suffix(" ... FAILED"))
        {
            results.failed.push(name.to_owned());
        }
    }
    results
}

/// The C library defines `malloc` for its whole process, so it is tested from C instead; so is the
/// library that records.
const ALL: [&str; 5] = [
    "test",
    "--workspace",
    "--exclude=hakmem-malloc",
    "--exclude=hakmem-recorder",
    "--no-fail-fast",
];

/// What has room for a class each, once more with room for 72 instead of 40.
const MANY_CLASSES: [&str; 16] = [
    "test",
    "--no-fail-fast",
    "--features=many-classes",
    "--package=hakmem-front-gate",
    "--package=hakmem-unified-cache",
    "--package=hakmem-tls-sll",
    "--package=hakmem-tiered-front",
    "--package=hakmem-direct-front",
    "--package=hakmem-warm-pool",
    "--package=hakmem-alloc",
    "--package=hakmem-fuzz",
    "--test=front_caches",
    "--test=size_classes",
    "--test=boundary",
    "--test=compose",
    "--test=usage",
];

/// What some of its tests can see on other machines only.
fn name_what_is_missing(part: &mut Part) {
    let pages = std::fs::read_to_string("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages");
    if matches!(pages.unwrap_or_default().trim(), "" | "0") {
        part.missing("explicit huge pages: no pool on this machine; tested on a simulated one");
    }
}

fn cargo_test(ws: &Workspace, args: &[&str], part: &mut Part) -> Result<()> {
    let output = ws.run_cargo(args, &[])?;
    let results = test_results(&output.stdout);
    part.pass_many(results.passed);
    for failed in &results.failed {
        part.fail(failed, "see its output above");
    }
    if !output.success() && results.failed.is_empty() {
        part.fail("cargo test", &output.ending());
    } else if results.passed == 0 {
        part.fail("cargo test", "ran no test");
    }
    Ok(())
}

/// What takes longer than this run may.
const ELSEWHERE: [&str; 8] = [
    "cargo xtask test --controls: bugs planted, to see each caught; half an hour",
    "cargo xtask lab --each: the C programs on every known box; an hour",
    "cargo xtask programs: also the programs that take minutes",
    "cargo xtask soak --minutes N: memory over a long time",
    "cargo xtask fuzz: each target for minutes",
    "cargo xtask sanitize: all tests that the sanitizers and Miri can run",
    "cargo xtask loom: models without a bound on preemptions; hours",
    "cargo xtask wrong: wrong programs on other allocators, for comparison",
];

/// Names what longer commands have and this one had not.
fn elsewhere(part: &mut Part) {
    for command in ELSEWHERE {
        part.missing(command);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_libtest() {
        let text = "test a::b ... ok\ntest c ... FAILED\n\
                    test result: FAILED. 12 passed; 1 failed; 0 ignored\n\
                    test result: ok. 3 passed; 0 failed; 0 ignored\n";
        let results = test_results(text);
        assert_eq!(results, Results { passed: 15, failed: vec!["c".to_owned()] });
    }
}
