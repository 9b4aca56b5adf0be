//! Entrants, plans and runs for tests. Nothing is started, and no clock is read.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use serde_json::json;

use super::cases::{self, Case, Length};
use super::entrants::{Entrant, Field, Kind};
use super::pin::Pin;
use super::process::Sample;
use super::schedule::{self, Outcome, Plan};

pub(crate) fn entrant(name: &str, kind: Kind) -> Entrant {
    let (name, binary) = (name.to_owned(), PathBuf::from("none"));
    Entrant {
        name: name.clone(),
        kind,
        binary,
        preload: None,
        built_with: name,
        words: None,
        more_args: &[],
    }
}

pub(crate) fn field() -> Field {
    let kinds = [
        ("subject", Kind::Subject),
        ("steady", Kind::Peer),
        ("noisy", Kind::Variant),
        ("floor", Kind::NoAlloc),
    ];
    let entrants = kinds.map(|(name, kind)| entrant(name, kind)).into();
    Field { entrants, ..Field::default() }
}

pub(crate) fn plan(least: usize, most: usize) -> Plan {
    Plan {
        cases: cases::select(&["random-mixed-256".to_owned(), "larson-1".to_owned()], false)
            .unwrap(),
        length: Length::FULL,
        least,
        most,
        precision: 0.01,
        budget: None,
        effect: 0.01,
        pin: Pin::choose(false),
        order_seed: 7,
    }
}

pub(crate) fn sample(seconds: f64) -> Sample {
    let line = json!({
        "allocator": "made up", "seconds": seconds, "ops": 1000, "peak_rss": 1 << 20,
        "end_rss": 1 << 20, "checksum": "same",
    });
    serde_json::from_value(line).unwrap()
}

/// What the plan gives when `seconds` tells how long each run takes.
pub(crate) fn outcome(
    plan: &Plan,
    field: &Field,
    mut seconds: impl FnMut(&Case, &Entrant) -> f64,
) -> Outcome {
    let mut measure = |case: &Case, entrant: &Entrant| Some(Ok(sample(seconds(case, entrant))));
    schedule::run_by(plan, field, &Arc::new(AtomicBool::new(false)), &mut measure).unwrap()
}
