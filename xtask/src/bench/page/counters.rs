//! What was counted: events in the boxes, system calls, instructions; and which box paid for a difference.

use std::collections::{BTreeMap, BTreeSet};

use maud::{Markup, html};

use crate::bench::counts::paid;
use crate::bench::result::Document;
use crate::bench::table::Look;

/// Row and entrant, then the name of a number, and how often it was in a thousand operations.
type Rates = BTreeMap<(String, String), BTreeMap<String, f64>>;

/// One table of everything that was counted, and who paid for differences; `None` when nobody counted.
pub(super) fn table(document: &Document) -> Option<Markup> {
    let rates = rates(document);
    let names: BTreeSet<&String> = rates.values().flat_map(BTreeMap::keys).collect();
    if names.is_empty() {
        return None;
    }
    let shown = |rates: &BTreeMap<String, f64>, name: &String| match rates.get(name) {
        None => String::new(),
        Some(rate) if *rate >= 100.0 => format!("{rate:.0}"),
        Some(rate) => format!("{rate:.2}"),
    };
    let paid = paid::all(document, Look::Terminal);
    Some(html! {
        p { "In a thousand operations of the timed part, in runs of their own, which were not timed." }
        @for text in &paid { pre.wide { (text) } }
        div.wide {
            table {
                thead {
                    tr {
                        th {}
                        @for (row, entrant) in rates.keys() { th { (row) br; (entrant) } }
                    }
                }
                tbody {
                    @for name in names {
                        tr { th { (name) } @for rates in rates.values() { td { (shown(rates, name)) } } }
                    }
                }
            }
        }
    })
}

fn rates(document: &Document) -> Rates {
    let mut rates = Rates::new();
    for count in &document.counts {
        let own = rates.entry((count.row.clone(), count.entrant.clone())).or_default();
        for (name, number) in &count.numbers {
            let name = format!("{}: {name}", count.what.name());
            own.insert(name, number * 1e3 / count.ops.max(1) as f64);
        }
    }
    rates
}
