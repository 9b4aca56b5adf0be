//! Where things are: the workspace, its target directory, the built C library.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::shell;

/// Longest time a cargo command may take with cold caches.
const CARGO_LIMIT: Duration = Duration::from_secs(15 * 60);

/// The workspace this tool belongs to.
#[derive(Debug)]
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    pub(crate) target: PathBuf,
}

/// The C library, built in release.
#[derive(Debug)]
pub(crate) struct Library {
    pub(crate) shared: PathBuf,
    pub(crate) archive: PathBuf,
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
        let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(program);
        command.current_dir(&self.root);
        command
    }

    /// Runs a cargo command and shows what it prints.
    pub(crate) fn run_cargo(&self, args: &[&str], env: &[(&str, &str)]) -> Result<shell::Output> {
        let mut command = self.cargo();
        command.args(args).envs(env.iter().copied());
        shell::stream(&mut command, CARGO_LIMIT)
    }

    /// Builds `hakmem-malloc` in release.
    pub(crate) fn build_library(&self) -> Result<Library> {
        let args = ["build", "--quiet", "--release", "--package", "hakmem-malloc"];
        let output = self.run_cargo(&args, &[])?;
        ensure!(output.success(), "`cargo {}` failed", args.join(" "));
        let release = self.target.join("release");
        let library =
            Library { shared: release.join("libhakmem.so"), archive: release.join("libhakmem.a") };
        for file in [&library.shared, &library.archive] {
            ensure!(file.is_file(), "hakmem-malloc did not build {}", file.display());
        }
        Ok(library)
    }
}
