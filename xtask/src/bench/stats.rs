//! Medians, intervals and verdicts: numbers in, numbers out.
//!
//! # How an interval is made
//!
//! A block holds one run of each entrant, made directly after one another; what slows a machine
//! down for longer than that slows all of them, and cancels in the ratio of two. So the data are
//! the logarithms of the ratios, one a block, and what is asked is their median. The bootstrap
//! draws as many blocks with replacement and takes the median of these, again and again; the interval
//! lies between two quantiles of these medians. For medians nobody has to draw: which of the
//! blocks a median comes from follows a distribution that can be written down ([`Medians`]).
//!
//! With few blocks the plain 2.5 % and 97.5 % are too narrow: resampling knows neither that the
//! spread was estimated, nor that it comes out small by √((n − 1) / n). The quantiles are therefore
//! taken further out, by as much as Student's t is wider than the normal distribution (the
//! *expanded* percentile interval). `stats_tests.rs` measures what it covers.
//!
//! The mean over rows is drawn: one median of each row, [`RESAMPLES`] times.

use rand::{RngCore as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF as _, Normal, StudentsT};
use statrs::function::beta::beta_reg;
use statrs::function::factorial::ln_binomial;

use super::result::Estimate;

/// Draws for the interval of a mean over rows.
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
                              within blocks, computed and not drawn, expanded for small numbers of \
                              blocks; that of means over rows is drawn by ChaCha8";

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

/// Equally likely medians that stand for the distribution of all, where one is drawn.
const LIKELY: usize = 1024;

/// Medians less likely than that are left out.
const UNLIKELY: f64 = 1e-12;

/// An even number above this one is taken for an odd one: the two draws in the middle are next to
/// each other then, and there are more ways to draw than a number can hold.
const MANY: usize = 1000;

/// How the medians of all resamples are distributed: values in their order, each with its probability.
#[derive(Debug)]
struct Medians(Vec<(f64, f64)>);

impl Medians {
    /// Of resamples of `values`, which are not empty.
    fn of(values: &[f64]) -> Self {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let even_count = sorted.len().is_multiple_of(2) && sorted.len() <= MANY;
        let all = if even_count { even(&sorted) } else { odd(&sorted) };
        let mut likely: Vec<_> = all.into_iter().filter(|(_, part)| *part > UNLIKELY).collect();
        likely.sort_by(|one, other| one.0.total_cmp(&other.0));
        Self(likely)
    }

    /// The smallest value with more than `part` of the medians at it or below.
    fn quantile(&self, part: f64) -> f64 {
        let mut sum = 0.0;
        let more = |(_, likely): &&(f64, f64)| {
            sum += likely;
            sum > part
        };
        self.0.iter().find(more).or(self.0.last()).map_or(f64::NAN, |(value, _)| *value)
    }

    /// The largest value with more than `part` of the medians at it or above.
    fn quantile_from_above(&self, part: f64) -> f64 {
        let mut sum = 0.0;
        let more = |(_, likely): &&(f64, f64)| {
            sum += likely;
            sum > part
        };
        self.0.iter().rev().find(more).or(self.0.first()).map_or(f64::NAN, |(value, _)| *value)
    }

    /// [`LIKELY`] values, each as likely as any other.
    fn likely(&self) -> Vec<f64> {
        let (mut at, mut sum) = (0, self.0[0].1);
        let value = |number: usize| {
            let part = (number as f64 + 0.5) / LIKELY as f64;
            while sum <= part && at + 1 < self.0.len() {
                at += 1;
                sum += self.0[at].1;
            }
            self.0[at].0
        };
        (0..LIKELY).map(value).collect()
    }
}

/// The median of an odd number of draws is one of the values. It is the `rank`-th or a smaller one if more
/// than half of the draws are among the first `rank` values, each of which has the same chance.
fn odd(sorted: &[f64]) -> Vec<(f64, f64)> {
    let count = sorted.len() as f64;
    let (need, rest) = (f64::midpoint(count, 1.0), f64::midpoint(count, 1.0));
    let at_most = |rank: usize| beta_reg(need, rest, rank as f64 / count);
    let part = |(rank, value): (usize, &f64)| (*value, at_most(rank + 1) - at_most(rank));
    sorted.iter().enumerate().map(part).collect()
}

/// That of an even number lies between the two draws in the middle. For two different values, the
/// `lower`-th and the `upper`-th, half of the draws are up to the one and include it, half are from the
/// other on and include it.
fn even(sorted: &[f64]) -> Vec<(f64, f64)> {
    let (count, half) = (sorted.len() as f64, sorted.len() / 2);
    // The root of the number of ways to choose the lower half, so that nothing overflows.
    let ways = (ln_binomial(sorted.len() as u64, half as u64) / 2.0).exp();
    let power = |rank: usize| ways * (rank as f64 / count).powi(half as i32);
    let ends: Vec<f64> = (1..=sorted.len()).map(|rank| power(rank) - power(rank - 1)).collect();
    let at_most = |rank: usize| beta_reg(half as f64, half as f64 + 1.0, rank as f64 / count);
    let mut all = Vec::new();
    for (lower, value) in sorted.iter().enumerate() {
        // Both draws are this value, if the lower one is and the upper one is none that follows.
        let upper_follows = ends[lower] * power(sorted.len() - 1 - lower);
        all.push((*value, at_most(lower + 1) - at_most(lower) - upper_follows));
        if ends[lower] * ways < UNLIKELY {
            continue;
        }
        for (upper, other) in sorted.iter().enumerate().skip(lower + 1) {
            let begins = ends[sorted.len() - 1 - upper];
            all.push((f64::midpoint(*value, *other), ends[lower] * begins));
        }
    }
    all
}

/// A median and what resampling says about it.
#[derive(Clone, Debug)]
pub(crate) struct Resampled {
    pub(crate) median: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
    /// How many values it is of.
    pub(crate) count: usize,
    /// Medians of resamples, one as likely as the other; empty if there are too few values.
    likely: Vec<f64>,
}

/// The median of `values` with its interval; `None` of nothing.
pub(crate) fn resample(values: &[f64]) -> Option<Resampled> {
    let count = values.len();
    let median = median(&mut values.to_vec());
    if median.is_nan() {
        return None;
    }
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if count < FEWEST {
        return Some(Resampled { median, low, high, count, likely: Vec::new() });
    }
    if low == high {
        return Some(Resampled { median, low, high, count, likely: vec![median; LIKELY] });
    }
    let (medians, tail) = (Medians::of(values), tail(count, count - 1));
    let (low, high) = (medians.quantile(tail), medians.quantile_from_above(tail));
    Some(Resampled { median, low, high, count, likely: medians.likely() })
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
fn ends(mut draws: Vec<f64>, tail: f64) -> (f64, f64) {
    draws.sort_by(f64::total_cmp);
    let last = draws.len() - 1;
    let beyond = ((tail * draws.len() as f64) as usize).min(last / 2);
    (draws[beyond], draws[last - beyond])
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
    let mut all =
        Resampled { median: middle, low: middle, high: middle, count, likely: Vec::new() };
    if count < FEWEST {
        all.low = mean(&mut rows.iter().map(|row| row.low));
        all.high = mean(&mut rows.iter().map(|row| row.high));
        return Some(ratio(&all, effect));
    }
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    let mut draw = |row: &Resampled| row.likely[rng.next_u64() as usize % LIKELY];
    let draws = (0..RESAMPLES).map(|_| mean(&mut rows.iter().map(&mut draw))).collect();
    let freedom = rows.iter().map(|row| row.count - 1).sum();
    (all.low, all.high) = ends(draws, tail(count, freedom));
    Some(ratio(&all, effect))
}

#[cfg(test)]
#[path = "stats_tests.rs"]
mod tests;
