//! The nightly toolchain: whether it is there, and what it has.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::runs::{Needs, Tool};
use crate::shell;
use crate::workspace::Workspace;

/// A nightly toolchain that is installed.
#[derive(Debug)]
pub(super) struct Nightly {
    sysroot: PathBuf,
    host: String,
}

impl Nightly {
    pub(super) fn find() -> Option<Self> {
        let sysroot = rustc(&["+nightly", "--print", "sysroot"]).ok()?;
        Some(Self { sysroot: PathBuf::from(sysroot.trim()), host: host().ok()? })
    }

    /// What this toolchain has not and `tool` needs.
    pub(super) fn lacks(&self, tool: &Tool) -> Option<&'static str> {
        let has = |file: &Path| self.sysroot.join(file).exists();
        match tool.needs {
            Needs::Source if !has(Path::new("lib/rustlib/src/rust/library/std/Cargo.toml")) => {
                Some("`rustup component add rust-src --toolchain nightly`")
            }
            Needs::Miri if !has(Path::new("bin/miri")) => {
                Some("`rustup component add miri rust-src --toolchain nightly`")
            }
            Needs::Source | Needs::Runtime if !self.host.contains("linux-gnu") => {
                Some("a sanitizer's runtime for this target")
            }
            _ => None,
        }
    }
}

/// The triple of this machine.
pub(super) fn host() -> Result<String> {
    let text = rustc(&["+nightly", "-vV"])?;
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).context("`rustc -vV` names no host")
}

fn rustc(args: &[&str]) -> Result<String> {
    let mut command = Command::new("rustc");
    command.args(args).env_remove("RUSTUP_TOOLCHAIN");
    let output = shell::capture(&mut command, Duration::from_secs(60))?;
    ensure!(output.success(), "rustc {args:?}: {}", output.ending());
    Ok(output.stdout)
}

/// A nightly cargo that starts in the root. What this process got from the cargo that runs it
/// names another toolchain.
pub(super) fn cargo(ws: &Workspace) -> Command {
    let mut command = Command::new("cargo");
    command.arg("+nightly").current_dir(&ws.root);
    for name in ["RUSTUP_TOOLCHAIN", "CARGO", "RUSTC", "RUSTDOC", "CARGO_ENCODED_RUSTFLAGS"] {
        command.env_remove(name);
    }
    command
}
