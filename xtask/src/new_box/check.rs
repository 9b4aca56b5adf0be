//! That what `new-box` makes compiles, keeps its promises, and is laid out as rustfmt does it.

use std::fs;
use std::time::Duration;

use anyhow::Result;

use super::{NewBox, TEMPLATES, Template};
use crate::progress::Bar;
use crate::report::Part;
use crate::shell;
use crate::test::test_results;
use crate::workspace::{self, Workspace};

/// Longest time that a new crate's tests may take with cold caches.
const LIMIT: Duration = Duration::from_secs(15 * 60);

/// Makes a box for every slot, in a temporary folder, and runs its tests.
pub(crate) fn check(ws: &Workspace, part: &mut Part) -> Result<()> {
    let folder = std::env::temp_dir().join(format!("hakmem-new-box-{}", std::process::id()));
    let bar = Bar::new("new-box", TEMPLATES.iter().map(|template| template.slot.name()));
    for template in &TEMPLATES {
        let slot = template.slot;
        let fault = bar.step(slot.name(), || {
            let name = format!("my-{slot}");
            let new = NewBox::new(slot.name(), &name, folder.join(&name), &ws.root)?;
            new.make()?;
            test(ws, template, &new)
        })?;
        part.verdict(&format!("a new box for {slot} keeps its promises"), fault);
    }
    fs::remove_dir_all(&folder)?;
    Ok(())
}

/// What is wrong with the box.
fn test(ws: &Workspace, template: &Template, new: &NewBox<'_>) -> Result<Option<String>> {
    let cargo = |args: &[&str]| {
        let mut command = workspace::cargo(&new.folder);
        // One folder for all of them: what they have in common is built once.
        command.args(args).env("CARGO_TARGET_DIR", ws.target.join("new-box"));
        shell::capture(&mut command, LIMIT)
    };
    let output = cargo(&["test", "--test", "conformance"])?;
    let results = test_results(&output.stdout);
    if !output.success() {
        let failed = results.failed.join(", ");
        return Ok(Some(format!("{failed} {}: {}", output.ending(), output.stderr)));
    }
    let promises = template.tests.matches("hakmem_conformance::").count();
    if promises == 0 || results.passed < 10 {
        return Ok(Some(format!("{} tests, and no suite", results.passed)));
    }
    if output.stderr.contains("warning:") {
        return Ok(Some(format!("warnings: {}", output.stderr)));
    }
    if !shell::has("rustfmt") {
        return Ok(None);
    }
    let format = cargo(&["fmt", "--check"])?;
    Ok((!format.success()).then(|| format!("not as rustfmt lays it out: {}", format.ending())))
}
