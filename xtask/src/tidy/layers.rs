//! Who may depend on whom: `crates/README.md` against the manifests.

use cargo_metadata::DependencyKind;

use super::Finding;
use super::tree::{Member, Tree};

/// Where the order of the boxes is written.
const LIST: &str = "crates/README.md";

/// What tests and benches may use besides.
const DEV: [&str; 14] = [
    "criterion",
    "hakmem-conformance",
    "hakmem-contract",
    "hakmem-direct-front",
    "hakmem-front-gate",
    "hakmem-os-acquire",
    "hakmem-shared-pool",
    "hakmem-superslab-registry",
    "hakmem-sync",
    "hakmem-tls-sll",
    "hakmem-unified-cache",
    "libc",
    "loom",
    "static_assertions",
];

/// One row of the table: a box and what it may depend on.
#[derive(Debug)]
struct Row {
    line: usize,
    name: String,
    may: Vec<String>,
}

/// Every edge between crates is in the list, and the list goes one way.
pub(super) fn direction(tree: &Tree) -> Vec<Finding> {
    let rows = rows(tree);
    let mut findings = order(&rows);
    for member in tree.members.iter().filter(|member| member.folder.starts_with("crates/")) {
        findings.extend(edges(member, &rows));
    }
    findings
}

/// A row may name only crates of ours that stand above it in the table, which is below it in
/// the layers.
fn order(rows: &[Row]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (at, row) in rows.iter().enumerate() {
        for later in rows[at..].iter().filter(|later| row.may.contains(&later.name)) {
            let message = format!("{} may not depend on {}: not below it", row.name, later.name);
            findings.push(Finding::new(LIST, row.line, message));
        }
    }
    findings
}

fn edges(member: &Member, rows: &[Row]) -> Vec<Finding> {
    let manifest = format!("{}/Cargo.toml", member.folder);
    let Some(row) = rows.iter().find(|row| row.name == member.name) else {
        return vec![Finding::new(&manifest, 0, format!("{} is not in {LIST}", member.name))];
    };
    let mut findings = Vec::new();
    for dependency in &member.dependencies {
        let name = dependency.name.as_str();
        let listed = row.may.iter().any(|may| may == name);
        let allowed = match dependency.kind {
            DependencyKind::Normal => listed,
            DependencyKind::Development => listed || DEV.contains(&name),
            _ => false,
        };
        if !allowed {
            let message = format!("{} may not depend on {name}: {LIST} says so", member.name);
            findings.push(Finding::new(&manifest, 0, message));
        }
    }
    findings
}

/// Reads the table whose head is `| box | may depend on | … |`.
fn rows(tree: &Tree) -> Vec<Row> {
    let Some(file) = tree.file(LIST) else { return Vec::new() };
    let mut rows = Vec::new();
    let mut in_table = false;
    for (number, line) in file.numbered() {
        let cells: Vec<&str> = line.raw.trim().split('|').map(str::trim).collect();
        let ["", name, may, ..] = cells[..] else {
            in_table = false;
            continue;
        };
        if name == "box" && may == "may depend on" {
            in_table = true;
        } else if in_table && !name.starts_with('-') {
            rows.push(Row { line: number, name: package(name), may: names(may) });
        }
    }
    rows
}

fn names(cell: &str) -> Vec<String> {
    cell.split(',').map(package).filter(|name| !name.is_empty() && name != "–").collect()
}

/// The package of a box, whose name in the table is its folder's. A name from elsewhere stands
/// in the table as `name (registry)`.
fn package(name: &str) -> String {
    let name = name.trim().trim_matches('`');
    match name.strip_suffix(" (registry)") {
        Some(name) => name.trim_matches('`').to_owned(),
        None if name.is_empty() || name == "–" || name.starts_with("hakmem-") => name.to_owned(),
        None => format!("hakmem-{name}"),
    }
}

/// A member without `[lints] workspace = true` silently has no lints.
pub(super) fn lint_inheritance(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for member in &tree.members {
        let path = format!("{}/Cargo.toml", member.folder);
        let Some(file) = tree.file(&path) else { continue };
        let mut lines = file.lines.iter().map(|line| line.raw.trim());
        let inherits = lines.any(|line| line == "[lints]" || line == "lints.workspace = true");
        let inherits = inherits && file.lines.iter().any(|line| is_workspace_true(&line.raw));
        if !inherits {
            findings.push(Finding::new(&path, 0, "needs `[lints] workspace = true`"));
        }
    }
    findings
}

fn is_workspace_true(line: &str) -> bool {
    matches!(line.trim(), "workspace = true" | "lints.workspace = true")
}
