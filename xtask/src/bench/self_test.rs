//! `cargo xtask bench --self-test`: whether the bench sees what there is, and nothing else.
//!
//! A binary is compared with a copy of itself, and with a copy that does 5 % more operations than
//! it reports (`workload --slow-down 5`). The first shows that what does not differ is not told
//! apart: by the order of runs, by what drifts, by verdicts that are too bold. The second shows that
//! a difference of this size does not get lost. Runs are short, so that there are many, and most of
//! them undisturbed, also on a machine where others work.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::cases::Length;
use super::derive::{self, TIME};
use super::entrants::{Entrant, Field, Kind, build};
use super::pin::Pin;
use super::result::{Estimate, Ratio};
use super::schedule::{self, Plan};
use super::stats::Verdict;
use super::{Args, Places, cases, machine};
use crate::lab::files::replace;
use crate::progress;

/// Comparisons of a binary with itself, and how many of them may show a difference: intervals
/// of 95 % miss the truth that often.
const SAME: usize = 20;
const MISTAKES: usize = 1;

/// Comparisons with the slower one, each of which must show it.
const SLOWER: usize = 5;

/// What makes it slower.
const SLOW_DOWN: &[&str] = &["--slow-down", "5"];

/// All comparisons together take no longer than that, however noisy the machine is.
const BUDGET: Duration = Duration::from_secs(240);

pub(crate) fn run(args: &Args) -> Result<()> {
    let places = Places::find()?;
    let binary = progress::build("hakmem", || build("hakmem", args.verbose, &places))?;
    // Names of one length: a longer path moves the stack of the process.
    let entrant = |name: &str, kind, more_args| -> Result<Entrant> {
        let copy = places.out.join(format!("self-test-{name}"));
        replace(&binary, &copy)?;
        let (name, built_with) = (name.to_owned(), "hakmem".to_owned());
        Ok(Entrant { name, kind, binary: copy, preload: None, built_with, words: None, more_args })
    };
    let subject = entrant("a", Kind::Subject, &[])?;
    let same = field(&subject, entrant("b", Kind::Variant, &[])?);
    let slow = field(&subject, entrant("c", Kind::Variant, SLOW_DOWN)?);
    let pin = Pin::choose(true);
    let watch = machine::Watch::start(&pin.allowed);
    say!("{}\n{}", machine::describe(watch.so_far()), pin.words);
    let (mistakes, found) = compare(&pin, &same, &slow)?;
    if let Some(warning) = machine::warning(&watch.finish()) {
        say!("{warning}");
    }
    say!(
        "the same twice: no difference seen in {} of {SAME} comparisons (at least {} wanted)\n\
         5 % slower: seen in {found} of {SLOWER}",
        SAME - mistakes,
        SAME - MISTAKES,
    );
    ensure!(mistakes <= MISTAKES, "the bench sees differences where there are none");
    ensure!(found == SLOWER, "the bench does not see a slow-down of 5 %");
    Ok(())
}

fn field(subject: &Entrant, other: Entrant) -> Field {
    Field { entrants: vec![subject.clone(), other], ..Field::default() }
}

/// How often a difference was seen where there is none, and how often where there is one.
fn compare(pin: &Pin, same: &Field, slow: &Field) -> Result<(usize, usize)> {
    let stop = schedule::stop_flag()?;
    let plan = |seed| Plan {
        cases: vec![&cases::SELF_TEST],
        length: Length::FULL,
        least: 20,
        most: 500,
        precision: 0.005,
        budget: Some(BUDGET / u32::try_from(SAME + SLOWER).unwrap_or(1)),
        effect: 0.01,
        pin: pin.clone(),
        order_seed: seed,
    };
    let (mut mistakes, mut found) = (0, 0);
    for number in 0..SAME + SLOWER {
        let (field, what) =
            if number < SAME { (same, "the same twice") } else { (slow, "5 % slower") };
        let plan = plan(rand::random::<u32>().into());
        let outcome = schedule::run(&plan, field, &stop)?;
        ensure!(outcome.cut_short != Some("interrupted"), "interrupted");
        ensure!(outcome.failed.is_empty(), "a run failed: {:?}", outcome.failed);
        let ratios = derive::derive(&plan, field, &outcome).ratios;
        let Some(time) = ratios.into_iter().find(|ratio| ratio.metric == TIME) else { continue };
        say!("{what:15} {}", line(&time));
        match time.estimate.verdict {
            Verdict::None => {}
            Verdict::More if number >= SAME => found += 1,
            Verdict::Less | Verdict::More | Verdict::TooFew if number < SAME => mistakes += 1,
            Verdict::Less | Verdict::More | Verdict::TooFew => {}
        }
    }
    Ok((mistakes, found))
}

fn line(time: &Ratio) -> String {
    let Estimate { ratio, low, high, verdict } = time.estimate;
    let words = verdict.in_words(("faster", "slower"));
    format!("{ratio:.3} [{low:.3}, {high:.3}] {words}, {} blocks", time.blocks)
}
