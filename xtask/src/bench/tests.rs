//! From runs that are made up to the file and the tables.

use super::made_up::{field, outcome, plan, sample};
use super::result::{CpuTime, Document, Machine, Revision};
use super::schedule::Plan;
use super::stats::Verdict;
use super::table::{self, Look};
use super::{cases, derive, save};

/// hakmem takes 2 s, its peer 4, the variant 2.2 on one row and 2 on the other.
fn document() -> Document {
    let plan = Plan { precision: 0.5, ..plan(6, 12) };
    let field = field();
    let mut swing = 0;
    let outcome = outcome(&plan, &field, |case, entrant| {
        swing = (swing + 5) % 7;
        let seconds = match (entrant.name.as_str(), case.name) {
            ("subject", _) => 2.0,
            ("steady", _) => 4.0,
            ("noisy", "larson-1") => 2.2,
            ("noisy", _) => 2.0,
            _ => 1.0,
        };
        seconds * (1.0 + f64::from(swing) / 1000.0)
    });
    let revision = Revision { commit: Some("abc".to_owned()), clean: true };
    let columns = field.entrants.iter().map(|entrant| save::column(entrant, None)).collect();
    save::document(&plan, &field, &outcome, save::About { revision, columns, machine: busy() })
}

fn busy() -> Machine {
    let cpu_time =
        CpuTime { seconds: 9.0, own: 0.2, others: 0.4, steal: 0.0, limit: 0.05, busy: true };
    Machine { cpu: "made up".to_owned(), cpu_time: Some(cpu_time), ..Machine::default() }
}

/// `burst-idle` waits for half a minute, so it has one block.
#[test]
fn a_row_with_too_few_blocks_is_in_no_mean() {
    let names = ["larson-1", "burst-idle"].map(str::to_owned);
    let plan = Plan { cases: cases::select(&names, false).unwrap(), ..plan(6, 12) };
    let field = field();
    let outcome =
        outcome(&plan, &field, |case, entrant| match (case.name, entrant.name.as_str()) {
            ("burst-idle", "noisy") => 9.0,
            _ => 1.0,
        });
    let derived = derive::derive(&plan, &field, &outcome);
    let total = derived.overall.iter().find(|total| total.of == "noisy").unwrap();
    assert_eq!((total.rows, total.mean.ratio, total.median_row), (1, 1.0, 1.0));
}

#[test]
fn ratios_are_the_right_way_round() {
    let document = document();
    let find = |row: &str, of: &str, to: &str, metric: &str| {
        let is = |ratio: &&super::result::Ratio| {
            [&ratio.row, &ratio.of, &ratio.to, &ratio.metric] == [row, of, to, metric]
        };
        document.ratios.iter().find(is).unwrap().estimate
    };
    let peer = find("larson-1", "subject", "steady", derive::TIME);
    assert!((peer.ratio - 0.5).abs() < 0.01 && peer.verdict == Verdict::Less, "{peer:?}");
    let variant = find("larson-1", "noisy", "subject", derive::TIME);
    assert!((variant.ratio - 1.1).abs() < 0.01 && variant.verdict == Verdict::More, "{variant:?}");
    let same = find("random-mixed-256", "noisy", "subject", derive::TIME);
    assert_eq!(same.verdict, Verdict::None, "{same:?}");
    let memory = find("larson-1", "subject", "steady", derive::PEAK);
    assert_eq!((memory.ratio, memory.low, memory.high), (1.0, 1.0, 1.0));
    let total = document.overall.iter().find(|total| total.of == "noisy").unwrap();
    assert_eq!((total.rows, total.less, total.more), (2, 0, 1));
    assert!((total.mean.ratio - 1.1_f64.sqrt()).abs() < 0.01, "{total:?}");
    // Floors are in no ratio.
    assert!(document.ratios.iter().all(|ratio| ratio.of != "floor" && ratio.to != "floor"));
}

/// Each block takes twice as long as the one before.
#[test]
fn what_slows_a_whole_block_cancels() {
    let (plan, field) = (plan(8, 8), field());
    let mut runs = std::collections::BTreeMap::new();
    let outcome = outcome(&plan, &field, |case, entrant| {
        let run: &mut i32 = runs.entry((case.name, entrant.name.clone())).or_default();
        *run += 1;
        f64::powi(2.0, *run) * if entrant.name == "steady" { 4.0 } else { 1.0 }
    });
    let derived = derive::derive(&plan, &field, &outcome);
    let times = derived.ratios.iter().filter(|ratio| ratio.metric == derive::TIME);
    for ratio in times {
        let truth = if ratio.to == "steady" { 0.25 } else { 1.0 };
        let super::result::Estimate { low, high, .. } = ratio.estimate;
        assert!((low - truth).abs() < 1e-9 && (high - truth).abs() < 1e-9, "{ratio:?}");
    }
}

#[test]
fn what_a_workload_counts_is_a_metric() {
    let (plan, field) = (plan(6, 6), field());
    let stop = std::sync::Arc::default();
    let mut measure = |_: &super::cases::Case, entrant: &super::entrants::Entrant| {
        let mut sample = sample(1.0);
        let kept = if entrant.name == "steady" { 3e6 } else { 6e6 };
        sample.extra.insert("rss_kept".to_owned(), kept);
        Some(Ok(sample))
    };
    let outcome = super::schedule::run_by(&plan, &field, &stop, &mut measure).unwrap();
    let derived = derive::derive(&plan, &field, &outcome);
    let ratio = derived.ratios.iter().find(|ratio| ratio.metric == "rss_kept").unwrap();
    assert_eq!((ratio.to.as_str(), ratio.blocks), ("steady", 6));
    assert!((ratio.estimate.ratio - 2.0).abs() < 1e-9);
    let median = derived.medians.iter().find(|median| median.metric == "rss_kept").unwrap();
    assert_eq!((median.unit.as_str(), median.median), ("B", 6e6));
}

#[test]
fn a_file_is_read_as_it_was_written() {
    let path = std::env::temp_dir().join(format!("hakmem-result-{}.json", std::process::id()));
    let document = document();
    document.write(&path).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    let back = Document::read(&path).unwrap();
    let value = |document| serde_json::to_value(document).unwrap();
    assert!(value(&back) == value(&document), "not the same:\n{text}");
    // A sample is a line.
    let lines = text.lines().filter(|line| line.contains("\"place\":"));
    assert_eq!(lines.count(), document.samples.len());
    std::fs::write(&path, text.replace("\"schema\": 2", "\"schema\": 1")).unwrap();
    let refused = Document::read(&path).unwrap_err();
    std::fs::remove_file(&path).unwrap();
    assert!(refused.to_string().contains("has schema 1"), "{refused}");
}

#[test]
fn tables_say_verdicts_and_that_the_machine_was_busy() {
    let page = table::page(&document(), Look::Markdown);
    let busy = page.find("BUSY MACHINE").unwrap();
    assert!(busy < page.find("| workload").unwrap(), "the warning is not on top:\n{page}");
    let line = |with: &[&str]| {
        let has = |line: &&str| with.iter().all(|word| line.contains(word));
        page.lines().find(has).unwrap_or_else(|| panic!("no line with {with:?}:\n{page}"))
    };
    line(&["larson-1", "noisy", "1.1", "slower", "no difference seen"]);
    line(&["random-mixed-256", "noisy", "no difference seen"]);
    line(&["larson-1", "**0.50 ±0.00  1.00**"]);
    line(&["subject against steady: faster in 2 rows of 2, slower in 0"]);
    line(&["noisy against subject: faster in 0 rows of 2, slower in 1"]);
}
