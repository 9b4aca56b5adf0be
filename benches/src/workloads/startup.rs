//! `startup`: a process that lives a few milliseconds.
//!
//! What is timed is all of the process, from the call that starts it until it has been waited for:
//! loading, the allocator's first steps, a little work, and the exit. The process is this program
//! again, with `--child`; `std::process` starts it by `posix_spawn`, so what this process has in
//! memory is not copied.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::time::Instant;

use super::one_thread;
use crate::clock::Clock;
use crate::measure::{Common, Measured};
use crate::report::Memory;
use crate::rng::Rng;

/// One operation is one process.
const DEFAULT_OPS: u64 = 60;

/// Options of `startup`.
#[derive(Clone, Debug, clap::Args)]
pub struct Startup {
    /// Lines that a process reads into its table.
    #[arg(long, default_value_t = 6000)]
    lines: usize,
    /// Do the work in this process and end.
    #[arg(long, hide = true)]
    child: bool,
}

impl Startup {
    pub(super) fn run(&self, common: &Common) -> Result<Measured, String> {
        one_thread(common)?;
        if common.no_alloc {
            return Err("the processes of startup allocate: no --no-alloc".into());
        }
        if self.child {
            return Ok(self.live(common.seed));
        }
        let ops = common.ops_per_thread(DEFAULT_OPS);
        // The first process brings the program's file into memory.
        let (mut sum, mut peak) = self.start(common.seed)?;
        let clock = Clock::start();
        for number in 0..ops {
            let (checksum, used) = self.start(common.seed.wrapping_add(number))?;
            sum = sum.wrapping_add(checksum);
            peak = peak.max(used);
        }
        let seconds = clock.stop();
        let memory = Some(Memory { peak, now: peak });
        Ok(Measured { memory, ..Measured::new(seconds, ops, sum) })
    }

    pub(super) fn params(&self) -> Vec<(&'static str, usize)> {
        vec![("lines", self.lines)]
    }

    /// One process, from start to end: its checksum and its peak of memory.
    fn start(&self, seed: u64) -> Result<(u64, u64), String> {
        let program = std::env::current_exe().map_err(|error| format!("who am I: {error}"))?;
        let output = Command::new(program)
            .args(["startup", "--child", "--lines", &self.lines.to_string()])
            .args(["--seed", &seed.to_string()])
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .map_err(|error| format!("cannot start a process: {error}"))?;
        let line = String::from_utf8_lossy(&output.stdout);
        let field = |name: &str| {
            let (_, rest) = line.split_once(name)?;
            rest.split(['"', ',', '}']).next()
        };
        let checksum = field("\"checksum\":\"").and_then(|sum| u64::from_str_radix(sum, 16).ok());
        let peak = field("\"peak_rss\":").and_then(|peak| peak.parse().ok());
        match (output.status.success(), checksum, peak) {
            (true, Some(checksum), Some(peak)) => Ok((checksum, peak)),
            _ => Err(format!("a process ended with {} and `{}`", output.status, line.trim())),
        }
    }

    /// What short programs do: read lines into a table, look some up, and write a text.
    fn live(&self, seed: u64) -> Measured {
        let start = Instant::now();
        let mut rng = Rng::new(seed, 0);
        let text: String = (0..self.lines)
            .map(|number| {
                format!("key{:x} = {number}{}\n", rng.word() >> 44, "v".repeat(number % 40))
            })
            .collect();
        let mut table: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for line in text.lines() {
            if let Some((key, value)) = line.split_once(" = ") {
                table.entry(key.to_owned()).or_default().push(value.to_owned());
            }
        }
        table.retain(|key, _| !key.ends_with('7'));
        let out: Vec<String> =
            table.iter().map(|(key, values)| format!("{key}: {}", values.join(", "))).collect();
        let checksum = out
            .join("\n")
            .bytes()
            .fold(0_u64, |sum, byte| sum.rotate_left(5).wrapping_add(u64::from(byte)));
        // A process that ends soon does not tidy up.
        std::mem::forget((table, out));
        Measured::new(start.elapsed().as_secs_f64(), 1, checksum)
    }
}
