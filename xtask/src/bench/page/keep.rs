//! Results that stay: one dated run in `docs/results`, and the README's tables, which are made of it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

use super::{classic, forest, results};
use crate::bench::derive::{PEAK, TIME};
use crate::bench::readme;
use crate::bench::result::Document;
use crate::bench::table::{self, Look};
use crate::marks::between;
use crate::workspace::Workspace;

const BEGIN: &str = "<!-- bench:begin -->\n";
const END: &str = "<!-- bench:end -->\n";

/// The end of the name of a run of the C libraries.
const PRELOAD: &str = "-preload";

/// Replaces what is kept by the result in `file`, and by `preload`; the README follows.
pub(super) fn keep(ws: &Workspace, file: &Path, preload: Option<&Path>) -> Result<()> {
    let folder = ws.root.join("docs/results");
    let document = Document::read(file)?;
    let day = document.stamp.split('-').next().unwrap_or_default().to_owned();
    ensure!(day.len() == 8, "{} is not named by a time", file.display());
    let preload = preload.map(Document::read).transpose()?;
    for old in results(&folder) {
        for extension in ["json", "md", "svg", "memory.svg"] {
            // Not every result has every file.
            let _ = fs::remove_file(old.with_extension(extension));
        }
    }
    store(ws, &folder.join(&day), &document)?;
    if let Some(preload) = &preload {
        store(ws, &folder.join(format!("{day}{PRELOAD}")), preload)?;
    }
    let readme = ws.root.join("README.md");
    let text = fs::read_to_string(&readme).context("cannot read README.md")?;
    let text = between(&text, [BEGIN, END], &section(&folder)?)?;
    write(&readme, &text)?;
    say!("kept in {}, and in README.md", folder.display());
    if let Some(figures) = classic::section(&document, &day) {
        let page = ws.root.join(classic::PAGE);
        let text = fs::read_to_string(&page).with_context(|| format!("no {}", page.display()))?;
        write(&page, &between(&text, [classic::BEGIN, classic::END], &figures)?)?;
        say!("and in {}", classic::PAGE);
    }
    Ok(())
}

/// JSON, Markdown and pictures, whose names begin with `base`.
fn store(ws: &Workspace, base: &Path, document: &Document) -> Result<()> {
    let json = base.with_extension("json");
    thinned(document, ws)?.write(&json)?;
    write(&base.with_extension("md"), &table::page(document, Look::Markdown))?;
    for (metric, extension, title) in [
        (TIME, "svg", "time: hakmem divided by the other, left of 1 is less"),
        (
            PEAK,
            "memory.svg",
            "peak resident memory: hakmem divided by the other, left of 1 is less",
        ),
    ] {
        if let Some(picture) = forest::standalone(document, metric, title)? {
            write(&base.with_extension(extension), &picture)?;
        }
    }
    Ok(())
}

/// The same without the curves of all blocks but the first: they are most of the bytes.
///
/// Places are told as from the workspace: where it lies on this machine is nobody's business.
fn thinned(document: &Document, ws: &Workspace) -> Result<Document> {
    let text = serde_json::to_string(document).context("cannot write the result")?;
    let text = text.replace(&format!("{}/", ws.target.display()), "target/");
    let mut thinned: Document = serde_json::from_str(&text).context("the result is none")?;
    for sample in thinned.samples.iter_mut().filter(|sample| sample.block != 0) {
        sample.run.rss_curve.clear();
    }
    Ok(thinned)
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

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `cargo xtask report --keep` writes it; nobody edits it.
    #[test]
    fn the_readme_shows_what_is_kept() {
        let ws = Workspace::find().unwrap();
        let text = fs::read_to_string(ws.root.join("README.md")).unwrap();
        let section = section(&ws.root.join("docs/results")).unwrap();
        assert_eq!(between(&text, [BEGIN, END], &section).unwrap(), text);
    }
}
