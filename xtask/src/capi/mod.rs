//! `cargo xtask capi`: C programs against the C library.
//!
//! Every `*.c` below `tests/c` is one test, and so is every `*.cc` where there is a C++ compiler,
//! but for what is in `tests/c/libraries`. It runs on the default library and on the hardened one.
//! Exit status 0 passes; 77 says that this machine lacks what the last line on stderr names.
//! Comment lines at its head steer it:
//!
//! ```c
//! // expect: abort double free     on the default library it dies by SIGABRT, with this text in a
//! //                               line on stderr; ADDRESS in it is the address printed last
//! // expect: undetected            exit status 0: wrong, and nobody sees it
//! // hardened: ...                 the same for the hardened library, or:
//! // hardened: fault               dies by SIGSEGV
//! // only: default REASON          is not run on the hardened library
//! // limit-as-kib: 200000          runs under `ulimit -v`
//! // static                        linked with libhakmem.a instead of preloading
//! // shared                        linked with -lhakmem instead of preloading
//! // preload-too                   with `static`: preloaded beside it
//! // compiler: musl-gcc            this one or none
//! // library: a/b.so c.c -lm       compiles tests/c/libraries/c.c; `{archive}` is libhakmem.a,
//! //                               and the program's first argument is the folder of `a`
//! // env: NAME=VALUE               in the program's environment
//! // cflags: -lm                   more arguments for the compiler
//! // timeout-s: 120                instead of 60 seconds
//! ```

mod directives;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::slice;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::lab;
use crate::lab::boxes::Limit;
use crate::progress::{self, Bar};
use crate::report::Part;
use crate::shell::{self, Output};
use crate::workspace::{Build, Library, Workspace};
use directives::{CLibrary, Directives, Outcome};

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
    /// Run only the files whose name contains one of these, such as `wrong/` or `fork`
    filters: Vec<String>,
    /// Take the names whole, without their ending, such as `wrong/double_span`
    #[arg(long)]
    exact: bool,
    /// Give no program more than this many seconds
    #[arg(long, value_name = "N")]
    limit_s: Option<u64>,
    /// Run on the default library only
    #[arg(long, conflicts_with = "swaps")]
    default: bool,
    /// Run on the hardened library only
    #[arg(long, conflicts_with_all = ["default", "swaps"])]
    hardened: bool,
    #[command(flatten)]
    lab: lab::Swaps,
}

/// One C file.
#[derive(Debug)]
pub(crate) struct Test {
    /// Its path below `tests/c`.
    pub(crate) name: String,
    pub(crate) file: PathBuf,
}

/// A test that was compiled.
#[derive(Debug)]
pub(crate) struct Program {
    wanted: Directives,
    file: PathBuf,
    /// Where the shared libraries are that it opens.
    folder: PathBuf,
}

/// Builds the libraries, then compiles and runs every C file.
pub(crate) fn check(ws: &Workspace, args: &Args, part: &mut Part) -> Result<()> {
    let mut tests = tests(&ws.root.join("tests/c"))?;
    tests.retain(|test| args.wants(test));
    if tests.is_empty() {
        part.missing("no such file in tests/c");
        return Ok(());
    }
    if let Some(library) = args.lab.library(ws)? {
        check_on(ws, args, &tests, &[library], part);
        return Ok(());
    }
    let libraries: Vec<Library> =
        args.builds().into_iter().map(|build| ws.build(build)).collect::<Result<_>>()?;
    check_on(ws, args, &tests, &libraries, part);
    Ok(())
}

/// All tests on each library.
fn check_on(ws: &Workspace, args: &Args, tests: &[Test], libraries: &[Library], part: &mut Part) {
    let runs = libraries.iter().flat_map(|library| tests.iter().map(move |test| (test, library)));
    let runs: Vec<_> = runs.map(|(test, library)| (test.name_on(library), test, library)).collect();
    let bar = Bar::new("capi", runs.iter().map(|(name, ..)| name));
    for (name, test, library) in &runs {
        bar.step(name, || check_one(ws, args, test, library, name, part));
    }
}

/// The files whose names, without an ending, are wanted, on a library that is built already.
pub(crate) fn check_library(
    ws: &Workspace,
    wanted: impl Fn(&str) -> bool,
    library: &Library,
    part: &mut Part,
) -> Result<()> {
    let mut tests = tests(&ws.root.join("tests/c"))?;
    tests.retain(|test| wanted(stem(&test.name)));
    ensure!(!tests.is_empty(), "none of these is in tests/c");
    check_on(ws, &Args::default(), &tests, slice::from_ref(library), part);
    Ok(())
}

impl Args {
    fn builds(&self) -> Vec<Build> {
        let mut builds = vec![Build::Default, Build::Hardened];
        builds.retain(|build| match build {
            Build::Default => !self.hardened,
            Build::Hardened => !self.default,
        });
        builds
    }

    fn wants(&self, test: &Test) -> bool {
        let matches = |filter: &String| match self.exact {
            true => stem(&test.name) == filter,
            false => test.name.contains(filter.as_str()),
        };
        self.filters.is_empty() || self.filters.iter().any(matches)
    }

    /// How long a program with these directives may take.
    fn limit(&self, wanted: &Directives) -> Duration {
        let own = wanted.timeout.unwrap_or(60);
        Duration::from_secs(own.min(self.limit_s.unwrap_or(u64::MAX)))
    }
}

/// The C and C++ programs below `root`, in order.
pub(crate) fn tests(root: &Path) -> Result<Vec<Test>> {
    let mut tests = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries {
            let file = entry?.path();
            let name = file.strip_prefix(root)?.to_string_lossy().into_owned();
            if file.is_dir() && name != "libraries" {
                folders.push(file);
            } else if name.ends_with(".c") || name.ends_with(".cc") {
                tests.push(Test { name, file });
            }
        }
    }
    tests.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(tests)
}

impl Test {
    fn name_on(&self, library: &Library) -> String {
        match (library.build, &library.boxes) {
            (Build::Default, None) => self.name.clone(),
            (Build::Default, Some(boxes)) => format!("{} ({boxes})", self.name),
            (Build::Hardened, _) => format!("{} (hardened)", self.name),
        }
    }
}

/// One test on one library.
fn check_one(
    ws: &Workspace,
    args: &Args,
    test: &Test,
    library: &Library,
    name: &str,
    part: &mut Part,
) {
    let limit = library.limits.iter().find(|limit| limit.program == stem(&test.name));
    match run_one(ws, args, test, library) {
        Ok(None) => {}
        Ok(Some(outcome)) => record(part, name, outcome, limit),
        Err(error) => part.fail(name, &format!("{error:#}")),
    }
}

/// Says how a test came out. One that is listed as a limit of a box must not pass, unless it does at
/// times: a list that says too much hides what is broken later.
fn record(part: &mut Part, name: &str, outcome: Outcome, limit: Option<&Limit>) {
    match (outcome, limit) {
        (Outcome::Passed, Some(limit)) if !limit.at_times => {
            part.fail(name, "it passes, and is listed as a limit of the box");
        }
        (Outcome::Passed, _) => part.pass(name),
        (Outcome::Failed(_), Some(limit)) => part.known(name, limit.reason),
        (Outcome::Failed(fault), None) => part.fail(name, &fault),
        (Outcome::Missing(what), _) => part.missing(&format!("{what}: the test {name}")),
    }
}

/// The name of a test without its ending.
fn stem(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}

/// Compiles and runs one file. `None`: it is not for this library.
fn run_one(ws: &Workspace, args: &Args, test: &Test, library: &Library) -> Result<Option<Outcome>> {
    let wanted = Directives::parse(&fs::read_to_string(&test.file)?)?;
    let ending = match library.build {
        Build::Default => &wanted.expect,
        Build::Hardened if wanted.only_default.is_some() => return Ok(None),
        Build::Hardened => &wanted.hardened,
    };
    let ending = ending.clone();
    let compiler = match &wanted.compiler {
        Some(name) => name.clone(),
        None => compiler(&test.file).unwrap_or("a C or C++ compiler").to_owned(),
    };
    if !shell::has(&compiler) {
        return Ok(Some(Outcome::Missing(compiler)));
    }
    let limit = args.limit(&wanted);
    let preloaded = !(wanted.linked || wanted.linked_shared) || wanted.preloaded_too;
    let preload = preloaded.then_some(library.shared.as_path());
    let program = compile(ws, &compiler, test, wanted, Some(library))?;
    let output = program.run(preload, limit)?;
    let outcome = ending.judge(&output);
    if matches!(outcome, Outcome::Failed(_)) {
        progress::complain(&(output.stdout.clone() + &output.stderr));
    }
    Ok(Some(outcome))
}

/// The first compiler of this machine for a file of this name.
fn compiler(file: &Path) -> Option<&'static str> {
    let names = match is_cxx(file) {
        true => ["c++", "g++", "clang++"],
        false => ["cc", "gcc", "clang"],
    };
    names.into_iter().find(|name| shell::has(name))
}

fn is_cxx(file: &Path) -> bool {
    file.extension().is_some_and(|extension| extension == "cc")
}

/// Compiles one file and the libraries that it opens.
fn compile(
    ws: &Workspace,
    compiler: &str,
    test: &Test,
    wanted: Directives,
    library: Option<&Library>,
) -> Result<Program> {
    let root = ws.root.join("tests/c");
    let file = ws.target.join("capi").join(&test.name);
    let program = Program { wanted, folder: file.with_extension("d"), file };
    let wanted = &program.wanted;
    fs::create_dir_all(program.file.parent().unwrap_or(&root))?;
    for library_of_test in &wanted.libraries {
        library_of_test.build(&root, &program.folder, library.context("needs the library")?)?;
    }
    let mut compile = Command::new(compiler);
    compile.args(if is_cxx(&test.file) { CXX } else { C }).arg("-I").arg(&root);
    compile.arg("-I").arg(ws.root.join("crates/hakmem-malloc/include"));
    compile.arg("-o").arg(&program.file).arg(&test.file);
    if wanted.linked {
        compile.arg(&library.context("needs the library")?.archive);
    }
    if wanted.linked_shared {
        compile.args(library.context("needs the library")?.link_flags()?);
    }
    build(compile.args(&wanted.cflags))?;
    Ok(program)
}

/// Runs a compiler.
fn build(compile: &mut Command) -> Result<()> {
    let built = shell::capture(compile, Duration::from_secs(60))?;
    ensure!(built.success(), "does not compile:\n{}", built.stderr);
    Ok(())
}

impl CLibrary {
    /// Compiles it into `folder`; `root` is the folder of the tests.
    fn build(&self, root: &Path, folder: &Path, library: &Library) -> Result<()> {
        let source = root.join("libraries").join(&self.source);
        let out = folder.join(&self.file);
        fs::create_dir_all(out.parent().unwrap_or(folder))?;
        let mut compile = Command::new(compiler(&source).context("no compiler")?);
        compile.args(C).args(["-fPIC", "-shared", "-o"]).arg(out).arg(source);
        let archive = library.archive.to_string_lossy();
        build(compile.args(self.flags.iter().map(|flag| flag.replace("{archive}", &archive))))
    }
}

impl Program {
    /// Compiles a test that is not linked with the library.
    pub(crate) fn of(ws: &Workspace, test: &Test) -> Result<Self> {
        let wanted = Directives::parse(&fs::read_to_string(&test.file)?)?;
        compile(ws, compiler(&test.file).context("no compiler")?, test, wanted, None)
    }

    /// Runs it, on the C library's own malloc if there is nothing to preload.
    pub(crate) fn run(&self, preload: Option<&Path>, limit: Duration) -> Result<Output> {
        let limit_kib = self.wanted.limit_kib.map_or_else(|| "-".to_owned(), |kib| kib.to_string());
        let mut run = Command::new("sh");
        run.args(["-c", LAUNCH, "capi", &limit_kib])
            .arg(preload.unwrap_or(Path::new("-")))
            .args([&self.file, &self.folder])
            // Cargo's own, which has a libhakmem.so of another profile.
            .env_remove("LD_LIBRARY_PATH")
            .envs(self.wanted.env.iter().map(|(name, value)| (name, value)));
        shell::capture(&mut run, limit)
    }
}

#[cfg(test)]
mod checks {
    use super::*;

    #[test]
    fn a_limit_is_reported_and_must_be_one() {
        let limit = |at_times| Limit { program: "fork", reason: "it hangs", at_times };
        let failed = || Outcome::Failed("signal 11".to_owned());
        let told = |outcome, limit: Option<Limit>| {
            let mut part = Part::new("capi");
            record(&mut part, "fork.c (front=mine)", outcome, limit.as_ref());
            part.counts()
        };
        assert_eq!(told(Outcome::Passed, None), [1, 0, 0]);
        assert_eq!(told(failed(), None), [0, 1, 0]);
        for at_times in [false, true] {
            assert_eq!(told(failed(), Some(limit(at_times))), [0, 0, 1]);
        }
        assert_eq!(told(Outcome::Passed, Some(limit(true))), [1, 0, 0]);
        assert_eq!(told(Outcome::Passed, Some(limit(false))), [0, 1, 0], "a list that is too long");
    }

    #[test]
    fn names_select_files() {
        let test = Test { name: "wrong/stack.c".to_owned(), file: PathBuf::new() };
        let wants = |filters: &[&str], exact| {
            let filters = filters.iter().map(|&filter| filter.to_owned()).collect();
            Args { filters, exact, ..Args::default() }.wants(&test)
        };
        assert!(wants(&[], false) && wants(&["wrong/"], false) && wants(&["fork", "stack"], false));
        assert!(!wants(&["fork"], false) && !wants(&["stack"], true));
        assert!(wants(&["wrong/stack"], true));
    }
}
