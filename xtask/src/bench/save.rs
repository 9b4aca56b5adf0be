//! Results on disk: the file with everything, and the tables in Markdown.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};

use super::entrants::{Entrant, Field};
use super::machine;
use super::process;
use super::result::{
    Absent, Column, Document, Failure, Machine, Method, Revision, Row, SCHEMA, Sample,
};
use super::schedule::{Outcome, Plan};
use super::table::{self, Look};
use super::{Places, derive, result, stats};

/// What the runs do not tell.
#[derive(Debug)]
pub(crate) struct About {
    pub(crate) revision: Revision,
    pub(crate) machine: Machine,
    pub(crate) columns: Vec<Column>,
}

impl About {
    pub(crate) fn new(places: &Places, field: &Field, machine: Machine) -> Self {
        let column = |entrant| column(entrant, machine::version(places, entrant));
        let columns = field.entrants.iter().map(column).collect();
        Self { revision: machine::revision(&places.root), machine, columns }
    }
}

/// Everything that is known after a run.
pub(crate) fn document(plan: &Plan, field: &Field, outcome: &Outcome, about: About) -> Document {
    let now = jiff::Zoned::now();
    let derived = derive::derive(plan, field, outcome);
    let names = |cell: &(usize, usize)| {
        (plan.cases[cell.0].name.to_owned(), field.entrants[cell.1].name.clone())
    };
    let failure = |(cell, why): (&(usize, usize), &String)| {
        let (row, entrant) = names(cell);
        Failure { row, entrant, why: why.clone() }
    };
    let absent = |(name, why): &(String, String)| Absent { name: name.clone(), why: why.clone() };
    Document {
        schema: SCHEMA,
        stamp: now.strftime("%Y%m%d-%H%M%S").to_string(),
        date: now.strftime("%Y-%m-%d %H:%M:%S %Z").to_string(),
        command: std::env::args().skip(1).collect(),
        revision: about.revision,
        machine: about.machine,
        method: method(plan, outcome),
        entrants: about.columns,
        not_measured: field.not_measured.iter().map(absent).collect(),
        rows: rows(plan, outcome),
        medians: derived.medians,
        ratios: derived.ratios,
        overall: derived.overall,
        failures: outcome.failed.iter().map(failure).collect(),
        damage: outcome.damage.clone(),
        cut_short: outcome.cut_short.map(str::to_owned),
        counts: Vec::new(),
        not_counted: Vec::new(),
        samples: samples(plan, field, outcome),
    }
}

fn method(plan: &Plan, outcome: &Outcome) -> Method {
    Method {
        quick: plan.length.quick,
        part: plan.length.part,
        least: plan.least,
        most: plan.most,
        precision: plan.precision,
        budget: plan.budget.map(|budget| budget.as_secs_f64()),
        warm_up: 1,
        order_seed: plan.order_seed,
        pinning: plan.pin.words.clone(),
        interval: stats::HOW.to_owned(),
        resamples: stats::RESAMPLES,
        resample_seed: stats::SEED,
        level: stats::LEVEL,
        smallest_effect: plan.effect,
        seconds: outcome.seconds,
    }
}

pub(crate) fn column(entrant: &Entrant, version: Option<String>) -> Column {
    Column {
        name: entrant.name.clone(),
        kind: entrant.kind,
        what: entrant.what(),
        version,
        preload: entrant.preload.as_ref().map(|path| path.display().to_string()),
    }
}

fn rows(plan: &Plan, outcome: &Outcome) -> Vec<Row> {
    let row =
        |(case, (blocks, ended)): (&&'static super::cases::Case, &(usize, result::Ended))| Row {
            name: case.name.to_owned(),
            workload: case.workload().to_owned(),
            args: case.all_args(plan.length),
            threads: case.threads(),
            op: case.op().to_owned(),
            ops: case.ops(plan.length),
            cpu: plan.pin.cpu(case),
            blocks: *blocks,
            ended: *ended,
        };
    plan.cases.iter().zip(&outcome.rows).map(row).collect()
}

fn samples(plan: &Plan, field: &Field, outcome: &Outcome) -> Vec<Sample> {
    let mut samples = Vec::new();
    for (row, case) in plan.cases.iter().enumerate() {
        let mut runs: Vec<(usize, usize, &str, &process::Sample)> = Vec::new();
        for (column, entrant) in field.entrants.iter().enumerate() {
            let own = outcome.runs(row, column).iter();
            runs.extend(own.map(|run| (run.block, run.place, entrant.name.as_str(), &run.sample)));
        }
        runs.sort_by_key(|(block, place, ..)| (*block, *place));
        samples.extend(runs.into_iter().map(|(block, place, entrant, run)| Sample {
            row: case.name.to_owned(),
            entrant: entrant.to_owned(),
            block,
            place,
            run: run.clone(),
        }));
    }
    samples
}

/// Writes both files, and returns the one in Markdown.
pub(crate) fn write(places: &Places, document: &Document) -> Result<PathBuf> {
    let base = places.out.join("results").join(&document.stamp);
    document.write(&base.with_extension("json"))?;
    let markdown = base.with_extension("md");
    fs::write(&markdown, table::page(document, Look::Markdown))
        .with_context(|| format!("cannot write {}", markdown.display()))?;
    Ok(markdown)
}
