//! The one line a run prints.

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

/// One JSON object on one line.
#[must_use]
pub fn json(
    workload: &str,
    allocator: &str,
    params: &[(&str, usize)],
    common: &Common,
    run: &Measured,
    memory: Memory,
) -> String {
    let params: Vec<_> = params.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    let extra: Vec<_> =
        run.extra.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    format!(
        "{{\"workload\":\"{workload}\",\"allocator\":\"{allocator}\",\"params\":{{{}}},\
         \"threads\":{},\"seed\":{},\"no_alloc\":{},\"seconds\":{:.9},\"ops\":{},\
         \"peak_rss\":{},\"end_rss\":{},\"checksum\":\"{:016x}\",\"extra\":{{{}}}}}",
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
    )
}
