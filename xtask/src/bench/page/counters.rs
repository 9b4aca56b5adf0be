//! What the boxes counted, a thousand operations each.

use std::collections::{BTreeMap, BTreeSet};

use maud::{Markup, html};
use serde_json::Value;

use super::Kept;

/// The optional fields of a sample whose entries are counts.
const FIELDS: [&str; 2] = ["counters", "system_calls"];

/// Row and entrant, then the name of a counter: its sum, and the operations in which it was counted.
type Sums = BTreeMap<(String, String), BTreeMap<String, (f64, f64)>>;

/// One table; `None` when nobody counted.
pub(super) fn table(kept: &Kept) -> Option<Markup> {
    let sums = sums(kept);
    let names: BTreeSet<&String> = sums.values().flat_map(BTreeMap::keys).collect();
    if names.is_empty() {
        return None;
    }
    let shown = |counts: &BTreeMap<String, (f64, f64)>, name: &String| {
        let Some((sum, ops)) = counts.get(name) else { return String::new() };
        let rate = sum * 1e3 / ops.max(1.0);
        if rate >= 100.0 { format!("{rate:.0}") } else { format!("{rate:.2}") }
    };
    Some(html! {
        div.wide {
            table {
                thead {
                    tr {
                        th { "counter" }
                        @for (row, entrant) in sums.keys() { th { (row) br; (entrant) } }
                    }
                }
                tbody {
                    @for name in names {
                        tr { th { (name) } @for counts in sums.values() { td { (shown(counts, name)) } } }
                    }
                }
            }
        }
    })
}

fn sums(kept: &Kept) -> Sums {
    let mut sums = Sums::new();
    for sample in kept.samples() {
        let text = |field: &str| sample.get(field).and_then(Value::as_str).unwrap_or_default();
        let ops = sample.get("ops").and_then(Value::as_f64).unwrap_or(0.0);
        for field in FIELDS {
            let Some(counts) = sample.get(field).and_then(Value::as_object) else { continue };
            let key = (text("row").to_owned(), text("entrant").to_owned());
            let own = sums.entry(key).or_default();
            for (name, count) in counts {
                let sum = own.entry(name.clone()).or_default();
                sum.0 += count.as_f64().unwrap_or(0.0);
                sum.1 += ops;
            }
        }
    }
    sums
}
