//! Where things are: the workspace, its target directory, the built C library.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::lab::boxes::Limit;
use crate::{progress, shell};

/// Longest time a cargo command may take with cold caches.
const CARGO_LIMIT: Duration = Duration::from_secs(15 * 60);

/// The cargo that started us, or any.
pub(crate) fn cargo_program() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// A cargo command that starts in `folder`.
pub(crate) fn cargo(folder: &Path) -> Command {
    let mut command = Command::new(cargo_program());
    command.current_dir(folder);
    // Set by the cargo that started us, for us; a build script must not see them.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CARGO_PKG_") {
            command.env_remove(name);
        }
    }
    command
}

/// The workspace this tool belongs to.
#[derive(Debug)]
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    pub(crate) target: PathBuf,
}

/// A composition of the C library.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Build {
    Default,
    Hardened,
}

impl Build {
    /// By a flag of the command line.
    pub(crate) fn chosen(hardened: bool) -> Self {
        if hardened { Self::Hardened } else { Self::Default }
    }
}

/// The C library, built in release.
#[derive(Debug)]
pub(crate) struct Library {
    pub(crate) build: Build,
    pub(crate) shared: PathBuf,
    pub(crate) archive: PathBuf,
    /// Which boxes it is made of, when they are not those of `build`.
    pub(crate) boxes: Option<String>,
    /// The C programs that do not pass on them.
    pub(crate) limits: Vec<Limit>,
}

impl Library {
    /// What a linker is told to link with the shared library, wherever it lies.
    pub(crate) fn link_flags(&self) -> Result<[String; 3]> {
        let folder = self.shared.parent().context("the library is in no folder")?.display();
        let stem = self.shared.file_stem().unwrap_or_default().to_string_lossy();
        let name = stem.strip_prefix("lib").context("no name of a library")?;
        Ok([format!("-L{folder}"), format!("-l{name}"), format!("-Wl,-rpath,{folder}")])
    }
}

impl Workspace {
    /// Finds the root beside this package, and asks cargo for the target directory.
    pub(crate) fn find() -> Result<Self> {
        let here = std::env::var("CARGO_MANIFEST_DIR")
            .unwrap_or_else(|_| env!("CARGO_MANIFEST_DIR").to_owned());
        let root = Path::new(&here).parent().context("xtask has no parent folder")?.to_owned();
        let metadata = cargo_metadata::MetadataCommand::new()
            .manifest_path(root.join("Cargo.toml"))
            .no_deps()
            .exec()
            .context("cargo metadata")?;
        Ok(Self { root, target: metadata.target_directory.into_std_path_buf() })
    }

    /// A cargo command that starts in the root.
    pub(crate) fn cargo(&self) -> Command {
        cargo(&self.root)
    }

    /// Runs a cargo command and shows what it prints.
    pub(crate) fn run_cargo(&self, args: &[&str], env: &[(&str, &str)]) -> Result<shell::Output> {
        let mut command = self.cargo();
        command.args(args).envs(env.iter().copied());
        shell::stream(&mut command, CARGO_LIMIT)
    }

    /// Builds a package in release; `what` it is to people.
    pub(crate) fn build_release(
        &self,
        what: &str,
        package: &str,
        more: &[&str],
        env: &[(&str, &str)],
    ) -> Result<()> {
        let args = [&["build", "--quiet", "--release", "--package", package], more].concat();
        let output = progress::build(what, || self.run_cargo(&args, env))?;
        ensure!(output.success(), "`cargo {}` failed", args.join(" "));
        Ok(())
    }

    /// Builds `hakmem-malloc` in release, of the default boxes.
    pub(crate) fn build_library(&self) -> Result<Library> {
        self.build(Build::Default)
    }

    /// Builds `hakmem-malloc` in release, of the boxes that `build` names.
    pub(crate) fn build(&self, build: Build) -> Result<Library> {
        let (what, target, features): (_, _, &[&str]) = match build {
            Build::Default => ("libhakmem.so", self.target.clone(), &[]),
            // A folder of its own: two builds in one would undo each other.
            Build::Hardened => {
                let folder = self.target.join("hardened");
                ("the hardened library", folder, &["--features", "hardened"])
            }
        };
        let folder = target.to_string_lossy();
        let more = [features, &["--target-dir", &folder]].concat();
        self.build_release(what, "hakmem-malloc", &more, &[])?;
        let file = |built: &str, name: &str| {
            let (built, named) = (target.join("release").join(built), target.join(name));
            ensure!(built.is_file(), "hakmem-malloc did not build {}", built.display());
            match build {
                Build::Default => Ok(built),
                Build::Hardened => {
                    fs::copy(&built, &named).map(|_| named).context("cannot copy it")
                }
            }
        };
        Ok(Library {
            build,
            shared: file("libhakmem.so", "libhakmem_hardened.so")?,
            archive: file("libhakmem.a", "libhakmem_hardened.a")?,
            boxes: None,
            limits: Vec::new(),
        })
    }
}
