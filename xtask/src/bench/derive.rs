//! From samples to what the tables show: medians, ratios, and both over all rows.

use std::collections::BTreeSet;

use super::entrants::{Field, Kind};
use super::process::{KERNEL, Sample};
use super::result::{Estimate, Median, Overall, Ratio};
use super::schedule::{Outcome, Plan, Run};
use super::stats::{self, Resampled, Verdict};

/// What is always measured; less is better. Beside them, what a workload reports of its own.
pub(crate) const TIME: &str = "time";
pub(crate) const PEAK: &str = "peak_rss";
pub(crate) const END: &str = "end_rss";

fn value(sample: &Sample, metric: &str) -> Option<f64> {
    match metric {
        TIME => Some(sample.ns_per_op()),
        PEAK => Some(sample.peak_rss as f64),
        END => Some(sample.end_rss as f64),
        own => sample.extra.get(own).copied().or_else(|| sample.kernel(own)),
    }
}

fn unit(metric: &str) -> &'static str {
    match metric {
        TIME => "ns/op",
        metric if metric.contains("rss") => "B",
        metric if metric.ends_with("_seconds") => "s",
        _ => "",
    }
}

/// The names of all metrics.
fn metrics(outcome: &Outcome) -> Vec<String> {
    let own: BTreeSet<&String> = outcome.all().flat_map(|run| run.sample.extra.keys()).collect();
    let always = [TIME, PEAK, END].map(str::to_owned);
    let kernel = KERNEL.map(str::to_owned);
    always.into_iter().chain(kernel).chain(own.into_iter().cloned()).collect()
}

/// Who is divided by whom: hakmem by each peer, each variant by hakmem.
pub(crate) fn pairs(field: &Field) -> Vec<(usize, usize)> {
    let kinds =
        || field.entrants.iter().enumerate().map(|(column, entrant)| (column, entrant.kind));
    let Some((subject, _)) = kinds().find(|(_, kind)| *kind == Kind::Subject) else {
        return Vec::new();
    };
    let pair = |(column, kind)| match kind {
        Kind::Peer => Some((subject, column)),
        Kind::Variant => Some((column, subject)),
        Kind::Subject | Kind::Bump | Kind::NoAlloc => None,
    };
    kinds().filter_map(pair).collect()
}

/// The logarithms of the ratios of one metric, one for each block in which both ran.
pub(crate) fn logs(of: &[Run], to: &[Run], metric: &str) -> Vec<f64> {
    let in_block = |run: &Run| {
        let other = to.iter().find(|other| other.block == run.block)?;
        let log = (value(&run.sample, metric)? / value(&other.sample, metric)?).ln();
        log.is_finite().then_some(log)
    };
    of.iter().filter_map(in_block).collect()
}

/// Everything that is derived from the samples.
#[derive(Debug)]
pub(crate) struct Derived {
    pub(crate) medians: Vec<Median>,
    pub(crate) ratios: Vec<Ratio>,
    pub(crate) overall: Vec<Overall>,
}

pub(crate) fn derive(plan: &Plan, field: &Field, outcome: &Outcome) -> Derived {
    let mut derived = Derived { medians: Vec::new(), ratios: Vec::new(), overall: Vec::new() };
    let cells = || {
        let columns = |row| (0..field.entrants.len()).map(move |column| (row, column));
        (0..plan.cases.len()).flat_map(columns)
    };
    for metric in &metrics(outcome) {
        for (row, column) in cells() {
            let names = (plan.cases[row].name, field.entrants[column].name.as_str());
            derived.medians.extend(median(outcome.runs(row, column), names, metric));
        }
        for (of, to) in pairs(field) {
            derived.compare(plan, outcome, metric, [(of, field), (to, field)]);
        }
    }
    derived
}

impl Derived {
    /// One pair of entrants on all rows.
    fn compare(
        &mut self,
        plan: &Plan,
        outcome: &Outcome,
        metric: &str,
        pair: [(usize, &Field); 2],
    ) {
        let [of, to] = pair.map(|(column, field)| field.entrants[column].name.clone());
        let mut rows: Vec<(Resampled, Estimate)> = Vec::new();
        for (row, case) in plan.cases.iter().enumerate() {
            let [mine, theirs] = pair.map(|(column, _)| outcome.runs(row, column));
            let logs = logs(mine, theirs, metric);
            let Some(logs) = stats::resample(&logs) else { continue };
            let estimate = stats::ratio(&logs, plan.effect);
            self.ratios.push(Ratio {
                row: case.name.to_owned(),
                of: of.clone(),
                to: to.clone(),
                metric: metric.to_owned(),
                estimate,
                blocks: logs.count,
            });
            rows.push((logs, estimate));
        }
        let is_known = |row: &&(Resampled, Estimate)| row.1.verdict != Verdict::TooFew;
        // A row of which nothing can be said would make all of them say nothing, too.
        if rows.iter().any(|row| is_known(&row)) {
            rows.retain(|row| is_known(&row));
        }
        let count = |verdict| rows.iter().filter(|(_, row)| row.verdict == verdict).count();
        let (less, more) = (count(Verdict::Less), count(Verdict::More));
        let median_row =
            stats::median(&mut rows.iter().map(|(_, row)| row.ratio).collect::<Vec<_>>());
        let rows: Vec<Resampled> = rows.into_iter().map(|(logs, _)| logs).collect();
        let Some(mean) = stats::geometric_mean(&rows, plan.effect) else { return };
        let (metric, rows) = (metric.to_owned(), rows.len());
        self.overall.push(Overall { of, to, metric, mean, median_row, rows, less, more });
    }
}

fn median(runs: &[Run], names: (&str, &str), metric: &str) -> Option<Median> {
    let values: Vec<f64> = runs.iter().filter_map(|run| value(&run.sample, metric)).collect();
    let resampled = stats::resample(&values)?;
    Some(Median {
        row: names.0.to_owned(),
        entrant: names.1.to_owned(),
        metric: metric.to_owned(),
        unit: unit(metric).to_owned(),
        median: resampled.median,
        low: resampled.low,
        high: resampled.high,
        least: values.iter().copied().fold(f64::INFINITY, f64::min),
        runs: values.len(),
    })
}
