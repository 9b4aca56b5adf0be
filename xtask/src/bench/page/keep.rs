//! Results that stay: dated runs in `docs/results`, and the pages whose tables are made of them.

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
    pages(&folder)?.iter().try_for_each(|shown| shown.fill(ws))
}

/// A page that shows kept results: where, and what.
struct Shown {
    page: &'static str,
    marks: [&'static str; 2],
    section: String,
}

impl Shown {
    /// Puts the section between the marks.
    fn fill(&self, ws: &Workspace) -> Result<()> {
        let text = self.filled(ws)?;
        write(&ws.root.join(self.page), &text)?;
        say!("kept in docs/results, and shown in {}", self.page);
        Ok(())
    }

    /// The page with the section in it.
    fn filled(&self, ws: &Workspace) -> Result<String> {
        between(&self.text(ws)?, self.marks, &self.section)
    }

    /// The page as it is.
    fn text(&self, ws: &Workspace) -> Result<String> {
        let Self { page, .. } = self;
        fs::read_to_string(ws.root.join(page)).with_context(|| format!("cannot read {page}"))
    }
}

/// Every page that shows what is kept in `folder`.
fn pages(folder: &Path) -> Result<Vec<Shown>> {
    let readme = Shown { page: "README.md", marks: [BEGIN, END], section: section(folder)? };
    let mut pages = vec![readme];
    for file in results(folder) {
        let (document, name) = (Document::read(&file)?, stem(&file));
        match Of::name(&name) {
            Of::Allocators => pages.extend(classic::section(&document, &name).map(|section| {
                Shown { page: classic::PAGE, marks: [classic::BEGIN, classic::END], section }
            })),
            Of::Boxes => {
                let section = boxes::section(&document, &name);
                pages.push(Shown { page: boxes::PAGE, marks: [boxes::BEGIN, boxes::END], section });
            }
            Of::Libraries => {}
        }
    }
    Ok(pages)
}

/// A file's name without what follows the dot.
fn stem(file: &Path) -> String {
    file.file_stem().unwrap_or_default().to_string_lossy().into_owned()
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
    fn a_name_tells_what_a_result_is_of() {
        for of in [Of::Allocators, Of::Libraries, Of::Boxes] {
            assert_eq!(Of::name(&format!("20260101{}", of.end())), of);
        }
    }

    /// `cargo xtask report --keep` writes it; nobody edits it.
    #[test]
    fn every_page_shows_what_is_kept() {
        let ws = Workspace::find().unwrap();
        let pages = pages(&ws.root.join("docs/results")).unwrap();
        assert_eq!(pages.len(), 3);
        for shown in pages {
            assert_eq!(shown.filled(&ws).unwrap(), shown.text(&ws).unwrap(), "{}", shown.page);
        }
    }
}
