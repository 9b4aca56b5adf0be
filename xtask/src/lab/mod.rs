//! Compositions with other boxes: generated, built, and handed to whoever measures or tests them.
//!
//! Nothing of this workspace is edited. `target/lab/KEY/` is a small workspace of its own that names
//! one type for each slot, makes a composition of them with `compose!`, and builds the benches'
//! program and the C library on it. All of these share `target/lab/build`, so that the boxes which are
//! not swapped are built once.
//!
//! # Reading order
//!
//! [`boxes`] (the table), [`choice`] (what `--swap` says), [`text`] (what is generated), then the
//! build here, and [`fit`] for when it fails.

pub(crate) mod boxes;
pub(crate) mod check;
pub(crate) mod choice;
pub(crate) mod files;
mod fit;
pub(crate) mod revision;
mod text;

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, Result};

use crate::progress;
use crate::workspace::{Build, Library, Workspace, cargo};
use boxes::Slot;
use choice::{Choice, Chosen};
use fit::Failed;
use text::{Part, Source};

/// What `cargo xtask lab` takes.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct Args {
    /// Print the slots and the boxes that are known to fit, and stop
    #[arg(long)]
    pub(crate) list: bool,
    /// Run the C programs of tests/c on each box that is known instead, one swapped at a time, but for
    /// those of wrong/
    #[arg(long)]
    pub(crate) each: bool,
    /// With --each: only the programs, and only the boxes (`front=none`), that have one of these in them
    #[arg(requires = "each")]
    pub(crate) filters: Vec<String>,
}

/// Prints every slot with its boxes, the default first.
pub(crate) fn list() {
    for slot in Slot::ALL {
        let names: Vec<_> = slot.boxes().map(|known| known.name).collect();
        say!("{:<10}{}", slot.name(), names.join(", "));
    }
}

/// The flag that swaps boxes, for commands that work on one composition.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct Swaps {
    /// Swap a box of the default composition: SLOT=NAME, or `SLOT=PATH::Type` for a type of the
    /// crate at PATH. Several swap several
    #[arg(long = "swap", value_name = "SLOT=BOX")]
    pub(crate) swaps: Vec<String>,
}

impl Swaps {
    /// The composition, if anything is swapped.
    pub(crate) fn choice(&self) -> Result<Option<Choice>> {
        if self.swaps.is_empty() {
            return Ok(None);
        }
        Choice::swapped(&self.swaps, &std::env::current_dir()?).map(Some)
    }

    /// The C library of the composition, if anything is swapped.
    pub(crate) fn library(&self, ws: &Workspace) -> Result<Option<Library>> {
        let lab = Lab::new(&ws.root, &ws.target);
        let build = |choice: Choice| progress::build(&choice.name(), || lab.library(&choice));
        self.choice()?.map(build).transpose()
    }
}

/// Where compositions are made.
#[derive(Debug)]
pub(crate) struct Lab {
    root: PathBuf,
    /// `target/lab`.
    folder: PathBuf,
    /// Arguments for cargo.
    options: Vec<String>,
    verbose: bool,
}

impl Lab {
    /// In `target`, of the sources at `root`.
    pub(crate) fn new(root: &Path, target: &Path) -> Self {
        let (root, folder) = (root.to_owned(), target.join("lab"));
        Self { root, folder, options: Vec::new(), verbose: false }
    }

    /// One that builds quickly what need not be fast, in a folder of its own.
    pub(crate) fn quick(self) -> Self {
        let settings = ["lto=false", "codegen-units=16", "opt-level=1"];
        let option = |setting| ["--config".to_owned(), format!("profile.release.{setting}")];
        let options = settings.into_iter().flat_map(option).collect();
        Self { folder: self.folder.join("quick"), options, ..self }
    }

    /// With more arguments for cargo.
    pub(crate) fn with(mut self, options: &[&str]) -> Self {
        self.options.extend(options.iter().map(|&option| option.to_owned()));
        self
    }

    /// Shows what cargo prints.
    pub(crate) fn verbose(self, verbose: bool) -> Self {
        Self { verbose, ..self }
    }

    /// The benches' program on these boxes.
    pub(crate) fn workload(&self, choice: &Choice) -> Result<PathBuf> {
        self.build(choice, Part::Workload)?;
        let kept = self.place(choice).join("built/workload");
        files::replace(&self.built(&text::artefact(choice)), &kept)?;
        Ok(kept)
    }

    /// The C library on these boxes.
    pub(crate) fn library(&self, choice: &Choice) -> Result<Library> {
        self.build(choice, Part::Capi)?;
        let keep = |ending: &str| {
            let built = self.built(&format!("lib{}.{ending}", text::artefact(choice)));
            let kept = self.place(choice).join(format!("built/libhakmem.{ending}"));
            files::replace(&built, &kept).map(|()| kept)
        };
        Ok(Library {
            build: Build::Default,
            shared: keep("so")?,
            archive: keep("a")?,
            boxes: Some(choice.name()),
            limits: choice.limits(),
        })
    }

    fn place(&self, choice: &Choice) -> PathBuf {
        self.folder.join(choice.key())
    }

    fn built(&self, file: &str) -> PathBuf {
        self.build_folder().join("release").join(file)
    }

    /// Writes the workspace of `choice` where it is not the same already. Returns the text of its types.
    fn write(&self, choice: &Choice, many_classes: bool) -> Result<String> {
        let capi = self.root.join("crates/hakmem-malloc");
        let manifest = read(&self.root.join("Cargo.toml"))?;
        let capi_manifest = read(&capi.join("Cargo.toml"))?;
        let root = &self.root;
        let source =
            Source { root, manifest: &manifest, capi_manifest: &capi_manifest, many_classes };
        let mut generated = text::files(choice, &source)?;
        let place = self.place(choice);
        for (path, text) in &generated {
            files::write(&place.join(path), text.as_bytes())?;
        }
        files::write(&place.join("capi/build.rs"), read(&capi.join("build.rs"))?.as_bytes())?;
        files::mirror(&capi.join("src"), &place.join("capi/src"), "chosen.rs")?;
        // The same versions of everything.
        files::refresh(&self.root.join("Cargo.lock"), &place.join("Cargo.lock"))?;
        generated.remove("boxes/src/lib.rs").context("no types were generated")
    }

    fn build(&self, choice: &Choice, part: Part) -> Result<()> {
        let first = self.try_build(choice, part, false);
        match choice.swap(Slot::Classes) {
            // Nobody says how many classes somebody else's scheme has.
            Some(Chosen::Foreign(_)) if first.is_err() => {
                self.try_build(choice, part, true).or(first)
            }
            _ => first,
        }
    }

    fn try_build(&self, choice: &Choice, part: Part, many_classes: bool) -> Result<()> {
        let boxes = self.write(choice, many_classes)?;
        let package = part.package(&choice.key());
        let built = self.cargo(&self.place(choice), &self.build_folder(), &["--package", &package]);
        built.map_err(|failed| failed.explain(choice, &boxes))
    }

    /// Sees that every box that is known implements what its slot needs.
    fn build_all(&self) -> Result<()> {
        let manifest = read(&self.root.join("Cargo.toml"))?;
        let (root, capi_manifest) = (&self.root, "");
        let source = Source { root, manifest: &manifest, capi_manifest, many_classes: false };
        let place = self.folder.join("all");
        for (path, text) in text::of_all(&source)? {
            files::write(&place.join(path), text.as_bytes())?;
        }
        files::refresh(&self.root.join("Cargo.lock"), &place.join("Cargo.lock"))?;
        let built = self.cargo(&place, &self.build_folder(), &[]);
        built.map_err(|failed| failed.plain("a box of the table does not fit"))
    }

    /// Where all compositions are built.
    fn build_folder(&self) -> PathBuf {
        self.folder.join("build")
    }

    /// Builds the workspace in `folder` in release, in `target`.
    fn cargo(&self, folder: &Path, target: &Path, args: &[&str]) -> Result<(), Failed> {
        let coloured = std::io::stderr().is_terminal();
        let format = if coloured { "json-diagnostic-rendered-ansi" } else { "json" };
        let mut command = cargo(folder);
        command.args(["build", "--release", "--message-format", format]).args(args);
        command.arg("--target-dir").arg(target).args(&self.options);
        let output = if self.verbose {
            command.stderr(Stdio::inherit());
            progress::aside(|| command.output())
        } else {
            command.output()
        };
        match output {
            Ok(output) if output.status.success() => Ok(()),
            Ok(output) => Err(Failed::read(&output)),
            Err(error) => Err(Failed::not_started(&error)),
        }
    }
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}
