//! The order and the number of runs, with runs that are made up.

use std::cell::RefCell;

use super::*;
use crate::bench::made_up::{field, plan, sample};

/// `noisy` swings on larson, the others are steady.
fn seconds(case: &Case, entrant: &Entrant, run: usize) -> f64 {
    let swings = entrant.name == "noisy" && case.name == "larson-1";
    if swings { 1.0 + (run * 7 % 10) as f64 / 10.0 } else { 1.0 }
}

/// Runs the plan. Returns also the names of the runs, in their order.
fn made_up(plan: &Plan, stop_after: usize) -> (Outcome, Vec<(&'static str, String)>) {
    let (field, stop) = (field(), Arc::new(AtomicBool::new(false)));
    let log: RefCell<Vec<(&'static str, String)>> = RefCell::default();
    let mut measure = |case: &Case, entrant: &Entrant| {
        log.borrow_mut().push((case.name, entrant.name.clone()));
        if log.borrow().len() >= stop_after {
            stop.store(true, Ordering::Relaxed);
        }
        Some(Ok(sample(seconds(case, entrant, log.borrow().len()))))
    };
    let outcome = run_by(plan, &field, &stop, &mut measure).unwrap();
    (outcome, log.into_inner())
}

fn ended(outcome: &Outcome) -> [Ended; 2] {
    [0, 1].map(|row| outcome.rows[row].1)
}

#[test]
fn a_row_ends_when_its_ratios_are_known_and_others_go_on() {
    let (outcome, log) = made_up(&plan(5, 30), usize::MAX);
    assert_eq!(outcome.rows, [(5, Ended::Precise), (30, Ended::Most)]);
    // On the second row the steady peer leaves after five blocks, too, and the floor after three.
    let runs = |column| outcome.runs(1, column).len();
    assert_eq!([0, 1, 2, 3].map(runs), [30, 5, 30, 3]);
    // Each entrant warms up once on each row, unmeasured.
    let measured = outcome.all().count();
    assert_eq!(log.len(), measured + 8);
    assert!(outcome.cut_short.is_none() && outcome.damage.is_empty());
}

#[test]
fn a_block_is_together_and_in_random_order() {
    let (outcome, log) = made_up(&plan(12, 12), usize::MAX);
    assert_eq!(outcome.rows, [(12, Ended::Most), (12, Ended::Most)]);
    // Rows take turns, each with a whole block.
    let turns: Vec<_> = log.chunk_by(|one, other| one.0 == other.0).map(|turn| turn[0].0).collect();
    let (one, other) = ("random-mixed-256", "larson-1");
    assert!(turns.iter().enumerate().all(|(at, row)| *row == [one, other][at % 2]), "{turns:?}");
    let places = |column| outcome.runs(0, column).iter().map(|run| run.place).collect::<Vec<_>>();
    assert!(places(0).iter().any(|place| *place != places(0)[0]), "always in the same order");
    for block in 0..12 {
        let mut all: Vec<_> = (0..4)
            .filter_map(|column| {
                outcome.runs(0, column).iter().find(|run| run.block == block).map(|run| run.place)
            })
            .collect();
        all.sort_unstable();
        assert!(all.iter().enumerate().all(|(at, place)| at == *place), "{all:?}");
    }
}

#[test]
fn an_interruption_keeps_what_was_measured() {
    let (outcome, log) = made_up(&plan(12, 12), 30);
    assert_eq!(log.len(), 30);
    assert_eq!(outcome.cut_short, Some("interrupted"));
    // Without the eight warm-ups, and without the run that the signal hit.
    assert_eq!(outcome.all().count(), 21);
    assert_eq!(ended(&outcome), [Ended::Interrupted; 2]);
}

#[test]
fn no_time_is_no_run() {
    let plan = Plan { budget: Some(Duration::ZERO), ..plan(5, 5) };
    let (outcome, _) = made_up(&plan, usize::MAX);
    assert_eq!(outcome.cut_short, Some("the time was over"));
    assert_eq!(ended(&outcome), [Ended::Budget; 2]);
}

#[test]
fn who_fails_is_not_run_again_and_wrong_data_is_said() {
    let (plan, field) = (plan(6, 6), field());
    let stop = Arc::new(AtomicBool::new(false));
    let failures = RefCell::new(0);
    let mut measure = |case: &Case, entrant: &Entrant| {
        let mut sample = sample(1.0);
        if entrant.name == "steady" && case.name == "larson-1" {
            *failures.borrow_mut() += 1;
            return Some(Err(anyhow::anyhow!("out of memory")));
        }
        if entrant.name == "noisy" && case.name == "larson-1" {
            sample.checksum = "another".to_owned();
        }
        Some(Ok(sample))
    };
    let outcome = run_by(&plan, &field, &stop, &mut measure).unwrap();
    assert_eq!(*failures.borrow(), 1);
    assert_eq!(outcome.failed[&(1, 1)], "out of memory");
    assert_eq!(outcome.runs(1, 2).len(), 6);
    assert_eq!(outcome.damage.len(), 1);
    assert!(outcome.damage[0].starts_with("larson-1 on noisy"), "{:?}", outcome.damage);
}
