//! `cargo xtask tidy`: what the compiler and the lints cannot check.
//!
//! A check is a function from the tree to findings, listed in [`CHECKS`]. One that is written
//! and not listed does not compile.
#![deny(dead_code)]

mod layers;
mod mask;
mod models;
mod planted;
mod shape;
mod state;
#[cfg(test)]
mod tests;
mod text;
mod tree;

use std::fmt;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use tree::Tree;

use crate::report::Part;
use crate::workspace::Workspace;

type Check = fn(&Tree) -> Vec<Finding>;

const CHECKS: [(&str, Check); 22] = [
    ("layers", layers::direction),
    ("lint-inheritance", layers::lint_inheritance),
    ("atomics", state::atomics),
    ("ordering-comment", state::ordering_comment),
    ("seqcst", state::seqcst),
    ("statics", state::statics),
    ("system-calls", state::system_calls),
    ("edge-model", models::edges),
    ("model-control", models::controls),
    ("control-applies", planted::applies),
    ("control-test", planted::tests_exist),
    ("control-cover", planted::covers),
    ("crate-docs", shape::crate_docs),
    ("cold", shape::cold),
    ("cfg-statement", shape::cfg_statement),
    ("unsafe-trait-docs", shape::unsafe_trait_docs),
    ("ignored-test", shape::ignored_test),
    ("file-length", text::file_length),
    ("safety-spelling", text::safety_spelling),
    ("todo", text::todo),
    ("banned-word", text::banned_words),
    ("trailing-space", text::trailing_space),
];

/// What `cargo xtask tidy` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// List the checks and stop.
    #[arg(long)]
    list: bool,
    /// Check another tree than this workspace.
    #[arg(long)]
    root: Option<PathBuf>,
}

/// One violation.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Finding {
    path: String,
    /// Counted from 1; 0 for the whole file.
    line: usize,
    message: String,
}

impl Finding {
    fn new(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, message: message.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.message)
    }
}

/// The command by itself.
pub(crate) fn run(ws: &Workspace, args: &Args) -> Result<ExitCode> {
    if args.list {
        for (name, _) in CHECKS {
            say!("{name}");
        }
        return Ok(ExitCode::SUCCESS);
    }
    let tree = Tree::load(args.root.as_deref().unwrap_or(&ws.root))?;
    let mut found = 0;
    for (name, check) in CHECKS {
        for finding in check(&tree) {
            say!("{finding} [{name}]");
            found += 1;
        }
    }
    say!("tidy: {} files, {} checks, {found} findings", tree.n_files(), CHECKS.len());
    Ok(if found == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The same as a part of a larger run.
pub(crate) fn check(ws: &Workspace, part: &mut Part) -> Result<()> {
    let tree = Tree::load(&ws.root)?;
    for (name, check) in CHECKS {
        let findings: Vec<String> = check(&tree).iter().map(Finding::to_string).collect();
        part.verdict(name, (!findings.is_empty()).then(|| findings.join("\n")));
    }
    Ok(())
}
