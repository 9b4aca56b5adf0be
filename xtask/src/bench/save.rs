//! Results on disk: JSON with every sample, and the tables in Markdown.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::Places;
use super::entrants::Field;
use super::schedule::{Outcome, Plan};
use super::stats::rows;
use super::table::{self, Look};

/// Writes both files, and returns the one in Markdown.
pub(crate) fn write(
    places: &Places,
    field: &Field,
    plan: &Plan,
    outcome: &Outcome,
    machine: &str,
    notes: &str,
) -> Result<PathBuf> {
    let stamp = jiff::Zoned::now().strftime("%Y%m%d-%H%M%S").to_string();
    let base = places.out.join("results").join(stamp);
    let json = serde_json::to_string_pretty(&document(field, plan, outcome, machine, notes))?;
    let rows = rows(plan, field, outcome);
    let text = format!(
        "```text\n{machine}\n```\n\n{}\n\n{}\n\n{}\n\n{notes}\n",
        table::main(&rows, field, Look::Markdown),
        table::legend(&rows, field),
        table::absolute(&rows, field, Look::Markdown),
    );
    let markdown = base.with_extension("md");
    for (path, text) in [(base.with_extension("json"), json), (markdown.clone(), text)] {
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(markdown)
}

fn document(field: &Field, plan: &Plan, outcome: &Outcome, machine: &str, notes: &str) -> Value {
    let entrants: Vec<Value> = field
        .entrants
        .iter()
        .map(|entrant| {
            json!({ "name": entrant.name, "kind": entrant.kind, "preload": entrant.preload })
        })
        .collect();
    let row = |(row, case): (usize, &&'static super::cases::Case)| {
        let samples = |(column, entrant): (usize, &super::entrants::Entrant)| {
            let samples = outcome.samples.get(&(row, column))?;
            let samples: Vec<_> = samples.iter().map(|(_, sample)| sample).collect();
            Some((entrant.name.clone(), json!(samples)))
        };
        let all: serde_json::Map<String, Value> =
            field.entrants.iter().enumerate().filter_map(samples).collect();
        json!({ "name": case.name, "args": case.args, "samples": all })
    };
    json!({
        "machine": machine.lines().collect::<Vec<_>>(),
        "quick": plan.quick,
        "reps": plan.reps,
        "cut_short": outcome.cut_short,
        "notes": notes.lines().collect::<Vec<_>>(),
        "entrants": entrants,
        "rows": plan.cases.iter().enumerate().map(row).collect::<Vec<_>>(),
    })
}
