//! The file that a bench leaves, `target/bench/results/STAMP.json`: its shape, writing, reading.
//!
//! `docs/results/README.md` describes every field. Tables and reports read a [`Document`] and
//! nothing else, so that a kept file shows what the run itself has shown.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::counts::What;
use super::entrants::Kind;
use super::process;
use super::stats::Verdict;

/// The shape that this file describes.
pub(crate) const SCHEMA: u32 = 2;

/// One run of the bench.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Document {
    pub(crate) schema: u32,
    /// The name of the file, from the local time: `20261121-093000`.
    pub(crate) stamp: String,
    pub(crate) date: String,
    /// What followed `cargo xtask`.
    pub(crate) command: Vec<String>,
    pub(crate) revision: Revision,
    pub(crate) machine: Machine,
    pub(crate) method: Method,
    pub(crate) entrants: Vec<Column>,
    pub(crate) not_measured: Vec<Absent>,
    pub(crate) rows: Vec<Row>,
    pub(crate) medians: Vec<Median>,
    pub(crate) ratios: Vec<Ratio>,
    pub(crate) overall: Vec<Overall>,
    pub(crate) failures: Vec<Failure>,
    /// Checksums that were not those of the others.
    pub(crate) damage: Vec<String>,
    /// Ended early, and why.
    pub(crate) cut_short: Option<String>,
    /// What runs that were not timed have counted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) counts: Vec<Count>,
    /// What was to be counted, and was not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) not_counted: Vec<String>,
    pub(crate) samples: Vec<Sample>,
}

/// The sources that were built.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Revision {
    /// `None` outside of a repository.
    pub(crate) commit: Option<String>,
    /// Whether the files of `crates/` and `benches/` are those of the commit.
    pub(crate) clean: bool,
}

/// What it ran on.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Machine {
    pub(crate) cpu: String,
    /// CPUs that are on.
    pub(crate) cpus: usize,
    /// Those that the bench may use.
    pub(crate) allowed: Vec<usize>,
    /// Bytes of memory.
    pub(crate) memory: u64,
    pub(crate) kernel: String,
    /// The frequency governor of the first CPU; `None` where the kernel has none.
    pub(crate) governor: Option<String>,
    /// The setting for transparent huge pages.
    pub(crate) thp: String,
    /// In a virtual machine that hands free memory back to its host: from which order of pages on.
    #[serde(default)]
    pub(crate) page_reporting: Option<u32>,
    /// Load averages over 1, 5 and 15 minutes.
    pub(crate) load_before: Vec<f64>,
    pub(crate) load_after: Vec<f64>,
    /// `None` where there is no `/proc/stat`.
    pub(crate) cpu_time: Option<CpuTime>,
}

/// Who used the CPUs while the bench measured: shares of all their time.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct CpuTime {
    pub(crate) seconds: f64,
    pub(crate) own: f64,
    pub(crate) others: f64,
    /// Taken by other guests of the host.
    pub(crate) steal: f64,
    /// From this share of others and steal on, the machine is called busy.
    pub(crate) limit: f64,
    pub(crate) busy: bool,
}

/// How it was measured.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Method {
    pub(crate) quick: bool,
    /// Of the operations that the row names.
    pub(crate) part: f64,
    /// Blocks of each row, at least and at most; equal with `--reps`.
    pub(crate) least: usize,
    pub(crate) most: usize,
    /// Half the width of a ratio's interval, in parts of the ratio, at which it needs no more blocks.
    pub(crate) precision: f64,
    /// Seconds for all runs together; `None` is no limit.
    pub(crate) budget: Option<f64>,
    /// Unmeasured runs of each entrant on each row.
    pub(crate) warm_up: usize,
    /// Where the order inside of blocks comes from.
    pub(crate) order_seed: u64,
    /// What was done about CPUs, in words.
    pub(crate) pinning: String,
    /// How intervals are made, in words.
    pub(crate) interval: String,
    pub(crate) resamples: usize,
    pub(crate) resample_seed: u64,
    /// What an interval covers.
    pub(crate) level: f64,
    /// Differences up to this one are none.
    pub(crate) smallest_effect: f64,
    /// Wall-clock seconds from the first run to the last.
    pub(crate) seconds: f64,
}

/// One entrant.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// What it is, in words.
    pub(crate) what: String,
    pub(crate) version: Option<String>,
    pub(crate) preload: Option<String>,
}

/// Who is not there, and why.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Absent {
    pub(crate) name: String,
    pub(crate) why: String,
}

/// One row of the table.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) workload: String,
    pub(crate) args: String,
    pub(crate) threads: usize,
    /// What one operation is, in words.
    pub(crate) op: String,
    /// Operations of one run.
    pub(crate) ops: u64,
    /// The CPU that its runs were bound to.
    pub(crate) cpu: Option<usize>,
    pub(crate) blocks: usize,
    pub(crate) ended: Ended,
}

/// Why a row got no more blocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Ended {
    /// Every ratio is as precise as was asked for.
    Precise,
    /// As many as were allowed, or asked for.
    Most,
    /// The time was over.
    Budget,
    Interrupted,
    /// Nothing is left that could run.
    #[default]
    Empty,
}

/// One number of one entrant on one row: the median of its runs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Median {
    pub(crate) row: String,
    pub(crate) entrant: String,
    pub(crate) metric: String,
    pub(crate) unit: String,
    pub(crate) median: f64,
    /// The interval of the median.
    pub(crate) low: f64,
    pub(crate) high: f64,
    pub(crate) least: f64,
    pub(crate) runs: usize,
}

/// `of` divided by `to`, on one row: below 1, `of` needs less.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Ratio {
    pub(crate) row: String,
    pub(crate) of: String,
    pub(crate) to: String,
    pub(crate) metric: String,
    #[serde(flatten)]
    pub(crate) estimate: Estimate,
    /// Pairs that it comes from.
    pub(crate) blocks: usize,
}

/// A ratio with its interval, and what follows from them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Estimate {
    pub(crate) ratio: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
    pub(crate) verdict: Verdict,
}

/// `of` divided by `to`, over all rows where both ran.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Overall {
    pub(crate) of: String,
    pub(crate) to: String,
    pub(crate) metric: String,
    /// The geometric mean of the rows' ratios.
    #[serde(flatten)]
    pub(crate) mean: Estimate,
    /// The ratio of the middle row.
    pub(crate) median_row: f64,
    pub(crate) rows: usize,
    /// Rows by their verdicts.
    pub(crate) less: usize,
    pub(crate) more: usize,
}

/// An entrant that could not run a row.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Failure {
    pub(crate) row: String,
    pub(crate) entrant: String,
    pub(crate) why: String,
}

/// One run. Runs of one row with the same block were made directly after one another.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Sample {
    pub(crate) row: String,
    pub(crate) entrant: String,
    pub(crate) block: usize,
    /// Its place in the order inside of the block.
    pub(crate) place: usize,
    #[serde(flatten)]
    pub(crate) run: process::Sample,
}

/// What happened in a run that was not timed, in its timed part.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Count {
    pub(crate) row: String,
    pub(crate) entrant: String,
    pub(crate) what: What,
    /// How many operations it was.
    pub(crate) ops: u64,
    pub(crate) numbers: BTreeMap<String, f64>,
}

impl Document {
    /// Writes the file: each element of a list on a line of its own, so that it can be searched.
    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let Value::Object(fields) = serde_json::to_value(self)? else { return Ok(()) };
        let field = |(name, value): (&String, &Value)| {
            let text = match value {
                Value::Array(items) if items.iter().any(Value::is_object) => {
                    let lines: Vec<_> = items.iter().map(Value::to_string).collect();
                    format!("[\n  {}\n ]", lines.join(",\n  "))
                }
                value => value.to_string(),
            };
            format!(" \"{name}\": {text}")
        };
        let lines: Vec<_> = fields.iter().map(field).collect();
        fs::write(path, format!("{{\n{}\n}}\n", lines.join(",\n")))
            .with_context(|| format!("cannot write {}", path.display()))
    }

    /// Reads a file that [`write`](Self::write) left.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text =
            fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let value: Value = serde_json::from_str(&text)
            .with_context(|| format!("{} is not JSON", path.display()))?;
        let schema = value.get("schema").and_then(Value::as_u64).unwrap_or(1);
        ensure!(
            schema == u64::from(SCHEMA),
            "{} has schema {schema}; this reads schema {SCHEMA}",
            path.display()
        );
        serde_json::from_value(value)
            .with_context(|| format!("{} has not the shape of its schema", path.display()))
    }
}
