//! What is run: one case is one row of the table.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow, bail};

use crate::trace;

/// How long a run is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Length {
    /// Without the options for full runs.
    pub(crate) quick: bool,
    /// Of the operations that the row names.
    pub(crate) part: f64,
}

impl Length {
    /// All rows on all peers have five blocks and more in twenty minutes.
    pub(crate) const FULL: Self = Self { quick: false, part: 0.25 };
    pub(crate) const QUICK: Self = Self { quick: true, part: 0.3 };
}

/// Memory that the allocator `bump`, which frees nothing, may use in one run: 768 MiB.
const BUMP_LIMIT: u64 = 768 << 20;

/// One row.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// The workload and its options, as `workload` takes them.
    pub(crate) args: &'static str,
    /// Operations of a long run (`--scale 100%`); about 0.3 s on a peer of middling speed.
    ops: u64,
    /// Smallest number of operations worth running.
    least: u64,
    pub(crate) bump: Bump,
    /// Whether the workload can run without allocations.
    pub(crate) no_alloc: bool,
    /// More options, for full runs.
    in_full: &'static str,
    /// The trace of a replay, in `benches/traces/` or by its whole path, and its threads.
    trace: Option<(&'static str, usize)>,
    /// Repetitions at most: a row that waits for seconds does not get surer by waiting again.
    most_reps: usize,
}

/// How the floor `bump` takes part.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Bump {
    /// Bytes that an operation uses up, on average.
    Uses(u64),
    /// Not at all: page faults would be all that is measured.
    Skip,
}

impl Case {
    /// The workload's name, without its options.
    pub(crate) fn workload(&self) -> &'static str {
        self.args.split(' ').next().unwrap_or_default()
    }

    /// What `workload` is called with, but for the operations.
    pub(crate) fn all_args(&self, length: Length) -> String {
        let more = if length.quick { "" } else { self.in_full };
        format!("{} {more}", self.args).trim_end().to_owned()
    }

    /// The trace that is replayed.
    pub(crate) fn trace(&self) -> Option<PathBuf> {
        self.trace.map(|(path, _)| trace::folder().join(path))
    }

    /// Threads of the workload.
    pub(crate) fn threads(&self) -> usize {
        if let Some((_, threads)) = self.trace {
            return threads;
        }
        let mut words = self.args.split(' ').skip_while(|word| *word != "--threads");
        words.nth(1).and_then(|number| number.parse().ok()).unwrap_or(1)
    }

    /// What one operation is, in words.
    pub(crate) fn op(&self) -> &'static str {
        let op = OPERATIONS.iter().find(|(workload, _)| *workload == self.workload());
        op.map_or("", |(_, op)| op)
    }

    /// Blocks of a row, at least and at most, where `limits` are those of all rows.
    pub(crate) fn blocks(&self, limits: (usize, usize)) -> (usize, usize) {
        let most = limits.1.min(self.most_reps);
        (limits.0.min(most), most)
    }

    /// Operations of a run.
    pub(crate) fn ops(&self, length: Length) -> u64 {
        ((self.ops as f64 * length.part) as u64).max(self.least)
    }

    /// Operations and MiB for `bump`, or `None` when it does not take part.
    pub(crate) fn bump(&self, length: Length) -> Option<(u64, u64)> {
        match self.bump {
            Bump::Skip => None,
            Bump::Uses(bytes) => {
                let ops = self.ops(length).min(BUMP_LIMIT / bytes);
                // A quarter more for the warm-up and for what threads leave unused.
                Some((ops, ((ops * bytes * 5 / 4) >> 20) + 32))
            }
        }
    }
}

const fn case(name: &'static str, args: &'static str, ops: u64) -> Case {
    let (bump, in_full, trace, most_reps) = (Bump::Skip, "", None, usize::MAX);
    Case { name, args, ops, least: 1, bump, no_alloc: true, in_full, trace, most_reps }
}

impl Case {
    const fn uses(mut self, bytes: u64) -> Self {
        self.bump = Bump::Uses(bytes);
        self
    }

    const fn only_alloc(mut self) -> Self {
        self.no_alloc = false;
        self
    }

    const fn in_full(mut self, args: &'static str) -> Self {
        self.in_full = args;
        self
    }

    const fn of(mut self, trace: &'static str, threads: usize) -> Self {
        self.trace = Some((trace, threads));
        self
    }

    const fn most_reps(mut self, reps: usize) -> Self {
        self.most_reps = reps;
        self
    }

    const fn least(mut self, ops: u64) -> Self {
        self.least = ops;
        self
    }
}

/// All rows, in the order of the table.
const CASES: &[Case] = &[
    case("random-mixed-256", "random-mixed --set 256", 40_000_000).uses(264),
    case("random-mixed-400", "random-mixed --set 400", 40_000_000).uses(264),
    case("random-mixed-8192", "random-mixed --set 8192", 36_000_000).uses(264),
    case("fixed-size-64", "fixed-size --set 256 --size 64", 40_000_000).uses(36),
    case("fixed-size-1024", "fixed-size --set 256 --size 1024", 40_000_000).uses(516),
    case("box-pair", "box-pair", 100_000_000).uses(32),
    case("stream-1000", "stream --count 1000", 100_000_000).uses(32),
    case("stream-100000", "stream --count 100000", 80_000_000).uses(32).least(1_000_000),
    case("scatter-1000", "scatter --count 1000", 100_000_000).uses(32),
    case("scatter-100000", "scatter --count 100000", 40_000_000).uses(32).least(1_000_000),
    case("larson-1", "larson --threads 1", 32_000_000).uses(260),
    case("larson-2", "larson --threads 2", 40_000_000).uses(260),
    case("larson-8", "larson --threads 8", 40_000_000).uses(260),
    case("relay-1", "relay --threads 1", 30_000_000).uses(524),
    case("relay-2", "relay --threads 2", 8_000_000).uses(524),
    case("relay-8", "relay --threads 8", 8_000_000).uses(524),
    case("false-sharing-2", "false-sharing --threads 2", 20_000_000).uses(40),
    case("false-sharing-8", "false-sharing --threads 8", 20_000_000).uses(40),
    case("churn-1", "churn --threads 1", 30_000_000).uses(100).only_alloc(),
    case("churn-2", "churn --threads 2", 40_000_000).uses(100).only_alloc(),
    case("churn-8", "churn --threads 8", 40_000_000).uses(100).only_alloc(),
    case("tree", "tree --depth 18", 40_000_000).uses(24).only_alloc(),
    case("btree-strings", "btree-strings", 2_000_000).uses(160).only_alloc(),
    case("vec-grow", "vec-grow", 8_000_000).uses(1_000),
    case("vec-grow-4096", "vec-grow --max-len 4096", 1_000_000).uses(10_000),
    case("large", "large", 150_000),
    case("huge-realloc-128", "huge-realloc --mib 128", 2),
    case("huge-realloc-512", "huge-realloc --mib 512", 1),
    case("mid-1", "random-mixed --set 256 --min 1024 --max 32768", 10_000_000).uses(8_448),
    case("mid-2", "random-mixed --set 256 --min 1024 --max 32768 --threads 2", 16_000_000)
        .uses(8_448),
    case("c6-heavy", "random-mixed --set 256 --min 257 --max 768", 40_000_000).uses(264),
    case("sh6-1", "sh6 --threads 1", 20_000_000).uses(172),
    case("sh6-2", "sh6 --threads 2", 24_000_000).uses(172),
    case("sh8-2", "sh8 --threads 2", 20_000_000).uses(172).only_alloc(),
    case("sh8-8", "sh8 --threads 8", 20_000_000).uses(172).only_alloc(),
    case("free-only-thread", "free-only-thread --threads 2", 6_000_000).uses(528).only_alloc(),
    case("async-pool-2", "async-pool --threads 2", 3_000_000).uses(600).only_alloc(),
    case("async-pool-8", "async-pool --threads 8", 3_000_000).uses(600).only_alloc(),
    case("fragment", "fragment", 6_000_000).only_alloc(),
    case("burst-idle", "burst-idle --threads 2", 200_000)
        .least(200_000)
        .only_alloc()
        .in_full("--idle-s 30")
        .most_reps(1),
    case("startup", "startup", 60).only_alloc(),
    case("replay-python", "replay", 6_000_000).of("python.trace", 1),
    case("replay-git", "replay", 3_000_000).of("git.trace", 1),
    case("replay-cc1", "replay", 6_000_000).of("cc1.trace", 1),
    case("replay-redis", "replay", 6_000_000).of("redis.trace", 3),
];

/// What the bench is tested on: a run of about a millisecond, so that most runs are undisturbed also
/// on a machine where others work.
pub(crate) static SELF_TEST: Case =
    case("self-test", "random-mixed --set 256", 100_000).only_alloc();

/// What one operation of each workload is.
const OPERATIONS: &[(&str, &str)] = &[
    ("random-mixed", "one allocation or one free"),
    ("fixed-size", "one allocation or one free"),
    ("box-pair", "one allocation and its free"),
    ("stream", "one allocation or one free"),
    ("scatter", "one allocation or one free"),
    ("larson", "one free and one allocation"),
    ("relay", "one object's life"),
    ("false-sharing", "one object's life"),
    ("churn", "one allocation or one free"),
    ("tree", "one node's life"),
    ("btree-strings", "one insert, look-up or removal"),
    ("vec-grow", "one vector's life"),
    ("large", "one allocation or one free"),
    ("huge-realloc", "one vector's life"),
    ("sh6", "one allocation or one free"),
    ("sh8", "one allocation or one free"),
    ("free-only-thread", "one object's life"),
    ("async-pool", "one step of a task"),
    ("fragment", "one allocation or one free"),
    ("burst-idle", "one allocation or one free"),
    ("startup", "one process"),
    ("replay", "one allocation, free or new size"),
];

/// Rows that a quick run leaves out unless they are asked for by name.
const FULL_ONLY: &[&str] = &[
    "random-mixed-400",
    "fixed-size-1024",
    "churn-1",
    "vec-grow-4096",
    "huge-realloc-512",
    "mid-2",
    "c6-heavy",
    "sh6-1",
    "sh6-2",
    "sh8-8",
    "free-only-thread",
    "async-pool-8",
    "burst-idle",
    "startup",
    "replay-git",
    "replay-cc1",
    "replay-redis",
];

/// A row that replays the trace in this file.
pub(crate) fn replay(path: &Path) -> Result<&'static Case> {
    let threads = trace::read(path)?.threads() as usize;
    let path = fs::canonicalize(path)?.into_os_string().into_string();
    let path = path.map_err(|path| anyhow!("the path {} is no text", path.display()))?;
    let stem = Path::new(&path).file_stem().unwrap_or_default().to_string_lossy();
    let name = format!("replay-{stem}").leak();
    // Rows live as long as the program.
    Ok(Box::leak(Box::new(case(name, "replay", 6_000_000).of(path.leak(), threads))))
}

/// The rows whose names begin with one of `only`; without it all rows, or those of a quick run.
pub(crate) fn select(only: &[String], quick: bool) -> Result<Vec<&'static Case>> {
    for name in only {
        if !CASES.iter().any(|case| case.name.starts_with(name.as_str())) {
            let names: Vec<_> = CASES.iter().map(|case| case.name).collect();
            bail!("no row begins with `{name}`; there are: {}", names.join(", "));
        }
    }
    let wanted = |case: &&Case| match only {
        [] => !(quick && FULL_ONLY.contains(&case.name)),
        only => only.iter().any(|name| case.name.starts_with(name.as_str())),
    };
    Ok(CASES.iter().filter(wanted).collect())
}

/// One line for each row.
pub(crate) fn list(cases: &[&Case]) -> String {
    let line =
        |case: &&Case| format!("{:<20} workload {} --ops {}", case.name, case.args, case.ops);
    cases.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_selects_its_rows_and_a_wrong_one_is_refused() {
        let names = |only: &str| -> Vec<_> {
            let cases = select(&[only.to_owned()], true).unwrap_or_default();
            cases.iter().map(|case| case.name).collect()
        };
        assert_eq!(names("larson"), ["larson-1", "larson-2", "larson-8"]);
        assert_eq!(names("stream-1000"), ["stream-1000", "stream-100000"]);
        assert!(select(&["lasagne".to_owned()], true).is_err());
    }

    #[test]
    fn every_row_says_its_threads_and_what_an_operation_is() {
        for case in CASES {
            assert!(!case.op().is_empty(), "{} is not in OPERATIONS", case.workload());
            let last = case.name.rsplit('-').next().unwrap_or_default();
            if let Ok(number) = last.parse::<usize>()
                && case.args.contains("--threads")
            {
                assert_eq!(number, case.threads(), "{}", case.name);
            }
        }
    }

    #[test]
    fn rows_that_replay_know_the_threads_of_their_traces() {
        let names: Vec<_> = trace::make::KEPT.iter().map(|kept| kept.name).collect();
        for name in &names {
            let row = CASES.iter().find(|case| case.name == format!("replay-{name}")).unwrap();
            let path = row.trace().unwrap();
            assert_eq!(path.file_stem().unwrap().to_string_lossy(), **name);
            assert_eq!(row.threads(), trace::read(&path).unwrap().threads() as usize, "{name}");
            assert_eq!(replay(&path).unwrap().threads(), row.threads());
            assert!(fs::metadata(&path).unwrap().len() < 300 << 10, "{name} is small");
        }
        assert_eq!(CASES.iter().filter(|case| case.trace.is_some()).count(), names.len());
    }

    #[test]
    fn bump_stays_within_its_memory() {
        for case in CASES {
            if let Some((ops, mib)) = case.bump(Length::FULL) {
                assert!(ops > 0 && mib <= (BUMP_LIMIT >> 20) * 5 / 4 + 32, "{}", case.name);
            }
        }
    }
}
