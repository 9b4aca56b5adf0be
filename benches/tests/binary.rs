//! The binary `workload`: one line for each run, also where the run is other processes.
#![expect(clippy::expect_used, reason = "a test stops where it fails")]

use std::process::Command;

fn workload(args: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_workload"));
    let output = command.args(args).output().expect("cargo has built the binary");
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("it prints JSON")
}

/// The text of a field up to the next comma or bracket.
fn field<'a>(line: &'a str, name: &str) -> &'a str {
    let (_, rest) = line.split_once(&format!("\"{name}\":")).expect("the field is there");
    rest.split([',', '}']).next().unwrap_or_default()
}

#[test]
fn startup_sums_what_its_processes_say() {
    let line = workload(&["startup", "--ops", "2", "--lines", "50", "--seed", "7"]);
    assert_eq!((line.lines().count(), field(&line, "ops")), (1, "2"), "{line}");
    let child = |seed: &str| {
        let line = workload(&["startup", "--child", "--lines", "50", "--seed", seed]);
        let sum = field(&line, "checksum").trim_matches('"').to_owned();
        u64::from_str_radix(&sum, 16).expect("a checksum is hexadecimal")
    };
    // The first one, which is not timed, has the first seed, too.
    let sum = child("7").wrapping_mul(2).wrapping_add(child("8"));
    assert_eq!(field(&line, "checksum"), format!("\"{sum:016x}\""), "{line}");
    assert!(field(&line, "seconds").parse().is_ok_and(|seconds: f64| seconds > 0.0), "{line}");
    assert!(field(&line, "peak_rss").parse().is_ok_and(|peak: u64| peak > 100_000), "{line}");
}

fn number(line: &str, name: &str) -> f64 {
    field(line, name).parse().expect("the field is a number")
}

#[test]
fn fragment_says_how_much_more_is_resident_than_alive() {
    let line = workload(&["fragment", "--live-mib", "4", "--ops", "1"]);
    // What is alive is resident, and the first phase alone has more than 37,000 objects.
    assert!(number(&line, "overhead") >= 0.9, "{line}");
    assert!(number(&line, "ops") > 74_000.0, "{line}");
    assert!(number(&line, "live_kept") < 0.2 * f64::from(4 << 20), "{line}");
}

#[test]
fn burst_idle_looks_at_the_memory_while_it_waits() {
    let line = workload(&["burst-idle", "--threads", "2", "--ops", "20000", "--idle-s", "1"]);
    // 20,000 objects of 736 bytes on average, of which one thread's are there when the main thread
    // looks.
    assert!(number(&line, "rss_burst") > 7e6, "{line}");
    assert!(number(&line, "rss_1s") > 1e5, "{line}");
    assert!(!line.contains("rss_5s"), "{line}");
}

#[test]
fn a_workload_without_numbers_of_its_own_has_none() {
    assert!(workload(&["box-pair", "--ops", "5"]).contains("\"extra\":{}"));
}
