//! The workload `replay`: a trace runs as it was recorded, on any allocator.
#![expect(clippy::expect_used, clippy::panic, reason = "a test stops where it fails")]

use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use hakmem_trace::{Act, Op, Trace, file};

/// Runs here take milliseconds.
const LIMIT: Duration = Duration::from_secs(60);

/// A trace in a file of this test's own.
fn save(name: &str, ops: Vec<Op>) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.trace"));
    let trace = Trace { program: name.to_owned(), ops };
    let bytes = file::write(&trace).expect("the trace is right");
    std::fs::write(&path, bytes).expect("cargo made the folder");
    path
}

fn replay(path: &PathBuf, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_workload"));
    command.arg("replay").arg("--file").arg(path).args(args);
    let mut child = command
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("cargo has built the binary");
    // A thread that waits for what never comes does not end.
    let start = Instant::now();
    while child.try_wait().expect("it is a child").is_none() {
        if start.elapsed() > LIMIT {
            child.kill().expect("it is a child");
            panic!("{} does not end", path.display());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    child.wait_with_output().expect("it is a child")
}

/// The line of a run that went well.
fn line(path: &PathBuf, args: &[&str]) -> String {
    let output = replay(path, args);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("it prints JSON")
}

/// The text of a field up to the next comma or bracket.
fn field<'a>(line: &'a str, name: &str) -> &'a str {
    let (_, rest) = line.split_once(&format!("\"{name}\":")).expect("the field is there");
    rest.split([',', '}']).next().unwrap_or_default().trim_matches('"')
}

fn checksum(line: &str) -> u64 {
    u64::from_str_radix(field(line, "checksum"), 16).expect("a checksum is hexadecimal")
}

fn op(thread: u32, act: Act) -> Op {
    Op { thread, act }
}

fn new(size: u64) -> Act {
    Act::Allocate { size, align_log2: 4, zeroed: false }
}

/// First and last byte of a block in this slot.
fn seen(slot: u32) -> u64 {
    257 * u64::from((slot.wrapping_mul(0x9e37_79b1) >> 24) as u8 | 1)
}

#[test]
fn each_operation_is_made_and_each_block_read_back() {
    let path = save(
        "tiny",
        vec![
            op(0, new(24)),
            op(0, Act::Allocate { size: 5000, align_log2: 12, zeroed: true }),
            // To a slot of its own, as it does not fit into 32 bytes any more.
            op(0, Act::Resize { block: 0, size: 2000 }),
            op(0, Act::Resize { block: 0, size: 1500 }),
            op(0, Act::Free { block: 1 }),
            op(0, new(0)),
        ],
    );
    // Zeros read as such count nothing. A block is looked at before and after it gets another size:
    // only the first byte of one that shrinks. What is left is freed at the end.
    let first_byte = seen(2) & 0xff;
    let grown = seen(0) + (seen(0) << 16);
    let shrunk = seen(2) + ((first_byte << 8 | first_byte) << 16);
    let expected = grown + shrunk + seen(1) + seen(2);
    let once = line(&path, &[]);
    assert_eq!((checksum(&once), field(&once, "ops")), (expected, "8"), "{once}");
    assert_eq!((field(&once, "peak_live"), field(&once, "threads")), ("7000", "1"), "{once}");
    let thrice = line(&path, &["--ops", "17"]);
    assert_eq!((checksum(&thrice), field(&thrice, "ops")), (3 * expected, "24"), "{thrice}");
    let bare = line(&path, &["--no-alloc"]);
    assert_eq!((checksum(&bare), field(&bare, "ops")), (expected, "8"), "{bare}");
}

/// Blocks that several threads allocate, resize and free, each after the one before it was done.
fn mixed(threads: u32, count: u32) -> Vec<Op> {
    let mut ops: Vec<Op> = (0..threads).map(|thread| op(thread, new(8))).collect();
    let mut live: Vec<u32> = (0..threads).collect();
    let (mut blocks, mut state) = (threads, 7_u64);
    for number in 0..count {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let random = (state >> 33) as u32;
        let thread = random % threads;
        let pick = (random >> 8) as usize % live.len();
        let size = u64::from(random >> 4) % (1 << (random % 15));
        ops.push(op(
            thread,
            match random >> 5 & 7 {
                0..=2 => {
                    live.push(blocks);
                    blocks += 1;
                    Act::Allocate { size, align_log2: 4, zeroed: number % 3 == 0 }
                }
                3 => Act::Resize { block: live[pick], size },
                _ if live.len() > 1 => Act::Free { block: live.swap_remove(pick) },
                _ => {
                    live.push(blocks);
                    blocks += 1;
                    new(size)
                }
            },
        ));
    }
    ops
}

#[test]
fn threads_keep_their_order() {
    // Three threads are more than many machines have processors, and the last one ends early.
    let mut ops = mixed(3, 30_000);
    ops.insert(20_000, op(2, Act::End));
    ops.truncate(25_000);
    let path = save("threads", ops);
    let bare = line(&path, &["--no-alloc"]);
    for _ in 0..3 {
        let run = line(&path, &["--ops", "50000"]);
        let rounds = field(&run, "ops").parse::<u64>().expect("a number")
            / field(&bare, "ops").parse::<u64>().expect("a number");
        assert!(rounds >= 2, "{run}");
        assert_eq!(checksum(&run), checksum(&bare).wrapping_mul(rounds), "{run}");
    }
    assert!(bare.contains("\"extra\":{\"threads\":3,"), "{bare}");
}

#[test]
fn a_thread_that_only_frees_waits_for_each_block() {
    let mut ops = Vec::new();
    for block in 0..20_000 {
        ops.push(op(0, new(u64::from(block % 300))));
        ops.push(op(1, Act::Free { block }));
    }
    let path = save("relay", ops);
    let run = line(&path, &[]);
    assert_eq!(field(&run, "ops"), "40000", "{run}");
    assert_eq!(checksum(&run), checksum(&line(&path, &["--no-alloc"])));
}

#[test]
fn what_is_no_trace_is_refused() {
    let output = replay(&PathBuf::from("/nowhere/at.all"), &[]);
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("/nowhere/at.all"), "{output:?}");
    let output = replay(&PathBuf::from(env!("CARGO_BIN_EXE_workload")), &[]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("no trace"), "{output:?}");
}
