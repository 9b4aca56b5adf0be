//! `cargo xtask lab`: boxes of a crate outside of this workspace, one that fits and some that do not.
//!
//! The crates are made in a temporary folder. The workload is built without link-time optimisation:
//! it has to work, not to be fast.

use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use super::choice::Choice;
use super::{Args, Lab, files};
use crate::progress::{self, Bar};
use crate::report::Part;
use crate::workspace::Workspace;
use crate::{capi, shell};

/// A workload of a moment, whose checksum says whether blocks kept what was written.
const WORKLOAD: [&str; 7] = ["random-mixed", "--set", "256", "--ops", "20000", "--threads", "2"];

/// C programs that go through most of what the library has.
const PROGRAMS: [&str; 3] = ["api_basic", "threads", "header_static"];

/// Programs that say what the default boxes see. Others see other things.
const OF_THE_DEFAULT: &str = "wrong/";

/// Steps of the check.
const ALL_FIT: &str = "every known box fits its slot";
const SWAPPED: &str = "a workload and C programs";
const IS_RUN: &str = "what was swapped in is what runs";

/// Runs what is asked for.
pub(crate) fn run(ws: &Workspace, args: &Args, part: &mut Part) -> Result<()> {
    if args.each { each(ws, &args.filters, part) } else { check(ws, part) }
}

/// The C programs on each box that is known, one swapped at a time.
fn each(ws: &Workspace, filters: &[String], part: &mut Part) -> Result<()> {
    let (swaps, names): (Vec<&String>, Vec<&String>) =
        filters.iter().partition(|filter| filter.contains('='));
    let program = |name: &str| {
        !name.starts_with(OF_THE_DEFAULT)
            && (names.is_empty() || names.iter().any(|part| name.contains(part.as_str())))
    };
    let lab = Lab::new(&ws.root, &ws.target);
    let mut known: Vec<_> =
        Choice::each().into_iter().map(|choice| (choice.name(), choice)).collect();
    let wanted = |swap: &str| swaps.iter().any(|part| swap.contains(part.as_str()));
    known.retain(|(swap, _)| swaps.is_empty() || wanted(swap));
    let bar = Bar::new("each", known.iter().map(|(swap, _)| swap));
    for (swap, choice) in &known {
        bar.step(swap, || match progress::build(swap, || lab.library(choice)) {
            Ok(library) => capi::check_library(ws, program, &library, part),
            Err(error) => {
                part.fail(swap, &format!("{error:#}"));
                Ok(())
            }
        })?;
    }
    Ok(())
}

/// Makes crates of boxes, and swaps them in.
pub(crate) fn check(ws: &Workspace, part: &mut Part) -> Result<()> {
    let misfits = MISFITS.iter().map(|(swap, _)| *swap);
    let bar = Bar::new("lab", [ALL_FIT, SWAPPED, IS_RUN].into_iter().chain(misfits));
    let built = bar.step(ALL_FIT, || quick(ws).build_all());
    part.verdict(ALL_FIT, built.err().map(|error| format!("{error:#}")));
    let outside = Outside::new(ws)?;
    let [fits, never] = boxes_that_fit(ws)?;
    files::write(&outside.0.join("my-box/src/never.rs"), never.as_bytes())?;
    for (name, text) in [
        ("my-box", fits.as_str()),
        ("no-box", "#![no_std]\npub struct MyFront;\npub struct MyRegistry;\n"),
        ("broken-box", "#![no_std]\npub struct MyFront"),
    ] {
        package(ws, &outside.0, name, text)?;
    }
    bar.step(SWAPPED, || swapped(ws, &outside.0, part))?;
    part.verdict(IS_RUN, bar.step(IS_RUN, || without_blocks(ws, &outside.0))?);
    for (swap, line) in MISFITS {
        let fault = bar.step(swap, || misfit(ws, &outside.0, swap, line))?;
        part.verdict(&format!("--swap {swap}"), fault);
    }
    Ok(())
}

/// A temporary folder, always the same one for a target directory: what is built of it has a place of
/// its own there, and is written over by the next run.
struct Outside(PathBuf);

impl Outside {
    fn new(ws: &Workspace) -> Result<Self> {
        let mut hasher = DefaultHasher::new();
        ws.target.hash(&mut hasher);
        let folder = std::env::temp_dir().join(format!("hakmem-lab-{:016x}", hasher.finish()));
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        Ok(Self(folder))
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        // It is below the temporary folder: what stays there is cleaned up by the system.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The lab for what has to be built quickly.
fn quick(ws: &Workspace) -> Lab {
    Lab::new(&ws.root, &ws.target).quick()
}

/// What is swapped in, and how the complaint begins.
const MISFITS: [(&str, &str); 4] = [
    (
        "front=no-box::MyFront",
        "no-box::MyFront does not implement contract::FrontCache, which the slot front needs",
    ),
    (
        "registry=no-box::MyRegistry",
        "no-box::MyRegistry does not implement contract::Registry, contract::Survey, contract::Fresh, \
         which the slot registry needs",
    ),
    (
        "front=my-box::Misspelt",
        "my-box::Misspelt is not what the slot front needs: it has to be a type that others can name",
    ),
    ("front=broken-box::MyFront", "broken-box::MyFront: its crate does not compile"),
];

/// Two front caches: the source of one that is here, under another name and in another place, and the
/// same without ever a block.
fn boxes_that_fit(ws: &Workspace) -> Result<[String; 2]> {
    let file = ws.root.join("crates/direct-front/src/lib.rs");
    let text =
        fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let never = text.replace("Direct", "Never").replace("#![no_std]", "");
    let never = never.replace("Block::new(block)", "Block::new(block).and(None)");
    let fits = text
        .replace("Direct", "MyFront")
        .replace("use core::ptr;", "pub mod never;\nuse core::ptr;");
    ensure!(
        never.contains("and(None)") && fits.contains("pub mod never"),
        "{} is not what it was",
        file.display()
    );
    Ok([fits, never])
}

/// A crate that knows nothing of this workspace but where the traits are.
fn package(ws: &Workspace, base: &Path, name: &str, text: &str) -> Result<()> {
    let contract = ws.root.join("crates/contract");
    let manifest = format!(
        "[package]\nname = {name:?}\nversion = \"0.1.0\"\nedition = \"2024\"\n\n\
         [dependencies]\nhakmem-contract = {{ path = {contract:?} }}\n"
    );
    files::write(&base.join(name).join("Cargo.toml"), manifest.as_bytes())?;
    files::write(&base.join(name).join("src/lib.rs"), text.as_bytes())
}

/// A composition with a box of another crate and one of ours runs a workload and C programs.
fn swapped(ws: &Workspace, outside: &Path, part: &mut Part) -> Result<()> {
    let swaps = ["front=my-box::MyFront", "counters=counts"].map(str::to_owned);
    let choice = Choice::swapped(&swaps, outside)?;
    let workload = quick(ws).workload(&choice)?;
    let run = |more: &[&str]| -> Result<shell::Output> {
        let mut command = Command::new(&workload);
        shell::capture(command.args(WORKLOAD).args(more), Duration::from_secs(60))
    };
    let (with, without) = (run(&[])?, run(&["--no-alloc"])?);
    let fault = if !with.success() {
        Some(with.ending())
    } else if field(&with.stdout, "allocator")? != choice.name() {
        Some(format!("it says that it runs on {}", field(&with.stdout, "allocator")?))
    } else if field(&with.stdout, "checksum")? != field(&without.stdout, "checksum")? {
        Some("the objects did not hold what was written".to_owned())
    } else {
        None
    };
    part.verdict(&format!("a workload on {}", choice.name()), fault);
    // Without link-time optimisation it would want an unwinder.
    let library = Lab::new(&ws.root, &ws.target).library(&choice)?;
    capi::check_library(ws, |name| PROGRAMS.contains(&name), &library, part)
}

/// A box of the same crate that has no blocks: with it there is no memory. Built after the other one,
/// whose place it must not get.
fn without_blocks(ws: &Workspace, outside: &Path) -> Result<Option<String>> {
    let swaps = ["front=my-box::never::Never", "counters=counts"].map(str::to_owned);
    let workload = quick(ws).workload(&Choice::swapped(&swaps, outside)?)?;
    let mut command = Command::new(workload);
    let run = shell::capture(command.args(WORKLOAD), Duration::from_secs(60))?;
    Ok(run.success().then(|| "it found memory where there is none".to_owned()))
}

/// A field of the line that a workload prints.
fn field(line: &str, name: &str) -> Result<String> {
    let line: serde_json::Value = serde_json::from_str(line).context("no JSON")?;
    Ok(line[name].as_str().unwrap_or_default().to_owned())
}

/// What stands before the compiler's words on a terminal, with the end of the line before.
const COLOUR: fn(char) -> bool = |c| c.is_whitespace() || "\u{1b}[0123456789;m".contains(c);

/// Whether the swap is refused with the line, and after it the compiler's own error.
fn misfit(ws: &Workspace, outside: &Path, swap: &str, line: &str) -> Result<Option<String>> {
    let choice = Choice::swapped(&[swap.to_owned()], outside)?;
    let Err(error) = quick(ws).workload(&choice) else {
        return Ok(Some("it was built".to_owned()));
    };
    let text = format!("{error:#}");
    let (first, rest) = text.split_once('\n').unwrap_or((&text, ""));
    let fault = if first != line {
        Some(format!("it says `{first}`"))
    } else if !rest.trim_start_matches(COLOUR).starts_with("error") {
        Some("no error of the compiler follows".to_owned())
    } else {
        None
    };
    Ok(fault)
}
