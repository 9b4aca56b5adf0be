//! Bars: what a long command is at, how much of it is over, and about how long the rest takes.
//!
//! They are on stderr, below everything that is printed. Where that is no terminal there are none, and a
//! line now and then instead. What each step took is kept in `target/progress/`: as long it is
//! expected to take the next time.
//!
//! Whoever prints past the bars tears them apart: everything goes through `say!` and what is beside
//! it, and the lints refuse `println!` everywhere else.
//!
//! # Reading order
//!
//! [`Bar`], then [`steps`] (how long the rest takes).
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "commands talk on the terminal, here"
)]

mod steps;

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{HumanDuration, MultiProgress, ProgressBar, ProgressState, ProgressStyle};

use self::steps::Steps;

/// Of what, how full, how much is over, how long it took and will take, what it is at.
const LOOK: &str = "{prefix} [{fill}] {count}, {gone} gone, {left}: {wide_msg}";

/// Characters of a bar.
const WIDTH: usize = 20;

/// Where there is no terminal, so long nothing is said.
const SILENCE: Duration = Duration::from_secs(30);

/// A build that took less had nothing to do, and says nothing of the next one.
const IDLE: f64 = 2.0;

/// All bars there are: the terminal is one.
static BARS: LazyLock<MultiProgress> = LazyLock::new(MultiProgress::new);

/// Where durations are kept; nowhere, as long as nobody has said.
static FOLDER: OnceLock<PathBuf> = OnceLock::new();

/// Prints a line on stdout, as `println!` does.
macro_rules! say {
    ($($words:tt)*) => { $crate::progress::print(&(format!($($words)*) + "\n")) };
}

/// Keeps durations in the target directory from now on.
pub(crate) fn keep_in(target: &Path) {
    // Told once, by `main`.
    let _ = FOLDER.set(target.join("progress"));
}

/// Whether anybody sees a bar.
pub(crate) fn visible() -> bool {
    !BARS.is_hidden()
}

/// Does what writes on the terminal by itself, while there are no bars. It must print nothing by
/// `say!`.
pub(crate) fn aside<R>(work: impl FnOnce() -> R) -> R {
    BARS.suspend(work)
}

/// Prints whole lines on stdout.
pub(crate) fn print(text: &str) {
    aside(|| print!("{text}"));
}

/// Prints whole lines on stderr.
pub(crate) fn complain(text: &str) {
    aside(|| eprint!("{text}"));
}

/// A build, with a bar of its own.
pub(crate) fn build<R>(what: &str, work: impl FnOnce() -> R) -> R {
    Bar::builds([what]).step(what, work)
}

/// A bar; it goes with its value. Several threads may work at its steps.
#[derive(Debug)]
pub(crate) struct Bar {
    name: &'static str,
    bar: ProgressBar,
    view: Arc<Mutex<View>>,
    /// When a line was printed last in its place.
    said: Mutex<Instant>,
}

/// What a bar shows.
#[derive(Debug)]
enum View {
    /// Steps that are known before.
    Steps(Steps),
    /// What somebody told: how much is over, and how many seconds were left then.
    Told { count: String, left: Option<f64>, at: Instant },
}

impl Bar {
    /// For these steps, whose durations are kept by `name`.
    pub(crate) fn new(
        name: &'static str,
        steps: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        Self::ticking(name, steps, 0.0)
    }

    /// For builds.
    pub(crate) fn builds(what: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self::ticking("builds", what, IDLE)
    }

    /// For what knows better how long it takes: see [`tell`](Self::tell). It wakes nobody up between
    /// two words.
    pub(crate) fn told(name: &'static str) -> Self {
        Self::of(name, View::Told { count: String::new(), left: None, at: Instant::now() })
    }

    fn ticking(
        name: &'static str,
        steps: impl IntoIterator<Item = impl Into<String>>,
        least: f64,
    ) -> Self {
        let file = FOLDER.get().map(|folder| folder.join(format!("{name}.json")));
        let steps = steps.into_iter().map(Into::into).collect();
        let bar = Self::of(name, View::Steps(Steps::new(steps, file, least)));
        if visible() {
            bar.bar.enable_steady_tick(Duration::from_secs(1));
        }
        bar
    }

    fn of(name: &'static str, view: View) -> Self {
        let view = Arc::new(Mutex::new(view));
        let bar = ProgressBar::new(1).with_style(style(&view)).with_prefix(name);
        Self { name, bar: BARS.add(bar), view, said: Mutex::new(Instant::now()) }
    }

    /// So many steps at a time.
    pub(crate) fn at_once(self, lanes: usize) -> Self {
        if let View::Steps(steps) = &mut *lock(&self.view) {
            steps.set_lanes(lanes);
        }
        self
    }

    /// One step.
    pub(crate) fn step<R>(&self, step: &str, work: impl FnOnce() -> R) -> R {
        let start = Instant::now();
        self.change(|steps| steps.begin(step, start));
        let result = work();
        self.change(|steps| steps.end(step, start.elapsed()));
        self.say_instead();
        result
    }

    fn change(&self, change: impl FnOnce(&mut Steps)) {
        let mut view = lock(&self.view);
        let View::Steps(steps) = &mut *view else { return };
        change(steps);
        let running = steps.running();
        // Drawing looks at it.
        drop(view);
        self.bar.set_message(running);
    }

    /// How much is over, how many seconds are left where that can be said, and what it is at.
    pub(crate) fn tell(&self, count: String, left: Option<f64>, what: String) {
        *lock(&self.view) = View::Told { count, left, at: Instant::now() };
        self.bar.set_message(what);
        self.say_instead();
    }

    /// Where there are no bars, a line now and then.
    fn say_instead(&self) {
        let mut said = lock(&self.said);
        if !visible() && said.elapsed() > SILENCE {
            *said = Instant::now();
            let view = lock(&self.view);
            complain(&format!("        {}: {}, {}\n", self.name, view.count(), words(view.left())));
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
        BARS.remove(&self.bar);
    }
}

impl View {
    fn count(&self) -> String {
        match self {
            Self::Steps(steps) => {
                let (over, all) = steps.count();
                format!("{over} of {all}")
            }
            Self::Told { count, .. } => count.clone(),
        }
    }

    /// Seconds.
    fn left(&self) -> Option<f64> {
        match self {
            Self::Steps(steps) => steps.left(Instant::now()),
            Self::Told { left, at, .. } => left.map(|left| left - at.elapsed().as_secs_f64()),
        }
    }

    /// Which part is over, of the time or else of the steps.
    fn share(&self, gone: Duration) -> f64 {
        let part = |gone: f64, all: f64| if all > 0.0 { gone / all } else { 0.0 };
        match (self.left(), self) {
            (Some(left), _) => part(gone.as_secs_f64(), gone.as_secs_f64() + left.max(0.0)),
            (None, Self::Steps(steps)) => part(steps.count().0 as f64, steps.count().1 as f64),
            (None, Self::Told { .. }) => 0.0,
        }
    }
}

fn style(view: &Arc<Mutex<View>>) -> ProgressStyle {
    // A test sees that the look is one.
    let style = ProgressStyle::with_template(LOOK).unwrap_or_else(|_| ProgressStyle::default_bar());
    let key = |show: fn(&View, &ProgressState) -> String| {
        let view = Arc::clone(view);
        move |state: &ProgressState, to: &mut dyn Write| {
            // It goes into a string.
            let _ = to.write_str(&show(&lock(&view), state));
        }
    };
    style
        .with_key("count", key(|view, _| view.count()))
        .with_key("gone", key(|_, state| format!("{:#}", HumanDuration(state.elapsed()))))
        .with_key("left", key(|view, _| words(view.left())))
        .with_key("fill", key(|view, state| fill(view.share(state.elapsed()))))
}

fn fill(share: f64) -> String {
    let full = ((share * WIDTH as f64) as usize).min(WIDTH);
    format!("{:<WIDTH$}", "=".repeat(full))
}

/// How long, in words.
fn words(left: Option<f64>) -> String {
    match left {
        None => "not known how long".to_owned(),
        Some(left) if left < 0.5 => "soon over".to_owned(),
        Some(left) => {
            let left = Duration::from_secs_f64(left.min(1e7));
            format!("about {:#} left", HumanDuration(left))
        }
    }
}

/// What a thread that panicked has left is good enough to look at.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_look_is_one() {
        assert!(ProgressStyle::with_template(LOOK).is_ok());
    }

    #[test]
    fn what_is_left_in_words() {
        assert_eq!(words(None), "not known how long");
        assert_eq!(words(Some(-3.0)), "soon over");
        assert_eq!(words(Some(42.0)), "about 42s left");
        assert_eq!(words(Some(600.0)), "about 10m left");
    }

    #[test]
    fn a_bar_is_as_full_as_the_share_that_is_over() {
        assert_eq!(fill(0.25), "=====               ");
        assert_eq!(fill(2.0).trim_end().len(), WIDTH);
        let told = |left| View::Told { count: String::new(), left, at: Instant::now() };
        let share = |left| told(left).share(Duration::from_secs(30));
        assert!((share(Some(10.0)) - 0.75).abs() < 0.01);
        assert!(share(None) < 0.01 && share(Some(-5.0)) > 0.99);
    }

    #[test]
    fn a_step_gives_what_its_work_gives() {
        let bar = Bar::new("test", ["a", "b"]);
        assert_eq!(bar.step("a", || 7), 7);
        assert_eq!(lock(&bar.view).count(), "1 of 2");
    }
}
