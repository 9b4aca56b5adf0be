//! The traces of the repository: each is made by a script in `benches/traces/`, which runs what is to
//! be recorded behind `$TRACE`.

use std::ffi::OsString;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::record::Recorder;
use super::{choose, folder, save, shorten};
use crate::progress::{self, Bar};
use crate::shell;
use crate::workspace::Workspace;

/// A trace of the repository.
pub(crate) struct Kept {
    pub(crate) name: &'static str,
    /// Programs that its script needs.
    needs: &'static [&'static str],
    /// The process that is kept, by its program's name.
    process: &'static str,
    /// Operations that are kept.
    ops: usize,
}

/// All of them.
pub(crate) const KEPT: [Kept; 4] = [
    Kept { name: "python", needs: &["python3"], process: "python3", ops: 300_000 },
    Kept { name: "git", needs: &["git", "awk"], process: "git", ops: 300_000 },
    Kept { name: "cc1", needs: &["gcc", "awk"], process: "cc1", ops: 300_000 },
    Kept {
        name: "redis",
        needs: &["redis-server", "redis-benchmark"],
        process: "redis-server",
        ops: 800_000,
    },
];

/// Makes those that are named, or all.
pub(super) fn run(ws: &Workspace, names: &[OsString]) -> Result<()> {
    for name in names {
        ensure!(KEPT.iter().any(|kept| name == kept.name), "no trace `{}`", name.display());
    }
    let is_wanted = |kept: &&Kept| names.is_empty() || names.iter().any(|name| name == kept.name);
    let wanted: Vec<&Kept> = KEPT.iter().filter(is_wanted).collect();
    let bar = Bar::new("traces", wanted.iter().map(|kept| kept.name));
    for kept in wanted {
        match kept.needs.iter().find(|need| !shell::has(need)) {
            Some(need) => say!("not made: {}: this machine lacks {need}", kept.name),
            None => {
                let made = bar.step(kept.name, || make(ws, kept));
                made.with_context(|| format!("the trace {}", kept.name))?;
            }
        }
    }
    Ok(())
}

fn make(ws: &Workspace, kept: &Kept) -> Result<()> {
    let recorder = Recorder::new(ws, Some(kept.ops))?;
    let work = tempfile::tempdir().context("no folder to work in")?;
    let mut trace = String::from("env");
    for (name, value) in recorder.environment() {
        ensure!(!value.contains(char::is_whitespace), "{name}: a path with spaces in it: {value}");
        trace.push_str(&format!(" {name}={value}"));
    }
    let mut command = Command::new("sh");
    command
        .arg("-eu")
        .arg(folder().join(format!("{}.sh", kept.name)))
        .current_dir(work.path())
        .env_remove("LD_LIBRARY_PATH")
        .env("TRACE", trace);
    let ran = command.output().context("cannot run sh")?;
    for text in [&ran.stdout, &ran.stderr] {
        progress::complain(&String::from_utf8_lossy(text));
    }
    ensure!(ran.status.success(), "its script ended with {}", ran.status);
    let recordings = recorder.recordings()?;
    let chosen = choose(&recordings, Some(kept.process))?;
    let trace = shorten(chosen.trace()?, Some(kept.ops));
    save(&trace, &folder().join(format!("{}.trace", kept.name)))
}
