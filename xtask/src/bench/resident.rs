//! The resident set of a run, watched from outside: `/proc/PID/statm`, which the kernel fills from counters
//! that it has anyway. The process does nothing for it, and is not stopped.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::time::Duration;

/// Points that a curve keeps; with twice as many, every second one goes.
const POINTS: usize = 100;

/// Seconds, and bytes that were resident.
pub(crate) type Point = (f64, u64);

/// A run that is being watched.
#[derive(Debug)]
pub(crate) struct Watch {
    statm: Option<File>,
    page: u64,
    points: Vec<Point>,
    /// Of so many looks one is kept.
    stride: usize,
    looks: usize,
}

impl Watch {
    /// Watches process `pid`. Where there is no `/proc`, it sees nothing.
    pub(crate) fn new(pid: u32) -> Self {
        // SAFETY: asks for a number.
        let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
        let statm = File::open(format!("/proc/{pid}/statm")).ok();
        let page = u64::try_from(page).unwrap_or(4096);
        Self { statm, page, points: Vec::new(), stride: 1, looks: 0 }
    }

    /// Looks once.
    pub(crate) fn look(&mut self) {
        let mut text = [0; 128];
        let Some(Ok(n)) = self.statm.as_ref().map(|file| file.read_at(&mut text, 0)) else {
            return;
        };
        if let Some(pages) = pages(&text[..n]) {
            self.keep((monotonic(), pages * self.page));
        }
    }

    fn keep(&mut self, point: Point) {
        if self.looks.is_multiple_of(self.stride) {
            self.points.push(point);
        }
        self.looks += 1;
        if self.points.len() >= 2 * POINTS {
            let mut odd = true;
            self.points.retain(|_| {
                odd = !odd;
                !odd
            });
            self.stride *= 2;
        }
    }

    /// What was seen, oldest first.
    pub(crate) fn into_points(self) -> Vec<Point> {
        self.points
    }
}

/// The second number: pages that are resident. A process that has ended has none.
fn pages(statm: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(statm).ok()?;
    text.split(' ').nth(1)?.parse().ok().filter(|pages| *pages > 0)
}

/// The mean between two points, which are part of it: each piece of time counts as long as it lasts.
pub(crate) fn mean(points: &[Point], begin: Point, end: Point) -> f64 {
    let inside = points.iter().filter(|(at, _)| *at > begin.0 && *at < end.0);
    let mut area = 0.0;
    let mut last = begin;
    for &point in inside.chain([&end]) {
        area += (point.0 - last.0) * (point.1 as f64 + last.1 as f64) / 2.0;
        last = point;
    }
    let seconds = end.0 - begin.0;
    if seconds > 0.0 { area / seconds } else { end.1 as f64 }
}

/// At most [`POINTS`] points, in milliseconds from `zero` on.
pub(crate) fn curve(points: &[Point], zero: f64) -> Vec<Point> {
    let step = points.len().div_ceil(POINTS).max(1);
    // Tenths of a millisecond: nobody sees more, and the file stays small.
    let shift = |&(at, bytes): &Point| (((at - zero) * 1e4).round() / 10.0, bytes);
    points.iter().step_by(step).map(shift).collect()
}

/// Seconds on the clock that the workload reads, too.
fn monotonic() -> f64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: valid for the write of one `timespec`.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
    (Duration::from_secs(now.tv_sec.unsigned_abs())
        + Duration::from_nanos(now.tv_nsec.unsigned_abs()))
    .as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resident_pages_are_the_second_number() {
        assert_eq!(pages(b"1000 250 30 4 0 90 0\n"), Some(250));
        assert_eq!(pages(b"0 0 0 0 0 0 0\n"), None, "a process that has ended");
        assert_eq!(pages(b""), None);
    }

    #[test]
    fn a_mean_weighs_by_time_and_ends_where_the_timed_part_does() {
        let points = [(0.0, 900), (1.5, 200), (3.0, 400), (9.0, 5000)];
        let mean = mean(&points, (1.0, 0), (4.0, 200));
        // 0.5 s at 100, 1.5 s at 300, 1 s at 300.
        assert!((mean - (50.0 + 450.0 + 300.0) / 3.0).abs() < 1e-9, "{mean}");
    }

    #[test]
    fn a_part_without_length_has_the_mean_of_its_end() {
        assert_eq!(mean(&[], (1.0, 5), (1.0, 7)).to_bits(), 7.0_f64.to_bits());
    }

    #[test]
    fn a_long_run_keeps_few_points_from_all_of_it() {
        let mut watch = Watch { statm: None, page: 4096, points: Vec::new(), stride: 1, looks: 0 };
        (0..10_000_u32).for_each(|at| watch.keep((f64::from(at), 1)));
        let points = watch.into_points();
        assert!((POINTS..2 * POINTS).contains(&points.len()), "{}", points.len());
        assert!(points[0].0 < 1.0 && points[points.len() - 1].0 > 9_800.0);
        let curve = curve(&points, 0.0);
        assert!((POINTS / 2..=POINTS).contains(&curve.len()), "{}", curve.len());
        assert!(curve.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }

    #[test]
    fn this_process_is_seen() {
        let mut watch = Watch::new(std::process::id());
        watch.look();
        let points = watch.into_points();
        assert!(points.len() == 1 && points[0].1 > 1 << 20, "{points:?}");
    }
}
