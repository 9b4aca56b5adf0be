//! Another revision of this repository, as an allocator to compare with.
//!
//! Its sources are a git worktree in `target/lab/rev-COMMIT/tree`. What is built of them alone has a
//! folder of its own: cargo would take the same place in two trees for the same package. The workloads on it are the working
//! tree's, so that both sides run the same program; if these do not build on that revision, they are
//! its own.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use super::text::{self, Source};
use super::{Lab, files, read};
use crate::workspace::{Build, Library};

/// A revision whose sources are there.
#[derive(Debug)]
pub(crate) struct Revision {
    /// As it was given, and the commit: `main (317d3a2)`.
    pub(crate) name: String,
    commit: String,
    /// `target/lab/rev-COMMIT`.
    folder: PathBuf,
}

/// The program on a revision.
#[derive(Debug)]
pub(crate) struct Workload {
    pub(crate) binary: PathBuf,
    /// What it says that it was built with.
    pub(crate) built_with: String,
    /// Why the workloads are the revision's own, if they are.
    pub(crate) own: Option<String>,
}

impl Lab {
    /// Checks the revision out, if that was not done before.
    pub(crate) fn revision(&self, given: &str) -> Result<Revision> {
        let commit =
            git(&self.root, &["rev-parse", "--verify", "--quiet", &format!("{given}^{{commit}}")])
                .with_context(|| format!("git knows no revision `{given}`"))?;
        let short = git(&self.root, &["rev-parse", "--short", &commit])?;
        let folder = self.folder.join(format!("rev-{short}"));
        let name = match commit.starts_with(given) {
            true => short,
            false => format!("{given} ({short})"),
        };
        let revision = Revision { name, commit, folder };
        revision.check_out(&self.root)?;
        Ok(revision)
    }

    /// The benches' program on a revision.
    pub(crate) fn workload_of(&self, revision: &Revision) -> Result<Workload> {
        let kept = revision.folder.join("built/workload");
        let manifest = read(&revision.tree().join("Cargo.toml"))?;
        let source = Source {
            root: &self.root,
            manifest: &manifest,
            capi_manifest: "",
            many_classes: false,
        };
        let generated =
            text::of_revision(&revision.name, &revision.commit, &revision.tree(), &source)?;
        let made = revision.folder.join("made");
        for (path, text) in &generated {
            files::write(&made.join(path), text.as_bytes())?;
        }
        files::refresh(&self.root.join("Cargo.lock"), &made.join("Cargo.lock"))?;
        let Err(failed) = self.cargo(&made, &self.build_folder(), &[]) else {
            files::replace(&self.built(&text::artefact_of(&revision.commit)), &kept)?;
            return Ok(Workload { binary: kept, built_with: revision.name.clone(), own: None });
        };
        let why = failed.first_error();
        let own = ["--package", "hakmem-benches", "--bin", "workload", "--features", "hakmem"];
        if self.cargo(&revision.tree(), &revision.build_folder(), &own).is_err() {
            anyhow::bail!("neither these workloads nor its own build on {}: {why}", revision.name);
        }
        files::replace(&revision.built("workload"), &kept)?;
        Ok(Workload { binary: kept, built_with: "hakmem".to_owned(), own: Some(why) })
    }

    /// The C library of a revision.
    pub(crate) fn library_of(&self, revision: &Revision) -> Result<Library> {
        let built =
            self.cargo(&revision.tree(), &revision.build_folder(), &["--package", "hakmem-malloc"]);
        built.map_err(|failed| failed.plain(&format!("{} does not build", revision.name)))?;
        let keep = |file: &str| {
            let kept = revision.folder.join("built").join(file);
            files::replace(&revision.built(file), &kept).map(|()| kept)
        };
        let (shared, archive) = (keep("libhakmem.so")?, keep("libhakmem.a")?);
        let boxes = Some(revision.name.clone());
        Ok(Library { build: Build::Default, shared, archive, boxes, limits: Vec::new() })
    }
}

impl Revision {
    fn tree(&self) -> PathBuf {
        self.folder.join("tree")
    }

    fn build_folder(&self) -> PathBuf {
        self.folder.join("build")
    }

    fn built(&self, file: &str) -> PathBuf {
        self.build_folder().join("release").join(file)
    }

    fn check_out(&self, root: &Path) -> Result<()> {
        let tree = self.tree();
        if tree.is_dir() && git(&tree, &["rev-parse", "HEAD"]).is_ok_and(|head| head == self.commit)
        {
            return Ok(());
        }
        // Somebody may have deleted an earlier one together with `target`.
        git(root, &["worktree", "prune"])?;
        let path = tree.to_string_lossy();
        git(root, &["worktree", "add", "--quiet", "--force", "--detach", &path, &self.commit])
            .map(|_| ())
    }
}

/// What git prints, trimmed.
fn git(folder: &Path, args: &[&str]) -> Result<String> {
    let mut command = Command::new("git");
    let output = command.args(args).current_dir(folder).output().context("cannot start git")?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "git {}: {}", args.join(" "), complaint.trim());
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
