//! The planted bugs: each still fits the sources, and names tests that there are.

use std::collections::BTreeSet;

use super::Finding;
use super::tree::{Member, Tree};
use crate::controls::plan::{self, Area, Named};

/// Every file of controls can be read, and every bug can be planted.
pub(super) fn applies(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut names = BTreeSet::new();
    for (path, area) in areas(tree) {
        let area = match area {
            Ok(area) => area,
            Err(why) => {
                findings.push(Finding::new(&path, 0, why));
                continue;
            }
        };
        for control in area.controls {
            let mut find = |why: String| {
                findings.push(Finding::new(&path, 0, format!("{}: {why}", control.name)));
            };
            if !names.insert(control.name.clone()) {
                find("another control has this name".to_owned());
            }
            for edit in &control.edits {
                match tree.file(&edit.file).map(|file| edit.apply(&file.text())) {
                    None => find(format!("there is no {}", edit.file)),
                    Some(Err(why)) => find(why.to_string()),
                    Some(Ok(_)) => {}
                }
            }
        }
    }
    findings
}

/// Every test that a control names exists.
pub(super) fn tests_exist(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, area) in areas(tree) {
        for control in area.iter().flat_map(|area| &area.controls) {
            for test in control.caught_by.iter().filter(|test| !exists(tree, test)) {
                let message = format!("{}: there is no test `{test}`", control.name);
                findings.push(Finding::new(&path, 0, message));
            }
        }
    }
    findings
}

/// Every C program, and every test binary of the allocator and its fuzz targets, is named by a
/// control: somebody has seen it fail.
pub(super) fn covers(tree: &Tree) -> Vec<Finding> {
    let areas: Vec<Area> = areas(tree).filter_map(|(_, area)| area.ok()).collect();
    let controls = areas.iter().flat_map(|area| &area.controls);
    let seen: BTreeSet<String> =
        controls.flat_map(|control| &control.caught_by).filter_map(binary).collect();
    let paths = tree.files.iter().filter_map(|file| Some((&file.path, test_of(tree, &file.path)?)));
    let unseen = paths.filter(|(_, test)| !seen.contains(test));
    let message = |test| format!("no control in {} names `{test}`", plan::FOLDER);
    unseen.map(|(path, test)| Finding::new(path, 0, message(test))).collect()
}

/// A test without the filter, and whatever library it runs on.
fn binary(test: &Named) -> Option<String> {
    match test {
        Named::Capi { name, .. } => Some(format!("capi {name}")),
        Named::Rust { package, binary, .. } => Some(format!("rust {package} {binary}")),
        Named::Command(_) => None,
    }
}

/// The test that a file is, as a control names it. Models have negative controls of their own.
fn test_of(tree: &Tree, path: &str) -> Option<String> {
    if let Some(program) = path.strip_prefix("tests/c/") {
        let (name, extension) = program.rsplit_once('.')?;
        let is_test = matches!(extension, "c" | "cc") && !name.starts_with("libraries/");
        return is_test.then(|| format!("capi {name}"));
    }
    let (folder, file) = path.split_once("/tests/")?;
    let name = file.strip_suffix(".rs").filter(|name| !name.contains('/'))?;
    let member = tree.members.iter().find(|member| member.folder == folder)?;
    let ours = folder.starts_with("crates/") || folder == "fuzz";
    (ours && !name.starts_with("loom_")).then(|| format!("rust {} {name}", member.name))
}

fn exists(tree: &Tree, test: &Named) -> bool {
    match test {
        Named::Capi { name, .. } => ["c", "cc"]
            .iter()
            .any(|extension| tree.file(&format!("tests/c/{name}.{extension}")).is_some()),
        Named::Rust { package, binary, .. } => {
            let member = tree.members.iter().find(|member| member.name == *package);
            let files = match binary.as_str() {
                "lib" => vec!["src/lib.rs".to_owned()],
                _ => vec![format!("tests/{binary}.rs"), format!("tests/{binary}/main.rs")],
            };
            let has =
                |file: &String, m: &Member| tree.file(&format!("{}/{file}", m.folder)).is_some();
            member.is_some_and(|m| files.iter().any(|file| has(file, m)))
        }
        // The command line knows; nothing here would stay true for long.
        Named::Command(_) => true,
    }
}

/// Each file of controls, read, or why it cannot be.
fn areas(tree: &Tree) -> impl Iterator<Item = (String, Result<Area, String>)> {
    let files = tree
        .files
        .iter()
        .filter(|file| file.path.starts_with(plan::FOLDER) && file.path.ends_with(".toml"));
    files.map(|file| {
        let area = plan::parse(&file.path, &file.text());
        (file.path.clone(), area.map_err(|why| format!("{why:#}").replace('\n', " ")))
    })
}
