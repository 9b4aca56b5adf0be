//! `cargo xtask loom`: the models, each file timed.

use std::fs;
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::progress::{self, Bar};
use crate::report::Part;
use crate::shell::{self, Output};
use crate::test::test_results;
use crate::workspace::Workspace;

/// How long one bounded model file may take, with its build.
const BOUNDED_LIMIT: Duration = Duration::from_secs(240);

/// How long one unbounded model file may take: nightly runs have the time.
const UNBOUNDED_LIMIT: Duration = Duration::from_secs(6 * 3600);

/// What `cargo xtask loom` takes.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct Args {
    /// The boxes to check, by folder name; all when none is named.
    boxes: Vec<String>,
    /// Explore at most two preemptions a thread (`LOOM_MAX_PREEMPTIONS=2`), as every push does.
    #[arg(long)]
    bounded: bool,
}

impl Args {
    /// What `cargo xtask test` runs.
    pub(crate) fn bounded() -> Self {
        Self { boxes: Vec::new(), bounded: true }
    }
}

/// One `tests/loom_*.rs`.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Model {
    folder: String,
    test: String,
}

impl Model {
    fn name(&self) -> String {
        format!("{}/{}", self.folder, self.test)
    }
}

/// Runs the models and counts the tests in them.
pub(crate) fn check(ws: &Workspace, args: &Args, part: &mut Part) -> Result<()> {
    let models = models(ws, &args.boxes)?;
    if models.is_empty() {
        part.missing("no crate has a tests/loom_*.rs");
    }
    let kept = if args.bounded { "loom" } else { "loom, unbounded" };
    let bar = Bar::new(kept, models.iter().map(Model::name));
    for model in models {
        let name = model.name();
        let output = bar.step(&name, || run(ws, &model, args.bounded))?;
        let results = test_results(&output.stdout);
        say!("{name}: {} tests in {:.1} s", results.passed, output.took.as_secs_f64());
        part.pass_many(results.passed);
        for failed in &results.failed {
            part.fail(&name, failed);
        }
        if !output.success() {
            progress::complain(&(output.stdout.clone() + &output.stderr));
        }
        if !output.success() && results.failed.is_empty() {
            part.fail(&name, &output.ending());
        } else if results.passed == 0 {
            part.fail(&name, "ran no test");
        }
    }
    Ok(())
}

fn run(ws: &Workspace, model: &Model, bounded: bool) -> Result<Output> {
    let package = format!("hakmem-{}", model.folder);
    let mut command = ws.cargo();
    command
        .args(["test", "--profile", "loom", "--package", &package, "--test", &model.test])
        .arg("--target-dir")
        .arg(ws.target.join("loom"))
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env("RUSTFLAGS", "--cfg loom");
    if bounded {
        command.env("LOOM_MAX_PREEMPTIONS", "2");
    }
    shell::capture(&mut command, if bounded { BOUNDED_LIMIT } else { UNBOUNDED_LIMIT })
}

fn models(ws: &Workspace, boxes: &[String]) -> Result<Vec<Model>> {
    let mut models = Vec::new();
    for krate in fs::read_dir(ws.root.join("crates"))? {
        let krate = krate?;
        let folder = krate.file_name().to_string_lossy().into_owned();
        let Ok(tests) = fs::read_dir(krate.path().join("tests")) else { continue };
        for test in tests {
            let file = test?.file_name().to_string_lossy().into_owned();
            if let Some(test) = file.strip_suffix(".rs").filter(|test| test.starts_with("loom_")) {
                models.push(Model { folder: folder.clone(), test: test.to_owned() });
            }
        }
    }
    for name in boxes {
        ensure!(models.iter().any(|model| model.folder == *name), "box {name} has no models");
    }
    models.retain(|model| boxes.is_empty() || boxes.contains(&model.folder));
    models.sort();
    Ok(models)
}
