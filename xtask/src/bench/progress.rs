//! The bar of a run that does not know in advance how long it takes.

use std::time::{Duration, Instant};

use anyhow::Result;
use indicatif::{ProgressBar, ProgressStyle};

/// Parts of the bar.
const PARTS: u64 = 1000;

/// A bar and the time that is left.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
    start: Instant,
}

impl Progress {
    pub(crate) fn new() -> Result<Self> {
        let style = ProgressStyle::with_template("[{bar:30}] {elapsed} gone, {prefix}: {msg}")?;
        let bar = ProgressBar::new(PARTS).with_style(style.progress_chars("=> "));
        Ok(Self { bar, start: Instant::now() })
    }

    /// Shows what it is at, and how many seconds are left where that can be said.
    pub(crate) fn show(&self, left: Option<f64>, what: &str) {
        match left {
            Some(left) => {
                let gone = self.start.elapsed().as_secs_f64();
                let done = gone / (gone + left).max(f64::MIN_POSITIVE);
                self.bar.set_position((done * PARTS as f64) as u64);
                let left = Duration::from_secs_f64(left.min(1e6));
                self.bar.set_prefix(format!("about {} left", indicatif::HumanDuration(left)));
            }
            None => self.bar.set_prefix("not known how long"),
        }
        self.bar.set_message(what.to_owned());
    }

    pub(crate) fn clear(&self) {
        self.bar.finish_and_clear();
    }
}
