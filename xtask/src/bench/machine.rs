//! The machine and the versions, for whoever reads the numbers later.

use std::ffi::CStr;
use std::fs::read_to_string;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use super::Places;
use super::entrants::Entrant;
use super::result::{CpuTime, Machine, Revision};

/// From this share of the CPU time on, taken by others, a machine is busy.
const LIMIT: f64 = 0.05;

/// Looks at the machine before and after the runs.
#[derive(Debug)]
pub(crate) struct Watch {
    machine: Machine,
    start: Instant,
    before: Option<Ticks>,
}

impl Watch {
    pub(crate) fn start(allowed: &[usize]) -> Self {
        let machine = Machine {
            cpu: cpu(),
            cpus: cpus(),
            allowed: allowed.to_vec(),
            memory: memory(),
            kernel: line("/proc/sys/kernel/osrelease").unwrap_or_default(),
            governor: line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
            thp: huge_pages(),
            page_reporting: page_reporting(),
            load_before: load(),
            load_after: Vec::new(),
            cpu_time: None,
        };
        Self { machine, start: Instant::now(), before: Ticks::read() }
    }

    /// The machine as far as it is known before the runs.
    pub(crate) fn so_far(&self) -> &Machine {
        &self.machine
    }

    pub(crate) fn finish(self) -> Machine {
        let seconds = self.start.elapsed().as_secs_f64();
        let cpu_time = self.before.zip(Ticks::read()).map(|(before, after)| {
            let share = |get: fn(&Ticks) -> f64| {
                (get(&after) - get(&before)) / (after.all - before.all).max(f64::MIN_POSITIVE)
            };
            let (own, steal) = (share(|ticks| ticks.own), share(|ticks| ticks.steal));
            // Own time is counted exactly and all time in ticks, so the difference may come out
            // below zero.
            let others = (share(|ticks| ticks.used) - own).max(0.0);
            CpuTime { seconds, own, others, steal, limit: LIMIT, busy: others + steal > LIMIT }
        });
        Machine { load_after: load(), cpu_time, ..self.machine }
    }
}

/// CPU time since the start of the machine, in seconds.
#[derive(Debug)]
struct Ticks {
    all: f64,
    used: f64,
    steal: f64,
    /// Of this process and those that it has waited for.
    own: f64,
}

impl Ticks {
    fn read() -> Option<Self> {
        let stat = line("/proc/stat")?;
        Self::parse(&stat, own_seconds())
    }

    /// `cpu  user nice system idle iowait irq softirq steal guest guest_nice`; guests are part of
    /// user and nice.
    fn parse(stat: &str, own: f64) -> Option<Self> {
        let words = stat.strip_prefix("cpu ")?.split_whitespace();
        let ticks: Vec<f64> = words.take(8).map(str::parse).collect::<Result<_, _>>().ok()?;
        let [user, nice, system, idle, wait, irq, soft, steal] = ticks.try_into().ok()?;
        // SAFETY: the function has no preconditions.
        let hertz = unsafe { libc::sysconf(libc::_SC_CLK_TCK) } as f64;
        let used = (user + nice + system + irq + soft) / hertz;
        let steal = steal / hertz;
        Some(Self { all: used + steal + (idle + wait) / hertz, used, steal, own })
    }
}

fn own_seconds() -> f64 {
    let of = |who| {
        // SAFETY: the type is integers, for which zeros are valid.
        let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
        // SAFETY: the pointer is to a live value of the type that the call fills.
        unsafe { libc::getrusage(who, &raw mut usage) };
        let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
        seconds(usage.ru_utime) + seconds(usage.ru_stime)
    };
    of(libc::RUSAGE_SELF) + of(libc::RUSAGE_CHILDREN)
}

/// A few lines: on what it runs.
pub(crate) fn describe(machine: &Machine) -> String {
    let load: Vec<_> = machine.load_before.iter().map(|load| format!("{load:.2}")).collect();
    format!(
        "machine: {cpu}, {cpus} CPUs, {memory:.1} GiB; Linux {kernel}; governor {governor}; THP \
         {thp}{reporting}; load {load}",
        cpu = machine.cpu,
        cpus = machine.cpus,
        memory = machine.memory as f64 / f64::from(1 << 30),
        kernel = machine.kernel,
        governor = machine.governor.as_deref().unwrap_or("not shown"),
        thp = machine.thp,
        reporting = if machine.page_reporting.is_some() {
            "; the host takes free pages, so what a run needs is touched before it"
        } else {
            ""
        },
        load = load.join(" "),
    )
}

/// What is to be said on top of the numbers of a busy machine.
pub(crate) fn warning(machine: &Machine) -> Option<String> {
    let time = machine.cpu_time.filter(|time| time.busy)?;
    Some(format!(
        "BUSY MACHINE: while this ran, others used {:.0} % of the CPU time and {:.0} % was taken by \
         the host (limit {:.0} % together). Intervals are wide, and rows of several threads say little; \
         shorter runs are disturbed less (--scale 2%).",
        time.others * 100.0,
        time.steal * 100.0,
        time.limit * 100.0,
    ))
}

fn line(path: &str) -> Option<String> {
    read_to_string(path).ok()?.lines().next().map(str::to_owned)
}

fn cpus() -> usize {
    // SAFETY: the function has no preconditions.
    usize::try_from(unsafe { libc::sysconf(libc::_SC_NPROCESSORS_ONLN) }).unwrap_or(0)
}

fn memory() -> u64 {
    let text = read_to_string("/proc/meminfo").unwrap_or_default();
    let total = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kib = total.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

fn load() -> Vec<f64> {
    let text = line("/proc/loadavg").unwrap_or_default();
    text.split(' ').take(3).filter_map(|word| word.parse().ok()).collect()
}

fn cpu() -> String {
    let text = read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(name))?;
        line.split_once(':').map(|(_, value)| value.trim().to_owned())
    };
    field("model name").or_else(|| field("CPU part")).unwrap_or_else(|| "unknown CPU".to_owned())
}

/// The word in brackets is the one that holds.
fn huge_pages() -> String {
    let text = line("/sys/kernel/mm/transparent_hugepage/enabled").unwrap_or_default();
    let word = text.split_once('[').and_then(|(_, rest)| rest.split_once(']'));
    word.map_or("not shown".to_owned(), |(word, _)| word.to_owned())
}

/// From which order of pages on free ones are reported to the host. The kernel's own value stands for
/// "not used".
pub(crate) fn page_reporting() -> Option<u32> {
    let order = line("/sys/module/page_reporting/parameters/page_reporting_order")?;
    order.parse().ok().filter(|order| *order < u64::BITS)
}

/// The version of an entrant, as far as it can be found out.
pub(crate) fn version(places: &Places, entrant: &Entrant) -> Option<String> {
    if let Some(library) = &entrant.preload {
        // The link's target has the full number: libjemalloc.so.2 says little.
        let real = std::fs::canonicalize(library).unwrap_or_else(|_| library.clone());
        let name = real.file_name().map(|name| name.to_string_lossy().into_owned())?;
        return Some(package(&real).map_or(name.clone(), |package| format!("{name} ({package})")));
    }
    match entrant.name.as_str() {
        "hakmem" | "hakmem-hardened" | "hakmem-classic" => Some(words(&revision(&places.root))),
        "system" => Some(format!("glibc {}", glibc())),
        "mimalloc" => mimalloc(places, "v3"),
        "mimalloc-v2" => mimalloc(places, "v2"),
        "jemalloc" => crate_version(places, "tikv-jemalloc-sys").map(|text| {
            // "0.7.1+5.3.1-0-g81034ce…": what follows the plus is jemalloc's own version.
            text.split_once('+').map_or(text.clone(), |(_, own)| own.chars().take(14).collect())
        }),
        "snmalloc" => crate_version(places, "snmalloc-sys"),
        _ => None,
    }
}

/// The distribution's package that a file is from, with its version.
fn package(file: &Path) -> Option<String> {
    let query = |args: &[&str]| {
        let output = Command::new("dpkg-query").args(args).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let owner = query(&["--search", &file.to_string_lossy()])?;
    let name = owner.split(": ").next()?;
    let version = query(&["--show", "--showformat=${Version}", name])?;
    Some(format!("{name} {version}"))
}

fn crate_version(places: &Places, name: &str) -> Option<String> {
    let package = places.metadata.packages.iter().find(|package| package.name == name)?;
    Some(package.version.to_string())
}

/// From the header of the source that the crate carries: `#define MI_MALLOC_VERSION 30302`.
fn mimalloc(places: &Places, generation: &str) -> Option<String> {
    let mut packages = places.metadata.packages.iter();
    let package = packages.find(|package| package.name == "libmimalloc-sys")?;
    let folder = package.manifest_path.parent()?;
    let header = folder.join(format!("c_src/mimalloc/{generation}/include/mimalloc.h"));
    let text = read_to_string(header).ok()?;
    let rest = text.split_once("#define MI_MALLOC_VERSION")?.1;
    let number: u32 = rest.split_whitespace().next()?.parse().ok()?;
    Some(format!("{}.{}.{}", number / 10_000, number / 100 % 100, number % 100))
}

fn glibc() -> String {
    // SAFETY: the function has no preconditions.
    let text = unsafe { libc::gnu_get_libc_version() };
    // SAFETY: glibc returns a string of its own that is never freed or changed.
    let text = unsafe { CStr::from_ptr(text) };
    text.to_string_lossy().into_owned()
}

/// The commit, and whether the files differ from it.
pub(crate) fn revision(root: &Path) -> Revision {
    let git = |args: &[&str]| {
        let output = Command::new("git").args(args).current_dir(root).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let commit = git(&["rev-parse", "--short=12", "HEAD"]);
    let changes = git(&["status", "--porcelain", "--", "crates", "benches", "Cargo.lock"]);
    Revision { commit, clean: changes.is_some_and(|text| text.is_empty()) }
}

fn words(revision: &Revision) -> String {
    let commit = revision.commit.as_deref().unwrap_or("unknown");
    format!("{commit}{}", if revision.clean { "" } else { " with changes" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_is_divided_among_its_users() {
        let before = Ticks::parse("cpu  100 0 100 1000 50 0 0 0 0 0", 1.0).unwrap();
        let after = Ticks::parse("cpu  500 10 200 1400 50 5 5 80 70 0", 4.0).unwrap();
        // SAFETY: the function has no preconditions.
        let hertz = unsafe { libc::sysconf(libc::_SC_CLK_TCK) } as f64;
        assert!(((after.all - before.all) * hertz - 1000.0).abs() < 1e-6);
        assert!(((after.used - before.used) * hertz - 520.0).abs() < 1e-6);
        assert!(((after.steal - before.steal) * hertz - 80.0).abs() < 1e-6);
        assert!(Ticks::parse("intr 1 2 3", 0.0).is_none());
    }

    #[test]
    fn a_machine_is_called_busy_only_when_it_was() {
        let time =
            CpuTime { seconds: 1.0, own: 0.5, others: 0.2, steal: 0.01, limit: LIMIT, busy: true };
        let with = |cpu_time| Machine { cpu_time, ..Machine::default() };
        assert!(warning(&with(Some(time))).unwrap().contains("20 % of the CPU time"));
        assert_eq!(warning(&with(Some(CpuTime { busy: false, ..time }))), None);
        assert_eq!(warning(&with(None)), None);
    }
}
