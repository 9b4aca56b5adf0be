//! Lines: resident memory over time, and throughput over threads.

use std::collections::BTreeMap;

use anyhow::Result;
use plotters::prelude::*;

use super::chart::{self, FONT, INK, color};
use crate::bench::derive::TIME;
use crate::bench::result::{Document, Row};

const SIZE: (u32, u32) = (460, 240);
const MIB: f64 = 1_048_576.0;

/// A line: whose it is, and its points.
type Line = (String, Vec<(f64, f64)>);

/// Resident memory of one run of each allocator, for each workload that has it.
pub(super) fn memory(document: &Document) -> Result<Vec<(String, String)>> {
    let mut pictures = Vec::new();
    for row in &document.rows {
        let lines: Vec<Line> = document
            .allocators()
            .iter()
            .filter_map(|entrant| {
                Some((entrant.name.clone(), curve(document, &row.name, &entrant.name)?))
            })
            .collect();
        if !lines.is_empty() {
            let title = format!("{}: resident memory over time", row.name);
            let picture = picture(document, &lines, &title, ["ms", "MiB"], 0.0)?;
            pictures.push((row.name.clone(), picture));
        }
    }
    Ok(pictures)
}

/// The curve of the first run that has one.
fn curve(document: &Document, row: &str, entrant: &str) -> Option<Vec<(f64, f64)>> {
    document
        .samples
        .iter()
        .filter(|sample| sample.row == row && sample.entrant == entrant)
        .map(|sample| &sample.run.rss_curve)
        .find(|curve| curve.len() > 1)
        .map(|curve| curve.iter().map(|&(time, bytes)| (time, bytes as f64 / MIB)).collect())
}

/// Operations a second over the number of threads, for workloads that were run with several numbers.
pub(super) fn scaling(document: &Document) -> Result<Vec<(String, String)>> {
    let mut groups: BTreeMap<String, Vec<&Row>> = BTreeMap::new();
    for row in &document.rows {
        groups.entry(without_threads(&row.args)).or_default().push(row);
    }
    let mut pictures = Vec::new();
    for (args, mut rows) in groups {
        rows.sort_by_key(|row| row.threads);
        rows.dedup_by_key(|row| row.threads);
        if rows.len() < 2 {
            continue;
        }
        let rate = |row: &&Row, name: &str| {
            let median = document.median(&row.name, name, TIME)?;
            Some((row.threads as f64, 1e3 / median.median))
        };
        let line = |name: &str| {
            let points: Vec<_> = rows.iter().filter_map(|row| rate(row, name)).collect();
            (name.to_owned(), points)
        };
        let lines: Vec<Line> =
            document.allocators().iter().map(|entrant| line(&entrant.name)).collect();
        let name = rows.first().map_or(args, |row| row.workload.clone());
        let title = format!("{name}: operations over threads");
        pictures.push((name, picture(document, &lines, &title, ["threads", "Mop/s"], 1.0)?));
    }
    Ok(pictures)
}

/// The options of a row but for its threads.
fn without_threads(args: &str) -> String {
    let mut words = args.split_whitespace();
    let mut kept = Vec::new();
    while let Some(word) = words.next() {
        match word {
            "--threads" => drop(words.next()),
            word if word.starts_with("--threads=") => {}
            word => kept.push(word),
        }
    }
    kept.join(" ")
}

fn picture(
    document: &Document,
    lines: &[Line],
    title: &str,
    axes: [&str; 2],
    least_x: f64,
) -> Result<String> {
    let points = || lines.iter().flat_map(|(_, points)| points);
    let end = points().map(|point| point.0).fold(least_x + 1e-6, f64::max);
    let top = points().map(|point| point.1).fold(1e-6, f64::max);
    chart::inline(SIZE, title, |area| {
        let mut chart = ChartBuilder::on(area)
            .margin(8)
            .x_label_area_size(34)
            .y_label_area_size(52)
            .build_cartesian_2d(least_x..end, 0.0..top * 1.05)?;
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(INK.mix(0.15))
            .axis_style(INK.mix(0.5))
            .x_labels(6)
            .y_labels(5)
            .x_label_formatter(&|x| short(*x))
            .y_label_formatter(&|y| short(*y))
            .x_desc(axes[0])
            .y_desc(axes[1])
            .label_style((FONT, 12).into_font().color(&INK))
            .draw()?;
        for (name, points) in lines {
            let color = color(document, name);
            chart.draw_series(LineSeries::new(points.iter().copied(), color.stroke_width(2)))?;
            if points.len() <= 8 {
                let dots = points.iter().map(|point| Circle::new(*point, 3, color.filled()));
                chart.draw_series(dots)?;
            }
        }
        Ok(())
    })
}

/// A number of an axis.
fn short(value: f64) -> String {
    if value.abs() >= 10.0 || value.fract() == 0.0 {
        format!("{value:.0}")
    } else {
        format!("{value:.2}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_differ_in_threads_belong_together() {
        let with = |args| without_threads(args);
        assert_eq!(with("larson --threads 8 --min 8"), with("larson --min 8 --threads=2"));
        assert_ne!(with("larson --min 8"), with("larson --min 16"));
    }
}
