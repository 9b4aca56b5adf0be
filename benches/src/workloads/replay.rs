//! `replay`: what a program asked its allocator for. See [`replay`](crate::replay).

use std::path::PathBuf;

use hakmem_trace::file;

use crate::measure::{Common, Measured};
use crate::replay::image::{self, Image};
use crate::replay::plan::Plan;
use crate::replay::run::{Outcome, run};
use crate::report::Memory;

/// Options of `replay`. The threads are those of the trace.
#[derive(Clone, Debug, clap::Args)]
pub struct Replay {
    /// The trace.
    #[arg(long)]
    file: PathBuf,
    /// Read the trace and write a plan to standard output.
    #[arg(long, hide = true)]
    unpack: bool,
}

impl Replay {
    pub(super) fn run(&self, common: &Common) -> Result<Measured, String> {
        if self.unpack {
            self.unpack()?;
            // What is on standard output is no line of a run.
            std::process::exit(0);
        }
        let path = self.file.to_str().ok_or("--file is no text")?;
        let image = image::from_process(&["replay", "--unpack", "--file", path])?;
        let head = image.head();
        let rounds = common.ops.map_or(1, |ops| ops.div_ceil(head.ops.max(1))).max(1);
        measure(&image, rounds, common.no_alloc)
    }

    fn unpack(&self) -> Result<(), String> {
        let show = |error| format!("{}: {error}", self.file.display());
        let bytes = std::fs::read(&self.file).map_err(|error| show(error.to_string()))?;
        let plan = file::read(&bytes).and_then(|trace| Plan::of(&trace)).map_err(show)?;
        image::write(&plan, std::io::stdout().lock()).map_err(|error| error.to_string())
    }
}

fn measure(image: &Image, rounds: u64, no_alloc: bool) -> Result<Measured, String> {
    let head = image.head();
    let Outcome { seconds, checksum, before } = run(image, rounds, no_alloc)?;
    let more = Memory::read().peak.saturating_sub(before.now);
    let live = head.peak_live as f64;
    let extra = vec![
        ("threads", image.threads() as f64),
        ("peak_live", live),
        ("overhead", more as f64 / live.max(1.0)),
    ];
    Ok(Measured { extra, ..Measured::new(seconds, head.ops * rounds, checksum) })
}
