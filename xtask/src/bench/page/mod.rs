//! `cargo xtask report`: a result as one HTML file with pictures, which needs no network and no script.
//!
//! # Reading order
//!
//! [`html`] (the page), [`chart`] (what all pictures share), [`bars`], [`forest`] and [`lines`] (the
//! pictures), [`heat`] and [`counters`] (tables), [`keep`], [`classic`] and [`mod@boxes`] (results that stay), [`browser`] (the test).

mod bars;
mod boxes;
pub(crate) mod browser;
mod chart;
mod classic;
mod counters;
mod forest;
mod heat;
mod html;
mod keep;
mod lines;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::entrants::Kind;
use super::result::{Column, Document};
use crate::workspace::Workspace;

/// What `cargo xtask report` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A result of `cargo xtask bench`; the newest one unless given
    file: Option<PathBuf>,
    /// Where the page goes; beside the result unless given
    #[arg(long, short)]
    out: Option<PathBuf>,
    /// Test the page instead: of an example, in a browser without a window where there is one
    #[arg(long, conflicts_with_all = ["file", "out", "keep"])]
    pub(crate) check: bool,
    /// Keep the result in docs/results (JSON, Markdown, SVG), and make the tables of it: the README's, or
    /// those of docs/boxes if it is one of `bench --each`
    #[arg(long)]
    keep: bool,
}

impl Document {
    /// The entrants that are no floors, hakmem first.
    pub(super) fn allocators(&self) -> Vec<&Column> {
        let floor = |kind| matches!(kind, Kind::Bump | Kind::NoAlloc);
        let mut all: Vec<&Column> =
            self.entrants.iter().filter(|entrant| !floor(entrant.kind)).collect();
        all.sort_by_key(|entrant| entrant.kind != Kind::Subject);
        all
    }
}

/// Writes the page.
pub(crate) fn run(ws: &Workspace, args: &Args) -> Result<()> {
    let file = match &args.file {
        Some(file) => file.clone(),
        None => newest(ws)?,
    };
    let document = Document::read(&file)?;
    let out = args.out.clone().unwrap_or_else(|| file.with_extension("html"));
    fs::write(&out, html::page(&document)?)
        .with_context(|| format!("cannot write {}", out.display()))?;
    say!("of {}\nwrote {}", file.display(), out.display());
    if args.keep {
        keep::keep(ws, &file)?;
    }
    Ok(())
}

/// The newest result: of this machine, or of those that are kept.
fn newest(ws: &Workspace) -> Result<PathBuf> {
    for folder in [ws.target.join("bench/results"), ws.root.join("docs/results")] {
        let mut files = results(&folder);
        if let Some(newest) = files.pop() {
            return Ok(newest);
        }
    }
    anyhow::bail!("there is no result yet: `cargo xtask bench` makes one")
}

/// The results in `folder`, the oldest first: their names are times.
fn results(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    files.sort();
    files
}
