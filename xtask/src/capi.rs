//! `cargo xtask capi`: C programs against the C library.
//!
//! Every `tests/c/*.c` is one test, and so is every `*.cc` where there is a C++ compiler. Exit
//! status 0 passes; 77 says that this machine lacks what the last line on stderr names. Comment
//! lines at its head steer it:
//!
//! ```c
//! // expect: abort double free     dies by SIGABRT, with this text in a line on stderr
//! // limit-as-kib: 200000          runs under `ulimit -v`
//! // static                        linked with libhakmem.a instead of preloading
//! // preload-too                   with `static`: preloaded beside it
//! // compiler: musl-gcc            this one or none
//! // library: a/b.so c.c -lm       compiles tests/c/libraries/c.c; `{archive}` is libhakmem.a,
//! //                               and the program's first argument is the folder of `a`
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

/// How a program says that the machine lacks something.
const MISSING: i32 = 77;

/// Language, warnings, and no cleverness about `malloc`.
const C: [&str; 5] = ["-std=gnu11", "-Wall", "-O1", "-fno-builtin", "-pthread"];
const CXX: [&str; 5] = ["-std=gnu++17", "-Wall", "-O1", "-fno-builtin", "-pthread"];

/// Sets the limits, then becomes the program: core size, address space, library, program.
const LAUNCH: &str = r#"ulimit -c 0
[ "$1" = - ] || ulimit -v "$1" || exit 125
[ "$2" = - ] || { LD_PRELOAD=$2; export LD_PRELOAD; }
exec "$3" "$4""#;

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
    preloaded_too: bool,
    compiler: Option<String>,
    libraries: Vec<CLibrary>,
    env: Vec<(String, String)>,
    cflags: Vec<String>,
}

/// A shared library that a program opens.
#[derive(Debug, PartialEq, Eq)]
struct CLibrary {
    file: String,
    source: String,
    flags: Vec<String>,
}

/// How a test ended.
#[derive(Debug, PartialEq, Eq)]
enum Ending {
    Passed,
    Failed(String),
    Missing(String),
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
        match run_one(&file, &out.join(&name), &library, args.limit_s) {
            Ok(Ending::Passed) => part.verdict(&name, None),
            Ok(Ending::Failed(fault)) => part.verdict(&name, Some(fault)),
            Ok(Ending::Missing(what)) => part.missing(&format!("{what}: the test {name}")),
            Err(error) => part.verdict(&name, Some(format!("{error:#}"))),
        }
    }
    Ok(())
}

/// The first compiler of this machine for a file of this name.
fn compiler(file: &Path) -> Option<&'static str> {
    let names = match file.extension().is_some_and(|extension| extension == "cc") {
        true => ["c++", "g++", "clang++"],
        false => ["cc", "gcc", "clang"],
    };
    names.into_iter().find(|name| shell::has(name))
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

/// Compiles and runs one file.
fn run_one(file: &Path, out: &Path, library: &Library, limit_s: Option<u64>) -> Result<Ending> {
    let wanted = directives(&fs::read_to_string(file)?)?;
    let compiler = match &wanted.compiler {
        Some(name) => name.as_str(),
        None => compiler(file).unwrap_or("a C or C++ compiler"),
    };
    if !shell::has(compiler) {
        return Ok(Ending::Missing(compiler.to_owned()));
    }
    let folder = out.with_extension("d");
    for library_of_test in &wanted.libraries {
        library_of_test.build(file, &folder, library)?;
    }
    let mut compile = Command::new(compiler);
    compile.args(if file.extension().is_some_and(|extension| extension == "cc") { CXX } else { C });
    compile.arg("-o").arg(out).arg(file);
    if wanted.linked {
        compile.arg(&library.archive);
    }
    build(compile.args(&wanted.cflags))?;

    let limit = wanted.limit_kib.map_or_else(|| "-".to_owned(), |kib| kib.to_string());
    let preloaded = !wanted.linked || wanted.preloaded_too;
    let mut run = Command::new("sh");
    run.args(["-c", LAUNCH, "capi", &limit])
        .arg(if preloaded { &library.shared } else { Path::new("-") })
        .args([out, &folder])
        .envs(wanted.env.iter().map(|(name, value)| (name, value)));
    let seconds = wanted.timeout.unwrap_or(60).min(limit_s.unwrap_or(u64::MAX));
    let output = shell::capture(&mut run, Duration::from_secs(seconds))?;
    let ending = judge(&wanted, &output);
    if matches!(ending, Ending::Failed(_)) {
        eprint!("{}{}", output.stdout, output.stderr);
    }
    Ok(ending)
}

/// Runs a compiler.
fn build(compile: &mut Command) -> Result<()> {
    let built = shell::capture(compile, Duration::from_secs(60))?;
    ensure!(built.success(), "does not compile:\n{}", built.stderr);
    Ok(())
}

impl CLibrary {
    /// Of the text `a/b.so c.c flags`.
    fn parse(text: &str) -> Option<Self> {
        let mut words = text.split_whitespace().map(str::to_owned);
        Some(Self { file: words.next()?, source: words.next()?, flags: words.collect() })
    }

    /// Compiles it for the test `file`, into `folder`.
    fn build(&self, file: &Path, folder: &Path, library: &Library) -> Result<()> {
        let source = file.with_file_name("libraries").join(&self.source);
        let out = folder.join(&self.file);
        fs::create_dir_all(out.parent().unwrap_or(folder))?;
        let mut compile = Command::new(compiler(&source).context("no compiler")?);
        compile.args(C).args(["-fPIC", "-shared", "-o"]).arg(out).arg(source);
        let archive = library.archive.to_string_lossy();
        build(compile.args(self.flags.iter().map(|flag| flag.replace("{archive}", &archive))))
    }
}

fn judge(wanted: &Directives, output: &Output) -> Ending {
    if output.stderr.contains("cannot be preloaded") {
        return Ending::Failed("the loader refused libhakmem.so".to_owned());
    }
    match &wanted.abort {
        _ if output.status.and_then(|status| status.code()) == Some(MISSING) => {
            Ending::Missing(output.stderr.lines().last().unwrap_or("something").to_owned())
        }
        None if output.success() => Ending::Passed,
        None => Ending::Failed(output.ending()),
        Some(_) if output.signal() != Some(SIGABRT) => {
            Ending::Failed(format!("should have aborted: {}", output.ending()))
        }
        Some(text) if output.stderr.lines().any(|line| line.contains(text)) => Ending::Passed,
        Some(text) => {
            Ending::Failed(format!("aborted without a line `{text}`: {}", output.ending()))
        }
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
            "preload-too" if value.is_empty() => wanted.preloaded_too = true,
            "compiler" => wanted.compiler = Some(value.to_owned()),
            "library" => wanted
                .libraries
                .push(CLibrary::parse(value).context("library: FILE.so SOURCE.c FLAGS")?),
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
    fn reads_what_is_built_and_preloaded() {
        let wanted = directives(
            "// static\n// preload-too\n// compiler: musl-gcc\n// library: a/b.so c.c -lm -lz\n",
        )
        .unwrap();
        assert!(wanted.linked && wanted.preloaded_too);
        assert_eq!(wanted.compiler.as_deref(), Some("musl-gcc"));
        let [library] = &wanted.libraries[..] else { panic!("one library") };
        assert_eq!((library.file.as_str(), library.source.as_str()), ("a/b.so", "c.c"));
        assert_eq!(library.flags, ["-lm", "-lz"]);
    }

    #[test]
    fn judges_an_expected_abort() {
        let wanted = directives("// expect: abort double free\n").unwrap();
        let fault = |script| match judge(&wanted, &shell(script)) {
            Ending::Failed(fault) => fault,
            other => format!("{other:?}"),
        };
        let good = "ulimit -c 0; echo 'hakmem: double free of 0x10' >&2; kill -ABRT $$";
        assert_eq!(fault(good), "Passed");
        assert!(fault("ulimit -c 0; kill -ABRT $$").starts_with("aborted without"));
        assert!(fault("echo double free >&2").starts_with("should have aborted"));
    }

    #[test]
    fn judges_a_plain_test() {
        let wanted = Directives::default();
        assert_eq!(judge(&wanted, &shell("exit 0")), Ending::Passed);
        let failed = Ending::Failed("exit status: 7".to_owned());
        assert_eq!(judge(&wanted, &shell("exit 7")), failed);
        let refused = shell("echo 'object cannot be preloaded: ignored.' >&2");
        assert!(matches!(judge(&wanted, &refused), Ending::Failed(_)));
        let missing = Ending::Missing("a thing".to_owned());
        assert_eq!(judge(&wanted, &shell("echo 'a thing' >&2; exit 77")), missing);
    }
}
