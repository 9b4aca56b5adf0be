//! The statistics on data whose truth is known.

use rand::Rng as _;

use super::*;

/// Standard normal values, by Box and Muller.
fn normal(rng: &mut ChaCha8Rng) -> f64 {
    let (u, v): (f64, f64) = (1.0 - rng.random::<f64>(), rng.random());
    (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
}

/// A machine: it drifts, it jumps, and now and then something else runs.
struct Machine {
    rng: ChaCha8Rng,
    drift: f64,
    /// The size of everything but the tail.
    scale: f64,
}

impl Machine {
    fn new(seed: u64) -> Self {
        Self { rng: ChaCha8Rng::seed_from_u64(seed), drift: 0.0, scale: 1.0 }
    }

    fn calm(seed: u64) -> Self {
        Self { scale: 0.3, ..Self::new(seed) }
    }

    /// How much longer than it should one run takes, as a logarithm.
    fn noise(&mut self) -> f64 {
        self.drift += 0.01 * self.scale * normal(&mut self.rng);
        if self.rng.random_bool(0.02) {
            self.drift += 0.2 * self.scale * normal(&mut self.rng);
        }
        let mut noise = self.drift + 0.02 * self.scale * normal(&mut self.rng);
        if self.rng.random_bool(0.1) {
            // Heavy tail: no mean above an index of 1.
            noise += 0.05 * self.rng.random::<f64>().powf(-0.9);
        }
        noise
    }

    /// Logarithms of the ratios inside of `blocks` blocks; `truth` is that of the first entrant.
    fn blocks(&mut self, blocks: usize, truth: f64) -> Vec<f64> {
        let mut block = |_| {
            let mut pair = [truth, 0.0];
            let first = usize::from(self.rng.random_bool(0.5));
            for place in [first, 1 - first] {
                pair[place] += self.noise();
            }
            pair[0] - pair[1]
        };
        (0..blocks).map(&mut block).collect()
    }
}

/// In what part of `trials` the interval holds the truth.
fn coverage(blocks: usize, trials: usize) -> f64 {
    let truth = 1.07_f64.ln();
    let holds = |seed: &usize| {
        let logs = Machine::new(*seed as u64).blocks(blocks, truth);
        let found = resample(&logs).unwrap();
        found.low <= truth && truth <= found.high
    };
    (0..trials).filter(holds).count() as f64 / trials as f64
}

#[test]
fn medians_are_in_the_middle() {
    assert_eq!(median(&mut [5.0, 1.0, 3.0, 2.0, 4.0]), 3.0);
    assert_eq!(median(&mut [2.0, 1.0, 4.0, 8.0]), 3.0);
    assert_eq!(median(&mut [7.0]), 7.0);
    assert!(median(&mut []).is_nan());
}

/// 600 trials: two standard deviations are ±1.8 %.
#[test]
fn intervals_hold_the_truth_nineteen_times_in_twenty() {
    let found: Vec<_> = [5, 6, 7, 9, 12, 15, 20, 30, 50].map(|n| (n, coverage(n, 600))).into();
    for (blocks, part) in &found {
        assert!((0.92..=0.995).contains(part), "{blocks} blocks: {part}; all: {found:?}");
    }
    let mean = found.iter().map(|(_, part)| part).sum::<f64>() / found.len() as f64;
    assert!((0.94..=0.98).contains(&mean), "{mean}: {found:?}");
}

#[test]
fn the_other_way_round_the_interval_is_turned() {
    for blocks in [5, 8, 20, 33] {
        let logs = Machine::new(3).blocks(blocks, 0.0);
        let turned: Vec<f64> = logs.iter().map(|log| -log).collect();
        let (one, other) = (resample(&logs).unwrap(), resample(&turned).unwrap());
        assert_eq!((one.low, one.high), (-other.high, -other.low));
    }
}

/// What is computed is what drawing gives.
#[test]
fn medians_of_resamples_are_distributed_as_if_they_were_drawn() {
    const DRAWS: usize = 20_000;
    for count in [5, 6, 7, 12, 31, MANY + 2] {
        let mut rng = ChaCha8Rng::seed_from_u64(count as u64);
        let values: Vec<f64> = (0..count).map(|_| normal(&mut rng)).collect();
        let medians = Medians::of(&values);
        let sum: f64 = medians.0.iter().map(|(_, part)| part).sum();
        assert!((sum - 1.0).abs() < 1e-9, "{count} values: {sum}");
        let drawn: Vec<f64> = (0..DRAWS)
            .map(|_| {
                let draw = |_| values[rng.random_range(0..count)];
                median(&mut (0..count).map(draw).collect::<Vec<_>>())
            })
            .collect();
        for part in [0.01, 0.05, 0.3, 0.5, 0.9, 0.99] {
            let value = medians.quantile(part);
            let share = |test: &dyn Fn(f64) -> bool| {
                drawn.iter().filter(|median| test(**median)).count() as f64 / DRAWS as f64
            };
            let (below, to) = (share(&|median| median < value), share(&|median| median <= value));
            assert!(below < part + 0.01 && to > part - 0.01, "{count} {part}: {below} {to}");
        }
    }
}

#[test]
fn a_verdict_needs_an_interval_without_1_and_a_difference_that_matters() {
    let verdict = |ratio, low, high| Verdict::of(ratio, low, high, 0.01);
    assert_eq!(verdict(0.95, 0.93, 0.97), Verdict::Less);
    assert_eq!(verdict(1.05, 1.03, 1.07), Verdict::More);
    assert_eq!(verdict(1.05, 0.99, 1.11), Verdict::None);
    assert_eq!(verdict(0.95, 0.89, 1.01), Verdict::None);
    // Seen clearly, and too little to matter.
    assert_eq!(verdict(1.008, 1.006, 1.02), Verdict::None);
    assert_eq!(verdict(0.992, 0.98, 0.994), Verdict::None);
    let few = resample(&[0.5; FEWEST - 1]).unwrap();
    assert_eq!(ratio(&few, 0.01).verdict, Verdict::TooFew);
    let enough = resample(&[0.5; FEWEST]).unwrap();
    assert_eq!(ratio(&enough, 0.01).verdict, Verdict::More);
}

/// As the schedule does it: blocks until the interval is narrow, between 7 and 50.
fn stop_when_precise(machine: &mut Machine, truth: f64) -> Estimate {
    let mut logs = machine.blocks(7, truth);
    loop {
        let found = resample(&logs).unwrap();
        let half = (found.high - found.low).exp_m1() / 2.0;
        if half <= 0.01 || logs.len() >= 50 {
            return ratio(&resample(&logs).unwrap(), 0.01);
        }
        logs.extend(machine.blocks(1, truth));
    }
}

/// Also when measuring stops as soon as it looks precise, which favours intervals that came out
/// narrow by chance.
#[test]
fn what_does_not_differ_is_seldom_told_apart_and_5_per_cent_is_found() {
    let verdicts = |truth: f64, wanted| {
        let verdict =
            |seed: &u64| stop_when_precise(&mut Machine::calm(*seed), truth.ln()).verdict == wanted;
        (0..300).filter(verdict).count()
    };
    let same = verdicts(1.0, Verdict::None);
    assert!(same >= 285, "no difference in {same} of 300");
    let (slower, faster) = (verdicts(1.05, Verdict::More), verdicts(1.0 / 1.05, Verdict::Less));
    assert!(slower >= 291 && faster >= 291, "found {slower} and {faster} of 300");
}

#[test]
fn the_mean_of_many_rows_is_known_better_than_a_row() {
    let truths = [0.5, 0.8, 0.9, 0.97, 1.0, 1.02, 1.1, 1.2, 1.5, 2.0_f64];
    let truth = truths.iter().map(|ratio| ratio.ln()).sum::<f64>() / truths.len() as f64;
    let (mut holds, mut narrower) = (0, 0);
    for seed in 0..200 {
        let mut machine = Machine::new(seed);
        let row = |ratio: &f64| resample(&machine.blocks(12, ratio.ln())).unwrap();
        let rows: Vec<Resampled> = truths.iter().map(row).collect();
        let mean = geometric_mean(&rows, 0.01).unwrap();
        let width = |row: &&Resampled| row.high - row.low > (mean.high / mean.low).ln();
        holds += usize::from(mean.low.ln() <= truth && truth <= mean.high.ln());
        narrower += usize::from(rows.iter().filter(width).count() >= 9);
    }
    // Each row's interval is a little wide, so that of the mean is rather too wide than too narrow.
    assert!(holds >= 186, "the mean is in its interval {holds} times of 200");
    assert!(narrower >= 180, "{narrower}");
}
