//! The statistics on data whose truth is known.

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
}

impl Machine {
    fn new(seed: u64) -> Self {
        Self { rng: ChaCha8Rng::seed_from_u64(seed), drift: 0.0 }
    }

    /// How much longer than it should one run takes, as a logarithm.
    fn noise(&mut self) -> f64 {
        self.drift += 0.01 * normal(&mut self.rng);
        if self.rng.random_bool(0.02) {
            self.drift += 0.2 * normal(&mut self.rng);
        }
        let mut noise = self.drift + 0.02 * normal(&mut self.rng);
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
        let found = resample(&logs, 0, 1000).unwrap();
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
fn the_same_samples_give_the_same_interval() {
    let logs = Machine::new(3).blocks(20, 0.0);
    let ends = |stream| resample(&logs, stream, 200).map(|found| (found.low, found.high));
    assert_eq!(ends(1), ends(1));
    let mut turned = logs.clone();
    turned.iter_mut().for_each(|log| *log = -*log);
    let (low, high) = ends(1).unwrap();
    let back = resample(&turned, 1, 200).unwrap();
    // One divided by the other says the same as the other way round.
    assert!((back.low + high).abs() < 1e-12 && (back.high + low).abs() < 1e-12);
}
