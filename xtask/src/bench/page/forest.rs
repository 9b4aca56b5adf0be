//! All ratios of one metric in one picture: a line for each workload, a mark with its interval for each
//! allocator. Left of 1 hakmem needs less; for a variant, left of 1 the variant needs less.

use std::ops::Range;

use anyhow::Result;
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

use super::chart::{self, Drawn, FONT, INK, color};
use crate::bench::result::{Column, Document, Ratio};

const WIDTH: u32 = 960;
const NAMES: u32 = 190;
const A_LINE: u32 = 12;
const FOOT: u32 = 34;

/// The picture of `metric`, for a page. `None` without ratios.
pub(super) fn inline(document: &Document, metric: &str, title: &str) -> Result<Option<String>> {
    let Some(forest) = Forest::plant(document, metric) else { return Ok(None) };
    chart::inline(forest.size(), title, |area| forest.draw(area)).map(Some)
}

/// The same as a file of its own, with a legend.
pub(super) fn standalone(document: &Document, metric: &str, title: &str) -> Result<Option<String>> {
    let Some(forest) = Forest::plant(document, metric) else { return Ok(None) };
    let (width, height) = forest.size();
    let svg = chart::standalone((width, height + 48), |area| {
        let (head, rest) = area.split_vertically(48);
        head.draw(&Text::new(title.to_owned(), (8, 14), chart::text(15, HPos::Left)))?;
        let mut x = 8;
        for column in &forest.columns {
            head.draw(&Circle::new((x + 4, 36), 4, color(document, &column.name).filled()))?;
            head.draw(&Text::new(column.name.clone(), (x + 12, 36), chart::text(12, HPos::Left)))?;
            x += 28 + 7 * column.name.len() as i32;
        }
        forest.draw(&rest)
    })?;
    Ok(Some(svg))
}

struct Forest<'a> {
    document: &'a Document,
    metric: &'a str,
    columns: Vec<&'a Column>,
    rows: Vec<&'a str>,
    /// Binary logarithms of the ratios.
    span: Range<f64>,
}

/// The binary logarithm of a ratio; beyond a hundred all are alike.
fn log(ratio: f64) -> f64 {
    ratio.clamp(0.01, 100.0).log2()
}

impl<'a> Forest<'a> {
    fn plant(document: &'a Document, metric: &'a str) -> Option<Self> {
        let has = |row: &str, column: &Column| document.ratio(row, column, metric);
        let columns: Vec<&Column> = document.allocators();
        let columns: Vec<&Column> = columns
            .into_iter()
            .filter(|column| document.rows.iter().any(|row| has(&row.name, column).is_some()))
            .collect();
        let names = document.rows.iter().map(|row| row.name.as_str());
        let rows: Vec<&str> =
            names.filter(|row| columns.iter().any(|column| has(row, column).is_some())).collect();
        let all =
            || rows.iter().flat_map(|row| columns.iter().filter_map(|column| has(row, column)));
        // A little room at the ends.
        let low = all().map(|ratio| log(ratio.estimate.low)).fold(-0.1, f64::min) - 0.05;
        let high = all().map(|ratio| log(ratio.estimate.high)).fold(0.1, f64::max) + 0.05;
        (!rows.is_empty()).then_some(Self { document, metric, columns, rows, span: low..high })
    }

    /// Pixels of one workload.
    fn row_height(&self) -> u32 {
        A_LINE * self.columns.len().max(2) as u32 + 6
    }

    fn size(&self) -> (u32, u32) {
        (WIDTH, self.row_height() * self.rows.len() as u32 + FOOT)
    }

    fn draw(&self, area: &DrawingArea<SVGBackend<'_>, Shift>) -> Drawn {
        let rows = self.rows.len() as f64;
        let mut chart = ChartBuilder::on(area)
            .x_label_area_size(FOOT)
            .margin_left(NAMES)
            .margin_right(16)
            .build_cartesian_2d(self.span.clone(), rows..0.0)?;
        chart
            .configure_mesh()
            .disable_y_mesh()
            .disable_y_axis()
            .light_line_style(TRANSPARENT)
            .bold_line_style(INK.mix(0.15))
            .axis_style(INK.mix(0.5))
            .x_labels(12)
            .x_label_formatter(&|x| format!("{:.2}", x.exp2()))
            .label_style((FONT, 12).into_font().color(&INK))
            .draw()?;
        let one = [(0.0, 0.0), (0.0, rows)];
        chart.draw_series([PathElement::new(one, INK.stroke_width(2))])?;
        for (place, row) in self.rows.iter().enumerate() {
            let top = place as f64;
            let rule = [(self.span.start, top), (self.span.end, top)];
            chart.draw_series([PathElement::new(rule, INK.mix(0.15))])?;
            let (_, y) = chart.backend_coord(&(0.0, top + 0.5));
            let (_, zero) = area.get_base_pixel();
            let at = (NAMES as i32 - 8, y - zero);
            area.draw(&Text::new((*row).to_owned(), at, chart::text(13, HPos::Right)))?;
            let part = 1.0 / (self.columns.len() + 1) as f64;
            for (number, column) in self.columns.iter().enumerate() {
                let Some(ratio) = self.document.ratio(row, column, self.metric) else {
                    continue;
                };
                let y = top + part * (number + 1) as f64;
                chart.draw_series([mark(ratio, y, color(self.document, &column.name))])?;
            }
        }
        Ok(())
    }
}

/// A ratio with its interval.
fn mark(
    ratio: &Ratio,
    y: f64,
    color: RGBColor,
) -> ErrorBar<f64, f64, plotters::element::ErrorBarOrientH<f64, f64>> {
    let estimate = &ratio.estimate;
    let [low, middle, high] = [estimate.low, estimate.ratio, estimate.high].map(log);
    ErrorBar::new_horizontal(y, low, middle, high, color.filled(), 7)
}
