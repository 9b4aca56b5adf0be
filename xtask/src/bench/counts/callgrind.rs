//! Instructions in the timed part, by who wrote them.
//!
//! Callgrind counts each instruction of the program. Which source an instruction is from, the lines say that the
//! compiler leaves in the binary: for code that was inlined, the whole chain of who inlined whom. The first of the
//! chain that is a box's has the instruction, so that a box pays for what it uses of `core`, of `sync` and of `contract`.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use addr2line::Loader;
use anyhow::{Context as _, Result, anyhow, ensure};

use super::parts::{self, Parts};
use crate::lab::choice::Choice;

/// The name of the sum.
pub(super) const ALL: &str = "all";

/// An object, an address in it, and instructions that were executed there.
type Cost<'a> = (&'a str, u64, u64);

/// Reads profiles, and finds out whose instructions they are.
pub(super) struct Profiler {
    parts: Parts,
    /// By binary: what is known of it.
    binaries: HashMap<PathBuf, Binary>,
}

/// A binary's lines, and for each address that was met, whose it is.
struct Binary {
    lines: Loader,
    known: HashMap<u64, String>,
}

/// What stands before the binary. Files of an earlier run are removed.
pub(super) fn command(base: &Path) -> Result<Vec<String>> {
    for file in [base.to_owned(), dump(base)] {
        if file.exists() {
            std::fs::remove_file(&file)
                .with_context(|| format!("cannot remove {}", file.display()))?;
        }
    }
    let out = format!("--callgrind-out-file={}", base.display());
    let words = [
        "valgrind",
        "-q",
        "--tool=callgrind",
        "--dump-instr=yes",
        "--dump-line=no",
        "--compress-strings=no",
        "--compress-pos=no",
        "--zero-before=*timed_part_begins*",
        "--dump-before=*timed_part_ends*",
        &out,
    ];
    Ok(words.map(str::to_owned).to_vec())
}

/// The file that is written at the end of the timed part.
fn dump(base: &Path) -> PathBuf {
    base.with_extension("1")
}

impl Profiler {
    pub(super) fn new(choices: &[(String, Choice)]) -> Self {
        Self { parts: Parts::new(choices), binaries: HashMap::new() }
    }

    /// The instructions of the last run, by part; [`ALL`] is their sum.
    pub(super) fn read(&mut self, base: &Path, binary: &Path) -> Result<BTreeMap<String, f64>> {
        let file = dump(base);
        let text = std::fs::read_to_string(&file)
            .with_context(|| format!("no profile of the timed part: {}", file.display()))?;
        let costs = parse(&text)?;
        if !self.binaries.contains_key(binary) {
            let lines = Loader::new(binary)
                .map_err(|error| anyhow!("no lines in {}: {error}", binary.display()))?;
            self.binaries.insert(binary.to_owned(), Binary { lines, known: HashMap::new() });
        }
        let known = self.binaries.get_mut(binary).context("just put there")?;
        let own = binary.to_string_lossy();
        let mut sums: BTreeMap<String, f64> = BTreeMap::new();
        for (object, address, cost) in costs {
            let part = if object == own {
                known.part(&self.parts, address)
            } else {
                parts::LIBRARIES.to_owned()
            };
            *sums.entry(part).or_default() += cost as f64;
            *sums.entry(ALL.to_owned()).or_default() += cost as f64;
        }
        Ok(sums)
    }
}

impl Binary {
    /// Whose the instruction at `address` is.
    fn part(&mut self, parts: &Parts, address: u64) -> String {
        if let Some(part) = self.known.get(&address) {
            return part.clone();
        }
        let mut files = Vec::new();
        if let Ok(mut frames) = self.lines.find_frames(address) {
            // The innermost first.
            while let Ok(Some(frame)) = frames.next() {
                let file = frame.location.and_then(|location| location.file);
                files.extend(file.map(str::to_owned));
            }
        }
        let part = parts.of(files.iter().map(String::as_str)).to_owned();
        self.known.insert(address, part.clone());
        part
    }
}

/// Self costs. A line behind `calls=` is what the callee cost, which is counted there.
fn parse(text: &str) -> Result<Vec<Cost<'_>>> {
    let mut costs = Vec::new();
    let (mut object, mut of_callee, mut sum, mut total) = ("", false, 0, None);
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("ob=") {
            object = name;
        } else if line.starts_with("calls=") {
            of_callee = true;
        } else if let Some(positions) = line.strip_prefix("positions: ") {
            ensure!(positions == "instr", "the profile has positions `{positions}`");
        } else if let Some(number) = line.strip_prefix("totals: ") {
            total = number.trim().parse::<u64>().ok();
        } else if let Some(rest) = line.strip_prefix("0x")
            && !std::mem::take(&mut of_callee)
        {
            let (address, cost) = rest.split_once(' ').unwrap_or((rest, "0"));
            let address = u64::from_str_radix(address, 16);
            let address = address.with_context(|| format!("`{line}` has no address"))?;
            let cost = cost.trim().parse().with_context(|| format!("`{line}` has no cost"))?;
            sum += cost;
            costs.push((object, address, cost));
        }
    }
    ensure!(total == Some(sum), "the profile's lines add up to {sum}, and it says {total:?}");
    Ok(costs)
}

/// What `more` has beyond `less`, by name.
pub(super) fn difference(
    more: &BTreeMap<String, f64>,
    less: &BTreeMap<String, f64>,
) -> BTreeMap<String, f64> {
    let less = |name: &String| less.get(name).copied().unwrap_or(0.0);
    more.iter().map(|(name, n)| (name.clone(), n - less(name))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROFILE: &str = "\
version: 1
positions: instr
events: Ir
summary: 37

ob=/bin/workload
fl=???
fn=main
0x1000 5
0x1004 2
cob=/lib/libc.so.6
cfn=malloc
calls=3 0x4860000
0x1008 30
0x100c 1

ob=/lib/libc.so.6
fn=malloc
0x4860000 29

totals: 37
";

    #[test]
    fn what_a_callee_cost_is_counted_there() {
        let costs = parse(PROFILE).unwrap();
        let (own, libc) = ("/bin/workload", "/lib/libc.so.6");
        assert_eq!(
            costs,
            [(own, 0x1000, 5), (own, 0x1004, 2), (own, 0x100c, 1), (libc, 0x486_0000, 29)]
        );
    }

    #[test]
    fn a_profile_that_does_not_add_up_is_refused() {
        assert!(parse(&PROFILE.replace("totals: 37", "totals: 38")).is_err());
        assert!(parse(&PROFILE.replace("positions: instr", "positions: instr line")).is_err());
    }

    #[test]
    fn what_happens_once_is_in_both_runs() {
        let map = |all, front| BTreeMap::from([(ALL.to_owned(), all), ("front".to_owned(), front)]);
        let mut more = map(310.0, 90.0);
        more.insert("pool".to_owned(), 4.0);
        let rest = difference(&more, &map(110.0, 30.0));
        assert_eq!(rest["all"].to_bits(), 200.0_f64.to_bits());
        assert_eq!(rest["front"].to_bits(), 60.0_f64.to_bits());
        assert_eq!(rest["pool"].to_bits(), 4.0_f64.to_bits());
    }
}
