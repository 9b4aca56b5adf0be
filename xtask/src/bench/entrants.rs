//! On what the workloads run: hakmem, its peers and the floors; how each is built.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail, ensure};

use super::{Args, Places};
use crate::lab::choice::Choice;
use crate::lab::files::replace;
use crate::progress::{self, Bar};
use crate::workspace;

/// All peers, in the order of the table. Each is a feature of `hakmem-benches`, save `system`.
const PEERS: &[&str] = &[
    "system",
    "mimalloc",
    "mimalloc-v2",
    "jemalloc",
    "snmalloc",
    "hakmem-hardened",
    "hakmem-classic",
];

/// The peers of a quick run.
const QUICK_PEERS: &[&str] = &["system", "mimalloc", "mimalloc-v2"];

/// What an entrant is in the comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// hakmem.
    Subject,
    /// What it is compared with.
    Peer,
    /// hakmem with other boxes, or of another revision: what is compared with it.
    Variant,
    /// The allocator that frees nothing.
    Bump,
    /// The loop without allocations.
    NoAlloc,
}

/// One column.
#[derive(Clone, Debug)]
pub(crate) struct Entrant {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) binary: PathBuf,
    /// The library for `LD_PRELOAD`.
    pub(crate) preload: Option<PathBuf>,
    /// What `workload` says it was built with; guards against a mixed-up binary.
    pub(crate) built_with: String,
    /// What it is, if its name and its library do not tell.
    pub(crate) words: Option<String>,
    /// Options of `workload` for this entrant alone.
    pub(crate) more_args: &'static [&'static str],
}

/// What each entrant is, in words.
const WHAT: &[(&str, &str)] = &[
    ("hakmem", "hakmem-alloc as Rust's global allocator"),
    ("hakmem-hardened", "the same facade with the boxes of hakmem_alloc::hardened"),
    ("hakmem-classic", "the same facade with the boxes arranged as the C ancestor's were"),
    ("system", "the C library's malloc, through Rust's System"),
    ("mimalloc", "mimalloc 3, from the crate mimalloc"),
    ("mimalloc-v2", "mimalloc 2, from the crate mimalloc"),
    ("jemalloc", "jemalloc, from tikv-jemallocator"),
    ("snmalloc", "snmalloc, from snmalloc-rs"),
    ("bump", "a floor: moves a pointer, frees nothing, memory mapped beforehand"),
    ("no-alloc", "a floor: the same loop on objects that exist from the start"),
];

impl Entrant {
    /// What it is, in words.
    pub(crate) fn what(&self) -> String {
        if let Some(words) = &self.words {
            return words.clone();
        }
        if let Some(library) = &self.preload {
            return format!("{} in LD_PRELOAD", library.display());
        }
        let known = WHAT.iter().find(|(name, _)| *name == self.name);
        known.map_or(self.name.clone(), |(_, what)| (*what).to_owned())
    }
}

/// All columns, and who is not among them.
#[derive(Debug, Default)]
pub(crate) struct Field {
    pub(crate) entrants: Vec<Entrant>,
    /// Name and reason.
    pub(crate) not_measured: Vec<(String, String)>,
    /// The boxes of those entrants of which they are known.
    pub(crate) choices: Vec<(String, Choice)>,
}

impl Field {
    /// One line for each entrant that is not there.
    pub(crate) fn missing(&self) -> String {
        let line = |(name, reason): &(String, String)| format!("not measured: {name} ({reason})");
        self.not_measured.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    /// The boxes of an entrant.
    pub(crate) fn choice(&self, name: &str) -> Option<&Choice> {
        self.choices.iter().find(|(entrant, _)| entrant == name).map(|(_, choice)| choice)
    }

    pub(crate) fn add(&mut self, name: &str, kind: Kind, built: Result<PathBuf>) {
        match built {
            Ok(binary) => self.entrants.push(Entrant {
                name: name.to_owned(),
                kind,
                binary,
                preload: None,
                built_with: if kind == Kind::NoAlloc { "system" } else { name }.to_owned(),
                words: None,
                more_args: &[],
            }),
            Err(error) => self.not_measured.push((name.to_owned(), format!("{error:#}"))),
        }
    }
}

/// hakmem, the peers that `args` ask for, and the floors, all built from source.
pub(crate) fn field(args: &Args, places: &Places) -> Result<Field> {
    let peers = peers(args)?;
    let mut all = vec![("hakmem", Kind::Subject)];
    all.extend(peers.iter().map(|&peer| (peer, Kind::Peer)));
    all.extend([("bump", Kind::Bump), ("no-alloc", Kind::NoAlloc)]);
    let bar = Bar::builds(all.iter().map(|(name, _)| *name));
    let mut field = Field::default();
    for (name, kind) in all {
        let more = if kind == Kind::Subject { args.counts.build_options() } else { &[] };
        let on = if kind == Kind::NoAlloc { "system" } else { name };
        let built = bar.step(name, || build_with(on, more, args.verbose, places));
        field.add(name, kind, built);
    }
    field.choices.push(("hakmem".to_owned(), Choice::default()));
    Ok(field)
}

/// The peers that `--peers` names.
pub(crate) fn peers(args: &Args) -> Result<Vec<&'static str>> {
    let names: Vec<&str> = args.peers.iter().map(String::as_str).collect();
    match names.as_slice() {
        ["default"] if args.quick => Ok(QUICK_PEERS.to_vec()),
        ["default" | "all"] => Ok(PEERS.to_vec()),
        names => {
            for name in names {
                ensure!(PEERS.contains(name), "no peer `{name}`; there are: {}", PEERS.join(", "));
            }
            Ok(PEERS.iter().copied().filter(|peer| names.contains(peer)).collect())
        }
    }
}

/// Builds `workload` on one allocator and returns where the binary is.
pub(crate) fn build(allocator: &str, verbose: bool, places: &Places) -> Result<PathBuf> {
    build_with(allocator, &[], verbose, places)
}

/// The same, with more options for cargo.
fn build_with(allocator: &str, more: &[&str], verbose: bool, places: &Places) -> Result<PathBuf> {
    let mut args = vec!["build", "--release", "--package", "hakmem-benches", "--bin", "workload"];
    args.push("--no-default-features");
    if allocator != "system" {
        args.extend(["--features", allocator]);
    }
    args.extend(more);
    cargo(&args, verbose, places)?;
    let built = places.metadata.target_directory.join("release/workload");
    let kept = places.out.join(format!("workload-{allocator}"));
    replace(built.as_std_path(), &kept)?;
    Ok(kept)
}

/// Runs cargo; its first error becomes ours.
pub(crate) fn cargo(args: &[&str], verbose: bool, places: &Places) -> Result<()> {
    let mut command = workspace::cargo(&places.root);
    command.args(args);
    if verbose {
        let status = progress::aside(|| command.status()).context("cannot start cargo")?;
        ensure!(status.success(), "the build failed");
        return Ok(());
    }
    let output = command.output().context("cannot start cargo")?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    let error = text.lines().find(|line| line.starts_with("error"));
    bail!("the build failed: {}", error.unwrap_or("see --verbose"))
}
