//! How long the rest takes: as long as it took the last time.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// If so many steps are known, and one of so many, the others are thought to be like them.
const KNOWN: (usize, usize) = (3, 8);

/// The steps of a command.
///
/// # Invariants
///
/// - A step is waiting, or running, or over.
#[derive(Debug)]
pub(super) struct Steps {
    /// Where durations are kept.
    file: Option<PathBuf>,
    /// Seconds that steps took the last time, by name; also steps that are not of this run.
    last: BTreeMap<String, f64>,
    waiting: Vec<String>,
    running: Vec<(String, Instant)>,
    over: usize,
    /// Seconds of those that are over.
    took: f64,
    /// How many run at a time.
    lanes: usize,
    /// Durations below this one are not kept.
    least: f64,
}

impl Steps {
    pub(super) fn new(waiting: Vec<String>, file: Option<PathBuf>, least: f64) -> Self {
        // What cannot be read is not known: a bar is no reason to fail.
        let text = file.as_ref().and_then(|file| fs::read_to_string(file).ok());
        let last = text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        // INVARIANT: all of them wait.
        Self { file, last, waiting, running: Vec::new(), over: 0, took: 0.0, lanes: 1, least }
    }

    pub(super) fn set_lanes(&mut self, lanes: usize) {
        self.lanes = lanes.max(1);
    }

    pub(super) fn begin(&mut self, step: &str, now: Instant) {
        if let Some(place) = self.waiting.iter().position(|name| name == step) {
            self.waiting.remove(place);
        }
        // INVARIANT: it waits no more.
        self.running.push((step.to_owned(), now));
    }

    pub(super) fn end(&mut self, step: &str, took: Duration) {
        if let Some(place) = self.running.iter().position(|(name, _)| name == step) {
            // INVARIANT: it runs no more, and is counted.
            self.running.remove(place);
            self.over += 1;
        }
        let took = took.as_secs_f64();
        self.took += took;
        if took >= self.least {
            self.last.insert(step.to_owned(), (took * 1e3).round() / 1e3);
            self.keep();
        }
    }

    /// Writes it down at once: Ctrl-C may come.
    fn keep(&self) {
        let Some(file) = &self.file else { return };
        let text = serde_json::to_string_pretty(&self.last).unwrap_or_default();
        // Without it the next run knows less.
        let _ = file.parent().map(fs::create_dir_all);
        let _ = fs::write(file, text);
    }

    /// How many are over, and how many there are.
    pub(super) fn count(&self) -> (usize, usize) {
        (self.over, self.over + self.running.len() + self.waiting.len())
    }

    /// The names of those that run.
    pub(super) fn running(&self) -> String {
        let names: Vec<&str> = self.running.iter().map(|(name, _)| name.as_str()).collect();
        names.join(", ")
    }

    /// Seconds until all are over, if that can be said.
    pub(super) fn left(&self, now: Instant) -> Option<f64> {
        let usual = self.usual();
        let expected = |step: &String| self.last.get(step).copied().or(usual);
        let waiting: Option<f64> = self.waiting.iter().map(expected).sum();
        let rest = |(step, since): &(String, Instant)| {
            let gone = now.saturating_duration_since(*since).as_secs_f64();
            Some((expected(step)? - gone).max(0.0))
        };
        let running: Option<f64> = self.running.iter().map(rest).sum();
        Some((waiting? + running?) / self.lanes as f64)
    }

    /// What a step takes of which nothing is known.
    fn usual(&self) -> Option<f64> {
        let names = self.waiting.iter().chain(self.running.iter().map(|(name, _)| name));
        let last: Vec<f64> = names.filter_map(|name| self.last.get(name)).copied().collect();
        let known = self.over + last.len();
        let enough = known >= KNOWN.0 && known * KNOWN.1 >= self.count().1;
        enough.then(|| (self.took + last.iter().sum::<f64>()) / known as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(names: &[&str], last: &[(&str, f64)]) -> Steps {
        let names = names.iter().map(|&name| name.to_owned()).collect();
        let mut steps = Steps::new(names, None, 0.0);
        steps.last = last.iter().map(|&(name, took)| (name.to_owned(), took)).collect();
        steps
    }

    /// Seconds, without what is behind the point: clocks go on.
    fn left(steps: &Steps, now: Instant) -> Option<u64> {
        steps.left(now).map(|left| left.round() as u64)
    }

    #[test]
    fn a_step_takes_as_long_as_the_last_time() {
        let mut steps = steps(&["a", "b"], &[("a", 10.0), ("b", 100.0), ("c", 1000.0)]);
        let start = Instant::now();
        assert_eq!(left(&steps, start), Some(110));
        steps.begin("a", start);
        assert_eq!(left(&steps, start + Duration::from_secs(4)), Some(106));
        // One that takes longer does not shorten the others.
        assert_eq!(left(&steps, start + Duration::from_secs(40)), Some(100));
        steps.end("a", Duration::from_secs(40));
        assert_eq!(left(&steps, start), Some(100));
        assert_eq!((steps.count(), steps.running()), ((1, 2), String::new()));
        assert_eq!(steps.last["a"].round() as u64, 40, "the next time it is expected to");
    }

    #[test]
    fn a_step_that_is_new_is_like_the_others() {
        let start = Instant::now();
        let last = [("a", 10.0), ("b", 20.0), ("c", 30.0)];
        assert_eq!(left(&steps(&["a", "b", "c", "new"], &last), start), Some(80));
        let names: Vec<String> = (0..30).map(|n| n.to_string()).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut steps = steps(&names, &[]);
        assert_eq!(left(&steps, start), None, "nothing is known");
        for (step, known) in [("0", None), ("1", None), ("2", None), ("3", Some(26 * 5))] {
            steps.begin(step, start);
            steps.end(step, Duration::from_secs(5));
            assert_eq!(left(&steps, start), known);
        }
    }

    #[test]
    fn two_at_a_time_take_half_as_long() {
        let mut steps = steps(&["a", "b"], &[("a", 10.0), ("b", 30.0)]);
        steps.set_lanes(2);
        assert_eq!(left(&steps, Instant::now()), Some(20));
    }

    #[test]
    fn durations_are_kept_but_for_short_ones() {
        let folder = tempfile::tempdir().unwrap();
        let file = Some(folder.path().join("deep/steps.json"));
        let again = || Steps::new(vec!["a".to_owned(), "b".to_owned()], file.clone(), 2.0);
        let mut first = again();
        first.end("a", Duration::from_secs(7));
        first.end("b", Duration::from_secs(1));
        assert_eq!(again().last, BTreeMap::from([("a".to_owned(), 7.0)]));
    }
}
