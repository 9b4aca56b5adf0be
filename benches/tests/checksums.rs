//! A workload reads back what it wrote, whether or not its objects are allocated.
#![expect(clippy::expect_used, reason = "a test stops where it fails")]

use clap::Parser;
use hakmem_benches::measure::{Common, Measured};
use hakmem_benches::workloads::Workload;

#[derive(Debug, Parser)]
struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    workload: Workload,
}

/// Runs a command line of `workload`.
fn run(line: &str) -> Result<Measured, String> {
    let words = std::iter::once("workload").chain(line.split(' '));
    let cli = Cli::try_parse_from(words).expect("the line is one of those below");
    cli.workload.run(&cli.common)
}

fn same_with_and_without_allocations(line: &str) {
    let with = run(line).expect("the options are right");
    let without = run(&format!("{line} --no-alloc")).expect("the options are right");
    assert_eq!(with.checksum, without.checksum, "{line}");
    assert_eq!(with.ops, without.ops, "{line}");
    assert!(with.seconds > 0.0, "{line}");
}

#[test]
fn checksums_do_not_depend_on_the_allocator() {
    for line in [
        "random-mixed --set 256 --ops 20000",
        "random-mixed --set 64 --ops 20000 --threads 3",
        "fixed-size --size 8 --ops 20000",
        "box-pair --ops 1000",
        "stream --count 100 --ops 2000",
        "scatter --count 100 --ops 2000",
        "larson --threads 3 --rounds 5 --objects 100 --ops 30000",
        "relay --threads 1 --ops 20000",
        "relay --threads 6 --ops 60000",
        "false-sharing --threads 3 --ops 3000",
        "vec-grow --ops 1000",
        "large --ops 200 --max 100000",
        "huge-realloc --mib 3",
        "sh6 --ops 50000 --saved 20",
        "sh6 --threads 3 --ops 50000",
    ] {
        same_with_and_without_allocations(line);
    }
}

#[test]
fn churn_frees_what_it_allocates() {
    for threads in [1, 4] {
        let line = format!("churn --threads {threads} --low 10 --high 300 --ops 100000");
        assert_eq!(run(&line).expect("the options are right").checksum, 0);
    }
}

#[test]
fn one_thread_frees_what_another_allocates() {
    let run = run("free-only-thread --threads 2 --ops 50000").expect("the options are right");
    assert_eq!((run.checksum, run.ops), (0, 50_000));
}

/// Which thread frees an object is a matter of luck; what is read back is not.
#[test]
fn threads_that_pass_objects_on_give_the_same_sum_twice() {
    for line in [
        "sh8 --ops 20000",
        "sh8 --threads 3 --ops 100000 --saved 20",
        "async-pool --threads 3 --ops 50000 --tasks 64",
    ] {
        let [first, second] = [run(line), run(line)].map(|run| run.expect("the options are right"));
        assert_eq!((first.checksum, first.ops), (second.checksum, second.ops), "{line}");
    }
}

/// Each task has its own random numbers, so neither the number of workers nor that of tasks at once
/// changes what is read back.
#[test]
fn every_step_of_a_task_counts() {
    let sum = |line: &str| run(line).expect("the options are right").checksum;
    let all = sum("async-pool --ops 20000");
    assert_eq!(all, sum("async-pool --ops 20000 --tasks 7"));
    assert_eq!(all, sum("async-pool --ops 20000 --threads 3"));
    assert_ne!(all, sum("async-pool --ops 20020"));
}

#[test]
fn collections_give_the_same_sum_twice() {
    for line in ["tree --depth 8 --ops 2000", "btree-strings --keys 200 --ops 5000"] {
        let sum = || run(line).map(|run| run.checksum);
        assert_eq!(sum().expect("the options are right"), sum().expect("the options are right"));
        assert!(run(&format!("{line} --no-alloc")).is_err(), "{line}");
    }
}

#[test]
fn wrong_options_are_refused() {
    for line in [
        "random-mixed --min 4",
        "random-mixed --set 0",
        "random-mixed --min 100 --max 50",
        "box-pair --threads 2",
        "relay --threads 3",
        "stream --count 0",
        "tree --depth 40",
        "churn --low 5 --high 5",
        "sh6 --saved 0",
        "sh8 --no-alloc",
        "free-only-thread --threads 3",
        "free-only-thread --threads 2 --min 8",
        "async-pool --steps 0",
        "fragment --keep 95",
        "burst-idle --no-alloc",
        "startup --threads 2",
    ] {
        assert!(run(line).is_err(), "{line}");
    }
}
