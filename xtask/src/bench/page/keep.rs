//! Results that stay: one dated run in `docs/results`, and the README's tables, which are made of it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::{Kept, classic, forest, results};
use crate::bench::derive::{PEAK, TIME};
use crate::bench::readme;
use crate::bench::result::Document;
use crate::bench::table::{self, Look};
use crate::workspace::Workspace;

const BEGIN: &str = "<!-- bench:begin -->\n";
const END: &str = "<!-- bench:end -->\n";

/// The end of the name of a run of the C libraries.
const PRELOAD: &str = "-preload";

/// Replaces what is kept by the result in `file`, and by `preload`; the README follows.
pub(super) fn keep(ws: &Workspace, file: &Path, preload: Option<&Path>) -> Result<()> {
    let folder = ws.root.join("docs/results");
    let kept = Kept::read(file)?;
    let day = kept.document.stamp.split('-').next().unwrap_or_default().to_owned();
    ensure!(day.len() == 8, "{} is not named by a time", file.display());
    let preload = preload.map(Kept::read).transpose()?;
    for old in results(&folder) {
        for extension in ["json", "md", "svg", "memory.svg"] {
            // Not every result has every file.
            let _ = fs::remove_file(old.with_extension(extension));
        }
    }
    store(ws, &folder.join(&day), &kept)?;
    if let Some(preload) = &preload {
        store(ws, &folder.join(format!("{day}{PRELOAD}")), preload)?;
    }
    let readme = ws.root.join("README.md");
    let text = fs::read_to_string(&readme).context("cannot read README.md")?;
    let text = between(&text, [BEGIN, END], &section(&folder)?)?;
    write(&readme, &text)?;
    println!("kept in {}, and in README.md", folder.display());
    if let Some(figures) = classic::section(&kept.document, &day) {
        let page = ws.root.join(classic::PAGE);
        let text = fs::read_to_string(&page).with_context(|| format!("no {}", page.display()))?;
        write(&page, &between(&text, [classic::BEGIN, classic::END], &figures)?)?;
        println!("and in {}", classic::PAGE);
    }
    Ok(())
}

/// JSON, Markdown and pictures, whose names begin with `base`.
fn store(ws: &Workspace, base: &Path, kept: &Kept) -> Result<()> {
    let json = base.with_extension("json");
    thinned(&kept.raw, ws)?.write(&json)?;
    write(&base.with_extension("md"), &table::page(&kept.document, Look::Markdown))?;
    for (metric, extension, title) in [
        (TIME, "svg", "time: hakmem divided by the other, left of 1 is less"),
        (
            PEAK,
            "memory.svg",
            "peak resident memory: hakmem divided by the other, left of 1 is less",
        ),
    ] {
        if let Some(picture) = forest::standalone(kept, metric, title)? {
            write(&base.with_extension(extension), &picture)?;
        }
    }
    Ok(())
}

/// The same without the curves of all blocks but the first: they are most of the bytes.
///
/// Places are told as from the workspace: where it lies on this machine is nobody's business.
fn thinned(raw: &Value, ws: &Workspace) -> Result<Document> {
    let text = raw.to_string().replace(&format!("{}/", ws.target.display()), "target/");
    let mut raw: Value = serde_json::from_str(&text)?;
    let samples = raw.get_mut("samples").and_then(Value::as_array_mut);
    for sample in samples.into_iter().flatten().filter_map(Value::as_object_mut) {
        if sample.get("block").and_then(Value::as_u64) != Some(0) {
            sample.remove("rss_curve");
        }
    }
    serde_json::from_value(raw).context("the result without its curves is none")
}

/// What stands in the README: the tables of the kept results.
fn section(folder: &Path) -> Result<String> {
    let files = results(folder);
    let is_preload = |path: &&PathBuf| {
        path.file_stem().is_some_and(|stem| stem.to_string_lossy().ends_with(PRELOAD))
    };
    let main = files.iter().rev().find(|path| !is_preload(path)).context("nothing is kept")?;
    let mut text = part("As a Rust program's global allocator", main)?;
    if let Some(preload) = files.iter().rev().find(is_preload) {
        text.push('\n');
        text.push_str(&part("Behind C's `malloc`, every library preloaded", preload)?);
    }
    Ok(text)
}

fn part(what: &str, file: &Path) -> Result<String> {
    let name = file.with_extension("");
    let name = name.file_name().unwrap_or_default().to_string_lossy();
    Ok(readme::section(&Document::read(file)?, what, &name))
}

/// `text` with `section` between the marks.
fn between(text: &str, [begin, end]: [&str; 2], section: &str) -> Result<String> {
    let mark = |mark: &str| format!("there is no mark {}", mark.trim_end());
    let (before, rest) = text.split_once(begin).with_context(|| mark(begin))?;
    let (_, after) = rest.split_once(end).with_context(|| mark(end))?;
    Ok(format!("{before}{begin}{section}{end}{after}"))
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_around_the_marks_stays() {
        let text = format!("a\n{BEGIN}old\n{END}b\n");
        let marks = [BEGIN, END];
        assert_eq!(between(&text, marks, "new\n").unwrap(), format!("a\n{BEGIN}new\n{END}b\n"));
        assert!(between("nothing", marks, "new").is_err());
    }

    /// `cargo xtask report --keep` writes it; nobody edits it.
    #[test]
    fn the_readme_shows_what_is_kept() {
        let ws = Workspace::find().unwrap();
        let text = fs::read_to_string(ws.root.join("README.md")).unwrap();
        let section = section(&ws.root.join("docs/results")).unwrap();
        assert_eq!(between(&text, [BEGIN, END], &section).unwrap(), text);
    }
}
