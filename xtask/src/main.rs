//! The project's commands; `cargo xtask help` lists them.

#[macro_use]
mod progress;

mod asm;
mod bench;
mod capi;
mod controls;
mod fuzz;
mod lab;
mod lint;
mod loom;
mod marks;
mod new_box;
mod programs;
mod report;
mod sanitize;
mod shell;
mod so;
mod soak;
mod test;
mod tidy;
mod trace;
mod valgrind;
mod workspace;
mod wrong;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use report::Report;
use workspace::Workspace;

/// The project's commands. CI runs `cargo xtask ci`, and so can you before a push.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the workloads on hakmem and its peers, interleaved, and print one table
    Bench(Box<bench::Args>),
    /// Check that boxes can be swapped, and what is said when one does not fit
    ///
    /// A part of `cargo xtask test`. `--list` prints the slots and the boxes that are known.
    Lab(lab::Args),
    /// Make a crate with a box of one's own to start from: right, and slow
    ///
    /// It compiles, passes its slot's conformance tests, says where to start, and can be given to
    /// `cargo xtask bench --swap SLOT=PATH::Type`. Nothing is written over.
    NewBox(new_box::Args),
    /// Make one HTML file of a result: pictures, tables, and every sample; it needs no network
    ///
    /// Of the newest result, unless one is named. With `--keep` the result stays in docs/results, and
    /// the tables of README.md are made of it.
    Report(bench::page::Args),
    /// Build the C library and run a program on it: `cargo xtask run -- ls -l`
    ///
    /// Sets `LD_PRELOAD` to the release libhakmem.so and becomes the program: its exit status,
    /// its signals and its terminal are its own.
    Run(programs::RunArgs),
    /// Run every test: tidy, cargo test, bounded models, assembly, the C library
    ///
    /// Prints one line a part, says by name what this machine lacks, and ends with the sum of
    /// all checks. Formatting and lints are `cargo xtask lint`; both are `cargo xtask ci`.
    ///
    /// With `--controls` it tests the tests instead: the bugs of tests/controls/*.toml are
    /// planted in a copy, one after another, and the tests that each names must fail.
    Test(test::Args),
    /// Run rustfmt, clippy and rustdoc with every warning an error
    Lint,
    /// Run what CI runs: lint, then test
    Ci,
    /// Run the fuzz targets, all or those named, for minutes
    ///
    /// With cargo-bolero and a nightly toolchain libFuzzer chooses the inputs by the code that they
    /// reach; without, they are random. A failure prints the command that shows it again. Under
    /// `cargo xtask test` each target runs for seconds.
    Fuzz(fuzz::Args),
    /// Run the loom models, all or those of the boxes named
    ///
    /// Every crates/BOX/tests/loom_*.rs is one model file, built with `--cfg loom` in a
    /// profile and a target directory of its own, and timed. Without `--bounded` loom explores
    /// every interleaving, which can take hours.
    Loom(loom::Args),
    /// Check what the compiler and the lints cannot: layers, atomics, headings, models
    ///
    /// Layers are compared with the table in crates/README.md. Every finding is one line:
    /// file, line, what to do, and the check's name in brackets.
    Tidy(tidy::Args),
    /// Compare the hot paths' assembly with benches/asm/ and with their budgets
    ///
    /// The hit path of an inlined allocation and drop, and of C malloc and free, is walked from
    /// the entry to its `ret` and counted. The golden files hold it with addresses made
    /// symbolic; they bind one compiler version, and under another only the budgets hold.
    Asm(asm::Args),
    /// Run tests under `ThreadSanitizer`, `AddressSanitizer` and Miri, with a nightly toolchain
    ///
    /// Names what the machine lacks, and what a tool cannot run. A race, a bad access or undefined
    /// behaviour that a tool sees is a failure.
    Sanitize(sanitize::Args),
    /// Run the programs of tests/valgrind under memcheck, on a library that tells it what it does
    Valgrind(valgrind::Args),
    /// Check what libhakmem.so needs, exports and keeps in thread-local storage
    So,
    /// Compile the C and C++ files below tests/c and run each on the C library
    ///
    /// Each runs on the default library and on the hardened one. Exit status 0 passes. Comment
    /// lines at the head of a file steer it:
    ///
    ///   // expect: abort TEXT     must die by SIGABRT, with TEXT in a line on stderr;
    ///                             ADDRESS in TEXT is the address that it printed last
    ///   // expect: undetected     is wrong, and ends well all the same
    ///   // hardened: abort TEXT   the same on the hardened library
    ///   // hardened: undetected
    ///   // hardened: fault        must die by SIGSEGV there
    ///   // only: default REASON   is not run on the hardened library
    ///   // limit-as-kib: N        runs under `ulimit -v N`
    ///   // static                 is linked with libhakmem.a instead of preloading
    ///   // shared                 is linked with -lhakmem instead of preloading
    ///   // env: NAME=VALUE        has this in its environment
    ///   // cflags: ARGS           gives the compiler more arguments
    ///   // timeout-s: N           may take this long instead of 60 seconds
    #[command(verbatim_doc_comment)]
    Capi(capi::Args),
    /// Work on all paths for minutes, with every block checked, and see that memory stays flat
    ///
    /// Prints resident memory over time and leaves samples and a plot in target/soak/. Fails when
    /// the same phase of the work needs more and more memory. Ctrl-C ends it with what was seen.
    Soak(soak::Args),
    /// Run the wrong programs on hakmem and on other allocators, and print how each ends
    ///
    /// The programs are tests/c/wrong/*, the other allocators whatever the machine has of glibc,
    /// mimalloc, jemalloc and tcmalloc. `--write` puts the table into docs/wrong-programs.md.
    Wrong(wrong::Args),
    /// Run real programs with and without libhakmem.so and compare what they do
    ///
    /// What they print, how they end and the files that they leave must be the same. Times and
    /// peaks of memory (of the largest process) are printed beside each other. Programs that this
    /// machine lacks are named; `--install` gets them by apt-get.
    Programs(programs::Args),
    /// Record what a program asks its allocator for: `cargo xtask trace -- python3 script.py`
    ///
    /// The program runs on a recording build of the C library. The trace of it, or of that of its
    /// processes which did most, is a file that `cargo xtask bench --replay FILE` runs on every
    /// allocator; docs/traces.md describes it.
    Trace(trace::Args),
}

fn main() -> anyhow::Result<ExitCode> {
    let cli = Cli::parse();
    let ws = Workspace::find()?;
    progress::keep_in(&ws.target);
    let mut report = Report::new();
    match &cli.command {
        Command::Report(args) if args.check => {
            report.part("report", |part| bench::page::browser::check(&ws, part));
        }
        Command::Report(args) => return bench::page::run(&ws, args).map(|()| ExitCode::SUCCESS),
        Command::Bench(args) => return bench::run(args).map(|()| ExitCode::SUCCESS),
        Command::NewBox(args) if args.check => {
            report.part("new-box", |part| new_box::check::check(&ws, part));
        }
        Command::NewBox(args) => return new_box::run(&ws, args).map(|()| ExitCode::SUCCESS),
        Command::Lab(args) if args.list => {
            lab::list();
            return Ok(ExitCode::SUCCESS);
        }
        Command::Lab(args) => report.part("lab", |part| lab::check::run(&ws, args, part)),
        Command::Run(args) => return programs::become_program(&ws, args),
        Command::Test(args) => return test::run(&ws, args, report),
        Command::Lint => {
            report.expect(lint::parts());
            lint::run(&ws, &mut report);
        }
        Command::Ci => {
            report.expect(lint::parts().chain(test::parts()));
            lint::run(&ws, &mut report);
            test::all(&ws, &mut report);
        }
        Command::Fuzz(args) if args.list => {
            return fuzz::list(&ws, args).map(|()| ExitCode::SUCCESS);
        }
        Command::Fuzz(args) => report.part("fuzz", |part| fuzz::check(&ws, args, part)),
        Command::Loom(args) => report.part("loom", |part| loom::check(&ws, args, part)),
        Command::Tidy(args) => return tidy::run(&ws, args),
        Command::Asm(args) => report.part("asm", |part| asm::check(&ws, args, part)),
        Command::Valgrind(args) => {
            report.part("valgrind", |part| valgrind::check(&ws, args, part));
        }
        Command::Sanitize(args) => {
            report.part("sanitize", |part| sanitize::check(&ws, args, part));
        }
        Command::So => report.part("so", |part| so::check(&ws, part)),
        Command::Wrong(args) => report.part("wrong", |part| wrong::check(&ws, args, part)),
        Command::Capi(args) => report.part("capi", |part| capi::check(&ws, args, part)),
        Command::Soak(args) => report.part("soak", |part| soak::check(&ws, args, part)),
        Command::Trace(args) if args.check => {
            report.part("trace", |part| trace::check::check(&ws, part));
        }
        Command::Trace(args) => return trace::run(&ws, args).map(|()| ExitCode::SUCCESS),
        Command::Programs(args) if args.list => {
            programs::list(args);
            return Ok(ExitCode::SUCCESS);
        }
        Command::Programs(args) => {
            report.part("programs", |part| programs::check(&ws, args, part));
        }
    }
    Ok(report.finish())
}
