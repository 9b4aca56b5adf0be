//! How precise, and how long: the options, and the plan that follows from them.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use super::Args;
use super::cases::{Case, Length};
use super::pin::Pin;
use super::schedule::Plan;

/// How precise, and how long.
#[derive(Debug, clap::Args)]
pub(crate) struct Limits {
    /// Repeat until the 95 % interval of each ratio of times is at most ± this; 1% (quick: 2%).
    #[arg(long, value_name = "PART", value_parser = part)]
    precision: Option<f64>,
    /// Stop after this time, as precise as it is then; 20m (quick: 150s).
    #[arg(long, value_name = "TIME", value_parser = duration)]
    budget: Option<Duration>,
    /// Differences up to this one are none.
    #[arg(long, value_name = "PART", value_parser = part, default_value = "1%")]
    effect: f64,
    /// As many repetitions of each row, and no other limit.
    #[arg(long, value_name = "N", conflicts_with_all = ["precision", "at_least", "at_most"])]
    reps: Option<usize>,
    /// Repetitions of each row, at least; 7 (quick: 5).
    #[arg(long, value_name = "N")]
    at_least: Option<usize>,
    /// Repetitions of each row, at most; 50 (quick: 15, with --scale: 500).
    #[arg(long, value_name = "N")]
    at_most: Option<usize>,
    /// Runs of this part of the operations that `--list` names, and up to 500 of each row; 25% (quick: 30%).
    #[arg(long, value_name = "PART", value_parser = part)]
    scale: Option<f64>,
    /// Do not bind runs of one thread to one CPU.
    #[arg(long)]
    no_pin: bool,
}

impl Limits {
    pub(crate) fn plan(&self, cases: Vec<&'static Case>, args: &Args) -> Result<Plan> {
        let quick = args.quick;
        let choose = |full: usize, short: usize| if quick { short } else { full };
        let least = self.reps.or(self.at_least).unwrap_or(choose(7, 5));
        let usual = if self.scale.is_some() { 500 } else { choose(50, 15) };
        let most = self.reps.or(self.at_most).unwrap_or(usual.max(least));
        ensure!(least > 0, "0 repetitions measure nothing");
        ensure!(least <= most, "--at-least {least} is more than --at-most {most}");
        let time = Duration::from_secs(choose(20 * 60, 150) as u64);
        let usual_length = if quick { Length::QUICK } else { Length::FULL };
        let unlimited = self.reps.is_some() && !quick;
        Ok(Plan {
            cases,
            length: Length { part: self.scale.unwrap_or(usual_length.part), ..usual_length },
            least,
            most,
            precision: self.precision.unwrap_or(if quick { 0.02 } else { 0.01 }),
            budget: self.budget.or(Some(time).filter(|_| !unlimited)),
            effect: self.effect,
            pin: Pin::choose(!self.no_pin),
            order_seed: rand::random::<u32>().into(),
        })
    }
}

impl Plan {
    /// How it will be measured, in a line.
    pub(crate) fn words(&self) -> String {
        let blocks = match (self.least, self.most) {
            (least, most) if least == most => format!("{least} blocks a row"),
            (least, most) => format!(
                "{least} to {most} blocks a row, until ratios are known to ±{} %",
                self.precision * 100.0
            ),
        };
        let budget = match self.budget {
            Some(budget) => format!(", at most {} s", budget.as_secs()),
            None => String::new(),
        };
        format!("{blocks}{budget}; {}", self.pin.words)
    }
}

/// `1%` or `0.01`.
pub(crate) fn part(text: &str) -> Result<f64> {
    let (number, of) = match text.strip_suffix('%') {
        Some(number) => (number.trim_end(), 100.0),
        None => (text, 1.0),
    };
    let part = number.parse::<f64>().context("a part is written 1% or 0.01")? / of;
    ensure!(part > 0.0 && part <= 1.0, "a part is above 0, and 1 at most");
    Ok(part)
}

/// `90s`, `10m`, `1h 30m`.
fn duration(text: &str) -> Result<Duration> {
    let duration: jiff::SignedDuration = text.parse().context("a time is written 90s or 10m")?;
    duration.try_into().context("a time is not negative")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_and_times_are_read_as_people_write_them() {
        assert_eq!(part("1%").unwrap(), 0.01);
        assert_eq!(part("0.5 %").unwrap(), 0.005);
        assert_eq!(part("0.02").unwrap(), 0.02);
        assert_eq!(part("100%").unwrap(), 1.0);
        assert!(part("0").is_err() && part("101%").is_err() && part("little").is_err());
        assert_eq!(duration("10m").unwrap(), Duration::from_secs(600));
        assert_eq!(duration("90s").unwrap(), Duration::from_secs(90));
        assert!(duration("-1s").is_err() && duration("soon").is_err());
    }
}
