//! `--install`: what this machine lacks, by apt-get.

use std::collections::BTreeSet;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::table::Program;
use crate::shell;

/// Installs the packages of the programs that are not here.
pub(crate) fn install(wanted: &[&Program]) -> Result<()> {
    let lacks = |program: &&&Program| !program.needs.iter().all(|need| shell::has(need));
    let packages: BTreeSet<_> =
        wanted.iter().filter(lacks).flat_map(|program| program.packages).copied().collect();
    if packages.is_empty() {
        return Ok(());
    }
    ensure!(shell::has("apt-get"), "no apt-get here to install {packages:?} with");
    apt(&["update", "-q"], &BTreeSet::new())?;
    apt(&["install", "-qy", "--no-install-recommends"], &packages)
}

fn apt(args: &[&str], packages: &BTreeSet<&str>) -> Result<()> {
    // The programs' own services are not to be started.
    let script = r#"export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
        if [ "$(id -u)" = 0 ]; then exec apt-get "$@"; else exec sudo -E apt-get "$@"; fi"#;
    let mut command = Command::new("sh");
    command.args(["-c", script, "sh"]).args(args).args(packages);
    let status = command.status().context("cannot run apt-get")?;
    ensure!(status.success(), "`apt-get {}` failed", args.join(" "));
    Ok(())
}
