//! `cargo xtask run` and `cargo xtask smoke`: whole programs on libhakmem.so.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::report::Part;
use crate::shell::{self, Output};
use crate::workspace::Workspace;

const LIMIT: Duration = Duration::from_secs(120);

/// How often a pair of runs is tried: `ls -l /` changes when another process writes to /tmp.
const ATTEMPTS: usize = 3;

/// What `cargo xtask run` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The program and its arguments.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
    program: Vec<OsString>,
}

/// A program that must print the same with and without the library.
struct Smoke {
    name: &'static str,
    /// Not run where this is not installed.
    needs: &'static str,
    args: &'static [&'static str],
}

const PYTHON: &str = r#"
import json, subprocess, sys, threading
def work(n, out):
    rows = [{"id": i, "name": "x" * (i % 300), "list": list(range(i % 50))} for i in range(n)]
    out.append(sum(len(json.dumps(row)) for row in json.loads(json.dumps(rows))))
out = []
threads = [threading.Thread(target=work, args=(2000, out)) for _ in range(8)]
[t.start() for t in threads]; [t.join() for t in threads]
print(sorted(out))
print(subprocess.run(["sh", "-c", "echo child; exit 5"], capture_output=True))
print(subprocess.run([sys.executable, "-c", "print(len(bytearray(1 << 24)))"], capture_output=True))
"#;

const PIPELINE: &str = "seq 1 100000 | sed 's/7/seven/' | sort -r | uniq -c | awk '{ n += length($0) \
                        } END { print n, NR }'; for i in 1 2 3 4 5 6 7 8; do (echo $i | cat); done";

const COMPILE: &str = "printf '#include <stdio.h>\\n#include <stdlib.h>\\nint f(int n)\
                       { return n < 2 ? n : f(n-1) + f(n-2); }\\n' | cc -x c -O2 -S -o - -";

const SMOKES: [Smoke; 9] = [
    Smoke { name: "true", needs: "/bin/true", args: &["/bin/true"] },
    Smoke { name: "ls", needs: "ls", args: &["ls", "-l", "/"] },
    Smoke { name: "shell pipeline", needs: "sh", args: &["sh", "-c", PIPELINE] },
    Smoke { name: "find", needs: "find", args: &["find", "/usr/share", "-maxdepth", "3"] },
    Smoke { name: "python3", needs: "python3", args: &["python3", "-c", PYTHON] },
    Smoke {
        name: "perl",
        needs: "perl",
        args: &["perl", "-e", "print join ',', sort map { $_ x 99 } 1..9999"],
    },
    Smoke { name: "git version", needs: "git", args: &["git", "--version"] },
    Smoke { name: "git log", needs: "git", args: &["git", "log", "--stat", "-n", "20"] },
    Smoke { name: "cc", needs: "cc", args: &["sh", "-c", COMPILE] },
];

/// Becomes the program: its exit status and its signals are ours.
pub(crate) fn run(ws: &Workspace, args: &Args) -> Result<ExitCode> {
    let library = ws.build_library()?;
    let (program, rest) = args.program.split_first().context("no program named")?;
    let error = Command::new(program).args(rest).env("LD_PRELOAD", &library.shared).exec();
    Err(error).with_context(|| format!("cannot run {}", program.display()))
}

/// Runs every smoke program twice and compares.
pub(crate) fn smoke(ws: &Workspace, part: &mut Part) -> Result<()> {
    let library = ws.build_library()?.shared;
    part.verdict("the loader takes it", loaded(&library)?);
    for smoke in &SMOKES {
        if shell::has(smoke.needs) {
            part.verdict(smoke.name, compare(ws, smoke, &library)?);
        } else {
            part.missing(&format!("{}: the smoke run of {}", smoke.needs, smoke.name));
        }
    }
    Ok(())
}

/// Without this a library that the loader ignores would pass every comparison.
fn loaded(library: &Path) -> Result<Option<String>> {
    let mut command = Command::new("cat");
    let output = shell::capture(
        command.arg("/proc/self/maps").env("LD_PRELOAD", library),
        Duration::from_secs(20),
    )?;
    let there = output.success() && output.stdout.contains("libhakmem.so");
    Ok((!there).then(|| format!("libhakmem.so is not mapped: {}", output.ending())))
}

fn compare(ws: &Workspace, smoke: &Smoke, library: &Path) -> Result<Option<String>> {
    let mut fault = None;
    for _ in 0..ATTEMPTS {
        let plain = once(ws, smoke, None)?;
        let ours = once(ws, smoke, Some(library))?;
        fault = difference(&plain, &ours);
        if fault.is_none() {
            break;
        }
    }
    Ok(fault)
}

fn once(ws: &Workspace, smoke: &Smoke, library: Option<&Path>) -> Result<Output> {
    let (program, args) = smoke.args.split_first().context("empty smoke run")?;
    let mut command = Command::new(program);
    command.args(args).current_dir(&ws.root).env_remove("LD_PRELOAD");
    if let Some(library) = library {
        command.env("LD_PRELOAD", library);
    }
    shell::capture(&mut command, LIMIT)
}

fn difference(plain: &Output, ours: &Output) -> Option<String> {
    if ours.status != plain.status {
        return Some(format!("{} instead of {}", ours.ending(), plain.ending()));
    }
    for (stream, plain, ours) in
        [("stdout", &plain.stdout, &ours.stdout), ("stderr", &plain.stderr, &ours.stderr)]
    {
        if plain != ours {
            let pair = plain.lines().zip(ours.lines()).find(|(plain, ours)| plain != ours);
            return Some(format!("another {stream}: {pair:?}"));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Output {
        shell::capture(Command::new("sh").args(["-c", script]), Duration::from_secs(10)).unwrap()
    }

    #[test]
    fn a_difference_is_found() {
        let plain = shell("echo a; echo b");
        assert_eq!(difference(&plain, &shell("echo a; echo b")), None);
        assert_eq!(
            difference(&plain, &shell("echo a; echo c")).unwrap(),
            "another stdout: Some((\"b\", \"c\"))"
        );
        assert!(difference(&plain, &shell("echo a; echo b; echo >&2")).is_some());
        assert!(difference(&plain, &shell("echo a; echo b; exit 1")).is_some());
    }
}
