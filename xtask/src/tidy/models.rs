//! The models: every named edge has one, and every one can fail.

use super::Finding;
use super::tree::{SourceFile, Tree};

/// Every edge in a table of the docs appears in a model of the same crate.
pub(super) fn edges(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.shipped_files() {
        let models: Vec<&SourceFile> = models(tree, file.box_name()).collect();
        for (number, edge) in edge_ids(file) {
            let modelled = models.iter().any(|model| mentions(model, &edge));
            if !modelled {
                let message = format!("edge {edge} is in no tests/loom_*.rs of this crate");
                findings.push(Finding::new(&file.path, number, message));
            }
        }
    }
    findings
}

/// A model that cannot fail, or that does not count its outcomes, proves nothing.
pub(super) fn controls(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.crate_files().filter(|file| is_model(file)) {
        if !file.lines.iter().any(|line| line.has_word("should_panic")) {
            let message = "no negative control: a `#[should_panic]` test of a mutant";
            findings.push(Finding::new(&file.path, 0, message));
        }
        let tallies = |(_, word): (usize, &str)| word.to_lowercase().contains("tally");
        if !file.lines.iter().any(|line| line.words().any(tallies)) {
            let message = "no `tally` of the outcomes that the model explored";
            findings.push(Finding::new(&file.path, 0, message));
        }
    }
    findings
}

fn models<'a>(tree: &'a Tree, box_name: &'a str) -> impl Iterator<Item = &'a SourceFile> {
    tree.crate_files().filter(move |file| file.box_name() == box_name && is_model(file))
}

fn is_model(file: &SourceFile) -> bool {
    file.path.contains("/tests/loom_")
}

fn mentions(file: &SourceFile, edge: &str) -> bool {
    file.lines.iter().any(|line| super::mask::words(&line.raw).any(|(_, word)| word == edge))
}

/// First cells such as `R1` of the tables below a heading that says `Protocol` or `Edges`.
fn edge_ids(file: &SourceFile) -> Vec<(usize, String)> {
    let mut ids = Vec::new();
    let mut below = false;
    for (number, line) in file.numbered() {
        let raw = line.raw.trim_start();
        let Some(doc) = raw.strip_prefix("//!").or_else(|| raw.strip_prefix("///")) else {
            below = false;
            continue;
        };
        let doc = doc.trim();
        if doc.starts_with('#') {
            below = doc.contains("Protocol") || doc.contains("Edges");
        } else if let Some(cell) = doc.strip_prefix('|').and_then(|rest| rest.split('|').next()) {
            let cell = cell.trim().trim_matches(['`', '*']);
            if below && is_edge_id(cell) {
                ids.push((number, cell.to_owned()));
            }
        }
    }
    ids
}

/// Capital letters, then digits.
fn is_edge_id(cell: &str) -> bool {
    let digits = cell.trim_start_matches(|c: char| c.is_ascii_uppercase());
    digits.len() < cell.len() && !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit())
}
