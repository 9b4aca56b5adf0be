//! The tables, for the terminal and in Markdown. They read a [`Document`] and nothing else.

use comfy_table::presets::{ASCII_MARKDOWN, UTF8_HORIZONTAL_ONLY};
use comfy_table::{
    Attribute, Cell as Shown, CellAlignment, Color, ContentArrangement, Table, TableComponent,
};

use super::counts::show;
use super::derive::{END, PEAK, TIME};
use super::entrants::Kind;
use super::machine;
use super::result::{Column, Document, Estimate, Median, Overall, Ratio};
use super::stats::Verdict;

/// Where a table is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    Terminal,
    Markdown,
}

/// Everything that a person reads: the machine, tables, how to read them, what is not in them.
pub(crate) fn page(document: &Document, look: Look) -> String {
    let mut parts = Vec::new();
    if look == Look::Markdown {
        parts.push(head(document, look));
    }
    parts.extend(machine::warning(&document.machine).map(|text| match look {
        Look::Terminal => text,
        Look::Markdown => format!("**{text}**"),
    }));
    let has = |kind| document.entrants.iter().any(|entrant| entrant.kind == kind);
    let timed = !document.samples.is_empty() || document.counts.is_empty();
    if timed && has(Kind::Variant) {
        parts.push(swaps(document, look));
    }
    if timed && (has(Kind::Peer) || !has(Kind::Variant)) {
        parts.push(peers(document, look));
    }
    if timed {
        parts.push(legend(document));
    }
    parts.extend(show::all(document, look));
    if timed && look == Look::Markdown {
        parts.push(absolute(document, look));
    }
    parts.extend(Some(notes(document)).filter(|notes| !notes.is_empty()));
    let between = if look == Look::Markdown { "\n\n" } else { "\n" };
    parts.join(between) + if look == Look::Markdown { "\n" } else { "" }
}

/// When, on what, which versions.
pub(crate) fn head(document: &Document, look: Look) -> String {
    let version =
        |entrant: &Column| Some(format!("{} {}", entrant.name, entrant.version.as_deref()?));
    let versions: Vec<_> = document.entrants.iter().filter_map(version).collect();
    let text = format!(
        "{}\n{}\nversions: {}\n{}",
        document.date,
        machine::describe(&document.machine),
        versions.join(", "),
        document.method.pinning,
    );
    match look {
        Look::Terminal => text,
        Look::Markdown => format!("```text\n{text}\n```"),
    }
}

impl Document {
    pub(crate) fn median(&self, row: &str, entrant: &str, metric: &str) -> Option<&Median> {
        let is = |median: &&Median| {
            median.row == row && median.entrant == entrant && median.metric == metric
        };
        self.medians.iter().find(is)
    }

    /// The ratio that the column of `entrant` shows.
    pub(crate) fn ratio(&self, row: &str, entrant: &Column, metric: &str) -> Option<&Ratio> {
        let is = |ratio: &&Ratio| {
            ratio.row == row && ratio.metric == metric && entrant.is_in(&ratio.of, &ratio.to)
        };
        self.ratios.iter().find(is)
    }

    pub(crate) fn total(&self, entrant: &Column, metric: &str) -> Option<&Overall> {
        let is = |total: &&Overall| total.metric == metric && entrant.is_in(&total.of, &total.to);
        self.overall.iter().find(is)
    }

    fn has_failed(&self, row: &str, entrant: &str) -> bool {
        self.failures.iter().any(|failure| failure.row == row && failure.entrant == entrant)
    }
}

impl Column {
    /// Whether a ratio of these two is the one of this column.
    fn is_in(&self, of: &str, to: &str) -> bool {
        match self.kind {
            Kind::Peer => self.name == to,
            Kind::Variant => self.name == of,
            Kind::Subject | Kind::Bump | Kind::NoAlloc => false,
        }
    }
}

/// hakmem's time and memory, ratios to the peers, floors. Without hakmem: times and memory.
fn peers(document: &Document, look: Look) -> String {
    if !document.entrants.iter().any(|entrant| entrant.kind == Kind::Subject) {
        return absolute(document, look);
    }
    let columns: Vec<&Column> =
        document.entrants.iter().filter(|entrant| entrant.kind != Kind::Variant).collect();
    let head = |entrant: &Column| match entrant.kind {
        Kind::Subject => format!("{}\ntime/op, peak", entrant.name),
        Kind::Peer | Kind::Variant => format!("vs {}\ntime, peak", entrant.name),
        Kind::Bump | Kind::NoAlloc => format!("{}\ntime/op", entrant.name),
    };
    let mut table = empty(look);
    set_header(&mut table, &columns, head, look);
    for row in &document.rows {
        let mut cells = vec![Shown::new(&row.name)];
        cells.extend(columns.iter().map(|entrant| shown(document, &row.name, entrant, look)));
        table.add_row(cells);
    }
    let mut mean = vec![Shown::new("geometric mean")];
    for entrant in &columns {
        let totals = document.total(entrant, TIME).zip(document.total(entrant, PEAK));
        mean.push(match totals {
            Some((time, peak)) => {
                paint(brief(&time.mean, Some(&peak.mean)), time.mean.verdict, look)
            }
            None => Shown::new(""),
        });
    }
    table.add_row(mean);
    table.to_string()
}

/// One line for each row and variant: ratios to hakmem, with intervals and verdicts.
fn swaps(document: &Document, look: Look) -> String {
    let mut table = empty(look);
    let variants = || document.entrants.iter().filter(|entrant| entrant.kind == Kind::Variant);
    table.set_header([
        "workload",
        "variant",
        "time/op",
        "time",
        "95 % interval",
        "",
        "peak memory",
        "95 % interval",
        "",
    ]);
    for column in table.column_iter_mut().skip(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let line = |row: &str, entrant: &Column, own: String, pair: [Option<Estimate>; 2]| {
        let mut cells = vec![Shown::new(row), Shown::new(&entrant.name), Shown::new(own)];
        for (estimate, words) in pair.iter().zip([("faster", "slower"), ("less", "more")]) {
            let Some(estimate) = estimate else {
                cells.extend(["-", "", ""].map(Shown::new));
                continue;
            };
            cells.push(Shown::new(format!("{:.3}", estimate.ratio)));
            cells.push(Shown::new(format!("{:.3} – {:.3}", estimate.low, estimate.high)));
            let text = estimate.verdict.in_words(words).to_owned();
            cells.push(paint(text, estimate.verdict, look));
        }
        cells
    };
    for row in &document.rows {
        for entrant in variants() {
            let own = match document.median(&row.name, &entrant.name, TIME) {
                _ if document.has_failed(&row.name, &entrant.name) => "failed".to_owned(),
                Some(median) => time(median.median),
                None => "-".to_owned(),
            };
            let of =
                |metric| document.ratio(&row.name, entrant, metric).map(|ratio| ratio.estimate);
            table.add_row(line(&row.name, entrant, own, [of(TIME), of(PEAK)]));
        }
    }
    for entrant in variants() {
        let of = |metric| document.total(entrant, metric).map(|total| total.mean);
        table.add_row(line("geometric mean", entrant, String::new(), [of(TIME), of(PEAK)]));
    }
    table.to_string()
}

/// Time and memory of everybody.
pub(crate) fn absolute(document: &Document, look: Look) -> String {
    let mut table = empty(look);
    let columns: Vec<&Column> = document.entrants.iter().collect();
    let head = |entrant: &Column| format!("{}\ntime/op, peak, end", entrant.name);
    set_header(&mut table, &columns, head, look);
    for row in &document.rows {
        let mut cells = vec![Shown::new(&row.name)];
        cells.extend(columns.iter().map(|entrant| {
            let of = |metric| document.median(&row.name, &entrant.name, metric);
            match (of(TIME), of(PEAK), of(END)) {
                _ if document.has_failed(&row.name, &entrant.name) => Shown::new("failed"),
                (Some(ns), Some(peak), Some(end)) => Shown::new(format!(
                    "{} {:>6} {:>6}",
                    time(ns.median),
                    mib(peak.median),
                    mib(end.median)
                )),
                _ => Shown::new("-"),
            }
        }));
        table.add_row(cells);
    }
    table.to_string()
}

/// How to read the tables, and the verdict in words.
fn legend(document: &Document) -> String {
    let method = &document.method;
    let mut lines =
        vec!["time/op: median. peak, end: largest and last resident set, in MiB.".to_owned()];
    let has = |kind| document.entrants.iter().any(|entrant| entrant.kind == kind);
    if has(Kind::Bump) || has(Kind::NoAlloc) {
        lines.push(
            "floors, fastest run: no-alloc is the same loop without allocations; bump frees nothing, \
             has its memory mapped beforehand, and puts every object on cache lines never used \
             before."
                .to_owned(),
        );
    }
    if !document.ratios.is_empty() {
        lines.push(format!(
            "ratios: hakmem / peer, variant / hakmem; below 1 is better. The median of the ratios \
             inside of blocks, ± half of its {:.0} % interval; then that of peak memory. ≈: no \
             difference seen, which is 1 inside of the interval, or less than {} away from 1. ?: \
             fewer than 5 blocks, so nothing is said.",
            method.level * 100.0,
            percent(method.smallest_effect),
        ));
        let times = document.ratios.iter().filter(|ratio| ratio.metric == TIME).count();
        let by_chance = times as f64 * (1.0 - method.level);
        if by_chance >= 1.0 {
            lines.push(format!(
                "{times} ratios of time at once: were there no differences at all, up to {by_chance:.0} \
                 intervals would still miss 1 by chance."
            ));
        }
    }
    lines.extend(document.overall.iter().filter(|total| total.metric == TIME).map(|total| {
        let peak = document
            .overall
            .iter()
            .find(|other| other.metric == PEAK && other.of == total.of && other.to == total.to);
        summary(total, peak)
    }));
    lines.join("\n")
}

fn summary(time: &Overall, peak: Option<&Overall>) -> String {
    let interval =
        |mean: &Estimate| format!("{:.3} [{:.3}, {:.3}]", mean.ratio, mean.low, mean.high);
    let peak = peak.map_or(String::new(), |peak| format!("; peak memory {}", interval(&peak.mean)));
    format!(
        "{} against {}: faster in {} rows of {}, slower in {}; time in the median row {:.2}, geometric \
         mean {} ({}){peak}",
        time.of,
        time.to,
        time.less,
        time.rows,
        time.more,
        time.median_row,
        interval(&time.mean),
        time.mean.verdict.in_words(("faster", "slower")),
    )
}

/// What is not in the tables, and why.
pub(super) fn notes(document: &Document) -> String {
    let mut lines = Vec::new();
    if let Some(why) = &document.cut_short {
        let precise = |row: &&super::result::Row| row.ended == super::result::Ended::Precise;
        lines.push(format!(
            "{why}: {} of {} rows were as precise as ±{} by then",
            document.rows.iter().filter(precise).count(),
            document.rows.len(),
            percent(document.method.precision),
        ));
    }
    if !document.entrants.iter().any(|entrant| entrant.kind == Kind::Subject) {
        lines.push("hakmem was not measured, so there are no ratios".to_owned());
    }
    let absent =
        |absent: &super::result::Absent| format!("not measured: {} ({})", absent.name, absent.why);
    lines.extend(document.not_measured.iter().map(absent));
    lines.extend(document.failures.iter().map(|failure| {
        let why = failure.why.lines().next().unwrap_or_default();
        format!("failed: {} on {}: {why}", failure.row, failure.entrant)
    }));
    lines.extend(document.not_counted.iter().cloned());
    lines.extend(document.damage.iter().map(|damage| format!("WRONG DATA: {damage}")));
    lines.join("\n")
}

pub(super) fn empty(look: Look) -> Table {
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

fn set_header(
    table: &mut Table,
    columns: &[&Column],
    head: impl Fn(&Column) -> String,
    look: Look,
) {
    let one_line = |text: String| match look {
        Look::Terminal => text,
        Look::Markdown => text.replace('\n', ": "),
    };
    let mut header = vec!["workload".to_owned()];
    header.extend(columns.iter().map(|entrant| one_line(head(entrant))));
    table.set_header(header);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
}

fn shown(document: &Document, row: &str, entrant: &Column, look: Look) -> Shown {
    let of = |metric| document.median(row, &entrant.name, metric);
    if document.has_failed(row, &entrant.name) {
        return paint("failed".to_owned(), Verdict::More, look);
    }
    let Some((ns, peak)) = of(TIME).zip(of(PEAK)) else { return Shown::new("-") };
    match entrant.kind {
        Kind::Subject => Shown::new(format!("{} {:>6}", time(ns.median), mib(peak.median))),
        Kind::Bump | Kind::NoAlloc => Shown::new(time(ns.least)),
        Kind::Peer | Kind::Variant => match document.ratio(row, entrant, TIME) {
            Some(ratio) => {
                let peak = document.ratio(row, entrant, PEAK).map(|ratio| &ratio.estimate);
                paint(brief(&ratio.estimate, peak), ratio.estimate.verdict, look)
            }
            // The subject failed here, so the peer's own numbers are what there is.
            None => Shown::new(format!("({} {:>6})", time(ns.median), mib(peak.median))),
        },
    }
}

fn brief(time: &Estimate, peak: Option<&Estimate>) -> String {
    let half = (time.high - time.low) / 2.0;
    let sign = match time.verdict {
        Verdict::None => "≈ ",
        Verdict::TooFew => "? ",
        Verdict::Less | Verdict::More => "",
    };
    let peak = peak.map_or("-".to_owned(), |peak| format!("{:.2}", peak.ratio));
    format!("{sign}{:.2} ±{half:.2}  {peak}", time.ratio)
}

/// Green and bold for less, red for more.
fn paint(text: String, verdict: Verdict, look: Look) -> Shown {
    match (look, verdict) {
        (Look::Markdown, Verdict::Less) => Shown::new(format!("**{text}**")),
        (Look::Terminal, Verdict::Less) => {
            Shown::new(text).fg(Color::Green).add_attribute(Attribute::Bold)
        }
        (Look::Terminal, Verdict::More) => Shown::new(text).fg(Color::Red),
        _ => Shown::new(text),
    }
}

/// A share, for people.
pub(crate) fn percent(part: f64) -> String {
    format!("{} %", (part * 1e4).round() / 100.0)
}

/// Nanoseconds with a fitting unit.
pub(crate) fn time(ns: f64) -> String {
    match ns {
        ns if ns < 1e3 => format!("{ns:.2} ns"),
        ns if ns < 1e6 => format!("{:.2} µs", ns / 1e3),
        ns => format!("{:.1} ms", ns / 1e6),
    }
}

/// Bytes, in MiB.
pub(crate) fn mib(bytes: f64) -> String {
    format!("{:.1}", bytes / f64::from(1 << 20))
}
