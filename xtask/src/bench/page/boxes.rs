//! The tables of `docs/boxes/README.md`: every box, swapped alone, on each workload.

use crate::bench::derive::{PEAK, TIME};
use crate::bench::entrants::Kind;
use crate::bench::result::{Column, Document, Estimate};
use crate::bench::stats::Verdict;
use crate::bench::table::{Look, empty, head, notes};

/// Where the tables stand.
pub(super) const PAGE: &str = "docs/boxes/README.md";
pub(super) const BEGIN: &str = "<!-- boxes:begin -->\n";
pub(super) const END: &str = "<!-- boxes:end -->\n";

/// The tables of `document`, whose name in `docs/results` is `name`.
pub(super) fn section(document: &Document, name: &str) -> String {
    let intervals = format!(
        "`cargo xtask {}`; with intervals: [docs/results/{name}.md](../results/{name}.md).",
        document.command.join(" "),
    );
    let parts = [
        intervals,
        head(document, Look::Markdown),
        "Time, divided by that of the default composition; bold: less, *italic*: more, as its 95 % interval says."
            .to_owned(),
        table(document, TIME),
        "Peak resident memory, divided in the same way.".to_owned(),
        table(document, PEAK),
        notes(document),
    ];
    let filled: Vec<&str> =
        parts.iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
    filled.join("\n\n") + "\n"
}

/// One line for each variant, one column for each workload.
fn table(document: &Document, metric: &str) -> String {
    let mut table = empty(Look::Markdown);
    let rows = || document.rows.iter().map(|row| row.name.as_str());
    table.set_header(["box"].into_iter().chain(rows()).chain(["all"]));
    for variant in document.entrants.iter().filter(|entrant| entrant.kind == Kind::Variant) {
        table.add_row(line(document, variant, metric));
    }
    table.to_string()
}

fn line(document: &Document, variant: &Column, metric: &str) -> Vec<String> {
    let mut cells = vec![format!("`{}`", variant.name)];
    let of_row = |row: &str| document.ratio(row, variant, metric).map(|ratio| ratio.estimate);
    cells.extend(document.rows.iter().map(|row| cell(of_row(&row.name))));
    cells.push(cell(document.total(variant, metric).map(|total| total.mean)));
    cells
}

fn cell(estimate: Option<Estimate>) -> String {
    let Some(Estimate { ratio, verdict, .. }) = estimate else { return "-".to_owned() };
    match verdict {
        Verdict::Less => format!("**{ratio:.2}**"),
        Verdict::More => format!("*{ratio:.2}*"),
        Verdict::None => format!("{ratio:.2}"),
        Verdict::TooFew => format!("? {ratio:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_says_what_its_interval_does() {
        let of = |verdict| cell(Some(Estimate { ratio: 1.5, low: 1.4, high: 1.6, verdict }));
        let all = [Verdict::Less, Verdict::More, Verdict::None, Verdict::TooFew].map(of);
        assert_eq!(all, ["**1.50**", "*1.50*", "1.50", "? 1.50"]);
        assert_eq!(cell(None), "-");
    }
}
