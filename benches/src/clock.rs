//! The timed part of a run: its seconds, and what the kernel counted for the process meanwhile.
//!
//! Whoever watches from outside has to know where the timed part begins and ends: the moments are on the
//! clock that all processes share, a tracer of system calls sees a write that fails (`--marks`), and
//! callgrind two functions that do nothing.

use std::hint::black_box;
use std::io::Read as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// What the kernel counted for this process since it began, and for those it started that have ended.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    /// Page faults that needed no reading from a disk.
    pub minor_faults: u64,
    /// Page faults that did.
    pub major_faults: u64,
    /// Context switches because a thread waited.
    pub voluntary: u64,
    /// Context switches because another thread was to run.
    pub involuntary: u64,
    /// Seconds of processor time in the program.
    pub user: f64,
    /// Seconds of processor time in the kernel.
    pub system: f64,
}

impl Usage {
    /// Asks the kernel; zeros if it does not say.
    #[must_use]
    pub fn read() -> Self {
        let [own, children] = [libc::RUSAGE_SELF, libc::RUSAGE_CHILDREN].map(Self::of);
        Self {
            minor_faults: own.minor_faults + children.minor_faults,
            major_faults: own.major_faults + children.major_faults,
            voluntary: own.voluntary + children.voluntary,
            involuntary: own.involuntary + children.involuntary,
            user: own.user + children.user,
            system: own.system + children.system,
        }
    }

    fn of(whom: libc::c_int) -> Self {
        let mut raw = std::mem::MaybeUninit::<libc::rusage>::zeroed();
        // SAFETY: valid for the write of one `rusage`.
        if unsafe { libc::getrusage(whom, raw.as_mut_ptr()) } != 0 {
            return Self::default();
        }
        // SAFETY: the kernel has written it, and zero bytes are valid, too.
        let raw = unsafe { raw.assume_init() };
        let count = |value: libc::c_long| u64::try_from(value).unwrap_or(0);
        let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
        Self {
            minor_faults: count(raw.ru_minflt),
            major_faults: count(raw.ru_majflt),
            voluntary: count(raw.ru_nvcsw),
            involuntary: count(raw.ru_nivcsw),
            user: seconds(raw.ru_utime),
            system: seconds(raw.ru_stime),
        }
    }

    /// What came after `earlier`.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            minor_faults: self.minor_faults.saturating_sub(earlier.minor_faults),
            major_faults: self.major_faults.saturating_sub(earlier.major_faults),
            voluntary: self.voluntary.saturating_sub(earlier.voluntary),
            involuntary: self.involuntary.saturating_sub(earlier.involuntary),
            user: (self.user - earlier.user).max(0.0),
            system: (self.system - earlier.system).max(0.0),
        }
    }
}

/// The state of the process at one of the two ends of the timed part.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mark {
    /// Seconds on the clock that every process reads (`CLOCK_MONOTONIC`).
    pub at: f64,
    /// Resident set in bytes.
    pub rss: u64,
    /// What the kernel had counted.
    pub usage: Usage,
}

impl Part {
    /// Without resident sets, for a workload that measures other processes than its own.
    #[must_use]
    pub fn without_memory(mut self) -> Self {
        (self.begin.rss, self.end.rss) = (0, 0);
        self
    }
}

/// The timed part, from end to end.
#[derive(Clone, Copy, Debug, Default)]
pub struct Part {
    /// Just before it.
    pub begin: Mark,
    /// Just after it.
    pub end: Mark,
}

/// The last timed part of this process; a process has one.
static PART: Mutex<Option<Part>> = Mutex::new(None);

/// Whether a tracer is to see the marks.
static TRACED: AtomicBool = AtomicBool::new(false);

/// What else is to happen at the two ends: [`at_the_ends`].
static HOOKS: Mutex<Hooks> = Mutex::new(Hooks { begin: nothing, end: nothing });

/// See [`at_the_ends`].
#[derive(Clone, Copy, Debug)]
struct Hooks {
    begin: fn(),
    end: fn(),
}

fn nothing() {}

/// A running timed part.
#[derive(Debug)]
#[must_use = "a part ends with `stop`"]
pub struct Clock {
    begin: Mark,
    start: Instant,
}

impl Clock {
    /// Begins the timed part. Before the clock: nothing that is noted here is timed.
    pub fn start() -> Self {
        let mut begin = Mark { rss: resident(), ..Mark::default() };
        hook(|hooks| hooks.begin);
        begin.usage = Usage::read();
        begin.at = monotonic();
        trace(b"timed part begins");
        timed_part_begins();
        Self { begin, start: Instant::now() }
    }

    /// Ends the timed part. Returns its seconds.
    pub fn stop(self) -> f64 {
        let seconds = self.start.elapsed().as_secs_f64();
        timed_part_ends();
        trace(b"timed part ends");
        let mut end = Mark { at: monotonic(), usage: Usage::read(), rss: 0 };
        hook(|hooks| hooks.end);
        end.rss = resident();
        if let Ok(mut part) = PART.lock() {
            *part = Some(Part { begin: self.begin, end });
        }
        seconds
    }
}

/// The timed part of the run that is over; `None` before its end.
#[must_use]
pub fn part() -> Option<Part> {
    PART.lock().ok().and_then(|part| *part)
}

/// Makes the ends of the timed part visible to a tracer of system calls.
pub fn be_traced() {
    // Relaxed: set before any thread is started.
    TRACED.store(true, Ordering::Relaxed);
}

/// Calls `begin` just before the timed part, and `end` just after it.
pub fn at_the_ends(begin: fn(), end: fn()) {
    if let Ok(mut hooks) = HOOKS.lock() {
        *hooks = Hooks { begin, end };
    }
}

/// Calls one of the hooks.
fn hook(which: fn(&Hooks) -> fn()) {
    // Not called under the lock.
    let chosen = HOOKS.lock().ok().map(|hooks| which(&hooks));
    if let Some(hook) = chosen {
        hook();
    }
}

/// A write that fails, for a tracer to see.
fn trace(text: &[u8]) {
    // Relaxed: as in `be_traced`.
    if TRACED.load(Ordering::Relaxed) {
        // SAFETY: the text is valid for reading; no file has the number -1.
        unsafe { libc::write(-1, text.as_ptr().cast(), text.len()) };
    }
}

/// Callgrind counts from here on (`--zero-before`).
#[inline(never)]
fn timed_part_begins() {
    black_box(0);
}

/// Callgrind counts up to here (`--dump-before`).
#[inline(never)]
fn timed_part_ends() {
    black_box(1);
}

fn monotonic() -> f64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: valid for the write of one `timespec`.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
    now.tv_sec as f64 + now.tv_nsec as f64 / 1e9
}

/// Resident bytes now, as the driver samples them; 0 where there is no `/proc`. Allocates nothing, so
/// that the allocator that is measured does not see it.
fn resident() -> u64 {
    let mut text = [0_u8; 128];
    let read = std::fs::File::open("/proc/self/statm").and_then(|mut file| file.read(&mut text));
    let text = std::str::from_utf8(&text[..read.unwrap_or(0)]).unwrap_or_default();
    let pages = text.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0);
    // SAFETY: asks for a number.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    pages * u64::try_from(page).unwrap_or(4096)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One test, because a process has one timed part.
    #[test]
    fn a_part_has_two_ends_and_what_happened_between_them() {
        assert!(part().is_none());
        let clock = Clock::start();
        let mut memory = vec![0_u8; 8 << 20];
        memory.iter_mut().step_by(4096).for_each(|byte| *byte = 1);
        black_box(&memory);
        let seconds = clock.stop();
        let part = part().unwrap_or_default();
        assert!(seconds > 0.0);
        assert!(part.end.at - part.begin.at >= seconds, "the ends are outside of what is timed");
        let used = part.end.usage.since(&part.begin.usage);
        assert!(used.minor_faults >= 2, "{used:?}");
        assert!(part.end.rss >= part.begin.rss + (6 << 20), "{part:?}");
    }

    #[test]
    fn what_came_later_is_a_difference() {
        let early = Usage {
            minor_faults: 3,
            major_faults: 1,
            voluntary: 2,
            involuntary: 0,
            user: 0.5,
            system: 1.0,
        };
        let late = Usage {
            minor_faults: 10,
            major_faults: 1,
            voluntary: 9,
            involuntary: 4,
            user: 2.0,
            system: 1.5,
        };
        let expected = Usage {
            minor_faults: 7,
            major_faults: 0,
            voluntary: 7,
            involuntary: 4,
            user: 1.5,
            system: 0.5,
        };
        assert_eq!(late.since(&early), expected);
        assert_eq!(early.since(&late), Usage::default());
    }
}
