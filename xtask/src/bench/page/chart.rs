//! What all pictures share: colours, marks, and that they follow the page's light or dark.

use anyhow::{Result, anyhow};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::bench::result::Document;

/// The page's font.
pub(super) const FONT: &str = "sans-serif";

/// Drawn black, shown in the page's colour of text.
pub(super) const INK: RGBColor = BLACK;

/// Of hakmem itself.
pub(super) const OWN: RGBColor = RGBColor(0xd9, 0x48, 0x0f);

/// Of the others, in the order of the columns: apart from each other on white and on black.
const OTHERS: [RGBColor; 10] = [
    RGBColor(0x1c, 0x7e, 0xd6),
    RGBColor(0x2f, 0x9e, 0x44),
    RGBColor(0x9c, 0x36, 0xb5),
    RGBColor(0xb0, 0x8a, 0x00),
    RGBColor(0x0b, 0x9a, 0xa8),
    RGBColor(0xe6, 0x49, 0x80),
    RGBColor(0x7a, 0x7f, 0x87),
    RGBColor(0x5f, 0x3d, 0xc4),
    RGBColor(0x74, 0x9c, 0x1f),
    RGBColor(0xa0, 0x5a, 0x2c),
];

/// The colour of one of the [allocators](Document::allocators), the same in every picture.
pub(super) fn color(document: &Document, name: &str) -> RGBColor {
    let place = document.allocators().iter().position(|entrant| entrant.name == name);
    match place {
        Some(0) | None => OWN,
        Some(place) => OTHERS[(place - 1) % OTHERS.len()],
    }
}

/// The same as text, for HTML.
pub(super) fn css(color: RGBColor) -> String {
    format!("#{:02x}{:02x}{:02x}", color.0, color.1, color.2)
}

/// What drawing gives.
pub(super) type Drawn = std::result::Result<(), Box<dyn std::error::Error>>;

/// A picture of `size` pixels, for a page that says what black is.
pub(super) fn inline(
    size: (u32, u32),
    title: &str,
    draw: impl FnOnce(&DrawingArea<SVGBackend<'_>, Shift>) -> Drawn,
) -> Result<String> {
    let svg = picture(size, draw)?;
    let ink = svg.replace("#000000", "currentColor");
    let head = format!("<svg role=\"img\" aria-label=\"{title}\" ");
    Ok(ink.replacen("<svg ", &head, 1))
}

/// A picture by itself, on white.
pub(super) fn standalone(
    size: (u32, u32),
    draw: impl FnOnce(&DrawingArea<SVGBackend<'_>, Shift>) -> Drawn,
) -> Result<String> {
    picture(size, |area| {
        area.fill(&WHITE)?;
        draw(area)
    })
}

fn picture(
    size: (u32, u32),
    draw: impl FnOnce(&DrawingArea<SVGBackend<'_>, Shift>) -> Drawn,
) -> Result<String> {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        draw(&area).map_err(|error| anyhow!("cannot draw: {error}"))?;
        area.present().map_err(|error| anyhow!("cannot draw: {error}"))?;
    }
    Ok(svg)
}

/// Text of `size` pixels that begins, or ends, at its place.
pub(super) fn text(size: i32, side: HPos) -> TextStyle<'static> {
    (FONT, size).into_font().color(&INK).pos(Pos::new(side, VPos::Center))
}
