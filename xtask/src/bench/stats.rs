//! Medians, intervals and verdicts: numbers in, numbers out.
//!
//! # How an interval is made
//!
//! A block holds one run of each entrant, made directly after one another; what slows a machine
//! down for longer than that slows all of them, and cancels in the ratio of two. So the data are
//! the logarithms of the ratios, one a block, and what is asked is their median. Blocks are drawn
//! with replacement, as many as there are, and the median is taken, [`RESAMPLES`] times; the interval
//! lies between two quantiles of these medians (the percentile bootstrap).
//!
//! With few blocks the plain 2.5 % and 97.5 % are too narrow: resampling knows neither that the
//! spread was estimated, nor that it comes out small by √((n − 1) / n). The quantiles are therefore
//! taken further out, by as much as Student's t is wider than the normal distribution (the
//! *expanded* percentile interval). `stats_tests.rs` measures what it covers.

use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF as _, Normal, StudentsT};

use super::result::Estimate;

/// Draws from the blocks, for one interval.
pub(crate) const RESAMPLES: usize = 4000;

/// The seed of the draws.
pub(crate) const SEED: u64 = 1;

/// What an interval covers.
pub(crate) const LEVEL: f64 = 0.95;

/// With fewer blocks no interval of medians covers that much: from the smallest to the largest of
/// four it is 87.5 %, of five 93.75 %.
pub(crate) const FEWEST: usize = 5;

/// How intervals are made, for whoever reads the file.
pub(crate) const HOW: &str = "percentile bootstrap of the median of the logarithms of ratios \
                              within blocks, expanded for small numbers of blocks; ChaCha8";

/// What an interval says about a ratio. Less is better in all that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Verdict {
    Less,
    More,
    /// No difference seen: 1 is in the interval, or the ratio is too near to 1 to matter.
    None,
    TooFew,
}

impl Verdict {
    /// In words; those for less and more are the metric's.
    pub(crate) fn in_words(self, (less, more): (&'static str, &'static str)) -> &'static str {
        match self {
            Self::Less => less,
            Self::More => more,
            Self::None => "no difference seen",
            Self::TooFew => "too few blocks",
        }
    }

    fn of(ratio: f64, low: f64, high: f64, effect: f64) -> Self {
        match ratio {
            ratio if (ratio - 1.0).abs() <= effect => Self::None,
            _ if high < 1.0 => Self::Less,
            _ if low > 1.0 => Self::More,
            _ => Self::None,
        }
    }
}

/// The median; of an even number the middle between the two in the middle. `NaN` of nothing.
pub(crate) fn median(values: &mut [f64]) -> f64 {
    let middle = values.len() / 2;
    let even = values.len().is_multiple_of(2);
    if values.is_empty() {
        return f64::NAN;
    }
    let (below, upper, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    let upper = *upper;
    if !even {
        return upper;
    }
    let lower = below.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    f64::midpoint(lower, upper)
}

/// A median and what resampling says about it.
#[derive(Clone, Debug)]
pub(crate) struct Resampled {
    pub(crate) median: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
    /// How many values it is of.
    pub(crate) count: usize,
    /// The medians of the resamples, in the order of the draws.
    draws: Vec<f64>,
}

/// The median of `values` with its interval; `None` of nothing. `stream` keeps draws for different
/// values apart.
pub(crate) fn resample(values: &[f64], stream: u64, resamples: usize) -> Option<Resampled> {
    let count = values.len();
    let middle = median(&mut values.to_vec());
    if middle.is_nan() {
        return None;
    }
    if count < FEWEST {
        let low = values.iter().copied().fold(f64::INFINITY, f64::min);
        let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        return Some(Resampled { median: middle, low, high, count, draws: Vec::new() });
    }
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    rng.set_stream(stream);
    let mut drawn = vec![0.0; count];
    let draw = |_| {
        drawn.fill_with(|| values[rng.random_range(0..count)]);
        median(&mut drawn)
    };
    let draws: Vec<f64> = (0..resamples).map(draw).collect();
    let (low, high) = ends(&draws, tail(count, count - 1));
    Some(Resampled { median: middle, low, high, count, draws })
}

/// The part of the draws beyond one end of the interval, of `count` values, when the spread is
/// estimated with so many degrees of freedom.
fn tail(count: usize, freedom: usize) -> f64 {
    let outside = (1.0 - LEVEL) / 2.0;
    let (count, freedom) = (count as f64, freedom as f64);
    let (Ok(student), Ok(normal)) = (StudentsT::new(0.0, 1.0, freedom), Normal::new(0.0, 1.0))
    else {
        return outside;
    };
    let wide = student.inverse_cdf(1.0 - outside) * (count / (count - 1.0)).sqrt();
    normal.cdf(-wide)
}

/// The values with a part of `tail` of all below and above them.
fn ends(draws: &[f64], tail: f64) -> (f64, f64) {
    let mut sorted = draws.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len() - 1;
    let beyond = ((tail * sorted.len() as f64) as usize).min(last / 2);
    (sorted[beyond], sorted[last - beyond])
}

/// A ratio from logarithms of ratios, one for each block.
pub(crate) fn ratio(logs: &Resampled, effect: f64) -> Estimate {
    let (ratio, low, high) = (logs.median.exp(), logs.low.exp(), logs.high.exp());
    let verdict = match logs.count {
        count if count < FEWEST => Verdict::TooFew,
        _ => Verdict::of(ratio, low, high, effect),
    };
    Estimate { ratio, low, high, verdict }
}

/// The geometric mean over rows. Its interval is about these rows and their noise; it does not say
/// how other workloads would come out.
pub(crate) fn geometric_mean(rows: &[Resampled], effect: f64) -> Option<Estimate> {
    let count = rows.iter().map(|row| row.count).min()?;
    let mean = |values: &mut dyn Iterator<Item = f64>| values.sum::<f64>() / rows.len() as f64;
    let middle = mean(&mut rows.iter().map(|row| row.median));
    let draws = rows.iter().map(|row| row.draws.len()).min()?;
    let mut all = Resampled { median: middle, low: middle, high: middle, count, draws: Vec::new() };
    if draws == 0 {
        all.low = mean(&mut rows.iter().map(|row| row.low));
        all.high = mean(&mut rows.iter().map(|row| row.high));
        return Some(ratio(&all, effect));
    }
    let draw = |number: usize| mean(&mut rows.iter().map(|row| row.draws[number]));
    let freedom = rows.iter().map(|row| row.count - 1).sum();
    (all.low, all.high) = ends(&(0..draws).map(draw).collect::<Vec<_>>(), tail(count, freedom));
    Some(ratio(&all, effect))
}

#[cfg(test)]
#[path = "stats_tests.rs"]
mod tests;
