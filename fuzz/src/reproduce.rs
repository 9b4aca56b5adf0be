//! How to see a failure again: the command, also when the process dies.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

/// Tests of one binary that can run at once and be told apart.
const TESTS: usize = 16;

/// The longest command.
const LENGTH: usize = 400;

/// The command for each running test; read by the signal handler.
static COMMANDS: [Text; TESTS] = [const { Text::new() }; TESTS];

/// How many of them are in use.
static USED: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// This thread's number among the commands.
    static MINE: Cell<Option<usize>> = const { Cell::new(None) };
}

/// A line that a signal handler can read.
#[derive(Debug)]
struct Text {
    bytes: [AtomicU8; LENGTH],
    len: AtomicUsize,
}

impl Text {
    const fn new() -> Self {
        Self { bytes: [const { AtomicU8::new(0) }; LENGTH], len: AtomicUsize::new(0) }
    }

    fn set(&self, text: &str) {
        // Release, here and below: a handler that sees the length sees the text.
        self.len.store(0, Ordering::Release);
        for (slot, &byte) in self.bytes.iter().zip(text.as_bytes()) {
            slot.store(byte, Ordering::Relaxed);
        }
        self.len.store(text.len().min(self.bytes.len()), Ordering::Release);
    }

    /// Writes the line to the standard error stream.
    fn print(&self) {
        // Acquire: see `set`.
        let len = self.len.load(Ordering::Acquire);
        let mut line = [0; LENGTH];
        for (byte, slot) in line.iter_mut().zip(&self.bytes) {
            *byte = slot.load(Ordering::Relaxed);
        }
        // SAFETY: bytes of ours; `write` may be called in a signal handler.
        unsafe { libc::write(2, line.as_ptr().cast(), len) };
    }
}

/// This thread's line.
fn mine() -> Option<&'static Text> {
    let number = MINE.get().unwrap_or_else(|| {
        // Relaxed: a number.
        let number = USED.fetch_add(1, Ordering::Relaxed);
        MINE.set(Some(number));
        number
    });
    COMMANDS.get(number)
}

/// Does what a target does with one input. If that panics, or the process dies of it, the command that
/// runs the input again is printed.
pub fn reproducible<T>(work: impl FnOnce() -> T) -> T {
    static HANDLERS: Once = Once::new();
    HANDLERS.call_once(|| {
        for signal in [libc::SIGABRT, libc::SIGSEGV, libc::SIGBUS, libc::SIGILL] {
            catch(signal);
        }
    });
    let Some(line) = mine() else { return work() };
    if let Some(command) = command() {
        line.set(&format!("\nreproduce: {command}\n"));
    }
    let result = panic::catch_unwind(AssertUnwindSafe(work));
    // Not for each input that is tried to make a failing one smaller.
    let first = bolero::with_context(|context| context.run_phase == bolero::RunPhase::Normal);
    if result.is_err() && first.unwrap_or(true) {
        line.print();
    }
    line.set("");
    result.unwrap_or_else(|payload| panic::resume_unwind(payload))
}

/// The command that runs this input again, if it has a seed.
fn command() -> Option<String> {
    let context = bolero::current_context()?;
    let seed = context.input.seed?;
    let program = std::env::current_exe().ok()?;
    let program = program.file_stem()?.to_str()?.to_owned();
    let binary = program.rsplit_once('-').map_or(program.as_str(), |(name, _)| name);
    let thread = std::thread::current();
    let test = thread.name().unwrap_or_default();
    Some(format!(
        "BOLERO_RANDOM_SEED={seed} BOLERO_RANDOM_ITERATIONS=0 \
         cargo test -p hakmem-fuzz --test {binary} -- --exact {test}"
    ))
}

/// Prints the commands on `signal`, which then has its usual effect.
fn catch(signal: libc::c_int) {
    extern "C" fn on_signal(signal: libc::c_int) {
        COMMANDS.iter().for_each(Text::print);
        // SAFETY: the handler was reset when it was called.
        unsafe { libc::raise(signal) };
    }
    // SAFETY: all zero bytes are a `sigaction`.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    let handler: extern "C" fn(libc::c_int) = on_signal;
    action.sa_sigaction = handler as libc::sighandler_t;
    action.sa_flags = libc::SA_RESETHAND | libc::SA_ONSTACK | libc::SA_NODEFER;
    // SAFETY: the handler only reads atomics and calls `write` and `raise`.
    let result = unsafe { libc::sigaction(signal, &raw const action, std::ptr::null_mut()) };
    assert_eq!(result, 0, "no handler for signal {signal}");
}
