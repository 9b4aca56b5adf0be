//! System calls by kind, in the timed part: strace writes down all of them, and the workload makes two that fail
//! at its ends.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;

use anyhow::{Context as _, Result, ensure};

/// The kinds that have a name; the rest is [`OTHER`].
pub(super) const KINDS: [&str; 8] =
    ["mmap", "munmap", "madvise", "mprotect", "mremap", "futex", "brk", "prctl"];

/// All other kinds.
pub(super) const OTHER: &str = "other";

/// What stands before and behind the workload's own words.
pub(super) fn command(file: &Path) -> [Vec<String>; 2] {
    let file = file.display().to_string();
    let before = ["strace", "-f", "-qq", "-e", "signal=none", "-o", &file, "--"];
    [before.map(str::to_owned).to_vec(), vec!["--marks".to_owned()]]
}

/// Counts the calls of a trace.
pub(super) fn read(file: &Path) -> Result<BTreeMap<String, f64>> {
    let trace = File::open(file).with_context(|| format!("cannot read {}", file.display()))?;
    count(BufReader::new(trace).lines().map_while(Result::ok))
}

/// Counts the calls between the two marks.
fn count(lines: impl Iterator<Item = String>) -> Result<BTreeMap<String, f64>> {
    let named = KINDS.into_iter().chain([OTHER]).map(|kind| (kind.to_owned(), 0.0));
    let mut counts: BTreeMap<String, f64> = named.collect();
    let (mut begun, mut ended) = (false, false);
    for line in lines {
        if line.contains("write(-1, \"timed part begins\"") {
            begun = true;
        } else if line.contains("write(-1, \"timed part ends\"") {
            ended = true;
        } else if let Some(call) = name(&line).filter(|_| begun && !ended) {
            let kind = if KINDS.contains(&call) { call } else { OTHER };
            counts.entry(kind.to_owned()).and_modify(|count| *count += 1.0);
        }
    }
    ensure!(begun && ended, "the workload does not say where its timed part is");
    Ok(counts)
}

/// The call that begins in this line. The end of one that was interrupted by another thread's is a line of its own.
fn name(line: &str) -> Option<&str> {
    let rest = line.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start();
    let (name, _) = rest.split_once('(')?;
    let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    (!name.is_empty() && name.chars().all(is_name)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = r#"
100 execve("workload", ["workload"], 0x7ffd /* 9 vars */) = 0
100 mmap(NULL, 8192, PROT_READ, MAP_PRIVATE, -1, 0) = 0x7f00
100 write(-1, "timed part begins", 17) = -1 EBADF (Bad file descriptor)
100 mmap(NULL, 2097152, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f01
101 futex(0x7f, FUTEX_WAIT_PRIVATE, 2, NULL <unfinished ...>
100 futex(0x7f, FUTEX_WAKE_PRIVATE, 1) = 1
101 <... futex resumed>) = 0
101 sched_yield() = 0
101 +++ exited with 0 +++
100 write(-1, "timed part ends", 15) = -1 EBADF (Bad file descriptor)
100 munmap(0x7f01, 2097152) = 0
"#;

    #[test]
    fn calls_between_the_marks_are_counted_once() {
        let counts = count(TRACE.lines().map(str::to_owned)).unwrap();
        let some: Vec<_> =
            counts.iter().filter(|(_, n)| **n > 0.0).map(|(name, n)| (name.as_str(), *n)).collect();
        assert_eq!(some, [("futex", 2.0), ("mmap", 1.0), ("other", 1.0)]);
        assert_eq!(counts.len(), KINDS.len() + 1, "those that did not happen have a zero");
    }

    #[test]
    fn a_trace_without_marks_is_refused() {
        let lines = TRACE.lines().filter(|line| !line.contains("ends")).map(str::to_owned);
        assert!(count(lines).is_err());
    }
}
