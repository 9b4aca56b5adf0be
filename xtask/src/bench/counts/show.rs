//! Tables of what was counted.

use comfy_table::{Cell as Shown, CellAlignment, Table};

use super::syscalls::{KINDS, OTHER};
use super::{What, callgrind, paid};
use crate::bench::result::{Count, Document};
use crate::bench::table::{Look, empty};

/// A column of the counters' table: its head, and what is divided by what. Without a second list it is the number of
/// times in a thousand operations.
struct Rate {
    head: &'static str,
    of: &'static [&'static str],
    by: Option<&'static [&'static str]>,
    unit: &'static str,
}

const fn share(
    head: &'static str,
    of: &'static [&'static str],
    by: &'static [&'static str],
) -> Rate {
    Rate { head, of, by: Some(by), unit: "%" }
}

const fn mean(
    head: &'static str,
    of: &'static [&'static str],
    by: &'static [&'static str],
) -> Rate {
    Rate { head, of, by: Some(by), unit: "" }
}

const fn times(head: &'static str, of: &'static [&'static str]) -> Rate {
    Rate { head, of, by: None, unit: "" }
}

/// What is worth a look first.
const RATES: &[Rate] = &[
    share("front\nhits", &["front.hit"], &["front.hit", "front.refill"]),
    share("frees\ncached", &["front.free"], &["front.free", "front.spill"]),
    mean("blocks\na refill", &["front.refilled_blocks"], &["front.refill"]),
    mean("blocks\na spill", &["front.spilled_blocks"], &["front.spill"]),
    share("warm\nhits", &["warm.hit"], &["warm.hit", "warm.miss"]),
    mean("remote\nblocks a batch", &["page.remote_blocks"], &["page.remote_batch"]),
    share("units\nat hand", &["pool.at_hand"], &["pool.at_hand", "pool.not_at_hand"]),
    share("ranges\ncached", &["os.cache_hit"], &["os.cache_hit", "os.cache_miss"]),
    times("refills\n/1000", &["front.refill"]),
    times("remote batches\n/1000", &["page.remote_batch"]),
    times("foreign\n/1000", &["registry.foreign"]),
    times("adoptions\n/1000", &["warm.adoption"]),
    times("system calls\n/1000", paid::SYSTEM_CALLS),
];

impl Count {
    /// The sum of these numbers.
    pub(super) fn sum(&self, names: &[&str]) -> f64 {
        names.iter().filter_map(|&name| self.numbers.get(name)).sum()
    }

    /// A number in a thousand operations.
    pub(super) fn per_thousand(&self, name: &str) -> f64 {
        self.numbers.get(name).map_or(0.0, |n| n * 1e3 / self.ops.max(1) as f64)
    }
}

impl Document {
    /// One count.
    pub(super) fn count(&self, row: &str, entrant: &str, what: What) -> Option<&Count> {
        let is =
            |count: &&Count| count.row == row && count.entrant == entrant && count.what == what;
        self.counts.iter().find(is)
    }
}

/// All tables of counts; nothing if there are none.
pub(crate) fn all(document: &Document, look: Look) -> Vec<String> {
    let mut parts = Vec::new();
    let has = |what| document.counts.iter().any(|count| count.what == what);
    if has(What::Counters) {
        parts.push("Inside of the boxes, in the timed part of a run of its own:".to_owned());
        parts.push(counters(document, look));
    }
    if has(What::Syscalls) {
        parts.push("System calls in 1000 operations of the timed part, under strace:".to_owned());
        parts.push(syscalls(document, look));
    }
    if has(What::Instructions) {
        parts.push("Instructions of one operation, under callgrind:".to_owned());
        parts.push(instructions(document, look));
    }
    parts.extend(paid::all(document, look));
    parts
}

fn counters(document: &Document, look: Look) -> String {
    let head = RATES.iter().map(|rate| rate.head);
    let mut table = table(look, ["workload", "entrant"].into_iter().chain(head));
    for count in document.counts.iter().filter(|count| count.what == What::Counters) {
        let mut cells = vec![Shown::new(&count.row), Shown::new(&count.entrant)];
        cells.extend(RATES.iter().map(|rate| Shown::new(rate.show(count))));
        table.add_row(cells);
    }
    table.to_string()
}

impl Rate {
    fn show(&self, count: &Count) -> String {
        let of = count.sum(self.of);
        match self.by.map(|by| count.sum(by)) {
            None => number(of * 1e3 / count.ops.max(1) as f64),
            // It did not happen.
            Some(0.0) => "-".to_owned(),
            Some(by) if self.unit == "%" => format!("{:.2} %", of / by * 100.0),
            Some(by) => number(of / by),
        }
    }
}

fn syscalls(document: &Document, look: Look) -> String {
    let mut table = table(look, ["workload", "entrant"].into_iter().chain(KINDS).chain([OTHER]));
    for count in document.counts.iter().filter(|count| count.what == What::Syscalls) {
        let mut cells = vec![Shown::new(&count.row), Shown::new(&count.entrant)];
        let kinds = KINDS.into_iter().chain([OTHER]);
        cells.extend(kinds.map(|kind| Shown::new(number(count.per_thousand(kind)))));
        table.add_row(cells);
    }
    table.to_string()
}

fn instructions(document: &Document, look: Look) -> String {
    let names: Vec<&str> = document.entrants.iter().map(|entrant| entrant.name.as_str()).collect();
    let mut table = table(look, std::iter::once("workload").chain(names.iter().copied()));
    let mut rows: Vec<&str> = Vec::new();
    for count in document.counts.iter().filter(|count| count.what == What::Instructions) {
        if !rows.contains(&count.row.as_str()) {
            rows.push(&count.row);
        }
    }
    for row in rows {
        let mut cells = vec![Shown::new(row)];
        cells.extend(names.iter().map(|name| {
            let count = document.count(row, name, What::Instructions);
            let each = |count: &Count| number(count.per_thousand(callgrind::ALL) / 1e3);
            Shown::new(count.map_or("-".to_owned(), each))
        }));
        table.add_row(cells);
    }
    table.to_string()
}

/// An empty table, numbers to the right.
pub(super) fn table(look: Look, head: impl Iterator<Item: AsRef<str>>) -> Table {
    let mut table = empty(look);
    let one_line = |text: &str| match look {
        Look::Terminal => text.to_owned(),
        Look::Markdown => text.replace('\n', " "),
    };
    table.set_header(head.map(|text| one_line(text.as_ref())).collect::<Vec<_>>());
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// As many digits as one looks at.
pub(super) fn number(value: f64) -> String {
    match value.abs() {
        size if size < 5e-5 => "0".to_owned(),
        size if size < 0.01 => format!("{value:.4}"),
        size if size < 10.0 => format!("{value:.2}"),
        size if size < 1000.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn count(numbers: &[(&str, f64)]) -> Count {
        Count {
            row: "row".to_owned(),
            entrant: "hakmem".to_owned(),
            what: What::Counters,
            ops: 2000,
            numbers: numbers
                .iter()
                .map(|(name, n)| ((*name).to_owned(), *n))
                .collect::<BTreeMap<_, _>>(),
        }
    }

    #[test]
    fn rates_are_of_what_happened() {
        let count = count(&[
            ("front.hit", 990.0),
            ("front.refill", 10.0),
            ("front.refilled_blocks", 320.0),
        ]);
        let shown: Vec<_> = RATES.iter().map(|rate| rate.show(&count)).collect();
        assert_eq!(shown[0], "99.00 %");
        assert_eq!(shown[1], "-", "nothing was freed");
        assert_eq!(shown[2], "32.0");
        assert_eq!(shown[8], "5.00", "10 in 2000 operations");
    }

    #[test]
    fn numbers_have_the_digits_that_say_something() {
        let shown = [0.0, -0.00001, 0.0031, 1.234, -56.78, 12345.6].map(number);
        assert_eq!(shown, ["0", "0", "0.0031", "1.23", "-56.8", "12346"]);
    }

    #[test]
    fn every_rate_is_made_of_numbers_that_exist() {
        let source = include_str!("../../../../crates/counted/src/event.rs");
        for rate in RATES {
            for name in rate.of.iter().chain(rate.by.unwrap_or_default()) {
                assert!(source.contains(&format!("= \"{name}\"")), "{name}");
            }
        }
    }
}
