//! The copy of the workspace in which bugs are planted.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::plan::Control;
use crate::shell;

/// A copy of what git would commit, with a target directory of its own.
#[derive(Debug)]
pub(super) struct Copy {
    origin: PathBuf,
    /// The copy's root.
    pub(super) root: PathBuf,
    /// Where it is built.
    pub(super) target: PathBuf,
}

/// A bug that is in the copy.
#[derive(Debug)]
#[must_use = "the bug stays planted until it is removed"]
pub(super) struct Planted {
    /// The files and their sound text.
    sound: Vec<(PathBuf, String)>,
}

impl Copy {
    /// Makes the copy below `work` the same as `origin`. What is the same already is not written
    /// again, so that it is not built again.
    pub(super) fn sync(origin: &Path, work: &Path) -> Result<Self> {
        let copy =
            Self { origin: origin.to_owned(), root: work.join("tree"), target: work.join("build") };
        fs::create_dir_all(&copy.root)?;
        copy.restore()?;
        Ok(copy)
    }

    /// Undoes whatever is different in the copy.
    pub(super) fn restore(&self) -> Result<()> {
        let wanted = tracked(&self.origin)?;
        for path in &wanted {
            let text = fs::read(self.origin.join(path)).with_context(|| path.clone())?;
            let there = self.root.join(path);
            if fs::read(&there).ok().as_deref() != Some(&text[..]) {
                if let Some(parent) = there.parent() {
                    fs::create_dir_all(parent)?;
                }
                fs::write(&there, text).with_context(|| path.clone())?;
            }
        }
        remove_others(&self.root, "", &wanted)
    }

    /// Plants the bug: all edits of the control, or none.
    pub(super) fn plant(&self, control: &Control) -> Result<Planted> {
        let mut sound: Vec<(PathBuf, String)> = Vec::new();
        let mut buggy: Vec<(PathBuf, String)> = Vec::new();
        for edit in &control.edits {
            let path = self.root.join(&edit.file);
            let before = match buggy.iter().position(|(other, _)| *other == path) {
                Some(at) => buggy.remove(at).1,
                None => {
                    let text = fs::read_to_string(&path).with_context(|| edit.file.clone())?;
                    sound.push((path.clone(), text.clone()));
                    text
                }
            };
            buggy.push((path, edit.apply(&before)?));
        }
        for (path, text) in buggy {
            fs::write(path, text)?;
        }
        Ok(Planted { sound })
    }
}

impl Planted {
    /// Puts the sound text back.
    pub(super) fn remove(self) -> Result<()> {
        for (path, text) in self.sound {
            fs::write(path, text)?;
        }
        Ok(())
    }
}

/// What git has or would take, as paths from `root`, without what was deleted.
fn tracked(root: &Path) -> Result<BTreeSet<String>> {
    let mut command = Command::new("git");
    command.current_dir(root).args(["ls-files", "-z", "--cached", "--others"]);
    command.arg("--exclude-standard");
    let output = shell::capture(&mut command, Duration::from_secs(60))?;
    ensure!(output.success(), "git ls-files: {}", output.ending());
    let there = |path: &&str| root.join(path).is_file();
    let paths = output.stdout.split('\0').filter(|path| !path.is_empty()).filter(there);
    Ok(paths.map(str::to_owned).collect())
}

fn remove_others(root: &Path, below: &str, wanted: &BTreeSet<String>) -> Result<()> {
    for entry in fs::read_dir(root.join(below))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if below.is_empty() { name } else { format!("{below}/{name}") };
        if entry.file_type()?.is_dir() {
            remove_others(root, &path, wanted)?;
        } else if !wanted.contains(&path) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::plan;
    use super::*;

    const CONTROL: &str = "[[control]]\nname = 'a'\nwhy = 'w'\ncaught_by = ['so']\nedits = [\
                           { file = 'd/f', cut = 'one', put = 'two' },\
                           { file = 'd/f', cut = 'six', put = 'ten' }]\n";

    fn git(root: &Path, args: &[&str]) {
        let mut command = Command::new("git");
        let output = shell::capture(command.current_dir(root).args(args), Duration::MAX).unwrap();
        assert!(output.success(), "{}", output.ending());
    }

    #[test]
    fn plants_and_restores() {
        let base = std::env::temp_dir().join(format!("hakmem-controls-{}", std::process::id()));
        let origin = base.join("origin");
        fs::create_dir_all(origin.join("d")).unwrap();
        git(&origin, &["init", "--quiet"]);
        fs::write(origin.join("d/f"), "one six\n").unwrap();
        fs::write(origin.join(".gitignore"), "ignored\n").unwrap();
        fs::write(origin.join("ignored"), "").unwrap();
        let copy = Copy::sync(&origin, &base.join("work")).unwrap();
        let there = copy.root.join("d/f");
        assert!(!copy.root.join("ignored").exists());

        let area = plan::parse("base", CONTROL).unwrap();
        let planted = copy.plant(&area.controls[0]).unwrap();
        assert_eq!(fs::read_to_string(&there).unwrap(), "two ten\n");
        assert!(copy.plant(&area.controls[0]).is_err(), "planted already");
        assert_eq!(fs::read_to_string(&there).unwrap(), "two ten\n");
        planted.remove().unwrap();
        assert_eq!(fs::read_to_string(&there).unwrap(), "one six\n");

        fs::write(&there, "left over").unwrap();
        fs::write(copy.root.join("d/other"), "left over").unwrap();
        copy.restore().unwrap();
        assert_eq!(fs::read_to_string(&there).unwrap(), "one six\n");
        assert!(!copy.root.join("d/other").exists());
        fs::remove_dir_all(base).unwrap();
    }
}
