//! One picture for each workload: a bar for each allocator, with the interval of its median.

use anyhow::Result;
use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

use super::chart::{self, INK, color};
use crate::bench::derive::{PEAK, TIME};
use crate::bench::result::{Document, Median, Row};
use crate::bench::table::{mib, time};

/// How a number is shown.
type Show = fn(f64) -> String;

const WIDTH: u32 = 420;
const A_BAR: u32 = 20;
const NAMES: f64 = 130.0;
const NUMBERS: f64 = 90.0;

/// Times, and peaks of memory.
pub(super) fn of_row(document: &Document, row: &Row) -> Result<Vec<(&'static str, String)>> {
    let mut pictures = Vec::new();
    let metrics: [(&str, &str, Show); 2] = [
        (TIME, "time per operation", time),
        (PEAK, "peak resident memory", |bytes| format!("{} MiB", mib(bytes))),
    ];
    for (metric, title, show) in metrics {
        let medians: Vec<&Median> = document
            .allocators()
            .iter()
            .filter_map(|entrant| document.median(&row.name, &entrant.name, metric))
            .collect();
        if !medians.is_empty() {
            let label = format!("{}: {title}", row.name);
            pictures.push((title, bars(document, &medians, &label, show)?));
        }
    }
    Ok(pictures)
}

fn bars(document: &Document, medians: &[&Median], label: &str, show: Show) -> Result<String> {
    let height = A_BAR * medians.len() as u32;
    let most = medians.iter().map(|median| median.high.max(median.median)).fold(1e-9, f64::max);
    let room = f64::from(WIDTH) - NAMES - NUMBERS;
    let at = |value: f64| (NAMES + value / most * room) as i32;
    chart::inline((WIDTH, height), label, |area| {
        for (place, median) in medians.iter().enumerate() {
            let top = place as i32 * A_BAR as i32;
            let middle = top + A_BAR as i32 / 2;
            let color = color(document, &median.entrant);
            area.draw(&Text::new(
                median.entrant.clone(),
                (NAMES as i32 - 6, middle),
                chart::text(13, HPos::Right),
            ))?;
            let bar = [(at(0.0), top + 3), (at(median.median), top + A_BAR as i32 - 3)];
            area.draw(&Rectangle::new(bar, color.filled()))?;
            let (low, high) = (at(median.low), at(median.high));
            area.draw(&PathElement::new([(low, middle), (high, middle)], INK.stroke_width(1)))?;
            for end in [low, high] {
                let cap = [(end, middle - 3), (end, middle + 3)];
                area.draw(&PathElement::new(cap, INK.stroke_width(1)))?;
            }
            let place = (at(median.median).max(high) + 6, middle);
            area.draw(&Text::new(show(median.median), place, chart::text(13, HPos::Left)))?;
        }
        Ok(())
    })
}
