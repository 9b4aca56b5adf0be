//! The test of the page: a browser without a window opens it, and its pixels are looked at.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use super::chart::{OWN, css};
use super::html;
use crate::bench::result::Document;
use crate::report::Part;
use crate::shell;
use crate::workspace::Workspace;

/// Names of one browser.
const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "chrome"];

/// A result with all that a page can have.
const EXAMPLE: &str = "xtask/src/bench/page/example.json";

const SIZE: (u32, u32) = (1280, 2600);

/// Pixels of a screenshot: red, green, blue.
struct Shot {
    pixels: Vec<[u8; 3]>,
}

/// Writes the page of the example, and looks at it in light and in dark.
pub(crate) fn check(ws: &Workspace, part: &mut Part) -> Result<()> {
    let folder = ws.target.join("report");
    fs::create_dir_all(&folder).context("cannot create a folder")?;
    let page = folder.join("example.html");
    let text = html::page(&Document::read(&ws.root.join(EXAMPLE))?)?;
    fs::write(&page, &text).context("cannot write the page")?;
    part.verdict("all sections", sections(&text));
    part.verdict("nothing from elsewhere", elsewhere(&text));
    let Some(browser) = BROWSERS.into_iter().find(|name| shell::has(name)) else {
        part.missing("chromium: screenshots of the report");
        return Ok(());
    };
    for dark in [false, true] {
        let name = if dark { "in dark" } else { "in light" };
        let shot = shoot(browser, &page, &folder.join(format!("{name}.png")), dark)?;
        part.verdict(name, shot.fault(dark));
    }
    Ok(())
}

/// What every page of the example has to show.
fn sections(text: &str) -> Option<String> {
    let ids = ["ratios", "matrix", "workloads", "threads", "memory", "counters", "method", "data"];
    let missing: Vec<_> =
        ids.into_iter().filter(|id| !text.contains(&format!("<section id=\"{id}\">"))).collect();
    (!missing.is_empty()).then(|| format!("missing: {}", missing.join(", ")))
}

/// What a browser would fetch.
fn elsewhere(text: &str) -> Option<String> {
    let outside = ["src=", "<link", "@import", "url(", "href=\"http"];
    let found: Vec<_> = outside.into_iter().filter(|mark| text.contains(mark)).collect();
    (!found.is_empty()).then(|| format!("the page has {}", found.join(", ")))
}

fn shoot(browser: &str, page: &Path, to: &PathBuf, dark: bool) -> Result<Shot> {
    let mut command = Command::new(browser);
    command.args(["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]);
    command.args(["--no-first-run", "--disable-dev-shm-usage"]);
    command.arg(format!("--user-data-dir={}", to.with_extension("profile").display()));
    command.arg(format!("--window-size={},{}", SIZE.0, SIZE.1));
    // The numbers of Blink's `PreferredColorScheme`.
    command.arg(format!("--blink-settings=preferredColorScheme={}", if dark { 0 } else { 1 }));
    command.arg(format!("--screenshot={}", to.display()));
    command.arg(format!("file://{}", page.display()));
    // What an earlier run left is no screenshot of this page.
    let _ = fs::remove_file(to);
    let output = shell::capture(&mut command, Duration::from_secs(90))?;
    ensure!(to.exists(), "{browser} made no screenshot: {}", output.ending());
    Shot::read(to)
}

impl Shot {
    fn read(path: &Path) -> Result<Self> {
        let image = image::open(path).context("the screenshot is no image")?.to_rgb8();
        ensure!(image.dimensions() == SIZE, "the screenshot has another size");
        Ok(Self { pixels: image.pixels().map(|pixel| pixel.0).collect() })
    }

    /// What is wrong with the picture.
    fn fault(&self, dark: bool) -> Option<String> {
        let share = |test: &dyn Fn(&[u8; 3]) -> bool| {
            self.pixels.iter().filter(|pixel| test(pixel)).count() as f64 / self.pixels.len() as f64
        };
        let light = |pixel: &[u8; 3]| pixel.iter().map(|part| u32::from(*part)).sum::<u32>() / 3;
        let (paper, ink) = if dark {
            (share(&|pixel| light(pixel) < 48), share(&|pixel| light(pixel) > 150))
        } else {
            (share(&|pixel| light(pixel) > 240), share(&|pixel| light(pixel) < 90))
        };
        let own = [OWN.0, OWN.1, OWN.2];
        let own = share(&|pixel| *pixel == own);
        let is = |part: f64, least: f64, what: &str| {
            (part < least).then(|| format!("{:.3} % of the pixels are {what}", part * 100.0))
        };
        is(paper, 0.5, "paper")
            .or_else(|| is(ink, 0.002, "ink"))
            .or_else(|| is(own, 0.001, &format!("hakmem's colour {}", css(OWN))))
            // The matrix is blue and red cells, which are no colours of lines.
            .or_else(|| is(share(&|[r, _, b]| *b > r.saturating_add(60)), 0.0005, "blue"))
            .or_else(|| is(share(&|[r, _, b]| *r > b.saturating_add(60)), 0.0005, "red"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_page_has_a_fault() {
        let blank = |value| Shot { pixels: vec![[value; 3]; 10_000] };
        assert!(blank(255).fault(false).is_some());
        assert!(blank(0).fault(true).is_some());
        assert!(blank(255).fault(true).is_some_and(|why| why.contains("paper")));
    }

    #[test]
    fn what_comes_from_elsewhere_is_seen() {
        assert_eq!(elsewhere("<a href=\"#data\">"), None);
        assert!(elsewhere("<script src=\"x.js\">").is_some());
        assert!(sections("<section id=\"ratios\">").is_some_and(|why| why.contains("matrix")));
    }
}
