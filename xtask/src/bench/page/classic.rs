//! The figures of `docs/boxes/classic.md`: what the C ancestor's choices cost, beside the ancestor's own.

use std::fmt::Write as _;

use crate::bench::derive::{PEAK, TIME};
use crate::bench::result::Document;

/// Where the figures stand.
pub(super) const PAGE: &str = "docs/boxes/classic.md";
pub(super) const BEGIN: &str = "<!-- classic:begin -->\n";
pub(super) const END: &str = "<!-- classic:end -->\n";

const CLASSIC: &str = "hakmem-classic";

/// What the ancestor published, on its own machine: a row, whose time its own was divided by, and the
/// quotient.
const PUBLISHED: [(&str, &str, &str); 3] = [
    ("random-mixed-256", "system", "19.6 to 22.9"),
    ("random-mixed-256", "mimalloc", "26.7 to 31.2"),
    ("mid-1", "system", "below 1"),
];

/// The tables of `document`, whose name in `docs/results` is `name`; `None` if the classic composition is
/// not in it.
pub(super) fn section(document: &Document, name: &str) -> Option<String> {
    let median = |row: &str, entrant: &str, metric: &str| {
        let mut all = document.medians.iter();
        let of = all.find(|m| m.row == row && m.entrant == entrant && m.metric == metric);
        of.map(|found| found.median)
    };
    let rows: Vec<&str> = document.rows.iter().map(|row| row.name.as_str()).collect();
    let of_rows = every_row(&rows, median)?;
    let mut text = format!("From [docs/results/{name}.md](../results/{name}.md).\n\n");
    text.push_str(&published(median));
    text.push_str("\nAnd hakmem-classic divided by hakmem, medians, on every row:\n\n");
    text.push_str(&of_rows);
    Some(text)
}

/// The ancestor's figures, and those of today.
fn published(median: impl Fn(&str, &str, &str) -> Option<f64>) -> String {
    let mut text = "| row | time divided by that of | the ancestor | hakmem-classic | hakmem |\n\
                    |---|---|---|---|---|\n"
        .to_owned();
    for (row, peer, there) in PUBLISHED {
        let to = |entrant| Some(median(row, entrant, TIME)? / median(row, peer, TIME)?);
        let [classic, hakmem] = [CLASSIC, "hakmem"].map(|entrant| quotient(to(entrant)));
        // Writing to a string does not fail.
        let _ = writeln!(text, "| `{row}` | {peer} | {there} | {classic} | {hakmem} |");
    }
    text
}

/// The classic composition beside hakmem; `None` if it was not measured.
fn every_row(rows: &[&str], median: impl Fn(&str, &str, &str) -> Option<f64>) -> Option<String> {
    let mut text = "| row | time | peak memory |\n|---|---|---|\n".to_owned();
    let mut any = false;
    for row in rows {
        let to = |metric| Some(median(row, CLASSIC, metric)? / median(row, "hakmem", metric)?);
        let Some(time) = to(TIME) else { continue };
        any = true;
        let _ = writeln!(text, "| `{row}` | {time:.2} | {} |", quotient(to(PEAK)));
    }
    any.then_some(text)
}

/// Two digits, or that it was not measured.
fn quotient(value: Option<f64>) -> String {
    value.map_or_else(|| "not measured".to_owned(), |value| format!("{value:.2}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Nanoseconds, and MiB.
    fn median(row: &str, entrant: &str, metric: &str) -> Option<f64> {
        match (row, entrant, metric) {
            ("random-mixed-256", "hakmem", TIME) => Some(6.0),
            ("random-mixed-256", CLASSIC, TIME) => Some(9.0),
            ("random-mixed-256", "system", TIME) => Some(12.0),
            ("random-mixed-256", "hakmem", PEAK) => Some(4.0),
            ("random-mixed-256", CLASSIC, PEAK) => Some(5.0),
            _ => None,
        }
    }

    #[test]
    fn the_ancestors_figures_stand_beside_those_of_today() {
        let text = published(median);
        assert!(text.contains("| `random-mixed-256` | system | 19.6 to 22.9 | 0.75 | 0.50 |"));
        assert!(text.contains("| `mid-1` | system | below 1 | not measured | not measured |"));
    }

    #[test]
    fn rows_that_were_not_measured_are_left_out() {
        let text = every_row(&["random-mixed-256", "tree"], median).unwrap();
        assert!(text.contains("| `random-mixed-256` | 1.50 | 1.25 |") && !text.contains("tree"));
        assert_eq!(every_row(&["tree"], median), None);
    }
}
