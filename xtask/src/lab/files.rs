//! Writing what is not there yet: what stays the same keeps its time, so that cargo does not build it
//! again.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Makes the file `path` hold `text`.
pub(crate) fn write(path: &Path, text: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|old| old == text) {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// Makes the files of folder `to` those of `from`, but for the file `except`, which is left alone.
pub(super) fn mirror(from: &Path, to: &Path, except: &str) -> Result<()> {
    let mut names = BTreeSet::from([except.into()]);
    for file in list(from)? {
        let name = file.file_name().unwrap_or_default().to_owned();
        if name != except {
            let text =
                fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
            write(&to.join(&name), &text)?;
            names.insert(name);
        }
    }
    for file in list(to)? {
        if !names.contains(file.file_name().unwrap_or_default()) {
            fs::remove_file(&file).with_context(|| format!("cannot remove {}", file.display()))?;
        }
    }
    Ok(())
}

/// The files in `folder`, none if there is no such folder.
fn list(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.with_context(|| format!("cannot read {}", folder.display()))?,
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.is_file() {
            files.push(path);
        }
    }
    Ok(files)
}

/// Copies `from` to `to` if `from` is newer, or `to` is not there.
pub(super) fn refresh(from: &Path, to: &Path) -> Result<()> {
    let time = |path: &Path| fs::metadata(path).and_then(|data| data.modified());
    let newer = match (time(from), time(to)) {
        (Ok(from), Ok(to)) => from > to,
        _ => true,
    };
    if newer {
        fs::copy(from, to).with_context(|| format!("cannot copy {}", from.display()))?;
    }
    Ok(())
}

/// Copies in two steps, so that a file which is in use elsewhere is not written to.
pub(crate) fn replace(from: &Path, to: &Path) -> Result<()> {
    let fresh = to.with_extension("new");
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    fs::copy(from, &fresh).with_context(|| format!("cannot copy {}", from.display()))?;
    fs::rename(&fresh, to).with_context(|| format!("cannot write {}", to.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stays_the_same_is_not_written() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a/b");
        write(&file, b"one").unwrap();
        let before = fs::metadata(&file).unwrap().modified().unwrap();
        write(&file, b"one").unwrap();
        assert_eq!(fs::metadata(&file).unwrap().modified().unwrap(), before);
        write(&file, b"two").unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"two");
    }

    #[test]
    fn a_mirror_has_the_same_files_and_no_others() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        for (name, text) in
            [("from/a", "a"), ("from/own", "theirs"), ("to/own", "ours"), ("to/b", "")]
        {
            write(&folder.path().join(name), text.as_bytes()).unwrap();
        }
        mirror(&from, &to, "own").unwrap();
        assert_eq!(fs::read(to.join("a")).unwrap(), b"a");
        assert_eq!(fs::read(to.join("own")).unwrap(), b"ours");
        assert!(!to.join("b").exists());
    }
}
