//! A trace that is written and read is the same trace, and bytes that are none are refused.

use bolero::check;
use hakmem_trace::{Act, Op, Trace, file};

/// A right trace, from random bytes: what cannot be is left out.
fn trace(bytes: &[u8]) -> Trace {
    let mut trace = Trace { program: format!("p{}", bytes.len()), ops: Vec::new() };
    let (mut live, mut blocks, mut threads) = (Vec::new(), 0, 0);
    for bytes in bytes.chunks_exact(6) {
        let thread = u32::from(bytes[0] % 5).min(threads);
        let size = u64::from(bytes[1]) << (bytes[2] % 40);
        let pick = usize::from(bytes[3]) << 8 | usize::from(bytes[4]);
        let act = match bytes[5] % 16 {
            0..7 => Act::Allocate {
                size,
                align_log2: if bytes[4] < 200 { 4 } else { 4 + bytes[4] % 27 },
                zeroed: bytes[3] < 60,
            },
            7..9 if !live.is_empty() => Act::Resize { block: live[pick % live.len()], size },
            9..15 if !live.is_empty() => Act::Free { block: live.swap_remove(pick % live.len()) },
            _ => Act::End,
        };
        if matches!(act, Act::Allocate { .. }) {
            live.push(blocks);
            blocks += 1;
        }
        threads = threads.max(thread + 1);
        trace.ops.push(Op { thread, act });
    }
    trace
}

#[test]
fn what_is_written_is_read() {
    check!().with_type::<Vec<u8>>().with_iterations(2000).for_each(|bytes| {
        let trace = trace(bytes);
        let bytes = file::write(&trace).expect("the trace is right");
        assert_eq!(file::read(&bytes).expect("it was written just now"), trace);
    });
}

#[test]
fn long_traces_are_read_as_they_were_written() {
    let mut state = 1_u32;
    let random = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    let trace = trace(&(0..300_000).map(random).collect::<Vec<u8>>());
    let resizes = trace.ops.iter().filter(|op| matches!(op.act, Act::Resize { .. })).count();
    assert!(trace.threads() == 5 && resizes > 1000, "the test tries what there is");
    let bytes = file::write(&trace).unwrap();
    assert_eq!(file::read(&bytes).unwrap(), trace);
}

/// Nothing but an error comes of bytes that are no trace, wherever they are wrong.
#[test]
fn damaged_files_are_refused_or_are_another_trace() {
    let random: Vec<u8> = (0..600_u32).map(|n| ((n * n * 31) >> 3) as u8).collect();
    let trace = trace(&random);
    let bytes = file::write(&trace).unwrap();
    for length in 0..bytes.len() {
        assert!(file::read(&bytes[..length]).is_err(), "cut off at {length}");
    }
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x55;
        if let Ok(other) = file::read(&damaged) {
            assert!(other.check().is_ok());
        }
    }
    let mut newer = bytes;
    newer[7] += 1;
    assert!(file::read(&newer).unwrap_err().contains("version 2"));
}

#[test]
fn a_trace_that_cannot_be_is_not_written() {
    let op = |thread, act| Op { thread, act };
    let new = Act::Allocate { size: 8, align_log2: 4, zeroed: false };
    for ops in [
        vec![op(0, Act::Free { block: 0 })],
        vec![op(0, new), op(0, Act::Free { block: 0 }), op(0, Act::Free { block: 0 })],
        vec![op(0, new), op(0, Act::Resize { block: 1, size: 1 })],
        vec![op(1, new)],
        vec![op(0, Act::Allocate { size: 8, align_log2: 3, zeroed: false })],
    ] {
        let trace = Trace { program: String::new(), ops };
        assert!(file::write(&trace).is_err(), "{trace:?}");
    }
}
