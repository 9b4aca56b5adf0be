//! Memory over time, as text and as SVG.

use std::path::Path;

use anyhow::{Result, anyhow};
use plotters::prelude::*;
use textplots::{Chart, LabelBuilder, LabelFormat, Plot, Shape};

use super::samples::{self, Sample};
use super::verdict::median;

/// Phases that are shown as text: the most that is live, and nothing.
const SHOWN: [&str; 2] = ["burst", "trimmed"];

const MIB: f64 = 1_048_576.0;

/// Columns and rows of dots; a character has two by four.
const WIDTH: u32 = 160;
const HEIGHT: u32 = 64;

/// Resident memory of the phases that are [shown](SHOWN), for the terminal.
pub(crate) fn text(samples: &[Sample]) -> String {
    let lines = SHOWN.map(|phase| {
        let cycles: Vec<_> = samples::of(samples, phase).collect();
        // One point for each character: more would fill the area.
        let a_point = cycles.len().div_ceil(WIDTH as usize / 2).max(1);
        cycles.chunks(a_point).map(point).collect::<Vec<_>>()
    });
    let end = lines.iter().flatten().map(|point| point.0).fold(1.0, f32::max);
    let top = lines.iter().flatten().map(|point| point.1).fold(1.0, f32::max);
    let [upper, lower] = lines.each_ref().map(|line| Shape::Lines(line));
    let mut chart = Chart::new_with_y_range(WIDTH, HEIGHT, 0.0, end, 0.0, top * 1.1);
    let chart = chart
        .lineplot(&upper)
        .lineplot(&lower)
        .x_label_format(LabelFormat::Custom(Box::new(|x| format!("{x:.0} s"))))
        .y_label_format(LabelFormat::Custom(Box::new(|y| format!("{y:.0} MiB"))));
    chart.axis();
    chart.figures();
    format!("resident memory, end of `{}` above, end of `{}` below\n{chart}", SHOWN[0], SHOWN[1])
}

/// The middle of some cycles: when, and the median of the resident MiB.
fn point(cycles: &[&Sample]) -> (f32, f32) {
    let rss: Vec<u64> = cycles.iter().map(|sample| sample.rss).collect();
    let seconds = cycles.get(cycles.len() / 2).map_or(0.0, |sample| sample.seconds);
    (seconds as f32, (median(&rss) as f64 / MIB) as f32)
}

/// Resident memory of every phase, live bytes, mapped memory.
pub(crate) fn svg(samples: &[Sample], file: &Path) -> Result<()> {
    draw(samples, file).map_err(|error| anyhow!("{}: {error}", file.display()))
}

fn draw(samples: &[Sample], file: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let end = samples.last().map_or(1.0, |sample| sample.seconds);
    let top = samples.iter().map(|sample| sample.rss.max(sample.live)).max().unwrap_or(1);
    let root = SVGBackend::new(file, (1200, 600)).into_drawing_area();
    root.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&root)
        .caption("resident memory at the end of each phase", ("sans-serif", 20))
        .margin(10)
        .x_label_area_size(40)
        .y_label_area_size(70)
        .build_cartesian_2d(0.0..end, 0.0..top as f64 / MIB * 1.1)?;
    chart.configure_mesh().x_desc("seconds").y_desc("MiB").draw()?;
    for (number, phase) in samples::phases(samples).into_iter().enumerate() {
        let color = Palette99::pick(number).to_rgba();
        let points =
            samples::of(samples, phase).map(|sample| (sample.seconds, sample.rss as f64 / MIB));
        chart
            .draw_series(LineSeries::new(points, color.stroke_width(2)))?
            .label(phase)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], color.stroke_width(2)));
    }
    let live =
        samples::of(samples, SHOWN[0]).map(|sample| (sample.seconds, sample.live as f64 / MIB));
    chart
        .draw_series(LineSeries::new(live, BLACK.stroke_width(1)))?
        .label("asked for, burst")
        .legend(|(x, y)| PathElement::new([(x, y), (x + 20, y)], BLACK));
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK)
        .draw()?;
    root.present()?;
    Ok(())
}
