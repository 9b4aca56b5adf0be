//! Which box paid for the difference: a variant beside hakmem, part by part.
//!
//! Instructions are the measure, because each of them belongs to one part, and they add up to the whole. They are not
//! time: a miss of a cache costs as much as hundreds of them, and the kernel's are not among them. So what the
//! kernel counted stands below, and what happened in the boxes, where it is not the same.

use comfy_table::{Cell as Shown, Table};

use super::parts::ORDER;
use super::show::{number, table};
use super::{What, callgrind};
use crate::bench::derive::TIME;
use crate::bench::entrants::Kind;
use crate::bench::result::{Count, Document};
use crate::bench::table::Look;

/// Counters of system calls.
pub(super) const SYSTEM_CALLS: &[&str] = &[
    "sys.map",
    "sys.unmap",
    "sys.purge",
    "sys.advise",
    "sys.protect",
    "sys.name",
    "sys.remap",
    "sys.clock",
];

/// Counts that differ by less than this part of the larger one are the same.
const SAME: f64 = 0.02;

/// So are those that differ by less than this in 1000 operations.
const SELDOM: f64 = 0.01;

/// A table for each row and variant of which something was counted.
pub(crate) fn all(document: &Document, look: Look) -> Vec<String> {
    let named = |kind| document.entrants.iter().filter(move |entrant| entrant.kind == kind);
    let Some(subject) = named(Kind::Subject).next() else { return Vec::new() };
    let mut parts = Vec::new();
    let mut rows: Vec<&str> = Vec::new();
    for count in &document.counts {
        if !rows.contains(&count.row.as_str()) {
            rows.push(&count.row);
        }
    }
    for row in rows {
        for variant in named(Kind::Variant) {
            let pair = Pair { document, row, of: &variant.name, to: &subject.name };
            parts.extend(pair.show(look));
        }
    }
    parts
}

/// A variant and hakmem on one row.
struct Pair<'a> {
    document: &'a Document,
    row: &'a str,
    of: &'a str,
    to: &'a str,
}

impl<'a> Pair<'a> {
    fn show(&self, look: Look) -> Option<String> {
        let head = ["", self.to, self.of, "difference", "of all"];
        let mut table = table(look, head.into_iter());
        let told = [self.time(&mut table), self.instructions(&mut table), self.kernel(&mut table)];
        let counted = self.counters(&mut table);
        if !told[1] && !counted {
            return None;
        }
        Some(format!("Who paid for the difference on {}:\n\n{table}", self.row))
    }

    fn time(&self, table: &mut Table) -> bool {
        let median = |entrant| self.median(entrant, TIME);
        let (Some(of), Some(to)) = (median(self.of), median(self.to)) else { return false };
        add(table, "time, ns/op", [to, of], None);
        true
    }

    /// Instructions of one operation, in the order of the parts.
    fn instructions(&self, table: &mut Table) -> bool {
        let Some([of, to]) = self.counts(What::Instructions) else { return false };
        let each = |count: &Count, part: &str| count.per_thousand(part) / 1e3;
        let all = each(of, callgrind::ALL) - each(to, callgrind::ALL);
        add(table, "instructions/op", [to, of].map(|count| each(count, callgrind::ALL)), None);
        let mut names = ORDER.to_vec();
        names.extend(
            of.numbers
                .keys()
                .chain(to.numbers.keys())
                .map(String::as_str)
                .filter(|name| *name != callgrind::ALL && !ORDER.contains(name)),
        );
        for part in names {
            let pair = [to, of].map(|count| each(count, part));
            if pair.iter().any(|n| n.abs() >= 0.005) {
                let share = (all.abs() >= 0.005).then(|| (pair[1] - pair[0]) / all);
                add(table, &format!("  {part}"), pair, share);
            }
        }
        true
    }

    /// Faults, the kernel's time, and system calls.
    fn kernel(&self, table: &mut Table) -> bool {
        for (metric, name, scale) in [
            ("minor_faults", "page faults/1000", 1e3),
            ("system_seconds", "time in the kernel, ns/op", 1e9),
        ] {
            let ops = self.document.rows.iter().find(|row| row.name == self.row).map(|row| row.ops);
            let per_op = |n: f64| n * scale / ops.unwrap_or(1).max(1) as f64;
            if let (Some(of), Some(to)) =
                (self.median(self.of, metric), self.median(self.to, metric))
                && (of != 0.0 || to != 0.0)
            {
                add(table, name, [per_op(to), per_op(of)], None);
            }
        }
        let Some(counts) = self.counts(What::Syscalls) else { return false };
        self.differing(table, counts, "system calls/1000: ");
        true
    }

    /// What happened in the boxes of one and not of the other.
    fn counters(&self, table: &mut Table) -> bool {
        let Some(counts) = self.counts(What::Counters) else { return false };
        self.differing(table, counts, "");
        true
    }

    fn differing(&self, table: &mut Table, [of, to]: [&Count; 2], before: &str) {
        for name in of.numbers.keys() {
            let pair = [to, of].map(|count| count.per_thousand(name));
            if differ(pair) {
                add(table, &format!("{before}{name}"), pair, None);
            }
        }
    }

    fn counts(&self, what: What) -> Option<[&'a Count; 2]> {
        let count = |entrant| self.document.count(self.row, entrant, what);
        Some([count(self.of)?, count(self.to)?])
    }

    fn median(&self, entrant: &str, metric: &str) -> Option<f64> {
        let is = |median: &&crate::bench::result::Median| {
            median.row == self.row && median.entrant == entrant && median.metric == metric
        };
        self.document.medians.iter().find(is).map(|median| median.median)
    }
}

/// Whether two numbers in 1000 operations are different.
fn differ([one, other]: [f64; 2]) -> bool {
    let difference = (one - other).abs();
    difference > SELDOM && difference > SAME * one.abs().max(other.abs())
}

fn add(table: &mut Table, name: &str, [to, of]: [f64; 2], share: Option<f64>) {
    let difference = number(of - to);
    let sign = if of > to && difference != "0" { "+" } else { "" };
    let share = share.filter(|share| share.abs() >= 0.005);
    let share = share.map_or(String::new(), |share| format!("{:.0} %", share * 100.0));
    let cells = [name.to_owned(), number(to), number(of), sign.to_owned() + &difference, share];
    table.add_row(cells.map(Shown::new));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_differences_are_none() {
        assert!(!differ([1000.0, 1010.0]), "one per cent");
        assert!(differ([1000.0, 1030.0]));
        assert!(!differ([0.0, 0.005]), "once in 200 000 operations");
        assert!(differ([0.0, 0.5]));
    }
}
