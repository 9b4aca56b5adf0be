//! What the soak program says: a line of JSON at the end of each phase.

use serde::{Deserialize, Serialize};

/// Memory at the end of a phase.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Sample {
    pub(crate) cycle: u64,
    pub(crate) phase: String,
    /// Since the start.
    pub(crate) seconds: f64,
    /// Bytes that are resident.
    pub(crate) rss: u64,
    /// Bytes that are mapped.
    pub(crate) mapped: u64,
    /// Bytes that were asked for and not freed.
    pub(crate) live: u64,
    /// Operations since the start.
    pub(crate) ops: u64,
}

/// A column of the samples.
pub(crate) type Column = (&'static str, fn(&Sample) -> u64);

/// What must be flat.
pub(crate) const JUDGED: [Column; 2] =
    [("resident", |sample| sample.rss), ("mapped", |sample| sample.mapped)];

/// The phases in their order.
pub(crate) fn phases(samples: &[Sample]) -> Vec<&str> {
    let mut phases: Vec<&str> = Vec::new();
    for sample in samples {
        if !phases.contains(&sample.phase.as_str()) {
            phases.push(&sample.phase);
        }
    }
    phases
}

/// One phase of every cycle.
pub(crate) fn of<'a>(samples: &'a [Sample], phase: &str) -> impl Iterator<Item = &'a Sample> {
    samples.iter().filter(move |sample| sample.phase == phase)
}
