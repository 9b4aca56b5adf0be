//! Records become operations: the numbers of blocks, threads, and what is not known.

use hakmem_trace::collect::{Losses, collect, recorded};
use hakmem_trace::raw::{self, header, kind, record};
use hakmem_trace::{Act, Op};

/// A recording: kind, thread, address, size, other.
fn recording(capacity: u64, claimed: u64, records: &[(u32, u32, u64, u64, u64)]) -> Vec<u8> {
    let mut bytes = vec![0; raw::HEADER_BYTES + records.len() * raw::RECORD_BYTES];
    let mut put = |at: usize, word: &[u8]| bytes[at..at + word.len()].copy_from_slice(word);
    put(0, &raw::MAGIC);
    put(header::VERSION, &raw::VERSION.to_le_bytes());
    put(header::CAPACITY, &capacity.to_le_bytes());
    put(header::CLAIMED, &claimed.to_le_bytes());
    put(header::NAME, b"prog");
    for (number, (kind, thread, address, size, other)) in records.iter().enumerate() {
        let at = raw::HEADER_BYTES + number * raw::RECORD_BYTES;
        put(at + record::KIND, &kind.to_le_bytes());
        put(at + record::THREAD, &thread.to_le_bytes());
        put(at + record::ADDRESS, &address.to_le_bytes());
        put(at + record::SIZE, &size.to_le_bytes());
        put(at + record::OTHER, &other.to_le_bytes());
    }
    bytes
}

fn new(thread: u32, size: u64, align_log2: u8, zeroed: bool) -> Op {
    Op { thread, act: Act::Allocate { size, align_log2, zeroed } }
}

#[test]
fn addresses_become_blocks() {
    let bytes = recording(
        100,
        15,
        &[
            (kind::ALLOCATED, 7, 0x1000, 24, 16),
            (kind::ZEROED, 3, 0x2000, 100, 16),
            (kind::FREED, 3, 0x1000, 0, 0),
            // The same address, another block.
            (kind::ALLOCATED, 7, 0x1000, 5000, 4096),
            // Two at once: each is completed by the record that names it.
            (kind::RESIZING, 7, 0x1000, 0, 0),
            (kind::RESIZING, 3, 0x2000, 0, 0),
            (kind::RESIZED, 3, 0x1000, 200, 5),
            (kind::RESIZED, 7, 0x3000, 6000, 4),
            (kind::FREED, 3, 0x3000, 0, 0),
            (kind::RESIZING, 7, 0x1000, 0, 0),
            (kind::REFUSED, 7, 0x1000, 1 << 60, 9),
            (kind::ENDED, 7, 0, 0, 0),
            // A second time is not told of, unless something happened in between.
            (kind::ENDED, 7, 0, 0, 0),
            (kind::FREED, 7, 0x1000, 0, 0),
            (kind::ENDED, 7, 0, 0, 0),
        ],
    );
    let (trace, losses) = collect(&bytes).unwrap();
    assert_eq!((trace.program.as_str(), losses), ("prog", Losses::default()));
    let expected = [
        new(0, 24, 4, false),
        new(1, 100, 4, true),
        Op { thread: 1, act: Act::Free { block: 0 } },
        new(0, 5000, 12, false),
        Op { thread: 1, act: Act::Resize { block: 1, size: 200 } },
        Op { thread: 0, act: Act::Resize { block: 2, size: 6000 } },
        Op { thread: 1, act: Act::Free { block: 2 } },
        Op { thread: 0, act: Act::End },
        Op { thread: 0, act: Act::Free { block: 1 } },
        Op { thread: 0, act: Act::End },
    ];
    assert_eq!(trace.ops, expected);
    trace.check().unwrap();
}

#[test]
fn what_is_not_known_is_counted() {
    let bytes = recording(
        5,
        8,
        &[
            (kind::FREED, 0, 0x1000, 0, 0),
            (0, 0, 0x2000, 0, 0),
            (kind::RESIZING, 0, 0x3000, 0, 0),
            (kind::RESIZED, 0, 0x4000, 64, 2),
            (kind::FREED, 0, 0x4000, 0, 0),
        ],
    );
    let (trace, losses) = collect(&bytes).unwrap();
    assert_eq!(losses, Losses { older: 2, incomplete: 1, later: 3 });
    assert_eq!(trace.ops, [new(0, 64, 4, false), Op { thread: 0, act: Act::Free { block: 0 } }]);
}

#[test]
fn other_files_are_refused() {
    let mut bytes = recording(1, 0, &[]);
    assert_eq!(recorded(&bytes), Ok(0));
    assert!(recorded(&bytes[..100]).is_err());
    bytes[header::VERSION] += 1;
    assert!(recorded(&bytes).unwrap_err().contains("version 2"));
    bytes[0] = 0;
    assert!(collect(&bytes).is_err());
}
