//! Every system call that can fail, failing: null or success, and nothing lost.
//!
//! Each fault happens in a child process of its own, because a composition's state is in statics.
//! A child prepares a scenario, has call `k` fail (that one only, or all from it on, or all of a
//! kind), acts, and then everything is freed, and every unit and mapping has to be accounted for.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]
#![expect(clippy::print_stdout, reason = "the program is its own harness")]

mod common;

use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;
use std::sync::{Arc, Barrier};
use std::thread;

use common::{Live, Shadow};
use hakmem_alloc::{Boxes, parts};
use hakmem_contract::Pool;
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
            pool: parts::SharedPool<Acquire<Simulated>, parts::TwoLevel>
                // SAFETY: `compose!` puts the value into a static, where it stays.
                = parts::SharedPool::new(Acquire::new(Simulated::real()), unsafe {
                    parts::TwoLevel::new()
                }),
        }
    }
}

use failing::composition::Composed;

static FAILING: failing::Failing = failing::Failing::new();

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
}

impl Failure {
    fn arm(self) {
        match self {
            Self::At(k) => os().fail_at(k),
            Self::From(k) => os().fail_from(k),
            Self::Every(kind) => os().fail_when(move |call, _| call == kind),
        }
    }

    /// Whether it happened, after the calls of the action.
    fn happened(self, calls: usize) -> bool {
        match self {
            Self::At(k) | Self::From(k) => calls >= k,
            Self::Every(_) => true,
        }
    }
}

/// Something during which calls fail.
struct Scenario {
    name: &'static str,
    prepare: fn(&mut Blocks),
    act: fn(&mut Blocks),
}

const SCENARIOS: &[Scenario] = &[
    Scenario { name: "first block", prepare: |_| {}, act: |b| ask(b, &[24]) },
    Scenario { name: "first zeroed block", prepare: |_| {}, act: |b| _ = b.get_zeroed(24, 16) },
    Scenario { name: "first aligned block", prepare: |_| {}, act: |b| _ = b.get(24, 4096) },
    Scenario { name: "first span", prepare: |_| {}, act: |b| ask(b, &[100_000]) },
    Scenario { name: "first huge block", prepare: |_| {}, act: |b| ask(b, &[3 << 20]) },
    Scenario { name: "superslabs", prepare: |b| ask(b, &[100]), act: |b| ask(b, &[8_000; 1_500]) },
    Scenario { name: "classes", prepare: |_| {}, act: every_class },
    Scenario { name: "front cache", prepare: |b| ask(b, &[64]), act: swing },
    Scenario { name: "spans", prepare: |b| ask(b, &[100]), act: spans },
    Scenario { name: "huge blocks", prepare: |b| ask(b, &[100]), act: huge_blocks },
    Scenario { name: "huge growth", prepare: |b| ask(b, &[2 << 20; 3]), act: huge_growth },
    Scenario { name: "shrinking", prepare: to_shrink, act: shrink },
    Scenario { name: "thread start", prepare: |b| ask(b, &[100]), act: threads },
    Scenario { name: "thread exit", prepare: leave_orphans, act: adopt },
    Scenario { name: "trim", prepare: fragments, act: |_| _ = FAILING.trim() },
    Scenario { name: "random", prepare: |b| ask(b, &[100]), act: random },
];

/// Asks for blocks; null is an answer.
fn ask(blocks: &mut Blocks, sizes: &[usize]) {
    for &size in sizes {
        blocks.get(size, 16);
    }
}

fn every_class(blocks: &mut Blocks) {
    for size in (16..33_000).step_by(500) {
        for _ in 0..20 {
            blocks.get(size, 16);
        }
    }
}

/// Many blocks of many classes, freed and allocated again: the bins grow, into metadata.
fn swing(blocks: &mut Blocks) {
    for size in (16..=1_024).step_by(64) {
        for n in [50, 600] {
            ask(blocks, &vec![size; n]);
            blocks.clear();
        }
    }
}

fn spans(blocks: &mut Blocks) {
    for i in 0..120 {
        blocks.get((i % 16 + 1) << 16, 16);
        if i % 3 == 0 && !blocks.live.is_empty() {
            let which = i % blocks.live.len();
            blocks.resize(which, ((i * 5) % 16 + 1) << 16);
            blocks.give(i * 7 % blocks.live.len());
        }
    }
}

fn huge_blocks(blocks: &mut Blocks) {
    for i in 0..40 {
        blocks.get((i % 7 + 2) << 20, 1 << (i % 25));
        if i % 2 == 0 && !blocks.live.is_empty() {
            blocks.give(i * 7 % blocks.live.len());
        }
    }
}

/// Doubles, where neighbours are in the way.
fn huge_growth(blocks: &mut Blocks) {
    for shift in 22..26 {
        for which in 0..blocks.live.len().min(4) {
            blocks.resize(which, 1 << shift);
        }
        blocks.get(2 << 20, 16);
    }
}

const TO_SHRINK: [(usize, usize); 6] = [
    (20 << 20, 3 << 20),
    (3 << 20, 500_000),
    (3 << 20, 5_000),
    (700_000, 70_000),
    (70_000, 3_000),
    (9_000, 100),
];

/// Blocks to shrink, and no memory at hand for a copy.
fn to_shrink(blocks: &mut Blocks) {
    ask(blocks, &TO_SHRINK.map(|(from, _)| from));
    while pool().census().free_units + pool().memory().stats().fresh > 0 {
        ask(blocks, &[60_000]);
    }
}

/// Never fails, whatever fails below. Small ones first: what a large one gives back would serve all
/// that follow.
fn shrink(blocks: &mut Blocks) {
    for (which, (from, to)) in TO_SHRINK.into_iter().enumerate().rev() {
        assert!(blocks.resize(which, to), "{from} to {to} bytes");
    }
}

/// Threads that allocate, leave something to the others, and end.
fn threads(blocks: &mut Blocks) {
    for tag in 1..4 {
        blocks.live.extend(run_thread(tag));
    }
}

fn run_thread(tag: usize) -> Vec<Live> {
    let thread = thread::spawn(move || {
        let mut blocks = Shadow::new(&FAILING, tag << 30);
        for i in 0..400 {
            blocks.get(i * 13 % 3_000, 16);
        }
        ask(&mut blocks, &[100_000, 3 << 20]);
        while blocks.live.len() > 150 {
            blocks.give(blocks.live.len() * 2 / 3);
        }
        blocks.live
    });
    thread.join().unwrap()
}

/// Blocks whose threads have ended.
fn leave_orphans(blocks: &mut Blocks) {
    ask(blocks, &[100]);
    threads(blocks);
}

/// Frees orphans' blocks, claims the orphans, and needs more than they have.
fn adopt(blocks: &mut Blocks) {
    while blocks.live.len() > 60 {
        blocks.give(blocks.live.len() / 2);
    }
    threads(blocks);
    ask(blocks, &[2_000; 4_000]);
    threads(blocks);
    while blocks.live.len() > 60 {
        blocks.give(blocks.live.len() / 3);
    }
    FAILING.trim();
}

/// Memory that is free in every place that there is.
fn fragments(blocks: &mut Blocks) {
    leave_orphans(blocks);
    ask(blocks, &[5_000; 2_000]);
    ask(blocks, &[200_000; 40]);
    ask(blocks, &[3 << 20; 10]);
    for i in 0..blocks.live.len() * 4 / 5 {
        blocks.give(i * 7919 % blocks.live.len());
    }
}

fn random(blocks: &mut Blocks) {
    let mut state = 88_172_645_463_325_252_u64;
    for _ in 0..1_500 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let (roll, low) = ((state >> 56) as usize, (state & 0xFF_FFFF) as usize);
        let size = match roll % 16 {
            0 => low % (6 << 20),
            1..4 => low % 300_000,
            _ => low % 3_000,
        };
        match blocks.live.len() {
            0 => ask(blocks, &[size]),
            n if roll < 70 => blocks.give(low % n),
            n if roll < 110 => _ = blocks.resize(low % n, size + 1),
            _ => ask(blocks, &[size]),
        }
    }
}

/// How many threads end at once with all the orphans that a scenario left.
const ADOPTERS: usize = 6;

/// Has every heap of a thread that has ended looked after, by threads that claim them.
fn settle_orphans() {
    let all_bound = Arc::new(Barrier::new(ADOPTERS));
    let threads: Vec<_> = (0..ADOPTERS)
        .map(|tag| {
            let all_bound = Arc::clone(&all_bound);
            thread::spawn(move || {
                let mut blocks = Shadow::new(&FAILING, tag);
                assert!(blocks.get(100, 16), "there is memory again");
                all_bound.wait();
                blocks.clear();
                FAILING.trim();
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
}

/// Whether every byte is somewhere.
fn check_books(when: &str) {
    let stats = pool().memory().stats();
    assert!(stats.is_balanced(), "{when}: {stats:?}");
    assert_eq!(stats.mapped, os().mapped(), "{when}: {stats:?}");
    assert!(pool().is_consistent(), "{when}: {:?}", pool().census());
}

/// When nothing is live and everything was trimmed, there is metadata and nothing else.
fn check_nothing_is_lost() {
    // First what we gathered for others; in the end what others gave to us.
    FAILING.trim();
    settle_orphans();
    FAILING.trim();
    check_books("at the end");
    let (stats, census) = (pool().memory().stats(), pool().census());
    assert_eq!((stats.handed_out, stats.cached, stats.fresh), (0, 0, 0), "{stats:?} {census:?}");
    assert_eq!(census.free_units, 0, "{census:?}");
    assert!(stats.meta < 16 << 20, "{stats:?}");
}

/// One scenario with one failure. Returns whether the failure happened.
fn run_once(scenario: &Scenario, failure: Failure) -> bool {
    let mut blocks = Shadow::new(&FAILING, 1);
    (scenario.prepare)(&mut blocks);
    check_books("prepared");
    failure.arm();
    (scenario.act)(&mut blocks);
    let happened = failure.happened(os().calls());
    os().fail_never();
    check_books("after the failure");
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
    check_nothing_is_lost();
    happened
}

const HAPPENED: i32 = 0;
const NOT_REACHED: i32 = 3;
const FAILED: i32 = 4;

/// Runs one scenario with one failure in a process of its own. Returns how that ended.
fn run_in_child(scenario: &Scenario, failure: Failure) -> i32 {
    // SAFETY: this process has one thread only.
    let child = unsafe { libc::fork() };
    assert!(child >= 0, "no fork");
    if child == 0 {
        let outcome = panic::catch_unwind(AssertUnwindSafe(|| run_once(scenario, failure)));
        let code = match outcome {
            Ok(true) => HAPPENED,
            Ok(false) => NOT_REACHED,
            Err(_) => FAILED,
        };
        // SAFETY: has no preconditions; nothing of the parent's is to be run.
        unsafe { libc::_exit(code) };
    }
    let mut status = 0;
    // SAFETY: our child, and a place for its status.
    let waited = unsafe { libc::waitpid(child, &raw mut status, 0) };
    assert_eq!(waited, child, "no child");
    if libc::WIFEXITED(status) { libc::WEXITSTATUS(status) } else { FAILED }
}

/// No scenario makes more calls.
const MOST_CALLS: usize = 2_000;

/// A scenario with each of its calls failing. Returns how many failures were tried, or the first
/// one that did harm.
fn run_scenario(scenario: &Scenario) -> Result<usize, Failure> {
    let mut tried = 0;
    let failures: [fn(usize) -> Failure; 2] = [Failure::At, Failure::From];
    for failing in failures {
        for k in 1..MOST_CALLS {
            let failure = failing(k);
            match run_in_child(scenario, failure) {
                HAPPENED => tried += 1,
                NOT_REACHED => break,
                _ => return Err(failure),
            }
        }
    }
    let kinds = [Call::Map, Call::Unmap, Call::Purge, Call::Advise, Call::Grow, Call::Relocate];
    for failure in kinds.map(Failure::Every) {
        if run_in_child(scenario, failure) != HAPPENED {
            return Err(failure);
        }
        tried += 1;
    }
    Ok(tried)
}

/// That a lost block is noticed. If it is not, the scenarios prove nothing.
const CONTROL: Scenario =
    Scenario { name: "control", prepare: |b| ask(b, &[100]), act: |b| lose(b, 5_000) };

fn lose(blocks: &mut Blocks, size: usize) {
    ask(blocks, &[size]);
    blocks.live.pop();
}

/// The control has to fail, and says so by its silence.
fn control_fails() -> bool {
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let ending = run_in_child(&CONTROL, Failure::At(1));
    panic::set_hook(hook);
    ending == FAILED
}

fn main() -> ExitCode {
    let filter = std::env::args().nth(1).filter(|arg| !arg.starts_with('-'));
    let (mut passed, mut failed, mut filtered) = (0, 0, 0);
    if control_fails() {
        println!("test a lost block is noticed ... ok");
        passed += 1;
    } else {
        println!("test a lost block is noticed ... FAILED");
        failed += 1;
    }
    for scenario in SCENARIOS {
        if filter.as_ref().is_some_and(|filter| !scenario.name.contains(filter.as_str())) {
            filtered += 1;
            continue;
        }
        match run_scenario(scenario) {
            Ok(tried) => {
                println!("test {} ({tried} failures) ... ok", scenario.name);
                passed += 1;
            }
            Err(failure) => {
                println!("test {} with {failure:?} ... FAILED", scenario.name);
                failed += 1;
            }
        }
    }
    let verdict = if failed == 0 { "ok" } else { "FAILED" };
    println!(
        "\ntest result: {verdict}. {passed} passed; {failed} failed; 0 ignored; 0 measured; \
         {filtered} filtered out\n"
    );
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
