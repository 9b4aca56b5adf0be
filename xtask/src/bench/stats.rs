//! From samples to the numbers of the table.

use super::entrants::{Field, Kind};
use super::process::Sample;
use super::schedule::{Outcome, Plan};

/// Median and quartiles.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub(crate) struct Spread {
    pub(crate) low: f64,
    pub(crate) median: f64,
    pub(crate) high: f64,
}

/// What one allocator did on one workload.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measured {
    pub(crate) ns_per_op: Spread,
    /// The fastest run, for floors.
    pub(crate) least_ns: f64,
    pub(crate) peak_rss: f64,
    pub(crate) end_rss: f64,
}

/// hakmem to one peer, or a variant to hakmem; below 1 is good.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ratio {
    pub(crate) time: Spread,
    pub(crate) peak_rss: f64,
}

/// One cell.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cell {
    Measured(Measured, Option<Ratio>),
    Failed,
    /// Takes no part, or was not reached.
    Absent,
}

/// One row; the cells are in the order of the field.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) cells: Vec<Cell>,
}

/// All rows.
pub(crate) fn rows(plan: &Plan, field: &Field, outcome: &Outcome) -> Vec<Row> {
    let subject = field.entrants.iter().position(|entrant| entrant.kind == Kind::Subject);
    let samples = |row, column| outcome.samples.get(&(row, column)).map(Vec::as_slice);
    let cell = |row: usize, column: usize| {
        if outcome.has_failed(row, column) {
            return Cell::Failed;
        }
        let Some(measured) = samples(row, column).and_then(measured) else { return Cell::Absent };
        let base = subject.and_then(|subject| samples(row, subject));
        let ratio = base.zip(samples(row, column)).and_then(|(subject, other)| {
            match field.entrants[column].kind {
                Kind::Peer => ratio(subject, other),
                Kind::Variant => ratio(other, subject),
                _ => None,
            }
        });
        Cell::Measured(measured, ratio)
    };
    let row = |(row, case): (usize, &&'static super::cases::Case)| Row {
        name: case.name,
        cells: (0..field.entrants.len()).map(|column| cell(row, column)).collect(),
    };
    plan.cases.iter().enumerate().map(row).collect()
}

fn measured(samples: &[(usize, Sample)]) -> Option<Measured> {
    let of = |get: fn(&Sample) -> f64| spread(samples.iter().map(|(_, s)| get(s)).collect());
    Some(Measured {
        ns_per_op: of(Sample::ns_per_op)?,
        least_ns: samples.iter().map(|(_, s)| s.ns_per_op()).fold(f64::INFINITY, f64::min),
        peak_rss: of(|s| s.peak_rss as f64)?.median,
        end_rss: of(|s| s.end_rss as f64)?.median,
    })
}

/// One to the other. Times are compared within a repetition; memory hardly varies, so its medians are
/// compared.
fn ratio(one: &[(usize, Sample)], other: &[(usize, Sample)]) -> Option<Ratio> {
    let in_rep = |(rep, mine): &(usize, Sample)| {
        let (_, theirs) = other.iter().find(|(other, _)| other == rep)?;
        Some(mine.ns_per_op() / theirs.ns_per_op())
    };
    let time = spread(one.iter().filter_map(in_rep).collect())?;
    Some(Ratio { time, peak_rss: measured(one)?.peak_rss / measured(other)?.peak_rss })
}

/// Quartiles with linear interpolation.
fn spread(mut values: Vec<f64>) -> Option<Spread> {
    values.retain(|value| value.is_finite());
    values.sort_by(f64::total_cmp);
    let last = values.len().checked_sub(1)?;
    let at = |part: f64| {
        let position = part * last as f64;
        let (below, above) = (position.floor() as usize, position.ceil() as usize);
        values[below] + (values[above] - values[below]) * position.fract()
    };
    Some(Spread { low: at(0.25), median: at(0.5), high: at(0.75) })
}

/// hakmem to one peer, or a variant to hakmem, over all rows: geometric means, and in how many rows the whole spread
/// of the time is on one side of 1.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Overall {
    pub(crate) time: f64,
    /// Beside the mean, which a few rows with extreme ratios pull far.
    pub(crate) median_time: f64,
    pub(crate) peak_rss: f64,
    pub(crate) faster: usize,
    pub(crate) slower: usize,
    pub(crate) rows: usize,
}

/// Sums up one column; `None` when it has no ratios.
pub(crate) fn overall(rows: &[Row], column: usize) -> Option<Overall> {
    let ratios: Vec<Ratio> = rows
        .iter()
        .filter_map(|row| match row.cells[column] {
            Cell::Measured(_, ratio) => ratio,
            _ => None,
        })
        .collect();
    let mean = |get: fn(&Ratio) -> f64| {
        (ratios.iter().map(|ratio| get(ratio).ln()).sum::<f64>() / ratios.len() as f64).exp()
    };
    let count = |test: fn(&Ratio) -> bool| ratios.iter().filter(|ratio| test(ratio)).count();
    let times = spread(ratios.iter().map(|ratio| ratio.time.median).collect())?;
    Some(Overall {
        median_time: times.median,
        time: mean(|ratio| ratio.time.median),
        peak_rss: mean(|ratio| ratio.peak_rss),
        faster: count(|ratio| ratio.time.high < 1.0),
        slower: count(|ratio| ratio.time.low > 1.0),
        rows: ratios.len(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quartiles_interpolate() {
        let expected = Spread { low: 2.0, median: 3.0, high: 4.0 };
        assert_eq!(spread(vec![5.0, 1.0, 3.0, 2.0, 4.0]), Some(expected));
        let expected = Spread { low: 1.25, median: 1.5, high: 1.75 };
        assert_eq!(spread(vec![2.0, 1.0]), Some(expected));
        assert_eq!(spread(Vec::new()), None);
    }
}
