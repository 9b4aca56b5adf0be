//! The table, for the terminal and in Markdown.

use comfy_table::presets::{ASCII_MARKDOWN, UTF8_HORIZONTAL_ONLY};
use comfy_table::{
    Attribute, Cell as Shown, CellAlignment, Color, ContentArrangement, Table, TableComponent,
};

use super::entrants::{Entrant, Field, Kind};
use super::stats::{Cell, Measured, Overall, Ratio, Row, overall};

/// Where a table is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    Terminal,
    Markdown,
}

/// hakmem's time and memory, ratios to the peers, floors. Without hakmem: times and memory.
pub(crate) fn main(rows: &[Row], field: &Field, look: Look) -> String {
    let mut table = empty(look);
    let head = |entrant: &Entrant| match entrant.kind {
        Kind::Subject => format!("{}\ntime/op, peak", entrant.name),
        Kind::Peer => format!("vs {}\ntime, peak", entrant.name),
        Kind::Variant => format!("{} / hakmem\ntime, peak", entrant.name),
        Kind::Bump | Kind::NoAlloc => format!("{}\ntime/op", entrant.name),
    };
    let ratios = field.entrants.iter().any(|entrant| entrant.kind == Kind::Subject);
    if !ratios {
        return absolute(rows, field, look);
    }
    set_header(&mut table, field, head, look);
    for row in rows {
        let mut cells = vec![Shown::new(row.name)];
        for (cell, entrant) in row.cells.iter().zip(&field.entrants) {
            cells.push(shown(cell, entrant.kind, look));
        }
        table.add_row(cells);
    }
    let mut mean = vec![Shown::new("geometric mean")];
    for (column, entrant) in field.entrants.iter().enumerate() {
        let total = overall(rows, column).filter(|_| entrant.kind.has_ratio());
        mean.push(match total {
            Some(Overall { time, peak_rss, .. }) => {
                // As wide as a ratio with its spread.
                verdict(format!("{time:.2}        {peak_rss:.2}"), time, time, look)
            }
            None => Shown::new(""),
        });
    }
    table.add_row(mean);
    table.to_string()
}

/// Time and memory of everybody.
pub(crate) fn absolute(rows: &[Row], field: &Field, look: Look) -> String {
    let mut table = empty(look);
    let head = |entrant: &Entrant| format!("{}\ntime/op, peak, end", entrant.name);
    set_header(&mut table, field, head, look);
    for row in rows {
        let mut cells = vec![Shown::new(row.name)];
        cells.extend(row.cells.iter().map(|cell| match cell {
            Cell::Measured(measured, _) => Shown::new(format!(
                "{} {} {}",
                time(measured.ns_per_op.median),
                mib(measured.peak_rss),
                mib(measured.end_rss)
            )),
            Cell::Failed => Shown::new("failed"),
            Cell::Absent => Shown::new("-"),
        }));
        table.add_row(cells);
    }
    table.to_string()
}

/// How to read the table, and the verdict in words.
pub(crate) fn legend(rows: &[Row], field: &Field) -> String {
    let mut lines = vec![
        "time/op: median. peak, end: largest and last resident set, in MiB.".to_owned(),
        "floors, fastest run: no-alloc is the same loop without allocations; bump frees nothing, \
         has its memory mapped beforehand, and puts every object on cache lines never used before."
            .to_owned(),
    ];
    if field.entrants.iter().any(|entrant| entrant.kind == Kind::Subject) {
        lines.push(
            "vs: hakmem / peer, below 1 is better. Time: median of the ratios within each \
             repetition, ± half the distance of their quartiles. Then peak memory."
                .to_owned(),
        );
    }
    for (column, entrant) in field.entrants.iter().enumerate() {
        if let Some(total) = overall(rows, column) {
            let pair = match entrant.kind {
                Kind::Variant => format!("{} against hakmem", entrant.name),
                _ => format!("hakmem against {}", entrant.name),
            };
            lines.push(format!(
                "{pair}: faster in {} rows of {}, slower in {}; time in the median row \
                 {:.2}, geometric mean {:.2}; peak memory {:.2}",
                total.faster,
                total.rows,
                total.slower,
                total.median_time,
                total.time,
                total.peak_rss
            ));
        }
    }
    lines.join("\n")
}

fn empty(look: Look) -> Table {
    let mut table = Table::new();
    match look {
        Look::Terminal => {
            table.load_preset(UTF8_HORIZONTAL_ONLY);
            table.remove_style(TableComponent::HorizontalLines);
            table.remove_style(TableComponent::MiddleIntersections);
        }
        Look::Markdown => {
            table.load_preset(ASCII_MARKDOWN);
        }
    }
    table.set_content_arrangement(ContentArrangement::Disabled);
    table
}

fn set_header(table: &mut Table, field: &Field, head: impl Fn(&Entrant) -> String, look: Look) {
    let one_line = |text: String| match look {
        Look::Terminal => text,
        Look::Markdown => text.replace('\n', ": "),
    };
    let mut header = vec!["workload".to_owned()];
    header.extend(field.entrants.iter().map(|entrant| one_line(head(entrant))));
    table.set_header(header);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
}

fn shown(cell: &Cell, kind: Kind, look: Look) -> Shown {
    match (cell, kind) {
        (Cell::Failed, _) => paint(Shown::new("failed"), Color::Red, look),
        (Cell::Absent, _) => Shown::new("-"),
        (Cell::Measured(measured, _), Kind::Subject) => {
            Shown::new(format!("{} {}", time(measured.ns_per_op.median), mib(measured.peak_rss)))
        }
        (Cell::Measured(_, Some(ratio)), Kind::Peer | Kind::Variant) => {
            verdict(in_words(ratio), ratio.time.low, ratio.time.high, look)
        }
        // The subject failed here, so the peer's own numbers are what there is.
        (Cell::Measured(measured, None), Kind::Peer | Kind::Variant) => Shown::new(own(measured)),
        (Cell::Measured(measured, _), Kind::Bump | Kind::NoAlloc) => {
            Shown::new(time(measured.least_ns))
        }
    }
}

fn in_words(ratio: &Ratio) -> String {
    let half = (ratio.time.high - ratio.time.low) / 2.0;
    format!("{:.2} ±{half:.2}  {:.2}", ratio.time.median, ratio.peak_rss)
}

fn own(measured: &Measured) -> String {
    format!("({} {})", time(measured.ns_per_op.median), mib(measured.peak_rss))
}

/// Green and bold when the whole spread is below 1, red when it is above.
fn verdict(text: String, low: f64, high: f64, look: Look) -> Shown {
    if high < 1.0 {
        let text = if look == Look::Markdown { format!("**{text}**") } else { text };
        paint(Shown::new(text), Color::Green, look)
    } else if low > 1.0 {
        paint(Shown::new(text), Color::Red, look)
    } else {
        Shown::new(text)
    }
}

fn paint(cell: Shown, colour: Color, look: Look) -> Shown {
    match look {
        Look::Terminal if colour == Color::Green => cell.fg(colour).add_attribute(Attribute::Bold),
        Look::Terminal => cell.fg(colour),
        Look::Markdown => cell,
    }
}

/// Nanoseconds with a fitting unit.
fn time(ns: f64) -> String {
    match ns {
        ns if ns < 1e3 => format!("{ns:.2} ns"),
        ns if ns < 1e6 => format!("{:.2} µs", ns / 1e3),
        ns => format!("{:.1} ms", ns / 1e6),
    }
}

fn mib(bytes: f64) -> String {
    format!("{:>6.1}", bytes / f64::from(1 << 20))
}
