//! What the README shows of a kept result: one line for each peer, where hakmem is behind, and where the
//! rest is.

use super::derive::{PEAK, TIME};
use super::entrants::Kind;
use super::machine;
use super::result::{Column, Document, Estimate, Overall, Ratio};
use super::stats::Verdict;
use super::table::{Look, empty, head, notes};

/// The section with the heading `what` for the result in `docs/results/NAME.json`.
pub(crate) fn section(document: &Document, what: &str, name: &str) -> String {
    let command = document.command.join(" ");
    let results = format!("docs/results/{name}");
    let warning = machine::warning(&document.machine).map(|text| format!("**{text}**"));
    let rest = format!(
        "Every row: [numbers]({results}.md), [times]({results}.svg), [memory]({results}.memory.svg). \
         The command: `cargo xtask {command}`."
    );
    let mut parts = vec![format!("### {what}"), head(document, Look::Markdown)];
    parts.extend(warning);
    parts.extend([
        peers(document),
        HOW_TO_READ.to_owned(),
        behind(document),
        notes(document),
        rest,
    ]);
    parts.retain(|part| !part.is_empty());
    parts.join("\n\n") + "\n"
}

const HOW_TO_READ: &str = "Ratios are hakmem's number divided by the peer's: below 1, hakmem needs less. They are \
geometric means over the rows, in brackets 95 % intervals; a row counts as faster or slower when its own interval \
says so. Memory is the largest resident set of the process.";

/// One line for each peer.
fn peers(document: &Document) -> String {
    let mut table = empty(Look::Markdown);
    table.set_header(["hakmem against", "time", "faster, slower", "peak memory", "less, more"]);
    for peer in peers_of(document) {
        let mut cells = vec![peer.name.clone()];
        for metric in [TIME, PEAK] {
            let total = document.total(peer, metric);
            cells.push(total.map_or("-".to_owned(), |total| mean(&total.mean)));
            cells.push(total.map_or("-".to_owned(), rows));
        }
        table.add_row(cells);
    }
    table.to_string()
}

fn peers_of(document: &Document) -> impl Iterator<Item = &Column> {
    document.entrants.iter().filter(|entrant| entrant.kind == Kind::Peer)
}

fn mean(estimate: &Estimate) -> String {
    let Estimate { ratio, low, high, .. } = estimate;
    let text = format!("{ratio:.2} [{low:.2}, {high:.2}]");
    if estimate.verdict == Verdict::Less { format!("**{text}**") } else { text }
}

fn rows(total: &Overall) -> String {
    format!("{}, {} of {}", total.less, total.more, total.rows)
}

/// The rows in which hakmem is slower than somebody.
fn behind(document: &Document) -> String {
    let slower: Vec<String> = peers_of(document)
        .flat_map(|peer| document.rows.iter().map(move |row| (row, peer)))
        .filter_map(|(row, peer)| document.ratio(&row.name, peer, TIME))
        .filter(|ratio| ratio.estimate.verdict == Verdict::More)
        .map(|ratio: &Ratio| {
            let Estimate { ratio: times, low, high, .. } = ratio.estimate;
            format!("`{}` {times:.2} [{low:.2}, {high:.2}] of {}", ratio.row, ratio.to)
        })
        .collect();
    if slower.is_empty() {
        return "In no row is hakmem slower than one of them.".to_owned();
    }
    format!("Slower: {}.", slower.join(", "))
}
