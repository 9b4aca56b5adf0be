//! The workloads. `README.md` says what each stands for and what one operation is.

mod async_pool;
mod btree_strings;
mod burst_idle;
mod churn;
mod false_sharing;
mod fragment;
mod free_only_thread;
mod huge_realloc;
mod large;
mod larson;
mod pair;
mod relay;
mod replay;
mod sh;
mod slots;
mod startup;
mod stream;
mod tree;
mod vec_grow;

use crate::measure::{Common, Measured};

/// A workload with its own options.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum Workload {
    /// Random slots of a table: a filled one is freed, an empty one gets a random size.
    RandomMixed(slots::RandomMixed),
    /// As random-mixed, with one size.
    FixedSize(slots::FixedSize),
    /// `Box::new` and drop, in a loop.
    BoxPair(pair::BoxPair),
    /// Allocates n objects and frees them in the same order.
    Stream(stream::Stream),
    /// Allocates n objects and frees them in random order.
    Scatter(stream::Scatter),
    /// Servers that replace random objects, and hand their objects to the next thread.
    Larson(larson::Larson),
    /// Producers allocate, consumers free.
    Relay(relay::Relay),
    /// Small objects of one thread, written and replaced by others.
    FalseSharing(false_sharing::FalseSharing),
    /// Live sets that grow and shrink, with objects that change threads.
    Churn(churn::Churn),
    /// Binary trees of boxes: built, summed, dropped.
    Tree(tree::Tree),
    /// A map of strings: inserts, look-ups, removals.
    BtreeStrings(btree_strings::BtreeStrings),
    /// Vectors grown by `push` to many lengths.
    VecGrow(vec_grow::VecGrow),
    /// A table of large objects, one byte of each page touched.
    Large(large::Large),
    /// One vector grown to hundreds of MiB.
    HugeRealloc(huge_realloc::HugeRealloc),
    /// Runs of objects, freed last in first out or first in first out.
    Sh6(sh::Sh6),
    /// As sh6, with mixed sizes, and with runs that the next thread frees.
    Sh8(sh::Sh8),
    /// One thread allocates, another one only frees.
    FreeOnlyThread(free_only_thread::FreeOnlyThread),
    /// Tasks that hop between workers, and free what they allocated elsewhere.
    AsyncPool(async_pool::AsyncPool),
    /// Grows, frees nine in ten at random, grows other sizes: peak against live bytes.
    Fragment(fragment::Fragment),
    /// What stays resident for seconds after a burst.
    BurstIdle(burst_idle::BurstIdle),
    /// Processes that live a few milliseconds.
    Startup(startup::Startup),
    /// What a program asked its allocator for, as `cargo xtask trace` recorded it.
    Replay(replay::Replay),
}

impl Workload {
    /// Runs the workload.
    ///
    /// # Errors
    ///
    /// What is wrong with the options, in words.
    pub fn run(&self, common: &Common) -> Result<Measured, String> {
        match self {
            Self::RandomMixed(args) => args.run(common),
            Self::FixedSize(args) => args.run(common),
            Self::BoxPair(args) => args.run(common),
            Self::Stream(args) => args.run(common),
            Self::Scatter(args) => args.run(common),
            Self::Larson(args) => args.run(common),
            Self::Relay(args) => args.run(common),
            Self::FalseSharing(args) => args.run(common),
            Self::Churn(args) => args.run(common),
            Self::Tree(args) => args.run(common),
            Self::BtreeStrings(args) => args.run(common),
            Self::VecGrow(args) => args.run(common),
            Self::Large(args) => args.run(common),
            Self::HugeRealloc(args) => args.run(common),
            Self::Sh6(args) => args.run(common),
            Self::Sh8(args) => args.run(common),
            Self::FreeOnlyThread(args) => args.run(common),
            Self::AsyncPool(args) => args.run(common),
            Self::Fragment(args) => args.run(common),
            Self::BurstIdle(args) => args.run(common),
            Self::Startup(args) => args.run(common),
            Self::Replay(args) => args.run(common),
        }
    }

    /// Name and options, for the report.
    #[must_use]
    pub fn describe(&self) -> (&'static str, Vec<(&'static str, usize)>) {
        match self {
            Self::RandomMixed(args) => ("random-mixed", args.params()),
            Self::FixedSize(args) => ("fixed-size", args.params()),
            Self::BoxPair(_) => ("box-pair", Vec::new()),
            Self::Stream(args) => ("stream", args.params()),
            Self::Scatter(args) => ("scatter", args.params()),
            Self::Larson(args) => ("larson", args.params()),
            Self::Relay(args) => ("relay", args.params()),
            Self::FalseSharing(args) => ("false-sharing", args.params()),
            Self::Churn(args) => ("churn", args.params()),
            Self::Tree(args) => ("tree", args.params()),
            Self::BtreeStrings(args) => ("btree-strings", args.params()),
            Self::VecGrow(args) => ("vec-grow", args.params()),
            Self::Large(args) => ("large", args.params()),
            Self::HugeRealloc(args) => ("huge-realloc", args.params()),
            Self::Sh6(args) => ("sh6", args.params()),
            Self::Sh8(args) => ("sh8", args.params()),
            Self::FreeOnlyThread(args) => ("free-only-thread", args.params()),
            Self::AsyncPool(args) => ("async-pool", args.params()),
            Self::Fragment(args) => ("fragment", args.params()),
            Self::BurstIdle(args) => ("burst-idle", args.params()),
            Self::Startup(args) => ("startup", args.params()),
            Self::Replay(_) => ("replay", Vec::new()),
        }
    }
}

/// Refuses `--threads` where the workload has one thread.
fn one_thread(common: &Common) -> Result<(), String> {
    if common.threads() == 1 { Ok(()) } else { Err("this workload has one thread".into()) }
}

/// Refuses sizes outside what the objects of this crate can have.
fn sizes(min: usize, max: usize) -> Result<(), String> {
    if (crate::object::TAG..=max).contains(&min) && max < 1 << 32 {
        Ok(())
    } else {
        Err(format!("sizes must be 8 <= min <= max < 4 GiB, not {min}..={max}"))
    }
}
