//! The whole allocator, from outside: 10 million calls, beside a shadow of every block.
//!
//! A failure prints the command that shows it again.
#![expect(clippy::print_stdout, reason = "says how much it did")]

mod fresh;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bolero::check;
use fresh::{
    Chained, Fitted, Flattened, Hard, Hashed, InARow, Listed, Placed, Port, Standard, World,
};
use hakmem_alloc::census::{CountBlocks, CountFree};
use hakmem_alloc::{Allocator, Hakmem, parts};
use hakmem_contract::{Registry, Survey};
use hakmem_fuzz::{Done, Program, Schedule, Subject, System, reproducible, run, run_audited};
use hakmem_shared_pool::Policy;

/// Calls that each target makes at least under `cargo test`.
const TURNS: u64 = 3_000_000;
const LISTED: u64 = 1_000_000;
const CHAINED: u64 = 1_000_000;
const HASHED: u64 = 300_000;
const ROWED: u64 = 500_000;
const FLAT: u64 = 100_000;
const FITTED: u64 = 300_000;
const HARDENED: u64 = 500_000;
const AT_ONCE: u64 = 5_000_000;
const _: () = assert!(TURNS + LISTED + CHAINED + HASHED + ROWED + HARDENED + AT_ONCE >= 10_000_000);

/// A program makes so many calls on average, and some more.
const CALLS: u64 = 1_100;

/// Bytes for the longest program.
const MOST_BYTES: usize = 8 << 10;

/// Counts calls, and says at the end how many there were.
#[derive(Debug, Default)]
struct Tally(AtomicU64);

impl Tally {
    fn add(&self, done: &Done) {
        // Relaxed: a sum.
        self.0.fetch_add(done.calls, Ordering::Relaxed);
    }

    /// Fails if there were fewer than `least`, unless somebody chose how long to run.
    fn check(&self, least: u64) {
        let calls = self.0.load(Ordering::Relaxed);
        println!("{calls} calls");
        let chosen = ["BOLERO_RANDOM_ITERATIONS", "BOLERO_RANDOM_TEST_TIME_MS"];
        let free = chosen.iter().any(|name| std::env::var_os(name).is_some());
        assert!(free || calls >= least, "{calls} calls, to be {least}");
    }
}

const fn programs(calls: u64) -> usize {
    (calls / CALLS) as usize
}

/// A program in a new world, one thread at a time; `audit` gets the live bytes between turns.
fn in_world<B: Placed>(program: &Program, audit: fn(&Allocator<B>, usize)) -> Done
where
    Allocator<B>: Subject,
{
    reproducible(|| {
        // One that fails is made smaller as long as there can be worlds; then all others pass.
        let Some(world) = World::<B>::open(program.setup.options()) else {
            return Done::default();
        };
        let allocator = world.allocator();
        let done = run_audited(allocator, program, Schedule::Turns, &|live| audit(allocator, live));
        world.close();
        done
    })
}

/// Every mapped byte is somewhere, and so many of them are live.
fn account<B, R, P>(allocator: &Allocator<B>, live: usize)
where
    B: Placed<
            Page: CountFree,
            Front: CountBlocks,
            Pool = parts::SharedPool<parts::Acquire<Port<B>>, R, P>,
        >,
    R: Registry + Survey,
    P: Policy,
{
    // SAFETY: between turns no thread is in the allocator.
    let census = unsafe { allocator.census() };
    let mapped = B::place().system().mapped();
    assert!(census.accounts_for(mapped), "{mapped} bytes are mapped: {census:?}");
    assert_eq!(census.live, live, "live bytes: {census:?}");
}

#[test]
fn in_turns() {
    let tally = Tally::default();
    check!()
        .with_type::<Program>()
        .with_iterations(programs(TURNS))
        .with_max_len(MOST_BYTES)
        .for_each(|program| tally.add(&in_world::<Standard>(program, account)));
    tally.check(TURNS);
}

#[test]
fn on_lists() {
    let tally = Tally::default();
    check!()
        .with_type::<Program>()
        .with_iterations(programs(LISTED))
        .with_max_len(MOST_BYTES)
        .for_each(|program| tally.add(&in_world::<Listed>(program, account)));
    tally.check(LISTED);
}

/// Slabs whose free blocks are lists, which write to what the program has freed.
#[test]
fn on_chains() {
    let tally = Tally::default();
    check!()
        .with_type::<Program>()
        .with_iterations(programs(CHAINED))
        .with_max_len(MOST_BYTES)
        .for_each(|program| tally.add(&in_world::<Chained>(program, account)));
    tally.check(CHAINED);
}

/// Another registry.
#[test]
fn on_a_hash_table() {
    let tally = Tally::default();
    check!()
        .with_type::<Program>()
        .with_iterations(programs(HASHED + HASHED / 2))
        .with_max_len(MOST_BYTES)
        .for_each(|program| tally.add(&in_world::<Hashed>(program, account)));
    tally.check(HASHED);
}

/// Front caches in front of front caches, and few classes.
#[test]
fn in_a_row() {
    let tally = Tally::default();
    check!()
        .with_type::<Program>()
        .with_iterations(programs(ROWED))
        .with_max_len(MOST_BYTES)
        .for_each(|program| tally.add(&in_world::<InARow>(program, account)));
    tally.check(ROWED);
}

/// A pool with one lock.
#[test]
fn on_first_fit() {
    let tally = Tally::default();
    check!()
        .with_type::<Program>()
        .with_iterations(programs(FITTED + FITTED / 2))
        .with_max_len(MOST_BYTES)
        .for_each(|program| tally.add(&in_world::<Fitted>(program, account)));
    tally.check(FITTED);
}

/// A registry in one array.
#[test]
fn on_an_array() {
    let tally = Tally::default();
    check!()
        .with_type::<Program>()
        .with_iterations(programs(FLAT + FLAT / 2))
        .with_max_len(MOST_BYTES)
        .for_each(|program| tally.add(&in_world::<Flattened>(program, account)));
    tally.check(FLAT);
}

/// The hardened boxes. A range that the system refuses to make accessible again is lost, as they say,
/// so nothing is refused here.
#[test]
fn hardened() {
    let tally = Tally::default();
    check!()
        .with_type::<Program>()
        .with_iterations(programs(HARDENED))
        .with_max_len(MOST_BYTES)
        .for_each(|program| tally.add(&in_world::<Hard>(&program.without_faults(), |_, _| {})));
    tally.check(HARDENED);
}

/// On the real system, on one heap that grows old.
#[test]
fn at_once() {
    static HAKMEM: Hakmem = Hakmem::new();
    let tally = Tally::default();
    check!()
        .with_type::<Program>()
        .with_iterations(programs(AT_ONCE))
        .with_max_len(MOST_BYTES)
        // A program that failed leaves a heap that makes every other one fail.
        .with_shrink_time(Duration::ZERO)
        .for_each(|program| tally.add(&reproducible(|| run(&HAKMEM, program, Schedule::AtOnce))));
    tally.check(AT_ONCE);
}

/// The system's allocator says null where ours does, and passes the same checks: they ask for no
/// more than a program may expect.
#[test]
fn as_the_system() {
    check!().with_type::<Program>().with_iterations(400).with_max_len(MOST_BYTES).for_each(
        |program| {
            let program = program.without_faults();
            let ours = in_world::<Standard>(&program, account);
            let theirs = reproducible(|| run(&System, &program, Schedule::Turns));
            assert_eq!(ours, theirs);
        },
    );
}
