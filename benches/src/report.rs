//! The one line a run prints.

use crate::clock::Part;
use crate::measure::{Common, Measured};

/// Memory of this process, in bytes, as the kernel counts it.
///
/// From `/proc/self/status` and not from `getrusage`: `ru_maxrss` keeps the peak of the program
/// that ran in the process before `exec`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Memory {
    /// Largest resident set so far.
    pub peak: u64,
    /// Resident set now.
    pub now: u64,
}

impl Memory {
    /// Reads the counters; zeros where there is no `/proc`.
    #[must_use]
    pub fn read() -> Self {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let kib = line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
            kib.unwrap_or(0) * 1024
        };
        Self { peak: field("VmHWM:"), now: field("VmRSS:") }
    }
}

/// What a run measured, for its line.
#[derive(Clone, Copy, Debug)]
pub struct Results<'a> {
    /// What the workload measured.
    pub run: &'a Measured,
    /// The timed part, if the workload has a [`Clock`](crate::clock::Clock).
    pub part: Option<Part>,
    /// Memory of the whole process, up to now.
    pub memory: Memory,
    /// Name and number of what this build counts, in the timed part.
    pub counters: &'a [(&'a str, u64)],
}

/// One JSON object on one line.
#[must_use]
pub fn json(
    workload: &str,
    allocator: &str,
    params: &[(&str, usize)],
    common: &Common,
    results: &Results<'_>,
) -> String {
    let Results { run, part, memory, counters } = results;
    let params: Vec<_> = params.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    let extra: Vec<_> =
        run.extra.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    format!(
        "{{\"workload\":\"{workload}\",\"allocator\":\"{allocator}\",\"params\":{{{}}},\
         \"threads\":{},\"seed\":{},\"no_alloc\":{},\"seconds\":{:.9},\"ops\":{},\
         \"peak_rss\":{},\"end_rss\":{},\"checksum\":\"{:016x}\",\"extra\":{{{}}}{}{}}}",
        params.join(","),
        common.threads(),
        common.seed,
        common.no_alloc,
        run.seconds,
        common.reported(run.ops),
        memory.peak,
        memory.now,
        run.checksum,
        extra.join(","),
        part.map_or_else(String::new, |part| timed(&part)),
        counted(counters),
    )
}

/// The fields of the timed part.
fn timed(part: &Part) -> String {
    let used = part.end.usage.since(&part.begin.usage);
    format!(
        ",\"began\":{:.9},\"ended\":{:.9},\"begin_timed_rss\":{},\"end_timed_rss\":{},\
         \"minor_faults\":{},\"major_faults\":{},\"voluntary_switches\":{},\
         \"involuntary_switches\":{},\"user_seconds\":{:.6},\"system_seconds\":{:.6}",
        part.begin.at,
        part.end.at,
        part.begin.rss,
        part.end.rss,
        used.minor_faults,
        used.major_faults,
        used.voluntary,
        used.involuntary,
        used.user,
        used.system,
    )
}

/// The field of the counters, if there are any.
fn counted(counters: &[(&str, u64)]) -> String {
    if counters.is_empty() {
        return String::new();
    }
    let fields: Vec<_> =
        counters.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    format!(",\"counters\":{{{}}}", fields.join(","))
}
