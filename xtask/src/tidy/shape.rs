//! The shape of the code: headings, attributes, where `cfg` may stand.

use super::Finding;
use super::tree::{SourceFile, Tree};

/// Deepest indentation of a `#[cfg(…)]`: on items and on methods, never on statements.
const MAX_CFG_INDENT: usize = 4;

/// Every crate says what it is and what it leaves to others.
pub(super) fn crate_docs(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for member in tree.members.iter().filter(|member| member.folder.starts_with("crates/")) {
        let path = format!("{}/src/lib.rs", member.folder);
        let Some(file) = tree.file(&path) else {
            findings.push(Finding::new(&path, 0, "a crate is a library"));
            continue;
        };
        if !file.lines.first().is_some_and(|line| line.raw.starts_with("//! ")) {
            findings.push(Finding::new(&path, 1, "the file starts with the crate docs, `//!`"));
        }
        if !file.lines.iter().any(|line| line.raw == "//! # What it does not do") {
            findings.push(Finding::new(&path, 0, "no heading `# What it does not do`"));
        }
    }
    findings
}

/// A function named `…_cold` is cold and stays out of line.
pub(super) fn cold(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.shipped_files() {
        for (number, line) in file.shipped_lines() {
            let mut words = line.words().skip_while(|(_, word)| *word != "fn").skip(1);
            let Some((_, name)) = words.next().filter(|(_, name)| name.ends_with("_cold")) else {
                continue;
            };
            let attributes = above(file, number);
            let has = |wanted: &str| attributes.iter().any(|line| line.contains(wanted));
            if has_body(file, number) && !(has("#[cold]") && has("#[inline(never)]")) {
                let message = format!("`{name}` needs `#[cold]` and `#[inline(never)]`");
                findings.push(Finding::new(&file.path, number, message));
            }
        }
    }
    findings
}

/// The attributes and comments right above line `number`.
fn above(file: &SourceFile, number: usize) -> Vec<&str> {
    let lines = file.lines[..number - 1].iter().rev().map(|line| line.raw.trim());
    lines.take_while(|line| line.starts_with("#[") || line.starts_with("//")).collect()
}

/// Whether the function that starts on line `number` has a body, rather than a `;`.
fn has_body(file: &SourceFile, number: usize) -> bool {
    let mut depth = 0;
    for c in file.lines[number - 1..].iter().flat_map(|line| line.code.chars()) {
        match c {
            '(' | '[' => depth += 1,
            ')' | ']' => depth -= 1,
            '{' if depth == 0 => return true,
            ';' if depth == 0 => return false,
            _ => {}
        }
    }
    false
}

/// `cfg` selects modules and items, never statements.
pub(super) fn cfg_statement(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.shipped_files() {
        for (number, line) in file.shipped_lines() {
            let indent = line.code.len() - line.code.trim_start().len();
            if line.code.trim_start().starts_with("#[cfg(") && indent > MAX_CFG_INDENT {
                let message = "`#[cfg]` on a statement: select a module or a type instead";
                findings.push(Finding::new(&file.path, number, message));
            }
        }
    }
    findings
}

/// An unsafe trait says what implementors owe and what callers get.
pub(super) fn unsafe_trait_docs(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.shipped_files() {
        for (number, line) in file.shipped_lines() {
            if !line.code.contains("unsafe trait ") {
                continue;
            }
            let docs = above(file, number);
            for heading in ["/// # Safety", "/// # Guarantees"] {
                if !docs.contains(&heading) {
                    let message = format!("an unsafe trait needs the heading `{heading}`");
                    findings.push(Finding::new(&file.path, number, message));
                }
            }
        }
    }
    findings
}

/// A test that is not run does not exist.
pub(super) fn ignored_test(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.files.iter().filter(|file| file.is_rust()) {
        for (number, line) in file.numbered() {
            if line.code.trim_start().starts_with("#[ignore") {
                findings.push(Finding::new(&file.path, number, "`#[ignore]` is refused"));
            }
        }
    }
    findings
}
