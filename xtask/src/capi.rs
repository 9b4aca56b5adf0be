//! `cargo xtask capi`: C programs against the C library.
//!
//! Every `tests/c/*.c` is one test, and so is every `*.cc` where there is a C++ compiler. Exit
//! status 0 passes. Comment lines at its head steer it:
//!
//! ```c
//! // expect: abort double free     dies by SIGABRT, with this text in a line on stderr
//! // limit-as-kib: 200000          runs under `ulimit -v`
//! // static                        linked with libhakmem.a instead of preloading
//! // env: NAME=VALUE               in the program's environment
//! // cflags: -lm                   more arguments for the compiler
//! // timeout-s: 120                instead of 60 seconds
//! ```

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::report::Part;
use crate::shell::{self, Output};
use crate::workspace::{Library, Workspace};

const SIGABRT: i32 = 6;

/// Sets the limits, then becomes the program: core size, address space, library, program.
const LAUNCH: &str = r#"ulimit -c 0
[ "$1" = - ] || ulimit -v "$1" || exit 125
[ "$2" = - ] || { LD_PRELOAD=$2; export LD_PRELOAD; }
exec "$3""#;

/// What `cargo xtask capi` takes.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct Args {
    /// Run only the files whose name contains one of these.
    filters: Vec<String>,
    /// Take the names whole, without their ending.
    #[arg(long)]
    exact: bool,
    /// Give no program more than this many seconds.
    #[arg(long, value_name = "N")]
    limit_s: Option<u64>,
}

/// What the comment lines at the head of a file ask for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Directives {
    abort: Option<String>,
    limit_kib: Option<u64>,
    timeout: Option<u64>,
    linked: bool,
    env: Vec<(String, String)>,
    cflags: Vec<String>,
}

/// Builds the library, then compiles and runs every C file.
pub(crate) fn check(ws: &Workspace, args: &Args, part: &mut Part) -> Result<()> {
    let files = c_files(&ws.root.join("tests/c"), args)?;
    if files.is_empty() {
        part.missing("no file in tests/c");
        return Ok(());
    }
    let library = ws.build_library()?;
    let out = ws.target.join("capi");
    fs::create_dir_all(&out)?;
    for file in files {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let Some(compiler) = compiler(&name) else {
            part.missing(&format!("a C or C++ compiler: the test {name}"));
            continue;
        };
        let fault = match run_one(compiler, &file, &out.join(&name), &library, args.limit_s) {
            Ok(fault) => fault,
            Err(error) => Some(format!("{error:#}")),
        };
        part.verdict(&name, fault);
    }
    Ok(())
}

/// The first compiler of this machine for a file of this name, with the language it is to speak.
fn compiler(file: &str) -> Option<(&'static str, &'static str)> {
    let (names, standard) = match file.ends_with(".cc") {
        true => (["c++", "g++", "clang++"], "-std=gnu++17"),
        false => (["cc", "gcc", "clang"], "-std=gnu11"),
    };
    names.into_iter().find(|name| shell::has(name)).map(|name| (name, standard))
}

fn c_files(folder: &Path, args: &Args) -> Result<Vec<PathBuf>> {
    let Ok(entries) = fs::read_dir(folder) else { return Ok(Vec::new()) };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let takes = |filter: &String| match args.exact {
            true => stem == filter.as_str(),
            false => name.contains(filter),
        };
        let wanted = args.filters.is_empty() || args.filters.iter().any(takes);
        if (name.ends_with(".c") || name.ends_with(".cc")) && wanted {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Compiles and runs one file; returns what is wrong.
fn run_one(
    (compiler, standard): (&str, &str),
    file: &Path,
    out: &Path,
    library: &Library,
    limit_s: Option<u64>,
) -> Result<Option<String>> {
    let wanted = directives(&fs::read_to_string(file)?)?;
    let mut compile = Command::new(compiler);
    compile.args([standard, "-Wall", "-O1", "-fno-builtin", "-pthread", "-o"]);
    compile.arg(out).arg(file);
    if wanted.linked {
        compile.arg(&library.archive);
    }
    compile.args(&wanted.cflags);
    let built = shell::capture(&mut compile, Duration::from_secs(60))?;
    ensure!(built.success(), "does not compile:\n{}", built.stderr);

    let limit = wanted.limit_kib.map_or_else(|| "-".to_owned(), |kib| kib.to_string());
    let mut run = Command::new("sh");
    run.args(["-c", LAUNCH, "capi", &limit])
        .arg(if wanted.linked { Path::new("-") } else { &library.shared })
        .arg(out)
        .envs(wanted.env.iter().map(|(name, value)| (name, value)));
    let seconds = wanted.timeout.unwrap_or(60).min(limit_s.unwrap_or(u64::MAX));
    let output = shell::capture(&mut run, Duration::from_secs(seconds))?;
    let fault = judge(&wanted, &output);
    if fault.is_some() {
        eprint!("{}{}", output.stdout, output.stderr);
    }
    Ok(fault)
}

fn judge(wanted: &Directives, output: &Output) -> Option<String> {
    if output.stderr.contains("cannot be preloaded") {
        return Some("the loader refused libhakmem.so".to_owned());
    }
    match &wanted.abort {
        None if output.success() => None,
        None => Some(output.ending()),
        Some(_) if output.signal() != Some(SIGABRT) => {
            Some(format!("should have aborted: {}", output.ending()))
        }
        Some(text) if output.stderr.lines().any(|line| line.contains(text)) => None,
        Some(text) => Some(format!("aborted without a line `{text}`: {}", output.ending())),
    }
}

fn directives(source: &str) -> Result<Directives> {
    let mut wanted = Directives::default();
    let head = source.lines().map_while(|line| line.strip_prefix("//")).map(str::trim);
    for line in head {
        let (key, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.trim();
        match key {
            "static" if value.is_empty() => wanted.linked = true,
            "expect" => {
                let text = value.strip_prefix("abort").context("expect: only `abort <text>`")?;
                wanted.abort = Some(text.trim().to_owned());
            }
            "limit-as-kib" => wanted.limit_kib = Some(value.parse().context("limit-as-kib")?),
            "timeout-s" => wanted.timeout = Some(value.parse().context("timeout-s")?),
            "cflags" => wanted.cflags.extend(value.split_whitespace().map(str::to_owned)),
            "env" => {
                let (name, value) = value.split_once('=').context("env: NAME=VALUE")?;
                wanted.env.push((name.to_owned(), value.to_owned()));
            }
            // A misspelt directive must not turn a test into one that always passes.
            _ if looks_like_directive(line, key) => bail!("unknown directive `{line}`"),
            _ => {}
        }
    }
    Ok(wanted)
}

/// `word: value` or `two-words: value`, all lower case, is no prose.
fn looks_like_directive(line: &str, key: &str) -> bool {
    line.contains(": ") && key.chars().all(|c| c.is_ascii_lowercase() || c == '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_directives() {
        let wanted = directives(
            "// expect: abort double free\n// limit-as-kib: 200000\n// static\n\
             // env: A=b=c\n// Prose: free.\n\n// timeout-s: 9\n",
        )
        .unwrap();
        assert_eq!(wanted.abort.as_deref(), Some("double free"));
        assert_eq!(wanted.limit_kib, Some(200_000));
        assert!(wanted.linked);
        assert_eq!(wanted.env, [("A".to_owned(), "b=c".to_owned())]);
        assert_eq!(wanted.timeout, None, "after the head");
    }

    #[test]
    fn refuses_a_misspelt_directive() {
        assert!(directives("// limit-as-kb: 200000\n").is_err());
        assert!(directives("// expect: exit 3\n").is_err());
    }

    fn shell(script: &str) -> Output {
        shell::capture(Command::new("sh").args(["-c", script]), Duration::from_secs(10)).unwrap()
    }

    #[test]
    fn judges_an_expected_abort() {
        let wanted = directives("// expect: abort double free\n").unwrap();
        let good = shell("ulimit -c 0; echo 'hakmem: double free of 0x10' >&2; kill -ABRT $$");
        assert_eq!(judge(&wanted, &good), None);
        let silent = shell("ulimit -c 0; kill -ABRT $$");
        assert!(judge(&wanted, &silent).unwrap().starts_with("aborted without"));
        let alive = shell("echo double free >&2");
        assert!(judge(&wanted, &alive).unwrap().starts_with("should have aborted"));
    }

    #[test]
    fn judges_a_plain_test() {
        let wanted = Directives::default();
        assert_eq!(judge(&wanted, &shell("exit 0")), None);
        assert_eq!(judge(&wanted, &shell("exit 7")).unwrap(), "exit status: 7");
        let refused = shell("echo 'object cannot be preloaded: ignored.' >&2");
        assert!(judge(&wanted, &refused).is_some());
    }
}
