//! What a run did: how it ended, what it printed, what it left. Two runs are compared.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hasher};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use regex::Regex;

use super::table::Program;
use crate::shell::Output;

/// One run, with what varies from run to run taken out.
#[derive(Debug)]
pub(crate) struct Outcome {
    output: Output,
    /// All that is in `out/`, by path.
    files: BTreeMap<String, Digest>,
}

/// Length and hash of a file, or of a link's target. Not the contents: what this process has
/// resident when it starts a program counts as the program's.
type Digest = (u64, u64);

impl Outcome {
    pub(crate) fn new(mut output: Output, program: &Program, work: &Path) -> Result<Self> {
        for pattern in program.varies {
            let pattern = Regex::new(pattern).context("`varies`")?;
            for text in [&mut output.stdout, &mut output.stderr] {
                *text = pattern.replace_all(text, "").into_owned();
            }
        }
        let mut files = BTreeMap::new();
        collect(&work.join("out"), "", &mut files)?;
        Ok(Self { output, files })
    }

    pub(crate) fn took(&self) -> Duration {
        self.output.took
    }

    /// Time and the largest process, for people.
    pub(crate) fn cost(&self) -> String {
        let mib = self.output.peak as f64 / f64::from(1 << 20);
        format!("{:.2} s {mib:>7.1} MiB", self.output.took.as_secs_f64())
    }

    /// The end of what it printed.
    pub(crate) fn shown(&self) -> String {
        let text = format!("{}{}", self.output.stdout, self.output.stderr);
        let lines: Vec<_> = text.lines().rev().take(20).collect();
        lines.iter().rev().map(|line| format!("        | {line}\n")).collect()
    }

    /// A program that fails on both, or says nothing on both, compares nothing.
    pub(crate) fn useless(&self, program: &Program) -> Option<String> {
        (!self.output.success()).then(|| {
            format!("{} fails without the library: {}", program.name, self.output.ending())
        })
    }

    /// What `ours` did in another way.
    pub(crate) fn difference(&self, ours: &Self) -> Option<String> {
        if ours.output.stderr.contains("cannot be preloaded") {
            return Some("the loader refused libhakmem.so".to_owned());
        }
        if ours.output.status != self.output.status {
            return Some(format!("{} instead of {}", ours.output.ending(), self.output.ending()));
        }
        let streams = [
            ("stdout", &self.output.stdout, &ours.output.stdout),
            ("stderr", &self.output.stderr, &ours.output.stderr),
        ];
        for (stream, plain, ours) in streams {
            if let Some((plain, ours)) = first_other_line(plain, ours) {
                return Some(format!("{stream} has `{ours}` instead of `{plain}`"));
            }
        }
        let all = self.files.keys().chain(ours.files.keys());
        let other = all.into_iter().find(|path| self.files.get(*path) != ours.files.get(*path));
        other.map(|path| format!("another file out/{path}"))
    }
}

/// The first line that differs, from both; nothing where a text ended.
fn first_other_line<'a>(plain: &'a str, ours: &'a str) -> Option<(&'a str, &'a str)> {
    let (mut plain, mut ours) = (plain.lines(), ours.lines());
    loop {
        match (plain.next(), ours.next()) {
            (None, None) => return None,
            (plain, ours) if plain != ours => {
                return Some((plain.unwrap_or_default(), ours.unwrap_or_default()));
            }
            _ => {}
        }
    }
}

fn collect(folder: &Path, under: &str, files: &mut BTreeMap<String, Digest>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = format!("{under}{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), &format!("{name}/"), files)?;
        } else if entry.file_type()?.is_symlink() {
            let target = fs::read_link(entry.path())?;
            files.insert(name, digest(target.as_os_str().as_bytes())?);
        } else {
            files.insert(name, digest(File::open(entry.path())?)?);
        }
    }
    Ok(())
}

fn digest(mut from: impl Read) -> Result<Digest> {
    let (mut hasher, mut length) = (DefaultHasher::new(), 0);
    let mut piece = [0; 1 << 16];
    loop {
        let n = from.read(&mut piece)?;
        if n == 0 {
            return Ok((length, hasher.finish()));
        }
        hasher.write(&piece[..n]);
        length += n as u64;
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::programs::table::PROGRAMS;
    use crate::shell;

    fn outcome(script: &str, files: &[(&str, &str)]) -> Outcome {
        let mut command = Command::new("sh");
        let output = shell::capture(command.args(["-c", script]), Duration::from_secs(10)).unwrap();
        let own =
            |(path, text): &(&str, &str)| ((*path).to_owned(), digest(text.as_bytes()).unwrap());
        Outcome { output, files: files.iter().map(own).collect() }
    }

    #[test]
    fn a_difference_is_found() {
        let plain = outcome("echo a; echo b", &[("f", "1")]);
        let same = |script, files| plain.difference(&outcome(script, files));
        assert_eq!(same("echo a; echo b", &[("f", "1")]), None);
        let stdout = same("echo a; echo c", &[("f", "1")]).unwrap();
        assert_eq!(stdout, "stdout has `c` instead of `b`");
        assert!(same("echo a", &[("f", "1")]).is_some());
        assert!(same("echo a; echo b; echo d", &[("f", "1")]).is_some());
        assert!(same("echo a; echo b; echo d >&2", &[("f", "1")]).is_some());
        assert!(same("echo a; echo b; exit 1", &[("f", "1")]).is_some());
        assert_eq!(same("echo a; echo b", &[("f", "2")]).unwrap(), "another file out/f");
        assert_eq!(same("echo a; echo b", &[]).unwrap(), "another file out/f");
        assert!(same("echo a; echo b", &[("f", "1"), ("g", "")]).is_some());
    }

    #[test]
    fn a_failure_on_both_is_no_success() {
        assert!(outcome("exit 1", &[]).useless(&PROGRAMS[0]).is_some());
        assert!(outcome("exit 0", &[]).useless(&PROGRAMS[0]).is_none());
    }

    #[test]
    fn names_are_unique_and_patterns_compile() {
        let mut names: Vec<_> = PROGRAMS.iter().map(|program| program.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), PROGRAMS.len());
        for pattern in PROGRAMS.iter().flat_map(|program| program.varies) {
            Regex::new(pattern).unwrap();
        }
    }
}
