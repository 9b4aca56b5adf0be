//! The tree that the checks look at.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use cargo_metadata::{DependencyKind, MetadataCommand};

use super::mask;

/// Folders that hold no sources of ours.
const SKIPPED: [&str; 2] = ["target", ".git"];

/// Kinds of file that are read.
const EXTENSIONS: [&str; 8] = ["rs", "md", "toml", "c", "cc", "h", "sh", "yml"];

/// Every text file and every workspace member.
#[derive(Debug)]
pub(super) struct Tree {
    pub(super) files: Vec<SourceFile>,
    pub(super) members: Vec<Member>,
}

/// A text file.
#[derive(Debug)]
pub(super) struct SourceFile {
    /// From the root, with `/`.
    pub(super) path: String,
    pub(super) lines: Vec<Line>,
}

/// One line of a file.
#[derive(Debug)]
pub(super) struct Line {
    /// As written.
    pub(super) raw: String,
    /// The same columns, with comments and the contents of literals blanked. Empty for files
    /// that are not Rust.
    pub(super) code: String,
    /// Inside `#[cfg(test)] mod … { … }`.
    pub(super) in_test: bool,
    /// Inside `macro_rules!`: the text belongs to whoever expands it.
    pub(super) in_macro: bool,
}

/// A workspace member.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) name: String,
    /// From the root: `crates/sync`.
    pub(super) folder: String,
    pub(super) dependencies: Vec<Dependency>,
}

/// A direct dependency as the manifest states it.
#[derive(Debug)]
pub(super) struct Dependency {
    pub(super) name: String,
    pub(super) kind: DependencyKind,
}

impl Tree {
    /// Reads the tree under `root`, and asks cargo for the members.
    pub(super) fn load(root: &Path) -> Result<Self> {
        let root = root.canonicalize()?;
        let mut files = Vec::new();
        collect(&root, "", &mut files)?;
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Self { files, members: members(&root)? })
    }

    pub(super) fn n_files(&self) -> usize {
        self.files.len()
    }

    /// The Rust files below `crates/`.
    pub(super) fn crate_files(&self) -> impl Iterator<Item = &SourceFile> {
        self.files.iter().filter(|file| file.is_rust() && file.path.starts_with("crates/"))
    }

    /// The Rust files of the boxes that end up in the allocator: no tests, no benches.
    pub(super) fn shipped_files(&self) -> impl Iterator<Item = &SourceFile> {
        self.crate_files().filter(|file| file.is_shipped())
    }

    pub(super) fn file(&self, path: &str) -> Option<&SourceFile> {
        self.files.iter().find(|file| file.path == path)
    }
}

impl SourceFile {
    fn new(path: String, text: &str) -> Self {
        let code = if path.ends_with(".rs") { mask::code(text) } else { String::new() };
        let mut code_lines = code.lines();
        let mut lines: Vec<Line> = text
            .lines()
            .map(|raw| Line {
                raw: raw.to_owned(),
                code: code_lines.next().unwrap_or_default().to_owned(),
                in_test: false,
                in_macro: false,
            })
            .collect();
        mark_regions(&mut lines);
        Self { path, lines }
    }

    pub(super) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// As written, with a line end after every line.
    pub(super) fn text(&self) -> String {
        self.lines.iter().flat_map(|line| [line.raw.as_str(), "\n"]).collect()
    }

    /// The folder below `crates/`, if it is there.
    pub(super) fn box_name(&self) -> &str {
        self.path.strip_prefix("crates/").and_then(|rest| rest.split('/').next()).unwrap_or("")
    }

    fn is_shipped(&self) -> bool {
        self.path.contains("/src/")
            && !self.path.contains("/tests/")
            && !self.path.ends_with("/tests.rs")
    }

    /// Numbered lines outside `#[cfg(test)]` modules.
    pub(super) fn shipped_lines(&self) -> impl Iterator<Item = (usize, &Line)> {
        self.numbered().filter(|(_, line)| !line.in_test)
    }

    /// All lines, numbered from 1.
    pub(super) fn numbered(&self) -> impl Iterator<Item = (usize, &Line)> {
        self.lines.iter().enumerate().map(|(at, line)| (at + 1, line))
    }
}

impl Line {
    /// Whether a comment starts or goes on here.
    pub(super) fn has_comment(&self) -> bool {
        self.raw.contains("//") && !self.code.contains("//")
    }

    /// The identifiers and keywords of the code, with their columns.
    pub(super) fn words(&self) -> impl Iterator<Item = (usize, &str)> {
        mask::words(&self.code)
    }

    pub(super) fn has_word(&self, word: &str) -> bool {
        self.words().any(|(_, found)| found == word)
    }
}

/// Marks test modules and macro definitions: from their first line to the `}` in the same
/// column, as rustfmt lays them out.
fn mark_regions(lines: &mut [Line]) {
    let mut test_until: Option<String> = None;
    let mut macro_until: Option<String> = None;
    let mut after_cfg_test = false;
    for line in lines {
        let trimmed = line.code.trim();
        let end =
            || Some(format!("{}}}", &line.code[..line.code.len() - line.code.trim_start().len()]));
        if test_until.is_none() && after_cfg_test && trimmed.ends_with('{') {
            test_until = end();
        }
        if macro_until.is_none() && trimmed.starts_with("macro_rules!") && trimmed.ends_with('{') {
            macro_until = end();
        }
        line.in_test = test_until.is_some();
        line.in_macro = macro_until.is_some();
        for until in [&mut test_until, &mut macro_until] {
            if until.as_deref() == Some(line.code.trim_end()) {
                *until = None;
            }
        }
        if !trimmed.is_empty() {
            let cfg_test =
                trimmed.starts_with("#[cfg(test)]") || trimmed.starts_with("#[cfg(all(test");
            after_cfg_test = cfg_test || (after_cfg_test && trimmed.starts_with("#["));
        }
    }
}

fn collect(root: &Path, below: &str, files: &mut Vec<SourceFile>) -> Result<()> {
    for entry in fs::read_dir(root.join(below)).with_context(|| format!("read {below}"))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if below.is_empty() { name.clone() } else { format!("{below}/{name}") };
        let kind = entry.file_type()?;
        if kind.is_dir() {
            if !SKIPPED.contains(&name.as_str()) {
                collect(root, &path, files)?;
            }
        } else if kind.is_file()
            && name.rsplit_once('.').is_some_and(|(_, extension)| EXTENSIONS.contains(&extension))
        {
            // Somebody may be moving files about while we look.
            let Ok(text) = fs::read_to_string(entry.path()) else { continue };
            files.push(SourceFile::new(path, &text));
        }
    }
    Ok(())
}

fn members(root: &Path) -> Result<Vec<Member>> {
    let metadata = MetadataCommand::new()
        .manifest_path(root.join("Cargo.toml"))
        .no_deps()
        .exec()
        .context("cargo metadata")?;
    let member = |package: &cargo_metadata::Package| {
        let folder = package.manifest_path.parent().unwrap_or(&package.manifest_path);
        let folder = folder.as_std_path().strip_prefix(root).unwrap_or(folder.as_std_path());
        let dependencies = package.dependencies.iter();
        Member {
            name: package.name.to_string(),
            folder: folder.to_string_lossy().into_owned(),
            dependencies: dependencies
                .map(|dep| Dependency { name: dep.name.clone(), kind: dep.kind })
                .collect(),
        }
    };
    Ok(metadata.workspace_packages().into_iter().map(member).collect())
}
