//! The field of `--swap`, `--grid` and `--compare`: hakmem, and what is compared with it.
//!
//! hakmem itself is a composition of the lab's here, of the default boxes: what differs between the
//! columns is the boxes alone.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use super::entrants::{self, Entrant, Field, Kind, progress};
use super::{Args, Places, preload};
use crate::lab::Lab;
use crate::lab::choice::Choice;
use crate::lab::revision::Revision;

/// Whether something is to be compared with hakmem.
pub(crate) fn wanted(args: &Args) -> bool {
    !args.lab.swaps.is_empty() || args.grid.is_some() || !args.compare.is_empty()
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
        None => swapped.into_iter().collect(),
    };
    let revisions: Vec<Revision> =
        args.compare.iter().map(|given| maker.lab.revision(given)).collect::<Result<_>>()?;
    let bar = progress((choices.len() + revisions.len()) as u64 + 1)?;
    let (mut field, mut said) = (Field::default(), Vec::new());
    if args.preload {
        bar.set_message("building workload");
        maker.under = Some(entrants::build("system", args.verbose, places)?);
    }
    bar.set_message("building hakmem");
    add(&mut field, "hakmem", Kind::Subject, maker.composition(&Choice::default())?);
    field.choices.push(("hakmem".to_owned(), Choice::default()));
    bar.inc(1);
    for choice in &choices {
        let name = choice.name();
        bar.set_message(format!("building {name}"));
        match maker.composition(choice) {
            Ok(made) => {
                add(&mut field, &name, Kind::Variant, made);
                field.choices.push((name, choice.clone()));
            }
            Err(error) if alone => bail!(error),
            // One box of a grid may not fit to another.
            Err(error) => field.not_measured.push((name, first_line(&format!("{error:#}")))),
        }
        bar.inc(1);
    }
    for revision in &revisions {
        bar.set_message(format!("building {}", revision.name));
        let made = maker.revision(revision)?;
        said.push(made.words.clone());
        add(&mut field, &revision.name, Kind::Variant, made);
        bar.inc(1);
    }
    bar.finish_and_clear();
    said.iter().for_each(|words| println!("{words}"));
    peers(args, places, &maker, &mut field)?;
    Ok(field)
}

/// The peers that are named, none by default.
fn peers(args: &Args, places: &Places, maker: &Maker, field: &mut Field) -> Result<()> {
    match &maker.under {
        _ if args.peers == ["default"] => Ok(()),
        Some(binary) => preload::peers(args, binary, field),
        None => {
            for peer in entrants::peers(args)? {
                field.add(peer, Kind::Peer, entrants::build(peer, args.verbose, places));
            }
            Ok(())
        }
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
