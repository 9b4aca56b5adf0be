//! A program runs on the recording library, and each of its processes leaves a recording.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, anyhow, ensure};
use hakmem_trace::Trace;
use hakmem_trace::collect::{Losses, collect, recorded};
use hakmem_trace::raw::{HEADER_BYTES, NAME_BYTES, RECORD_BYTES, header};

use crate::workspace::Workspace;

/// The library, and where recordings go.
pub(super) struct Recorder {
    pub(super) library: PathBuf,
    pub(super) folder: tempfile::TempDir,
    /// Records of a process at most.
    records: Option<usize>,
}

/// What one process did.
pub(super) struct Recording {
    pub(super) path: PathBuf,
    pub(super) program: String,
    pub(super) records: usize,
}

impl Recorder {
    /// Builds the library. Processes need not do more than `ops` operations.
    pub(super) fn new(ws: &Workspace, ops: Option<usize>) -> Result<Self> {
        ws.build_release("the recording library", "hakmem-recorder", &[], &[])?;
        let library = ws.target.join("release/libhakmem_recorder.so");
        ensure!(library.is_file(), "the build left no {}", library.display());
        let folder = tempfile::tempdir_in(&ws.target).context("no folder for recordings")?;
        // A new size takes two records, and a few belong to blocks from before the recording.
        let records = ops.map(|ops| 2 * ops + 1000);
        Ok(Self { library, folder, records })
    }

    /// What a recorded program has in its environment.
    pub(super) fn environment(&self) -> Vec<(&'static str, String)> {
        let mut variables = vec![
            ("LD_PRELOAD", self.library.display().to_string()),
            ("HAKMEM_TRACE", self.folder.path().display().to_string()),
        ];
        variables.extend(self.records.map(|records| ("HAKMEM_TRACE_RECORDS", records.to_string())));
        variables
    }

    /// Lets a command be recorded.
    pub(super) fn watch(&self, command: &mut Command) {
        // Cargo's own, which has libraries of another profile.
        command.env_remove("LD_LIBRARY_PATH").envs(self.environment());
    }

    /// All recordings so far.
    pub(super) fn recordings(&self) -> Result<Vec<Recording>> {
        let mut recordings = Vec::new();
        for entry in fs::read_dir(self.folder.path())? {
            recordings.push(Recording::find(entry?.path())?);
        }
        recordings.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(recordings)
    }
}

impl Recording {
    fn find(path: PathBuf) -> Result<Self> {
        let mut head = [0; HEADER_BYTES];
        File::open(&path)?.read_exact(&mut head).context("a recording without a header")?;
        let records = recorded(&head).map_err(|error| anyhow!(error))?;
        let name = &head[header::NAME..header::NAME + NAME_BYTES];
        let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
        Ok(Self { path, program: String::from_utf8_lossy(name).into_owned(), records })
    }

    /// What it is a recording of, and what it does not hold.
    pub(super) fn whole(&self) -> Result<(Trace, Losses)> {
        let length = HEADER_BYTES + self.records * RECORD_BYTES;
        let mut bytes = Vec::with_capacity(length);
        // The file has room for more than was recorded.
        File::open(&self.path)?.take(length as u64).read_to_end(&mut bytes)?;
        collect(&bytes).map_err(|error| anyhow!(error))
    }

    /// The trace; says what is not in it.
    pub(super) fn trace(&self) -> Result<Trace> {
        let (trace, losses) = self.whole()?;
        if losses.later > 0 {
            say!("{} records more did not fit", losses.later);
        }
        if losses.incomplete > 0 {
            say!("{} records were not complete", losses.incomplete);
        }
        Ok(trace)
    }
}
