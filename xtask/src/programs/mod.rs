//! `cargo xtask programs` and `cargo xtask run`: whole programs on libhakmem.so.
//!
//! Each program runs twice in the same empty folder, on the system's allocator and on the library.
//! What it prints, how it ends and what it leaves in `out/` must be the same. Times and peaks of
//! memory are shown and judged by nobody.

mod install;
mod loads;
mod outcome;
mod table;

use std::ffi::OsString;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::lab;
use crate::progress::{self, Bar};
use crate::report::Part;
use crate::shell;
use crate::workspace::{Build, Library, Workspace};
use loads::Loads;
use outcome::Outcome;
use table::{PROGRAMS, Program};

/// A program that takes longer on the system's allocator hangs.
const LIMIT: Duration = Duration::from_secs(900);

/// On the library it may take so many times as long, and so much more: machines are busy at times,
/// and no more is asked than that it ends.
const TIMES: u32 = 10;
const MORE: Duration = Duration::from_secs(30);

/// What `cargo xtask programs` takes.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct Args {
    /// Run only the program of this name, or those whose name contains one of these
    filters: Vec<String>,
    /// Run only what `cargo xtask test` runs: about a minute in all
    #[arg(long)]
    quick: bool,
    /// Run on the hardened library
    #[arg(long, conflicts_with = "swaps")]
    hardened: bool,
    #[command(flatten)]
    lab: lab::Swaps,
    /// First install what this machine lacks, with apt-get
    #[arg(long)]
    install: bool,
    /// Print the names of the programs, and what each needs
    #[arg(long)]
    pub(crate) list: bool,
}

impl Args {
    /// As a part of `cargo xtask test`.
    pub(crate) fn quick() -> Self {
        Self { quick: true, ..Self::default() }
    }

    fn wanted(&self) -> Vec<&'static Program> {
        let by_name = |program: &&Program| self.filters.iter().any(|name| name == program.name);
        let some: Vec<_> = PROGRAMS.iter().filter(by_name).collect();
        if !some.is_empty() {
            return some;
        }
        let part_of = |program: &&Program| {
            self.filters.is_empty() || self.filters.iter().any(|part| program.name.contains(part))
        };
        let in_time = |program: &&Program| !(self.quick && program.long);
        PROGRAMS.iter().filter(part_of).filter(in_time).collect()
    }
}

/// What `cargo xtask run` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct RunArgs {
    /// Run it on the hardened library
    #[arg(long, conflicts_with = "swaps")]
    hardened: bool,
    #[command(flatten)]
    lab: lab::Swaps,
    /// The program and its arguments.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
    program: Vec<OsString>,
}

/// Becomes the program: its exit status and its signals are ours.
pub(crate) fn become_program(ws: &Workspace, args: &RunArgs) -> Result<ExitCode> {
    let library = library(ws, args.hardened, &args.lab)?;
    let (program, rest) = args.program.split_first().context("no program named")?;
    let error = Command::new(program).args(rest).env("LD_PRELOAD", &library.shared).exec();
    Err(error).with_context(|| format!("cannot run {}", program.display()))
}

/// The library that the flags name.
fn library(ws: &Workspace, hardened: bool, swaps: &lab::Swaps) -> Result<Library> {
    match swaps.library(ws)? {
        Some(library) => Ok(library),
        None => ws.build(Build::chosen(hardened)),
    }
}

/// Runs every program that is wanted and here, twice each, and compares.
pub(crate) fn check(ws: &Workspace, args: &Args, part: &mut Part) -> Result<()> {
    let wanted = args.wanted();
    ensure!(!wanted.is_empty(), "no program of that name; --list prints them");
    if args.install {
        install::install(&wanted)?;
    }
    let library = library(ws, args.hardened, &args.lab)?.shared;
    say!("        {:<20}{:>22}{:>22}  processes", "program", "system", "hakmem");
    let bar = Bar::new("programs", wanted.iter().map(|program| program.name));
    for program in wanted {
        let lacks: Vec<_> = program.needs.iter().filter(|need| !shell::has(need)).collect();
        match lacks.as_slice() {
            [] => {
                let place = Place::new(ws, program);
                bar.step(program.name, || judge(&place, program, &library, part))?;
            }
            [first, ..] => part.missing(&format!("{first}: the program {}", program.name)),
        }
    }
    Ok(())
}

/// Prints the table of programs.
pub(crate) fn list(args: &Args) {
    for program in args.wanted() {
        let how_long = if program.long { "long" } else { "quick" };
        say!("{:<20}{how_long:<6} needs {}", program.name, program.needs.join(", "));
    }
}

/// The folders of one program.
struct Place {
    scripts: PathBuf,
    /// Emptied before each run, so that both runs see the same names.
    work: PathBuf,
    logs: PathBuf,
}

impl Place {
    fn new(ws: &Workspace, program: &Program) -> Self {
        let own = ws.target.join("programs").join(program.name);
        let scripts = ws.root.join("tests/programs");
        Self { scripts, work: own.join("work"), logs: own.join("logs") }
    }

    fn run(
        &self,
        program: &Program,
        library: Option<&Path>,
        limit: Duration,
    ) -> Result<(Outcome, Loads)> {
        for folder in [&self.work, &self.logs] {
            if folder.exists() {
                fs::remove_dir_all(folder)?;
            }
        }
        fs::create_dir_all(&self.logs)?;
        for inside in ["out", "tmp"] {
            fs::create_dir_all(self.work.join(inside))?;
        }
        let mut command = Command::new("sh");
        command.args(["-eu", "-c", program.run]).current_dir(&self.work);
        command.env("S", &self.scripts).env("TMPDIR", self.work.join("tmp"));
        command.envs([("LC_ALL", "C.UTF-8"), ("TZ", "UTC"), ("TERM", "dumb")]);
        // In both runs, so that both have the same environment.
        command.env("LD_DEBUG", "files").env("LD_DEBUG_OUTPUT", self.logs.join("ld"));
        match library {
            Some(library) => command.env("LD_PRELOAD", library),
            None => command.env_remove("LD_PRELOAD"),
        };
        let output = shell::capture(&mut command, limit)?;
        let loads = Loads::read(&self.logs)?;
        Ok((Outcome::new(output, program, &self.work)?, loads))
    }
}

fn judge(place: &Place, program: &Program, library: &Path, part: &mut Part) -> Result<()> {
    let (plain, _) = place.run(program, None, LIMIT)?;
    let limit = plain.took() * TIMES + MORE;
    let (ours, loads) = place.run(program, Some(library), limit)?;
    let fault = loads
        .refused()
        .or_else(|| plain.difference(&ours))
        .or_else(|| loads.absent(program.needs))
        .or_else(|| plain.useless(program));
    match fault {
        Some(fault) => {
            progress::print(&ours.shown());
            part.fail(program.name, &fault);
        }
        None => part.pass(&format!(
            "{:<20}{:>22}{:>22}{:>11}",
            program.name,
            plain.cost(),
            ours.cost(),
            loads.processes()
        )),
    }
    Ok(())
}
