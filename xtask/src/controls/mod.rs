//! `cargo xtask test --controls`: each planted bug is caught by the tests that it names.
//!
//! A control is a bug in words: this text of this file is cut, that text is put there, and these
//! tests must then fail. `tests/controls/*.toml` has them. They are planted in a copy of the
//! workspace below the target directory, with builds of its own, so nothing here is disturbed
//! and only what a bug touches is built again. There are as many copies as cores, and a few at most.
//!
//! # Reading order
//!
//! [`plan`] (what a control says), [`tree`] (the copy), [`trial`] (one test on it).

pub(crate) mod plan;
mod tree;
mod trial;

use std::collections::BTreeSet;
use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use anyhow::{Context, Result, ensure};

use self::plan::{Area, Control, Named};
use self::trial::{Bench, Outcome, Soundness};
use crate::progress::Bar;
use crate::report::Part;
use crate::workspace::Workspace;

/// Each copy takes a GB or two on disk, and now and then a bug takes all the memory it can get.
const MOST_JOBS: usize = 4;

/// What `cargo xtask test --controls` takes.
#[derive(Debug, Default)]
pub(crate) struct Wanted<'a> {
    /// Only controls whose name contains one of these.
    pub(crate) filters: &'a [String],
    /// Only the controls of this file.
    pub(crate) area: Option<&'a str>,
    /// Say what each test said.
    pub(crate) verbose: bool,
    /// How many at a time.
    pub(crate) jobs: Option<usize>,
}

/// Plants each bug in turn and runs the tests that have to notice.
pub(crate) fn check(ws: &Workspace, wanted: &Wanted<'_>, part: &mut Part) -> Result<()> {
    let controls = select(ws, wanted)?;
    ensure!(!controls.is_empty(), "no control has such a name");
    let work = ws.target.join("controls");
    let bench = |number: usize| Bench::new(&ws.root, &work.join(number.to_string()));
    let mut benches: Vec<Bench> =
        (0..jobs(wanted, controls.len())).map(bench).collect::<Result<_>>()?;
    let tests: BTreeSet<&Named> = controls.iter().flat_map(|control| &control.caught_by).collect();
    let tests: Vec<&Named> = tests.into_iter().collect();
    let steps = tests.iter().map(|test| sound_step(test));
    let bar =
        Bar::new("controls", steps.chain(controls.iter().map(|control| control.name.clone())));
    let bar = bar.at_once(benches.len());
    let mut sound = BTreeSet::new();
    spread(
        &mut benches,
        &tests,
        |bench, test| bar.step(&sound_step(test), || bench.passes(test)),
        |test, soundness| match soundness {
            Ok(Soundness::Passes) => _ = sound.insert(*test),
            Ok(Soundness::Missing(what)) => part.missing(&format!("{test}: {what}")),
            Err(why) => part.fail(&sound_step(test), &format!("{why:#}")),
        },
    );
    let try_out = |bench: &mut Bench, control: &Control| {
        let outcomes = bar.step(&control.name, || bench.try_out(control, &sound))?;
        Ok(outcomes.into_iter().map(|(test, outcome)| (test.clone(), outcome)).collect())
    };
    spread(&mut benches, &controls, try_out, |control, verdict| {
        report(part, control, verdict, wanted.verbose);
    });
    drop(bar);
    benches.iter().try_for_each(Bench::restore)
}

/// A test that has to pass first.
fn sound_step(test: &Named) -> String {
    format!("{test}, nothing planted")
}

/// How many bugs are planted at a time, each in a copy of its own.
fn jobs(wanted: &Wanted<'_>, n_controls: usize) -> usize {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    wanted.jobs.unwrap_or(cores.min(MOST_JOBS)).clamp(1, n_controls)
}

/// Does `work` on each of `items`, one at a time on each bench, and `done` here with the results as
/// they come.
fn spread<T: Sync, R: Send>(
    benches: &mut [Bench],
    items: &[T],
    work: impl Fn(&mut Bench, &T) -> R + Sync,
    mut done: impl FnMut(&T, R),
) {
    let next = AtomicUsize::new(0);
    let (sender, results) = mpsc::channel();
    thread::scope(|scope| {
        for bench in benches {
            let (sender, next, work) = (sender.clone(), &next, &work);
            scope.spawn(move || {
                // Relaxed: a count that orders nothing.
                while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
                    // The other end is open as long as the scope lasts.
                    _ = sender.send((item, work(bench, item)));
                }
            });
        }
        drop(sender);
        for (item, result) in results {
            done(item, result);
        }
    });
}

/// Prints the names, and what each plants.
pub(crate) fn list(ws: &Workspace, wanted: &Wanted<'_>) -> Result<()> {
    for control in select(ws, wanted)? {
        say!("{}: {}", control.name, control.why);
        for test in &control.caught_by {
            say!("    {test}");
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

fn report(
    part: &mut Part,
    control: &Control,
    verdict: Result<Vec<(Named, Outcome)>>,
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
