//! Who against which workload: a table whose cells are coloured by their ratios.

use maud::{Markup, html};

use crate::bench::entrants::Kind;
use crate::bench::result::{Column, Document, Estimate};
use crate::bench::stats::Verdict;

/// One line for each column of this kind, one column for each workload.
pub(super) fn table(document: &Document, kind: Kind, metric: &str) -> Option<Markup> {
    let lines: Vec<&Column> =
        document.entrants.iter().filter(|entrant| entrant.kind == kind).collect();
    let has = |row: &str| lines.iter().any(|line| document.ratio(row, line, metric).is_some());
    let rows: Vec<&str> =
        document.rows.iter().map(|row| row.name.as_str()).filter(|row| has(row)).collect();
    if rows.is_empty() {
        return None;
    }
    Some(html! {
        div.wide {
            table.heat {
                thead { tr { th {} @for row in &rows { th.up { span { (row) } } } th.up { span { "all" } } } }
                tbody {
                    @for line in &lines {
                        tr {
                            th { (line.name) }
                            @for row in &rows {
                                (cell(document.ratio(row, line, metric).map(|ratio| ratio.estimate)))
                            }
                            (cell(document.total(line, metric).map(|total| total.mean)))
                        }
                    }
                }
            }
        }
    })
}

fn cell(estimate: Option<Estimate>) -> Markup {
    let Some(estimate) = estimate else { return html! { td {} } };
    let side = match estimate.verdict {
        Verdict::Less => "less",
        Verdict::More => "more",
        Verdict::None | Verdict::TooFew => "none",
    };
    let style = format!("--part:{:.0}%", depth(estimate.ratio) * 100.0);
    let title = format!("{:.3} to {:.3}", estimate.low, estimate.high);
    html! { td class=(side) style=(style) title=(title) { (format!("{:.2}", estimate.ratio)) } }
}

/// How deep the colour is: full from three times, or a third, on.
fn depth(ratio: f64) -> f64 {
    (ratio.ln().abs() / 3_f64.ln()).clamp(0.08, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_as_deep_as_its_inverse() {
        assert!((depth(0.5) - depth(2.0)).abs() < 1e-9);
        assert!(depth(1.0) < depth(1.5) && depth(1.5) < depth(2.5));
        assert!((depth(100.0) - 1.0).abs() < 1e-9);
    }
}
