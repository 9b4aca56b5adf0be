//! All runs: which, in what order, and for how long.
//!
//! A *block* of a row is one run of each entrant, directly after one another, in random order. The
//! rows take turns with their blocks. An entrant leaves a row when its ratio there is as precise as
//! was asked for, and the row ends when all have left: so the time goes to where it is needed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use rand::SeedableRng as _;
use rand::seq::SliceRandom as _;
use rand_chacha::ChaCha8Rng;

use super::backing::Backing;
use super::cases::{Case, Length};
use super::derive::{self, TIME};
use super::entrants::{Entrant, Field, Kind};
use super::pin::Pin;
use super::process::{self, Sample};
use super::result::Ended;
use super::stats;
use crate::progress::Bar;

/// Blocks in which the floors take part. The fastest of their runs counts, and they are in no ratio.
const FLOOR_BLOCKS: usize = 3;

/// What to run, and how long.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) cases: Vec<&'static Case>,
    pub(crate) length: Length,
    /// Blocks of a row, at least and at most.
    pub(crate) least: usize,
    pub(crate) most: usize,
    /// Half the width of an interval, in parts of the ratio, that is narrow enough.
    pub(crate) precision: f64,
    pub(crate) budget: Option<Duration>,
    /// Differences that are none.
    pub(crate) effect: f64,
    pub(crate) pin: Pin,
    pub(crate) order_seed: u64,
}

/// Case and entrant, as positions in the plan and in the field.
type Cell = (usize, usize);

/// One measured run.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) block: usize,
    /// Its place in the order inside of the block.
    pub(crate) place: usize,
    pub(crate) sample: Sample,
}

/// What was measured.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    runs: BTreeMap<Cell, Vec<Run>>,
    /// The first failure; a run that failed is not repeated.
    pub(crate) failed: BTreeMap<Cell, String>,
    /// For each row: its blocks, and why there are no more.
    pub(crate) rows: Vec<(usize, Ended)>,
    /// Ended early, and why.
    pub(crate) cut_short: Option<&'static str>,
    pub(crate) damage: Vec<String>,
    pub(crate) seconds: f64,
}

impl Outcome {
    pub(crate) fn all(&self) -> impl Iterator<Item = &Run> {
        self.runs.values().flatten()
    }

    /// The runs of one entrant on one row, by block.
    pub(crate) fn runs(&self, row: usize, column: usize) -> &[Run] {
        self.runs.get(&(row, column)).map_or(&[], Vec::as_slice)
    }
}

/// A row while it is measured.
#[derive(Debug)]
struct Row {
    least: usize,
    most: usize,
    /// Who still takes part, as positions in the field.
    members: Vec<usize>,
    warm: bool,
    blocks: usize,
    seconds: f64,
    ended: Option<Ended>,
    /// Blocks that it may need, as far as can be said.
    left: f64,
}

/// Why a run was not kept.
struct Stop(Ended);

/// Makes one run.
pub(super) type Measure<'a> = dyn FnMut(&Case, &Entrant) -> Option<Result<Sample>> + 'a;

struct Runner<'a> {
    plan: &'a Plan,
    measure: &'a mut Measure<'a>,
    field: &'a Field,
    rows: Vec<Row>,
    outcome: Outcome,
    rng: ChaCha8Rng,
    stop: Arc<AtomicBool>,
    start: Instant,
    bar: Bar,
}

/// Runs the plan. Ctrl-C ends it early and keeps what was measured; a second one ends the process.
pub(crate) fn run(plan: &Plan, field: &Field, stop: &Arc<AtomicBool>) -> Result<Outcome> {
    let mut backing = Backing::new();
    let mut measure = |case: &Case, entrant: &Entrant| {
        let mut command = process::command(case, entrant, plan.length)?;
        plan.pin.bind(&mut command, case);
        backing.prepare(case.name);
        let result = process::run(command, entrant);
        if let Ok(sample) = &result {
            backing.note(case.name, sample.peak_rss);
        }
        Some(result)
    };
    run_by(plan, field, stop, &mut measure)
}

pub(super) fn run_by<'a>(
    plan: &'a Plan,
    field: &'a Field,
    stop: &Arc<AtomicBool>,
    measure: &'a mut Measure<'a>,
) -> Result<Outcome> {
    let members = |case: &Case| {
        let takes_part = |column: &usize| {
            process::command(case, &field.entrants[*column], plan.length).is_some()
        };
        (0..field.entrants.len()).filter(takes_part).collect()
    };
    let row = |case: &&'static Case| {
        let (least, most) = case.blocks((plan.least, plan.most));
        Row {
            least,
            most,
            members: members(case),
            // One that waits for long needs no warming.
            warm: most < stats::FEWEST,
            blocks: 0,
            seconds: 0.0,
            ended: None,
            left: least as f64,
        }
    };
    let mut runner = Runner {
        plan,
        measure,
        field,
        rows: plan.cases.iter().map(row).collect(),
        outcome: Outcome::default(),
        rng: ChaCha8Rng::seed_from_u64(plan.order_seed),
        stop: Arc::clone(stop),
        start: Instant::now(),
        bar: Bar::told("bench"),
    };
    let stopped = runner.all();
    Ok(runner.finish(stopped))
}

impl Runner<'_> {
    /// Blocks of all rows in turns, until none needs more.
    fn all(&mut self) -> Option<Ended> {
        loop {
            let open = |row: &usize| self.rows[*row].ended.is_none();
            let open: Vec<usize> = (0..self.rows.len()).filter(open).collect();
            if open.is_empty() {
                return None;
            }
            for row in open {
                if let Err(Stop(why)) = self.block(row) {
                    return Some(why);
                }
                self.judge(row);
            }
        }
    }

    fn block(&mut self, row: usize) -> Result<(), Stop> {
        if !self.rows[row].warm {
            for column in self.rows[row].members.clone() {
                self.one((row, column), None)?;
            }
            self.rows[row].warm = true;
        }
        let block = self.rows[row].blocks;
        let measured = Instant::now();
        let mut order = self.rows[row].members.clone();
        order.shuffle(&mut self.rng);
        for (place, column) in order.into_iter().enumerate() {
            self.one((row, column), Some((block, place)))?;
        }
        let row = &mut self.rows[row];
        row.blocks += 1;
        row.seconds += measured.elapsed().as_secs_f64();
        Ok(())
    }

    /// One run; without a place it is a warm-up.
    fn one(&mut self, cell: Cell, place: Option<(usize, usize)>) -> Result<(), Stop> {
        let (case, entrant) = (self.plan.cases[cell.0], &self.field.entrants[cell.1]);
        if self.outcome.failed.contains_key(&cell) {
            return Ok(());
        }
        if self.plan.budget.is_some_and(|budget| self.start.elapsed() > budget) {
            return Err(Stop(Ended::Budget));
        }
        self.show(case, entrant);
        let Some(result) = (self.measure)(case, entrant) else { return Ok(()) };
        // Relaxed: the flag carries nothing but itself.
        if self.stop.load(Ordering::Relaxed) {
            // The run got the signal too, and its numbers are worth nothing.
            return Err(Stop(Ended::Interrupted));
        }
        self.keep(cell, place, result);
        Ok(())
    }

    fn keep(&mut self, cell: Cell, place: Option<(usize, usize)>, result: Result<Sample>) {
        match (result, place) {
            (Ok(mut sample), Some((block, place))) => {
                if block > 0 {
                    // One curve says how memory went; a hundred points of every run are too many.
                    sample.rss_curve.clear();
                }
                self.outcome.runs.entry(cell).or_default().push(Run { block, place, sample });
            }
            (Ok(_), None) => {}
            (Err(error), _) => {
                self.outcome.runs.remove(&cell);
                self.outcome.failed.insert(cell, format!("{error:#}"));
            }
        }
    }

    /// Lets those leave whose ratios are precise, and ends the row if it has had enough.
    fn judge(&mut self, row: usize) {
        let blocks = self.rows[row].blocks;
        let Some(left) = self.blocks_left(row) else {
            let why = if blocks < self.rows[row].most { Ended::Precise } else { Ended::Most };
            self.rows[row].ended = Some(why);
            return;
        };
        self.rows[row].left = left;
        if blocks >= self.rows[row].most {
            self.rows[row].ended = Some(Ended::Most);
        }
        let failed = |column: &usize| self.outcome.failed.contains_key(&(row, *column));
        let kinds = |column: &usize| self.field.entrants[*column].kind;
        let is_floor = |column: &usize| matches!(kinds(column), Kind::Bump | Kind::NoAlloc);
        let members = &mut self.rows[row].members;
        members.retain(|column| !failed(column) && (blocks < FLOOR_BLOCKS || !is_floor(column)));
        if members.is_empty() {
            self.rows[row].ended = Some(Ended::Empty);
        }
    }

    /// How many more blocks the row may need; `None` when all its ratios are precise. Takes out
    /// those that are.
    fn blocks_left(&mut self, row: usize) -> Option<f64> {
        let plan = self.plan;
        let Row { blocks, least, most: limit, .. } = self.rows[row];
        if blocks < least {
            return Some((least - blocks) as f64);
        }
        let mut most: Option<f64> = None;
        for (of, to) in derive::pairs(self.field) {
            let subject = Kind::Subject;
            let other = if self.field.entrants[of].kind == subject { to } else { of };
            if !self.rows[row].members.contains(&other) {
                continue;
            }
            let Some(width) = self.width(row, of, to) else { continue };
            if width <= plan.precision {
                self.rows[row].members.retain(|column| *column != other);
            } else {
                // Widths shrink with the root of the number of blocks.
                let all = blocks as f64 * (width / plan.precision).powi(2);
                let left =
                    (all - blocks as f64).clamp(1.0, (limit.max(blocks + 1) - blocks) as f64);
                most = Some(most.map_or(left, |most| most.max(left)));
            }
        }
        most
    }

    /// Half the width of the time's ratio, in parts of it.
    fn width(&self, row: usize, of: usize, to: usize) -> Option<f64> {
        let (of, to) = (self.outcome.runs(row, of), self.outcome.runs(row, to));
        let logs = stats::resample(&derive::logs(of, to, TIME))?;
        Some((logs.high - logs.low).exp_m1() / 2.0)
    }

    fn show(&self, case: &Case, entrant: &Entrant) {
        let measured = |row: &&Row| row.blocks > 0;
        let (blocks, seconds) = self
            .rows
            .iter()
            .filter(measured)
            .fold((0.0, 0.0), |sum, row| (sum.0 + row.blocks as f64, sum.1 + row.seconds));
        let left = |row: &Row| {
            let known = row.seconds / row.blocks as f64;
            // A row that was not measured yet takes as long as the others, and has a warm-up.
            let (each, more) =
                if row.blocks == 0 { (seconds / f64::max(blocks, 1.0), 1.0) } else { (known, 0.0) };
            if row.ended.is_some() { 0.0 } else { each * (row.left + more) }
        };
        let left: f64 = self.rows.iter().map(left).sum();
        let gone = self.start.elapsed().as_secs_f64();
        let budget = self.plan.budget.map_or(f64::INFINITY, |budget| budget.as_secs_f64() - gone);
        let ended = self.rows.iter().filter(|row| row.ended.is_some()).count();
        let rows = format!("{ended} of {} rows", self.rows.len());
        let known = blocks > 0.0;
        let left = if known { Some(left.min(budget).max(0.0)) } else { None };
        self.bar.tell(rows, left, format!("{} on {}", case.name, entrant.name));
    }

    fn finish(self, stopped: Option<Ended>) -> Outcome {
        drop(self.bar);
        let mut outcome = self.outcome;
        outcome.cut_short = match stopped {
            Some(Ended::Interrupted) => Some("interrupted"),
            Some(_) => Some("the time was over"),
            None => None,
        };
        let ended = |row: &Row| row.ended.or(stopped).unwrap_or_default();
        outcome.rows = self.rows.iter().map(|row| (row.blocks, ended(row))).collect();
        outcome.seconds = self.start.elapsed().as_secs_f64();
        outcome.compare_checksums(self.plan, self.field);
        outcome
    }
}

impl Outcome {
    /// All allocators must read back the same bytes. `bump` does fewer operations.
    fn compare_checksums(&mut self, plan: &Plan, field: &Field) {
        for (row, case) in plan.cases.iter().enumerate() {
            let sums =
                |column: usize| self.runs(row, column).iter().map(|run| &run.sample.checksum);
            let kinds = [Kind::Peer, Kind::Subject];
            let trusted = |kind| {
                let entrants = field.entrants.iter().enumerate();
                entrants.filter(move |(_, entrant)| entrant.kind == kind).map(|(column, _)| column)
            };
            let reference =
                kinds.into_iter().flat_map(trusted).find_map(|column| sums(column).next());
            let Some(reference) = reference else { continue };
            let wrong = |(column, entrant): (usize, &Entrant)| {
                let wrong = entrant.kind != Kind::Bump && sums(column).any(|sum| sum != reference);
                wrong.then(|| {
                    format!(
                        "{} on {}: the objects did not hold what was written",
                        case.name, entrant.name
                    )
                })
            };
            let wrong: Vec<_> = field.entrants.iter().enumerate().filter_map(wrong).collect();
            self.damage.extend(wrong);
        }
    }
}

/// Set by Ctrl-C.
pub(crate) fn stop_flag() -> Result<Arc<AtomicBool>> {
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

#[cfg(test)]
#[path = "schedule_tests.rs"]
mod tests;
