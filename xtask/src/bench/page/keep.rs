//! Results that stay: one dated run in `docs/results`, and the README's tables, which are made of it.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};

use super::{boxes, classic, forest, results};
use crate::bench::derive::{PEAK, TIME};
use crate::bench::readme;
use crate::bench::result::Document;
use crate::bench::table::{self, Look};
use crate::marks::between;
use crate::workspace::Workspace;

const BEGIN: &str = "<!-- bench:begin -->\n";
const END: &str = "<!-- bench:end -->\n";

/// What a result that stays is of. Of each one is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Of {
    /// hakmem and its peers, in a Rust program.
    Allocators,
    /// The C libraries.
    Libraries,
    /// Every box that is known.
    Boxes,
}

impl Of {
    /// The command tells.
    fn document(document: &Document) -> Self {
        let has = |flag: &str| document.command.iter().any(|word| word == flag);
        match (has("--preload"), has("--each")) {
            (true, _) => Self::Libraries,
            (_, true) => Self::Boxes,
            _ => Self::Allocators,
        }
    }

    fn name(name: &str) -> Self {
        let ends = |of: &Self| !of.end().is_empty() && name.ends_with(of.end());
        [Self::Libraries, Self::Boxes].into_iter().find(ends).unwrap_or(Self::Allocators)
    }

    /// What follows the day in the names of its files.
    fn end(self) -> &'static str {
        match self {
            Self::Allocators => "",
            Self::Libraries => "-preload",
            Self::Boxes => "-boxes",
        }
    }
}

/// Replaces what is kept of the same by the result in `file`; the pages that show it follow.
pub(super) fn keep(ws: &Workspace, file: &Path) -> Result<()> {
    let folder = ws.root.join("docs/results");
    let document = Document::read(file)?;
    let of = Of::document(&document);
    let day = document.stamp.split('-').next().unwrap_or_default();
    ensure!(day.len() == 8, "{} is not named by a time", file.display());
    for old in results(&folder).iter().filter(|old| Of::name(&stem(old)) == of) {
        for extension in ["json", "md", "svg", "memory.svg"] {
            // Not every result has every file.
            let _ = fs::remove_file(old.with_extension(extension));
        }
    }
    let name = format!("{day}{}", of.end());
    store(ws, &folder.join(&name), &document)?;
    if of == Of::Boxes {
        let section = boxes::section(&document, &name);
        return fill(ws, boxes::PAGE, [boxes::BEGIN, boxes::END], &section);
    }
    fill(ws, "README.md", [BEGIN, END], &section(&folder)?)?;
    match classic::section(&document, &name) {
        Some(section) => fill(ws, classic::PAGE, [classic::BEGIN, classic::END], &section),
        None => Ok(()),
    }
}

/// A file's name without what follows the dot.
fn stem(file: &Path) -> String {
    file.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// Puts `section` between the marks of `page`.
fn fill(ws: &Workspace, page: &str, marks: [&str; 2], section: &str) -> Result<()> {
    let path = ws.root.join(page);
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {page}"))?;
    write(&path, &between(&text, marks, section)?)?;
    say!("kept in docs/results, and shown in {page}");
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
    let mut parts = Vec::new();
    for (of, what) in [
        (Of::Allocators, "As a Rust program's global allocator"),
        (Of::Libraries, "Behind C's `malloc`, every library preloaded"),
    ] {
        for file in results(folder).iter().filter(|file| Of::name(&stem(file)) == of) {
            parts.push(readme::section(&Document::read(file)?, what, &stem(file)));
        }
    }
    Ok(parts.join("\n"))
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

    #[test]
    fn a_name_tells_what_a_result_is_of() {
        for of in [Of::Allocators, Of::Libraries, Of::Boxes] {
            assert_eq!(Of::name(&format!("20260101{}", of.end())), of);
        }
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
