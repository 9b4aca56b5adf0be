//! The machine and the versions, for whoever reads the numbers later.

use std::ffi::CStr;
use std::fs::read_to_string;
use std::path::Path;
use std::process::Command;

use super::Places;
use super::entrants::{Entrant, Field};

/// A few lines: when, on what, which versions.
pub(crate) fn describe(places: &Places, field: &Field) -> String {
    let cpus = std::thread::available_parallelism().map_or(0, usize::from);
    let versions: Vec<_> = field
        .entrants
        .iter()
        .filter_map(|entrant| Some(format!("{} {}", entrant.name, version(places, entrant)?)))
        .collect();
    format!(
        "{date}\nmachine: {cpu}, {cpus} CPUs; Linux {kernel}; THP {thp}; load {load}\nversions: {versions}",
        date = jiff::Zoned::now().strftime("%Y-%m-%d %H:%M:%S %Z"),
        cpu = cpu(),
        kernel = line("/proc/sys/kernel/osrelease"),
        thp = huge_pages(),
        load = line("/proc/loadavg").split(' ').take(3).collect::<Vec<_>>().join(" "),
        versions = versions.join(", "),
    )
}

fn line(path: &str) -> String {
    let text = read_to_string(path).unwrap_or_default();
    text.lines().next().unwrap_or("unknown").to_owned()
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
    let text = line("/sys/kernel/mm/transparent_hugepage/enabled");
    let word = text.split_once('[').and_then(|(_, rest)| rest.split_once(']'));
    word.map_or(text.clone(), |(word, _)| word.to_owned())
}

/// The version of an entrant, as far as it can be found out.
fn version(places: &Places, entrant: &Entrant) -> Option<String> {
    if let Some(library) = &entrant.preload {
        // The link's target has the full number: libjemalloc.so.2 says little.
        let real = std::fs::canonicalize(library).unwrap_or_else(|_| library.clone());
        return real.file_name().map(|name| name.to_string_lossy().into_owned());
    }
    match entrant.name.as_str() {
        "hakmem" | "hakmem-hardened" => Some(revision(&places.root)),
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
fn revision(root: &Path) -> String {
    let git = |args: &[&str]| {
        let output = Command::new("git").args(args).current_dir(root).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let Some(commit) = git(&["rev-parse", "--short", "HEAD"]) else { return "unknown".to_owned() };
    let changed =
        git(&["status", "--porcelain", "--", "crates"]).is_some_and(|text| !text.is_empty());
    format!("{commit}{}", if changed { " with changes" } else { "" })
}
