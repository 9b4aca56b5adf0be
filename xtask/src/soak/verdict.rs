//! Whether memory is flat: the same phase of the cycle, early and late.
//!
//! Of each phase the second half of the cycles is cut into thirds. The load is the same in all of
//! them, so the medians may differ by noise only: by a few times what one cycle differs from the
//! next. (From the next, and not from the middle: a leak must not pass as noise of its own.)

use super::samples::{self, JUDGED, Sample};

/// Fewer cycles than this, in the half that counts, show nothing.
const FEWEST: usize = 6;

/// Medians differ by less than so many times the median difference of one cycle and the next.
const TIMES: u64 = 4;

/// And anyway by less than this: a few units that another thread's heap keeps, an odd thread stack.
const FLOOR: u64 = 2 << 20;

/// And by less than this part of the median.
const PART: u64 = 33;

const MIB: f64 = 1_048_576.0;

/// What came out.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Flat,
    /// What grew, and by how much.
    Grows(Vec<String>),
    /// Too few cycles to say.
    TooShort(usize),
}

/// One phase, one column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Trend {
    /// The medians of the thirds.
    pub(crate) thirds: [u64; 3],
    pub(crate) noise: u64,
}

impl Trend {
    /// `None`: too few.
    fn of(values: &[u64]) -> Option<Self> {
        let half = &values[values.len() / 2..];
        if half.len() < FEWEST {
            return None;
        }
        let (one, two) = (half.len() / 3, half.len() * 2 / 3);
        let thirds = [&half[..one], &half[one..two], &half[two..]].map(median);
        let noise = (TIMES * spread(half)).max(FLOOR).max(thirds[0] / PART);
        Some(Self { thirds, noise })
    }

    /// Growth: the last third is above the first by more than noise, and did not peak before.
    fn grows(self) -> bool {
        let [first, middle, last] = self.thirds;
        last > first + self.noise && last >= middle
    }
}

/// The trend of each phase, by name and column.
pub(crate) fn trends(samples: &[Sample]) -> Vec<(String, Trend)> {
    let mut trends = Vec::new();
    for phase in samples::phases(samples) {
        for (column, value) in JUDGED {
            let values: Vec<u64> = samples::of(samples, phase).map(value).collect();
            if let Some(trend) = Trend::of(&values) {
                trends.push((format!("{phase}, {column}"), trend));
            }
        }
    }
    trends
}

/// Judges all phases.
pub(crate) fn verdict(samples: &[Sample]) -> Verdict {
    let trends = trends(samples);
    if trends.is_empty() {
        return Verdict::TooShort(samples.last().map_or(0, |sample| sample.cycle as usize));
    }
    let grown = |(name, trend): &(String, Trend)| {
        let [first, _, last] = trend.thirds.map(|bytes| bytes as f64 / MIB);
        let noise = trend.noise as f64 / MIB;
        trend.grows().then(|| format!("{name}: {first:.1} to {last:.1} MiB, noise {noise:.1}"))
    };
    let grown: Vec<String> = trends.iter().filter_map(grown).collect();
    if grown.is_empty() { Verdict::Flat } else { Verdict::Grows(grown) }
}

pub(crate) fn median(values: &[u64]) -> u64 {
    let mut values = values.to_vec();
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// The median difference of one value and the next.
fn spread(values: &[u64]) -> u64 {
    let steps = values.windows(2).map(|pair| pair[0].abs_diff(pair[1]));
    median(&steps.collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    /// Cycles whose two phases have these resident bytes.
    fn run(n: u64, rss: impl Fn(u64) -> [u64; 2]) -> Vec<Sample> {
        let cycle = |cycle: u64| {
            let [top, rest] = rss(cycle);
            [("top", top), ("rest", rest)].map(|(phase, rss)| Sample {
                cycle,
                phase: phase.to_owned(),
                seconds: cycle as f64,
                rss,
                mapped: 900 * MIB,
                live: 0,
                ops: 0,
            })
        };
        (0..n).flat_map(cycle).collect()
    }

    /// Numbers up to `most` without a pattern.
    fn noise(cycle: u64, most: u64) -> u64 {
        (cycle.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) % most
    }

    #[test]
    fn noise_is_flat() {
        let samples = run(60, |n| [200 * MIB + noise(n, 30 * MIB), 10 * MIB + noise(n, 5 * MIB)]);
        assert_eq!(verdict(&samples), Verdict::Flat);
    }

    #[test]
    fn a_start_that_grows_is_flat() {
        let samples = run(60, |n| [200 * MIB.min(n * 20 * MIB), 10 * MIB]);
        assert_eq!(verdict(&samples), Verdict::Flat);
    }

    #[test]
    fn a_leak_below_the_noise_of_the_other_phases_is_found() {
        let samples =
            run(60, |n| [200 * MIB + noise(n, 60 * MIB), 10 * MIB + n * MIB / 4 + noise(n, MIB)]);
        let Verdict::Grows(grown) = verdict(&samples) else { panic!("not seen") };
        assert_eq!(grown.len(), 1);
        assert!(grown[0].starts_with("rest, resident: "), "{grown:?}");
    }

    #[test]
    fn a_few_cycles_say_nothing() {
        assert_eq!(verdict(&run(10, |_| [MIB, MIB])), Verdict::TooShort(9));
        assert_eq!(verdict(&[]), Verdict::TooShort(0));
    }
}
