//! `cargo xtask wrong`: how each wrong program ends, on hakmem and on other allocators.
//!
//! The programs are `tests/c/wrong/*`. `cargo xtask capi` holds hakmem's two libraries to what each
//! program says at its head; here everybody is measured, and the table is written into
//! `docs/wrong-programs.md`. A peer is whichever shared library of it the machine has.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::capi::{self, Test};
use crate::marks::between;
use crate::progress::{self, Bar};
use crate::report::Part;
use crate::shell::{self, Output};
use crate::workspace::{Build, Workspace};

const PAGE: &str = "docs/wrong-programs.md";
const BEGIN: &str = "<!-- measured: cargo xtask wrong --write -->\n";
const END: &str = "<!-- end -->\n";

/// What a program exits with that could not do what it is about (`wrong.h`).
const NOT_HERE: i32 = 76;

/// How long a program may take: some peers hang.
const LIMIT: Duration = Duration::from_secs(20);

/// How often each program runs: where an address is taken for another, the ending is chance.
const RUNS: usize = 3;

const PEERS: [(&str, &[&str]); 3] = [
    ("mimalloc", &["libmimalloc.so.3", "libmimalloc.so.2", "libmimalloc.so"]),
    ("jemalloc", &["libjemalloc.so.2", "libjemalloc.so"]),
    ("tcmalloc", &["libtcmalloc_minimal.so.4", "libtcmalloc.so.4"]),
];

/// What `cargo xtask wrong` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Run only the programs whose name contains one of these
    filters: Vec<String>,
    /// Write the table into docs/wrong-programs.md
    #[arg(long, conflicts_with = "filters")]
    write: bool,
}

/// A column of the table.
struct Allocator {
    name: &'static str,
    /// Nothing is preloaded for the C library's own.
    preload: Option<PathBuf>,
}

/// Runs every wrong program on every allocator, and prints or writes the table.
pub(crate) fn check(ws: &Workspace, args: &Args, part: &mut Part) -> Result<()> {
    let mut tests = capi::tests(&ws.root.join("tests/c"))?;
    tests.retain(|test| {
        let wanted = |filter: &String| test.name.contains(filter.as_str());
        test.name.starts_with("wrong/")
            && (args.filters.is_empty() || args.filters.iter().any(wanted))
    });
    ensure!(!tests.is_empty(), "no such program in tests/c/wrong");
    let allocators = allocators(ws, part)?;
    let mut table = heading(&allocators);
    let bar = Bar::new("wrong", tests.iter().map(|test| &test.name));
    for test in &tests {
        let row = bar.step(&test.name, || row(ws, test, &allocators))?;
        progress::print(&row);
        table.push_str(&row);
    }
    table.push_str(&versions(&allocators));
    if args.write {
        let page = ws.root.join(PAGE);
        let text = between(&fs::read_to_string(&page)?, [BEGIN, END], &format!("\n{table}\n"))?;
        fs::write(page, text)?;
    }
    part.pass(&format!("{} programs on {} allocators", tests.len(), allocators.len()));
    Ok(())
}

fn allocators(ws: &Workspace, part: &mut Part) -> Result<Vec<Allocator>> {
    let ours = |name, build| -> Result<Allocator> {
        Ok(Allocator { name, preload: Some(ws.build(build)?.shared) })
    };
    let mut allocators = vec![ours("hakmem", Build::Default)?, ours("hardened", Build::Hardened)?];
    allocators.push(Allocator { name: "glibc", preload: None });
    for (name, files) in PEERS {
        match files.iter().find_map(|file| shell::library(file)) {
            Some(place) => allocators.push(Allocator { name, preload: Some(place) }),
            None => part.missing(&format!("{}: the column {name}", files[0])),
        }
    }
    Ok(allocators)
}

/// One program on all allocators, as a line of the table.
fn row(ws: &Workspace, test: &Test, allocators: &[Allocator]) -> Result<String> {
    let name = test.name.trim_start_matches("wrong/");
    let mut row = format!("| `{}` |", name.rsplit_once('.').map_or(name, |(stem, _)| stem));
    let program = capi::Program::of(ws, test).with_context(|| test.name.clone())?;
    for allocator in allocators {
        let mut endings = BTreeSet::new();
        for _ in 0..RUNS {
            endings.insert(cell(&program.run(allocator.preload.as_deref(), LIMIT)?));
        }
        let endings: Vec<_> = endings.into_iter().collect();
        row.push_str(&format!(" {} |", endings.join(" or ")));
    }
    row.push('\n');
    Ok(row)
}

/// How a program ended, in a word.
fn cell(output: &Output) -> String {
    let Some(status) = output.status else { return "hangs".to_owned() };
    match (status.code(), output.signal()) {
        (Some(0), _) => "·".to_owned(),
        (Some(NOT_HERE), _) => "n/a".to_owned(),
        (Some(code), _) => format!("exit {code}"),
        (None, Some(libc::SIGABRT)) if output.stderr.trim().is_empty() => "abort, mute".to_owned(),
        (None, Some(libc::SIGABRT)) => "**abort**".to_owned(),
        (None, Some(libc::SIGSEGV)) => "SIGSEGV".to_owned(),
        (None, signal) => format!("signal {}", signal.unwrap_or_default()),
    }
}

fn heading(allocators: &[Allocator]) -> String {
    let names: Vec<&str> = allocators.iter().map(|allocator| allocator.name).collect();
    format!("| program | {} |\n|---|{}\n", names.join(" | "), "---|".repeat(names.len()))
}

/// What was measured.
fn versions(allocators: &[Allocator]) -> String {
    let mut text = format!("\nMeasured: glibc {}", glibc());
    for allocator in
        allocators.iter().filter(|allocator| PEERS.iter().any(|p| p.0 == allocator.name))
    {
        let file = allocator.preload.as_deref().and_then(|file| fs::canonicalize(file).ok());
        let file = file.as_deref().and_then(Path::file_name).unwrap_or_default();
        text.push_str(&format!(", {} (`{}`)", allocator.name, file.to_string_lossy()));
    }
    text.push_str(".\n");
    text
}

fn glibc() -> String {
    let output = shell::capture(Command::new("getconf").arg("GNU_LIBC_VERSION"), LIMIT);
    let text = output.map_or_else(|_| String::new(), |output| output.stdout);
    text.trim().trim_start_matches("glibc").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endings_have_their_words() {
        let word = |script: &str| {
            let script = format!("ulimit -c 0; {script}");
            let mut command = Command::new("sh");
            cell(&shell::capture(command.args(["-c", &script]), Duration::from_secs(5)).unwrap())
        };
        assert_eq!(word("exit 0"), "·");
        assert_eq!(word("exit 76"), "n/a");
        assert_eq!(word("exit 1"), "exit 1");
        assert_eq!(word("kill -ABRT $$"), "abort, mute");
        assert_eq!(word("echo x >&2; kill -ABRT $$"), "**abort**");
        assert_eq!(word("kill -SEGV $$"), "SIGSEGV");
        assert_eq!(word("kill -ILL $$"), "signal 4");
    }
}
