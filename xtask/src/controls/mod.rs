//! `cargo xtask test --controls`: each planted bug is caught by the tests that it names.
//!
//! A control is a bug in words: this text of this file is cut, that text is put there, and these
//! tests must then fail. `tests/controls/*.toml` has them. They are planted in a copy of the
//! workspace below the target directory, with builds of its own, so nothing here is disturbed
//! and only what a bug touches is built again.
//!
//! # Reading order
//!
//! [`plan`] (what a control says), [`tree`] (the copy), [`trial`] (one test on it).

pub(crate) mod plan;
mod tree;
mod trial;

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use indicatif::{ProgressBar, ProgressStyle};

use self::plan::{Area, Control, Named};
use self::tree::Copy;
use self::trial::{Bench, Outcome, Soundness};
use crate::report::Part;
use crate::workspace::Workspace;

/// What `cargo xtask test --controls` takes.
#[derive(Debug, Default)]
pub(crate) struct Wanted<'a> {
    /// Only controls whose name contains one of these.
    pub(crate) filters: &'a [String],
    /// Only the controls of this file.
    pub(crate) area: Option<&'a str>,
    /// Say what each test said.
    pub(crate) verbose: bool,
}

/// Plants each bug in turn and runs the tests that have to notice.
pub(crate) fn check(ws: &Workspace, wanted: &Wanted<'_>, part: &mut Part) -> Result<()> {
    let controls = select(ws, wanted)?;
    ensure!(!controls.is_empty(), "no control has such a name");
    let copy = Copy::sync(&ws.root, &ws.target.join("controls"))?;
    let bench = Bench::new(&copy)?;
    let tests: BTreeSet<&Named> = controls.iter().flat_map(|control| &control.caught_by).collect();
    let bar = progress(tests.len() + controls.len())?;
    let sound = sound(&bench, &tests, part, &bar);
    for control in &controls {
        bar.set_message(control.name.clone());
        let verdict = one(&copy, &bench, control, &sound);
        bar.suspend(|| report(part, control, verdict, wanted.verbose));
        bar.inc(1);
    }
    bar.finish_and_clear();
    copy.restore()
}

/// Those of the tests that pass with nothing planted; of the others a failure proves nothing.
fn sound<'a>(
    bench: &Bench<'_>,
    tests: &BTreeSet<&'a Named>,
    part: &mut Part,
    bar: &ProgressBar,
) -> BTreeSet<&'a Named> {
    let mut sound = BTreeSet::new();
    for test in tests {
        bar.set_message(format!("{test}, nothing planted"));
        match bench.passes(test) {
            Ok(Soundness::Passes) => _ = sound.insert(*test),
            Ok(Soundness::Missing(what)) => {
                bar.suspend(|| part.missing(&format!("{test}: {what}")));
            }
            Err(why) => bar.suspend(|| {
                part.fail(&format!("{test}, nothing planted"), &format!("{why:#}"));
            }),
        }
        bar.inc(1);
    }
    sound
}

/// Prints the names, and what each plants.
pub(crate) fn list(ws: &Workspace, wanted: &Wanted<'_>) -> Result<()> {
    for control in select(ws, wanted)? {
        println!("{}: {}", control.name, control.why);
        for test in &control.caught_by {
            println!("    {test}");
        }
    }
    Ok(())
}

fn select(ws: &Workspace, wanted: &Wanted<'_>) -> Result<Vec<Control>> {
    let mut controls = Vec::new();
    for area in areas(ws)? {
        if wanted.area.is_none_or(|name| name == area.name) {
            controls.extend(area.controls);
        }
    }
    let filters = wanted.filters;
    controls.retain(|control| {
        filters.is_empty() || filters.iter().any(|filter| control.name.contains(filter))
    });
    Ok(controls)
}

fn areas(ws: &Workspace) -> Result<Vec<Area>> {
    let mut areas = Vec::new();
    for entry in fs::read_dir(ws.root.join(plan::FOLDER)).context(plan::FOLDER)? {
        let path = entry?.path();
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let text = fs::read_to_string(&path)?;
            areas.push(plan::parse(&stem, &text).with_context(|| path.display().to_string())?);
        }
    }
    areas.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(areas)
}

/// Plants one bug; each sound test that is named, with what it said.
fn one<'a>(
    copy: &Copy,
    bench: &Bench<'_>,
    control: &'a Control,
    sound: &BTreeSet<&Named>,
) -> Result<Vec<(&'a Named, Outcome)>> {
    let planted = copy.plant(control)?;
    let tests = control.caught_by.iter().filter(|test| sound.contains(test));
    let outcomes = tests.map(|test| Ok((test, bench.try_on(test, control.limit())?))).collect();
    planted.remove()?;
    outcomes
}

fn report(
    part: &mut Part,
    control: &Control,
    verdict: Result<Vec<(&Named, Outcome)>>,
    verbose: bool,
) {
    let outcomes = match verdict {
        Ok(outcomes) => outcomes,
        Err(error) => return part.fail(&control.name, &format!("{error:#}")),
    };
    let mut caught = Vec::new();
    let mut faults = Vec::new();
    for (test, outcome) in outcomes {
        match outcome {
            Outcome::Caught(said) if verbose => caught.push(format!("\n        {test} ({said})")),
            Outcome::Caught(_) => caught.push(test.to_string()),
            Outcome::Survived => faults.push(format!("{test} does not notice")),
            Outcome::Broken(why) => faults.push(format!("{test}: {why}")),
        }
    }
    if !faults.is_empty() {
        let caught =
            if verbose { format!("\ncaught by {}", caught.join(", ")) } else { String::new() };
        part.fail(&control.name, &(faults.join("; ") + &caught));
    } else if caught.is_empty() {
        part.missing(&format!("{}: none of its tests can be run", control.name));
    } else {
        part.pass(&format!("{}: caught by {}", control.name, caught.join(", ")));
    }
}

fn progress(steps: usize) -> Result<ProgressBar> {
    let style = ProgressStyle::with_template(
        "[{bar:30}] {pos}/{len} steps, {elapsed} gone, {eta} left: {msg}",
    )?;
    let bar = ProgressBar::new(steps as u64).with_style(style.progress_chars("=> "));
    bar.enable_steady_tick(Duration::from_secs(1));
    Ok(bar)
}
