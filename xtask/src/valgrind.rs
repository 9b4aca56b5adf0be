//! `cargo xtask valgrind`: what memcheck says of right and wrong programs on hakmem.
//!
//! Every `tests/valgrind/*.c` runs under memcheck on a library with the feature `valgrind`,
//! preloaded and linked. `// report: TEXT` at its head is what memcheck has to say;
//! `// report: nothing` that it has nothing to say and that every block was freed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::progress::{self, Bar};
use crate::report::Part;
use crate::shell;
use crate::workspace::Workspace;

/// How long one program may take.
const LIMIT: Duration = Duration::from_secs(120);

/// Memcheck puts its own `malloc` in front of every other; this keeps it away from ours.
const OPTIONS: [&str; 3] =
    ["--soname-synonyms=somalloc=nouserintercepts", "--leak-check=full", "--num-callers=20"];

/// What `cargo xtask valgrind` takes.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct Args {
    /// Only programs whose name contains one of these.
    names: Vec<String>,
}

/// How a program gets its allocator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Preloaded,
    Linked,
}

/// Builds the library and runs the programs.
pub(crate) fn check(ws: &Workspace, args: &Args, part: &mut Part) -> Result<()> {
    let programs = programs(&ws.root.join("tests/valgrind"), &args.names)?;
    ensure!(!programs.is_empty(), "no program has such a name");
    for tool in ["valgrind", "cc"] {
        if !shell::has(tool) {
            part.missing(&format!("{tool}: {} programs under memcheck", programs.len()));
            return Ok(());
        }
    }
    if cfg!(not(target_arch = "x86_64")) {
        part.missing("x86-64: client requests are not written for another processor");
        return Ok(());
    }
    let folder = build(ws)?;
    let ways = |program| [Way::Preloaded, Way::Linked].map(|way| (program, way));
    let runs: Vec<(&PathBuf, Way)> = programs.iter().flat_map(ways).collect();
    let bar = Bar::new("valgrind", runs.iter().map(|(program, way)| name(program, *way)));
    for (program, way) in runs {
        let name = name(program, way);
        let outcome = bar.step(&name, || run(program, &folder, way));
        part.verdict(&name, outcome.unwrap_or_else(|error| Some(format!("{error:#}"))));
    }
    Ok(())
}

fn name(program: &Path, way: Way) -> String {
    format!("{}, {way:?}", program.file_stem().unwrap_or_default().to_string_lossy())
}

/// Builds the library that tells memcheck what it does. Returns where it is.
fn build(ws: &Workspace) -> Result<PathBuf> {
    let target = ws.target.join("valgrind");
    let folder = target.to_string_lossy().into_owned();
    let more = ["--features", "valgrind", "--target-dir", &folder];
    let env = [("CARGO_PROFILE_RELEASE_DEBUG", "line-tables-only")];
    ws.build_release("the library for memcheck", "hakmem-malloc", &more, &env)?;
    Ok(target.join("release"))
}

fn programs(folder: &Path, names: &[String]) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.ends_with(".c") && (names.is_empty() || names.iter().any(|n| name.contains(n))) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Compiles and runs one program; returns what is wrong.
fn run(source: &Path, folder: &Path, way: Way) -> Result<Option<String>> {
    let wanted = wanted(&fs::read_to_string(source)?);
    ensure!(!wanted.is_empty(), "no line `// report:` at its head");
    let program =
        folder.join(format!("vg-{way:?}")).with_extension(source.file_stem().unwrap_or_default());
    let mut compile = Command::new("cc");
    compile.args(["-std=gnu11", "-g", "-O1", "-fno-builtin", "-pthread", "-w", "-o"]);
    compile.arg(&program).arg(source);
    compile.args((way == Way::Linked).then(|| folder.join("libhakmem.a")));
    let built = shell::capture(&mut compile, LIMIT)?;
    ensure!(built.success(), "does not compile:\n{}", built.stderr);

    let mut command = Command::new("valgrind");
    command.args(OPTIONS).arg(&program);
    if way == Way::Preloaded {
        command.env("LD_PRELOAD", folder.join("libhakmem.so"));
    }
    let output = shell::capture(&mut command, LIMIT)?;
    let fault = match output.success() {
        true => missing(&wanted, &output.stderr),
        false => Some(output.ending()),
    };
    if fault.is_some() {
        progress::complain(&output.stderr);
    }
    Ok(fault)
}

/// The reports that a program asks for.
fn wanted(source: &str) -> Vec<String> {
    let head = source.lines().map_while(|line| line.strip_prefix("//"));
    let reports = head.filter_map(|line| line.trim().strip_prefix("report: "));
    reports
        .flat_map(|report| match report {
            "nothing" => vec!["ERROR SUMMARY: 0 errors", "All heap blocks were freed"],
            report => vec![report],
        })
        .map(str::to_owned)
        .collect()
}

/// The first report that is not there.
fn missing(wanted: &[String], reports: &str) -> Option<String> {
    let missing = wanted.iter().find(|report| !reports.contains(report.as_str()))?;
    Some(format!("memcheck did not say `{missing}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_report_must_be_there() {
        let wanted = wanted("// A leak.\n// report: 1 errors\n// report: lost\n\n// report: x\n");
        assert_eq!(wanted, ["1 errors", "lost"]);
        assert_eq!(missing(&wanted, "5 bytes lost\nERROR SUMMARY: 1 errors\n"), None);
        assert!(missing(&wanted, "ERROR SUMMARY: 1 errors\n").unwrap().contains("lost"));
    }

    #[test]
    fn nothing_is_a_report() {
        let wanted = wanted("// report: nothing\n");
        assert!(missing(&wanted, "ERROR SUMMARY: 1 errors; All heap blocks were freed").is_some());
        assert!(missing(&wanted, "ERROR SUMMARY: 0 errors; lost").is_some());
    }
}
