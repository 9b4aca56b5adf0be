//! `cargo xtask lint`: rustfmt, clippy and rustdoc, every warning an error.

use anyhow::Result;

use crate::report::{Part, Report};
use crate::workspace::Workspace;

/// Each lint: name, cargo arguments, environment.
type Lint = (&'static str, &'static [&'static str], &'static [(&'static str, &'static str)]);

const LINTS: &[Lint] = &[
    ("rustfmt", &["fmt", "--all", "--check"], &[]),
    (
        "clippy",
        &[
            "clippy",
            "--workspace",
            "--exclude=hakmem-malloc",
            "--exclude=hakmem-recorder",
            "--all-targets",
            "--",
            "-D",
            "warnings",
        ],
        &[],
    ),
    // By itself: it has no standard library, and the others' tests turn on features that do.
    ("clippy of the C library", &["clippy", "-p", "hakmem-malloc", "--", "-D", "warnings"], &[]),
    ("clippy of the recorder", &["clippy", "-p", "hakmem-recorder", "--", "-D", "warnings"], &[]),
    ("rustdoc", &["doc", "--no-deps", "--workspace"], &[("RUSTDOCFLAGS", "-Dwarnings")]),
];

/// Their names.
pub(crate) fn parts() -> impl Iterator<Item = &'static str> {
    LINTS.iter().map(|lint| lint.0)
}

/// Runs all of them, whatever the first ones find.
pub(crate) fn run(ws: &Workspace, report: &mut Report) {
    for &lint in LINTS {
        report.part(lint.0, |part| check(ws, lint, part));
    }
}

fn check(ws: &Workspace, (name, args, env): Lint, part: &mut Part) -> Result<()> {
    let output = ws.run_cargo(args, env)?;
    part.verdict(name, (!output.success()).then(|| output.ending()));
    Ok(())
}
