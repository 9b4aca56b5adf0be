//! Every system call that can fail, failing: null or success, nothing lost, and every byte accounted
//! for.
//!
//! Each fault happens in a child process of its own, because a composition's state is in statics.
//! A child prepares a scenario, has call `k` fail (that one only, or all from it on, or all of a
//! kind), and acts. After every call of the allocator in which something failed, and at the end, the
//! accounting has to be right ([`equation`]); then everything is freed, and there is nothing left but
//! metadata.
//!
//! The number of failures that happened is printed, and may not fall below what it was: a scenario that
//! does nothing has not passed.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]
#![expect(clippy::print_stdout, reason = "the program is its own harness")]

#[path = "../common/mod.rs"]
mod common;
mod equation;
mod exhausted;
mod scenarios;

use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;

use common::Shadow;
use hakmem_alloc::{Boxes, Heap, Options, parts};
use hakmem_contract::{MetaArena, Pool, SUPERSLAB};
use hakmem_os_acquire::simulated::Call;
use hakmem_os_acquire::{Acquire, Simulated};

/// The default boxes on a system that can fail.
mod failing {
    use super::*;

    hakmem_alloc::compose! {
        /// See above.
        pub(crate) Failing, "hakmem_test_failing_word" {
            classes: parts::FourPerDoubling,
            front: parts::UnifiedCache,
            counters: parts::NoCounters,
            page: parts::Slab,
            pool: parts::SharedPool<Acquire<Simulated>, parts::TwoLevel>,
        }
    }
}

use failing::composition::Composed;

static FAILING: failing::Failing = failing::Failing::new();

/// The same, mapping ahead at first, and keeping as good as nothing: it is asked first, and so decides.
static SPARING: failing::Failing = failing::Failing::with(
    Options::new()
        .prewarm(3)
        .superslab_cache_count(2)
        .superslab_cache_bytes(3 * SUPERSLAB)
        .superslab_cache_age_ms(0),
);

type Blocks = Shadow<Composed>;

fn pool() -> &'static parts::SharedPool<Acquire<Simulated>, parts::TwoLevel> {
    Composed::shared().pool()
}

fn os() -> &'static Simulated {
    pool().memory().os()
}

/// What fails while a scenario acts.
#[derive(Clone, Copy, Debug)]
enum Failure {
    /// Call `k` only.
    At(usize),
    /// Call `k` and all that follow.
    From(usize),
    /// Every call of a kind.
    Every(Call),
    /// Every mapping for metadata, of which there are so many pieces left.
    Starved(usize),
    /// What would make so many bytes more mapped than there are.
    Above(usize),
}

impl Failure {
    fn arm(self) {
        match self {
            Self::At(k) => os().fail_at(k),
            Self::From(k) => os().fail_from(k),
            Self::Every(kind) => os().fail_when(move |call, _| call == kind),
            Self::Starved(pieces) => starve(pieces),
            Self::Above(bytes) => os().fail_above(os().mapped() + bytes),
        }
    }
}

/// What the metadata arena deals in.
const PIECE: usize = 64;

/// Leaves `pieces` pieces in the metadata arena, and has it get no more.
fn starve(pieces: usize) {
    let is_for_metadata = |call, bytes| call == Call::Map && bytes < SUPERSLAB;
    let memory = pool().memory();
    os().fail_when(is_for_metadata);
    while memory.alloc_meta(PIECE).is_some() {}
    os().fail_never();
    let before = memory.stats().meta;
    assert!(memory.alloc_meta(PIECE).is_some(), "no new chunk");
    let chunk = (memory.stats().meta - before) / PIECE;
    for _ in pieces + 1..chunk {
        assert!(memory.alloc_meta(PIECE).is_some(), "the chunk was shorter");
    }
    os().fail_when(is_for_metadata);
}

/// Something during which calls fail.
struct Scenario {
    name: &'static str,
    alloc: &'static failing::Failing,
    prepare: fn(&mut Blocks),
    act: fn(&mut Blocks),
    /// Failures that happened when the scenario was written, in the run with the fewest, and a few less:
    /// a mapping that happens to be aligned saves calls.
    least: usize,
    /// Kinds of calls that it is there for.
    makes: &'static [Call],
}

/// One scenario with one failure. Returns whether the failure happened.
fn run_once(scenario: &Scenario, failure: Failure) -> bool {
    let mut blocks = Shadow::watched(scenario.alloc, 1, equation::watch);
    (scenario.prepare)(&mut blocks);
    equation::check("prepared");
    failure.arm();
    (scenario.act)(&mut blocks);
    let happened = os().refused() > 0;
    equation::check("after the failure");
    os().fail_never();
    blocks.check();
    blocks.check_apart();
    // What failed has not spoilt anything: the same, without a failure.
    let refused = blocks.refused;
    (scenario.act)(&mut blocks);
    assert_eq!(blocks.refused, refused, "there is memory again");
    for size in [1, 1_000, 100_000, 3 << 20] {
        assert!(blocks.get(size, 16), "{size} bytes");
    }
    blocks.clear();
    equation::check_all_freed();
    equation::check_nothing_is_lost();
    happened
}

const HAPPENED: i32 = 0;
const NOT_REACHED: i32 = 3;
const FAILED: i32 = 4;

/// Runs one scenario with one failure in a process of its own. Returns how that ended.
fn run_in_child(scenario: &Scenario, failure: Failure) -> i32 {
    in_child(|| if run_once(scenario, failure) { HAPPENED } else { NOT_REACHED })
}

/// Does something in a process of its own. Returns how that ended.
fn in_child(act: impl FnOnce() -> i32) -> i32 {
    // SAFETY: this process has one thread only.
    let child = unsafe { libc::fork() };
    assert!(child >= 0, "no fork");
    if child == 0 {
        let code = panic::catch_unwind(AssertUnwindSafe(act)).unwrap_or(FAILED);
        // SAFETY: has no preconditions; nothing of the parent's is to be run.
        unsafe { libc::_exit(code) };
    }
    wait_for(child)
}

/// How a child of ours ended.
fn wait_for(child: i32) -> i32 {
    let mut status = 0;
    // SAFETY: our child, and a place for its status.
    let waited = unsafe { libc::waitpid(child, &raw mut status, 0) };
    assert_eq!(waited, child, "no child");
    if libc::WIFEXITED(status) { libc::WEXITSTATUS(status) } else { FAILED }
}

/// No scenario makes more calls.
const MOST_CALLS: usize = 2_000;

const KINDS: [Call; 7] =
    [Call::Map, Call::Unmap, Call::Purge, Call::Populate, Call::Advise, Call::Grow, Call::Relocate];

/// Pieces of metadata that a heap needs.
const HEAP: usize = size_of::<Heap<Composed>>().div_ceil(PIECE);

/// Pieces of metadata that are left when there are no more: not enough for a descriptor, for a heap, for
/// a descriptor beside a heap, and so on.
const PIECES: [usize; 15] =
    [0, 1, 2, 4, 8, 20, 50, HEAP - 1, HEAP, HEAP + 1, HEAP + 4, HEAP + 8, HEAP + 20, 300, 500];

/// Bytes that are left of the address space.
const ROOM: [usize; 6] = [0, 64 << 10, 1 << 20, 2 << 20, 5 << 20, 20 << 20];

/// A scenario with one failure. Returns whether it happened, or what is wrong.
fn try_failure(scenario: &Scenario, failure: Failure) -> Result<bool, String> {
    match run_in_child(scenario, failure) {
        HAPPENED => Ok(true),
        NOT_REACHED => Ok(false),
        _ => Err(format!("{failure:?} does harm")),
    }
}

/// A scenario with each of its calls failing. Returns how many failures happened, or what is wrong.
fn run_scenario(scenario: &Scenario) -> Result<usize, String> {
    let mut tried = 0;
    let failures: [fn(usize) -> Failure; 2] = [Failure::At, Failure::From];
    for failing in failures {
        for k in 1..MOST_CALLS {
            if !try_failure(scenario, failing(k))? {
                break;
            }
            tried += 1;
        }
    }
    for pieces in PIECES {
        tried += usize::from(try_failure(scenario, Failure::Starved(pieces))?);
    }
    for bytes in ROOM {
        tried += usize::from(try_failure(scenario, Failure::Above(bytes))?);
    }
    for kind in KINDS {
        let happened = try_failure(scenario, Failure::Every(kind))?;
        if !happened && scenario.makes.contains(&kind) {
            return Err(format!("no {kind:?} was made"));
        }
        tried += usize::from(happened);
    }
    if tried < scenario.least {
        return Err(format!("{tried} failures happened, and there were {}", scenario.least));
    }
    Ok(tried)
}

/// That a lost block is noticed. If it is not, the scenarios prove nothing.
const CONTROL: Scenario = Scenario {
    name: "control",
    alloc: &FAILING,
    prepare: |b| scenarios::ask(b, &[100]),
    act: |b| lose(b, 5_000),
    least: 0,
    makes: &[],
};

fn lose(blocks: &mut Blocks, size: usize) {
    scenarios::ask(blocks, &[size]);
    blocks.live.pop();
}

/// The control has to fail, and says so by its silence.
fn control() -> Result<usize, String> {
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let ending = run_in_child(&CONTROL, Failure::At(1));
    panic::set_hook(hook);
    if ending == FAILED { Ok(1) } else { Err("nothing was noticed".to_owned()) }
}

/// Runs a check in a process of its own: what was freed can be had, by others and otherwise, though
/// the system gives no more.
fn run_check(check: fn()) -> Result<usize, String> {
    match in_child(|| {
        check();
        HAPPENED
    }) {
        HAPPENED => Ok(1),
        _ => Err("see above".to_owned()),
    }
}

/// What was run so far.
#[derive(Default)]
struct Tally {
    passed: usize,
    failed: usize,
    filtered: usize,
    failures: usize,
}

impl Tally {
    fn note(&mut self, name: &str, outcome: Result<usize, String>) {
        match outcome {
            Ok(tried) => {
                println!("test {name} ({tried} failures) ... ok");
                self.passed += 1;
                self.failures += tried;
            }
            Err(fault) => {
                println!("{name}: {fault}");
                println!("test {name} ... FAILED");
                self.failed += 1;
            }
        }
    }
}

fn main() -> ExitCode {
    // Time passes where a scenario says so, and not otherwise.
    os().set_clock(0);
    // A wish that is granted saves calls, and what is not called cannot fail.
    os().obey_hints(false);
    let filter = std::env::args().nth(1).filter(|arg| !arg.starts_with('-'));
    let mut tally = Tally::default();
    tally.note("a-lost-block-is-noticed", control());
    for scenario in scenarios::ALL {
        if filter.as_ref().is_some_and(|filter| !scenario.name.contains(filter.as_str())) {
            tally.filtered += 1;
        } else {
            tally.note(scenario.name, run_scenario(scenario));
        }
    }
    for (name, check) in exhausted::ALL {
        if filter.as_ref().is_some_and(|filter| !name.contains(filter.as_str())) {
            tally.filtered += 1;
        } else {
            tally.note(name, run_check(*check));
        }
    }
    let Tally { passed, failed, filtered, failures } = tally;
    let verdict = if failed == 0 { "ok" } else { "FAILED" };
    println!("\n{failures} failures were injected");
    println!(
        "\ntest result: {verdict}. {passed} passed; {failed} failed; 0 ignored; 0 measured; \
         {filtered} filtered out\n"
    );
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
