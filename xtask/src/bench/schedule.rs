//! All runs, in turns.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use indicatif::{ProgressBar, ProgressStyle};
use rand::seq::SliceRandom as _;

use super::cases::Case;
use super::entrants::{Entrant, Field, Kind};
use super::process::{self, Sample};

/// Repetitions of the floors, of which the fastest counts; they take part in no ratio.
const FLOOR_REPS: usize = 3;

/// A quick run ends after this time, with what it has.
const QUICK_LIMIT: Duration = Duration::from_secs(170);

/// What to run.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) cases: Vec<&'static Case>,
    pub(crate) reps: usize,
    pub(crate) quick: bool,
    pub(crate) verbose: bool,
}

/// Case and entrant, as positions in the plan and in the field.
type Cell = (usize, usize);

/// What was measured.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// The sample of each repetition, with its number.
    pub(crate) samples: BTreeMap<Cell, Vec<(usize, Sample)>>,
    /// The first failure; a run that failed is not repeated.
    failed: BTreeMap<Cell, (String, String)>,
    /// Ended early, and why.
    pub(crate) cut_short: Option<&'static str>,
    pub(crate) done: u64,
    pub(crate) planned: u64,
    damaged: Vec<String>,
}

/// Runs the plan. Ctrl-C ends it early and keeps what was measured; a second one ends the process.
pub(crate) fn run(plan: &Plan, field: &Field) -> Result<Outcome> {
    let stop = stop_flag()?;
    let turns = turns(plan, field);
    let mut outcome = Outcome { planned: turns.len() as u64, ..Outcome::default() };
    let bar = progress(outcome.planned)?;
    let start = Instant::now();
    for (rep, (row, column)) in turns {
        let (case, entrant) = (plan.cases[row], &field.entrants[column]);
        bar.set_message(format!("{} on {}", case.name, entrant.name));
        if !outcome.failed.contains_key(&(row, column))
            && let Some(command) = process::command(case, entrant, plan.quick)
        {
            let result = process::run(command, entrant);
            // Relaxed, here and in the handler: the flag carries nothing but itself.
            if stop.load(Ordering::Relaxed) {
                // The run got the signal too, and its numbers are worth nothing.
                outcome.cut_short = Some("interrupted");
                break;
            }
            outcome.keep((row, column), rep, (case, entrant), result);
        }
        outcome.done += 1;
        bar.inc(1);
        if plan.quick && start.elapsed() > QUICK_LIMIT && outcome.done < outcome.planned {
            outcome.cut_short = Some("out of time, as quick runs end within three minutes");
            break;
        }
    }
    bar.finish_and_clear();
    outcome.compare_checksums(plan, field);
    Ok(outcome)
}

/// For each repetition and each case: all entrants, in random order.
fn turns(plan: &Plan, field: &Field) -> Vec<(usize, Cell)> {
    let mut rng = rand::rng();
    let mut all = Vec::new();
    for rep in 0..plan.reps {
        for (row, case) in plan.cases.iter().enumerate() {
            let start = all.len();
            for (column, entrant) in field.entrants.iter().enumerate() {
                let floor = matches!(entrant.kind, Kind::Bump | Kind::NoAlloc);
                let takes_part = process::command(case, entrant, plan.quick).is_some();
                if takes_part && rep < case.most_reps && (!floor || rep < FLOOR_REPS) {
                    all.push((rep, (row, column)));
                }
            }
            all[start..].shuffle(&mut rng);
        }
    }
    all
}

impl Outcome {
    fn keep(&mut self, cell: Cell, rep: usize, of: (&Case, &Entrant), result: Result<Sample>) {
        match result {
            Ok(sample) => self.samples.entry(cell).or_default().push((rep, sample)),
            Err(error) => {
                let what = format!("{} on {}", of.0.name, of.1.name);
                self.samples.remove(&cell);
                self.failed.insert(cell, (what, format!("{error:#}")));
            }
        }
    }

    /// Whether this entrant could not run this case.
    pub(crate) fn has_failed(&self, row: usize, column: usize) -> bool {
        self.failed.contains_key(&(row, column))
    }

    /// One line for each failure.
    pub(crate) fn failures(&self, verbose: bool) -> Vec<String> {
        let show = |(what, why): &(String, String)| {
            let why = if verbose { why } else { why.lines().next().unwrap_or_default() };
            format!("failed: {what}: {why}")
        };
        self.failed.values().map(show).collect()
    }

    /// One line for each run whose checksum was not that of the others.
    pub(crate) fn damage(&self) -> &[String] {
        &self.damaged
    }

    /// All allocators must read back the same bytes. `bump` does fewer operations.
    fn compare_checksums(&mut self, plan: &Plan, field: &Field) {
        for (row, case) in plan.cases.iter().enumerate() {
            let sums = |column: usize| {
                self.samples.get(&(row, column)).into_iter().flatten().map(|(_, s)| &s.checksum)
            };
            let trusted = |kind| field.entrants.iter().position(|entrant| entrant.kind == kind);
            let trusted = trusted(Kind::Peer).or_else(|| trusted(Kind::Subject));
            let reference = trusted.and_then(|column| sums(column).next());
            let Some(reference) = reference else { continue };
            for (column, entrant) in field.entrants.iter().enumerate() {
                if entrant.kind != Kind::Bump && sums(column).any(|sum| sum != reference) {
                    self.damaged.push(format!(
                        "WRONG DATA: {} on {}: the objects did not hold what was written",
                        case.name, entrant.name
                    ));
                }
            }
        }
    }
}

fn stop_flag() -> Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    let handler = move || {
        // Relaxed: the flag carries nothing but itself.
        if flag.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    };
    ctrlc::set_handler(handler).context("cannot handle Ctrl-C")?;
    Ok(stop)
}

fn progress(runs: u64) -> Result<ProgressBar> {
    let style = ProgressStyle::with_template(
        "[{bar:30}] {pos}/{len} runs, {elapsed} gone, {eta} left: {msg}",
    )?;
    Ok(ProgressBar::new(runs).with_style(style.progress_chars("=> ")))
}
