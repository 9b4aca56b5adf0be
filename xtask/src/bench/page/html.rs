//! The page.

use anyhow::{Context as _, Result, ensure};
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::chart::{color, css};
use super::{bars, counters, forest, heat, lines};
use crate::bench::derive::{PEAK, TIME};
use crate::bench::entrants::Kind;
use crate::bench::result::Document;
use crate::bench::table::{Look, percent};
use crate::bench::{machine, table};

/// How it looks: in light, in dark, and on paper.
const STYLE: &str = include_str!("page.css");

/// The whole file.
pub(super) fn page(document: &Document) -> Result<String> {
    ensure!(!document.rows.is_empty(), "the result has no rows");
    let title = format!("hakmem: results of {}", document.date);
    let sections = [
        ("ratios", "Ratios", ratios(document)?),
        ("matrix", "Boxes and allocators by workloads", matrix(document)),
        ("workloads", "Each workload", workloads(document)?),
        ("threads", "Threads", pictures(lines::scaling(document)?)),
        ("memory", "Memory over time", pictures(lines::memory(document)?)),
        ("counters", "Counters", counters::table(document)),
        ("method", "How it was measured", Some(method(document))),
        ("data", "Data", Some(data(document)?)),
    ];
    let there = || sections.iter().filter_map(|(id, name, body)| Some((id, name, body.as_ref()?)));
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    h1 { "hakmem" }
                    p { (document.date) ", revision "
                        code { (document.revision.commit.as_deref().unwrap_or("unknown")) }
                        @if !document.revision.clean { " with changes" } }
                    @if let Some(warning) = machine::warning(&document.machine) { p.warning { (warning) } }
                    @if let Some(why) = &document.cut_short { p.warning { "Ended early: " (why) } }
                    @for damage in &document.damage { p.warning { (damage) } }
                    nav { @for (id, name, _) in there() { a href={ "#" (id) } { (name) } " " } }
                    (legend(document))
                }
                @for (id, name, body) in there() { section id=(id) { h2 { (name) } (body) } }
            }
        }
    };
    Ok(page.into_string())
}

/// Whose colour is which.
fn legend(document: &Document) -> Markup {
    html! {
        ul.legend {
            @for entrant in document.allocators() {
                li {
                    span.dot style={ "background:" (css(color(document, &entrant.name))) } {}
                    b { (entrant.name) } " " (entrant.what)
                    @if let Some(version) = &entrant.version { " " (version) }
                }
            }
        }
    }
}

fn ratios(document: &Document) -> Result<Option<Markup>> {
    let mut parts = Vec::new();
    for (metric, title) in [(TIME, "time"), (PEAK, "peak resident memory")] {
        if let Some(picture) = forest::inline(document, metric, &format!("ratios of {title}"))? {
            parts.push(html! { figure { figcaption { (title) } (PreEscaped(picture)) } });
        }
    }
    let body = html! {
        p { "Of an allocator: hakmem divided by it. Of a variant of hakmem: the variant divided by hakmem. \
             Left of 1 is less. Lines are intervals of " (percent(document.method.level)) "." }
        @for part in &parts { (part) }
    };
    Ok((!parts.is_empty()).then_some(body))
}

fn matrix(document: &Document) -> Option<Markup> {
    let tables: Vec<(String, Markup)> = [
        (Kind::Variant, TIME, "variants, time: variant / hakmem"),
        (Kind::Variant, PEAK, "variants, peak memory: variant / hakmem"),
        (Kind::Peer, TIME, "other allocators, time: hakmem / other"),
        (Kind::Peer, PEAK, "other allocators, peak memory: hakmem / other"),
    ]
    .into_iter()
    .filter_map(|(kind, metric, title)| {
        Some((title.to_owned(), heat::table(document, kind, metric)?))
    })
    .collect();
    (!tables.is_empty()).then(|| {
        html! {
            p { "Blue is less, red is more, without colour no difference was seen. Cells say their intervals when pointed at." }
            @for (title, table) in &tables { h3 { (title) } (table) }
        }
    })
}

fn workloads(document: &Document) -> Result<Option<Markup>> {
    let mut cards = Vec::new();
    for row in &document.rows {
        let pictures = bars::of_row(document, row)?;
        if pictures.is_empty() {
            continue;
        }
        cards.push(html! {
            article {
                h3 { (row.name) }
                p.small { "one operation: " (row.op) "; " (row.blocks) " blocks; " code { (row.args) } }
                @for (title, picture) in &pictures { figure { figcaption { (title) } (PreEscaped(picture)) } }
            }
        });
    }
    Ok((!cards.is_empty()).then(|| html! { div.cards { @for card in &cards { (card) } } }))
}

fn pictures(all: Vec<(String, String)>) -> Option<Markup> {
    let cards = html! {
        div.cards {
            @for (name, picture) in &all {
                figure { figcaption { (name) } (PreEscaped(picture)) }
            }
        }
    };
    (!all.is_empty()).then_some(cards)
}

fn method(document: &Document) -> Markup {
    let method = &document.method;
    html! {
        pre { (table::head(document, Look::Terminal)) }
        p { (method.interval) " Differences up to " (percent(method.smallest_effect)) " count as none." }
        @if !document.not_measured.is_empty() {
            ul { @for absent in &document.not_measured { li { "not measured: " (absent.name) ": " (absent.why) } } }
        }
        @if !document.failures.is_empty() {
            ul { @for failure in &document.failures {
                li { (failure.entrant) " failed on " (failure.row) ": " (failure.why.lines().next().unwrap_or_default()) }
            } }
        }
        p { code { "cargo xtask " (document.command.join(" ")) } }
    }
}

/// The result itself, in the page.
fn data(document: &Document) -> Result<Markup> {
    let text = serde_json::to_string(document).context("cannot write the result")?;
    // A script element ends at its end tag, wherever that is.
    let text = text.replace('<', "\\u003c");
    Ok(html! {
        p { "Every sample is in this file, as JSON, in the element " code { "#result" } "; docs/results/README.md says what its fields are." }
        script type="application/json" id="result" { (PreEscaped(text)) }
    })
}
