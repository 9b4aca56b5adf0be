//! Child processes: run to the end or to a time limit, captured or shown.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use wait4::{ResUse, Wait4};

use crate::progress;

/// How a child process ended and what it printed.
#[derive(Debug)]
pub(crate) struct Output {
    /// `None` when the time limit ended it.
    pub(crate) status: Option<ExitStatus>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) took: Duration,
    /// The most memory that it, or a process that it waited for, had resident, in bytes.
    pub(crate) peak: u64,
}

impl Output {
    pub(crate) fn success(&self) -> bool {
        self.status.is_some_and(|status| status.success())
    }

    /// The signal that ended it, if one did.
    pub(crate) fn signal(&self) -> Option<i32> {
        self.status.and_then(|status| status.signal())
    }

    /// One line: how it ended, and the last thing it said.
    pub(crate) fn ending(&self) -> String {
        let how = match self.status {
            Some(status) => status.to_string(),
            None => format!("no end after {} s", self.took.as_secs()),
        };
        match self.stderr.lines().rfind(|line| !line.trim().is_empty()) {
            Some(line) => format!("{how}; stderr: {line}"),
            None => how,
        }
    }
}

/// Runs `command` and keeps what it prints.
pub(crate) fn capture(command: &mut Command, limit: Duration) -> Result<Output> {
    command.stderr(Stdio::piped());
    run(command, limit, [None, None])
}

/// Runs `command`, shows what it prints, and keeps its standard output.
pub(crate) fn stream(command: &mut Command, limit: Duration) -> Result<Output> {
    // Cargo has a bar of its own, which would be drawn over ours.
    command.stderr(if progress::visible() { Stdio::piped() } else { Stdio::inherit() });
    if progress::visible() && std::env::var_os("NO_COLOR").is_none() {
        command.env("CARGO_TERM_COLOR", "always");
    }
    run(command, limit, [Some(progress::print), Some(progress::complain)])
}

/// Whether `program` is on the PATH.
pub(crate) fn has(program: &str) -> bool {
    let Some(path) = std::env::var_os("PATH") else { return false };
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// Where distributions put shared libraries.
const FOLDERS: [&str; 5] = [
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/usr/lib64",
    "/usr/lib",
    "/usr/local/lib",
];

/// The shared library of this name, if the machine has it.
pub(crate) fn library(file: &str) -> Option<PathBuf> {
    FOLDERS.iter().map(|folder| Path::new(folder).join(file)).find(|path| path.is_file())
}

/// Shows whole lines.
type Show = fn(&str);

fn run(command: &mut Command, limit: Duration, show: [Option<Show>; 2]) -> Result<Output> {
    let start = Instant::now();
    // A group of its own, so that a limit ends the grandchildren too.
    command.stdin(Stdio::null()).stdout(Stdio::piped()).process_group(0);
    let mut child =
        command.spawn().with_context(|| format!("cannot run {:?}", command.get_program()))?;
    let stdout = child.stdout.take().map(|pipe| thread::spawn(move || read(pipe, show[0])));
    let stderr = child.stderr.take().map(|pipe| thread::spawn(move || read(pipe, show[1])));
    let (status, peak) = wait(&mut child, limit)?;
    let text = |reader: Option<thread::JoinHandle<String>>| {
        reader.and_then(|reader| reader.join().ok()).unwrap_or_default()
    };
    Ok(Output { status, stdout: text(stdout), stderr: text(stderr), took: start.elapsed(), peak })
}

fn read(pipe: impl Read, show: Option<Show>) -> String {
    let mut text = String::new();
    let mut reader = BufReader::new(pipe);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
        let piece = String::from_utf8_lossy(&line);
        if let Some(show) = show {
            show(&piece);
        }
        text.push_str(&piece);
        line.clear();
    }
    text
}

/// The status, or none if the limit ended it, and the peak of its memory.
fn wait(child: &mut Child, limit: Duration) -> Result<(Option<ExitStatus>, u64)> {
    let group = child.id().to_string();
    let (ended, watch) = mpsc::channel::<()>();
    let watchdog = thread::spawn(move || {
        let too_long = watch.recv_timeout(limit) == Err(mpsc::RecvTimeoutError::Timeout);
        if too_long {
            // The group may have ended in this moment; then there is nothing to kill.
            let _ = Command::new("sh").args(["-c", "kill -KILL -$0", &group]).status();
        }
        too_long
    });
    let ResUse { status, rusage } = child.wait4()?;
    drop(ended);
    let killed = watchdog.join().unwrap_or(false);
    Ok(((!killed).then_some(status), rusage.maxrss))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn captures_both_streams_and_the_status() {
        let mut command = Command::new("sh");
        let output =
            capture(command.args(["-c", "echo out; echo err >&2; exit 3"]), Duration::MAX).unwrap();
        assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("out\n", "err\n"));
        assert_eq!(output.ending(), "exit status: 3; stderr: err");
    }

    #[test]
    fn a_limit_ends_the_whole_group() {
        let mut command = Command::new("sh");
        let limit = Duration::from_millis(50);
        let output = capture(command.args(["-c", "sleep 60 | sleep 60"]), limit).unwrap();
        assert!(output.status.is_none());
        assert!(output.took < Duration::from_secs(30));
    }
}
