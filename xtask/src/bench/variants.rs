//! The field of `--swap`, `--grid`, `--each` and `--compare`: hakmem, and what is compared with it.
//!
//! hakmem itself is a composition of the lab's here, of the default boxes: what differs between the
//! columns is the boxes alone.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use super::entrants::{self, Entrant, Field, Kind};
use super::{Args, Places, preload};
use crate::lab::Lab;
use crate::lab::choice::Choice;
use crate::lab::revision::Revision;
use crate::progress::Bar;

/// Whether something is to be compared with hakmem.
pub(crate) fn wanted(args: &Args) -> bool {
    !args.lab.swaps.is_empty() || args.grid.is_some() || args.each || !args.compare.is_empty()
}

/// What is run.
struct Made {
    binary: PathBuf,
    preload: Option<PathBuf>,
    built_with: String,
    words: String,
}

/// Who makes it.
struct Maker {
    lab: Lab,
    /// The program on the system allocator, when libraries are measured.
    under: Option<PathBuf>,
}

impl Maker {
    fn new(args: &Args, places: &Places) -> Self {
        let target = places.metadata.target_directory.as_std_path();
        let lab = Lab::new(&places.root, target).verbose(args.verbose);
        Self { lab: lab.with(args.counts.build_options()), under: None }
    }

    fn composition(&self, choice: &Choice) -> Result<Made> {
        let words = format!("hakmem with {}", choice.in_words());
        if let Some(binary) = &self.under {
            return Ok(preloaded(binary, self.lab.library(choice)?.shared, words));
        }
        let binary = self.lab.workload(choice)?;
        Ok(Made { binary, preload: None, built_with: choice.name(), words })
    }

    fn revision(&self, revision: &Revision) -> Result<Made> {
        let words = format!("hakmem at {}", revision.name);
        if let Some(binary) = &self.under {
            return Ok(preloaded(binary, self.lab.library_of(revision)?.shared, words));
        }
        let made = self.lab.workload_of(revision)?;
        let words = match made.own {
            None => format!("{words}, with the working tree's workloads"),
            Some(why) => format!("{words}, with its own workloads ({why})"),
        };
        Ok(Made { binary: made.binary, preload: None, built_with: made.built_with, words })
    }
}

fn preloaded(binary: &Path, library: PathBuf, words: String) -> Made {
    let (binary, preload) = (binary.to_owned(), Some(library));
    Made { binary, preload, built_with: "system".to_owned(), words }
}

/// hakmem, the variants, and those peers that are named.
pub(crate) fn field(args: &Args, places: &Places) -> Result<Field> {
    let mut maker = Maker::new(args, places);
    let here = std::env::current_dir()?;
    let swapped = args.lab.choice()?;
    let alone = swapped.is_some();
    let choices = match &args.grid {
        Some(grid) => Choice::grid(grid, &here)?,
        None if args.each => Choice::each(),
        None => swapped.into_iter().collect(),
    };
    let revisions: Vec<Revision> =
        args.compare.iter().map(|given| maker.lab.revision(given)).collect::<Result<_>>()?;
    let mut peers = peers(args)?;
    let bar = bar(&choices, &revisions, &peers);
    let (mut field, mut said) = (Field::default(), Vec::new());
    let peer = |name: &str| bar.step(name, || entrants::build(name, args.verbose, places));
    if args.preload {
        maker.under = Some(peer("system")?);
        peers.clear();
    }
    let own = Choice::default();
    let made = bar.step(&own.name(), || maker.composition(&own))?;
    add(&mut field, "hakmem", Kind::Subject, made);
    field.choices.push(("hakmem".to_owned(), own));
    for choice in &choices {
        let name = choice.name();
        match bar.step(&name, || maker.composition(choice)) {
            Ok(made) => {
                add(&mut field, &name, Kind::Variant, made);
                field.choices.push((name, choice.clone()));
            }
            Err(error) if alone => bail!(error),
            // One box of a grid may not fit to another.
            Err(error) => field.not_measured.push((name, first_line(&format!("{error:#}")))),
        }
    }
    for revision in &revisions {
        let made = bar.step(&revision.name, || maker.revision(revision))?;
        said.push(made.words.clone());
        add(&mut field, &revision.name, Kind::Variant, made);
    }
    for name in peers {
        field.add(name, Kind::Peer, peer(name));
    }
    drop(bar);
    said.iter().for_each(|words| say!("{words}"));
    if let Some(binary) = maker.under.as_ref().filter(|_| args.peers != ["default"]) {
        preload::peers(args, binary, &mut field)?;
    }
    Ok(field)
}

/// Of everything that is built.
fn bar(choices: &[Choice], revisions: &[Revision], peers: &[&str]) -> Bar {
    let mut all = vec![Choice::default().name()];
    all.extend(choices.iter().map(Choice::name));
    all.extend(revisions.iter().map(|revision| revision.name.clone()));
    all.extend(peers.iter().map(|&peer| peer.to_owned()));
    Bar::builds(all)
}

/// The programs that are built beside hakmem's own: of the peers that are named, none by default, or
/// the one that all libraries run under.
fn peers(args: &Args) -> Result<Vec<&'static str>> {
    match args.peers.as_slice() {
        _ if args.preload => Ok(vec!["system"]),
        [name] if name == "default" => Ok(Vec::new()),
        _ => entrants::peers(args),
    }
}

fn add(field: &mut Field, name: &str, kind: Kind, made: Made) {
    let Made { binary, preload, built_with, words } = made;
    let (name, words) = (name.to_owned(), Some(words));
    field.entrants.push(Entrant { name, kind, binary, preload, built_with, words, more_args: &[] });
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}
