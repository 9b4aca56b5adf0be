//! From a recording to a trace: addresses become numbers of blocks.

use std::collections::{HashMap, HashSet};

use crate::raw::{self, header, kind, record};
use crate::{Act, MAX_ALIGN_LOG2, MIN_ALIGN_LOG2, Op, Trace};

/// What a recording did not hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    /// Frees and new sizes of blocks that were there before the recording began.
    pub older: u64,
    /// Records that were claimed and not written: the process ended in between.
    pub incomplete: u64,
    /// Operations after the file was full.
    pub later: u64,
}

/// One record, as it is in the file.
struct Record {
    kind: u32,
    thread: u32,
    address: u64,
    size: u64,
    other: u64,
}

#[derive(Default)]
struct Collector {
    trace: Trace,
    losses: Losses,
    /// Number of a recorded thread to that of the trace.
    threads: HashMap<u32, u32>,
    /// Live blocks by their address.
    live: HashMap<u64, u32>,
    /// Blocks that are getting another size, by the record that says so; `None` for one that is
    /// older than the recording.
    resizing: HashMap<u64, Option<u32>>,
    blocks: u32,
    /// Threads that have done nothing since they ended.
    ended: HashSet<u32>,
}

/// How many records a recording has room for, for whoever reads no more than it has.
///
/// # Errors
///
/// What makes it no recording.
pub fn recorded(head: &[u8]) -> Result<usize, String> {
    if head.len() < raw::HEADER_BYTES || head[..8] != raw::MAGIC {
        return Err("this is no recording".into());
    }
    if word32(head, header::VERSION) != raw::VERSION {
        return Err(format!("a recording of version {}", word32(head, header::VERSION)));
    }
    let claimed = word64(head, header::CLAIMED).min(word64(head, header::CAPACITY));
    usize::try_from(claimed).map_err(|_| "more records than memory".into())
}

/// The trace of a recording.
///
/// # Errors
///
/// What makes it no recording.
pub fn collect(bytes: &[u8]) -> Result<(Trace, Losses), String> {
    let records = recorded(bytes)?;
    let mut collector = Collector::default();
    let name = &bytes[header::NAME..header::NAME + raw::NAME_BYTES];
    let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
    collector.trace.program = String::from_utf8_lossy(name).into_owned();
    collector.losses.later = word64(bytes, header::CLAIMED) - records as u64;
    let body = bytes[raw::HEADER_BYTES..].chunks_exact(raw::RECORD_BYTES);
    for (number, bytes) in body.take(records).enumerate() {
        collector.add(number as u64, &read(bytes));
    }
    Ok((collector.trace, collector.losses))
}

fn read(bytes: &[u8]) -> Record {
    Record {
        kind: word32(bytes, record::KIND),
        thread: word32(bytes, record::THREAD),
        address: word64(bytes, record::ADDRESS),
        size: word64(bytes, record::SIZE),
        other: word64(bytes, record::OTHER),
    }
}

impl Collector {
    fn add(&mut self, number: u64, record: &Record) {
        match record.kind {
            kind::ALLOCATED => self.allocated(record, record.other, false),
            kind::ZEROED => self.allocated(record, record.other, true),
            kind::FREED => match self.live.remove(&record.address) {
                Some(block) => self.push(record.thread, Act::Free { block }),
                None => self.losses.older += 1,
            },
            kind::RESIZING => {
                let block = self.live.remove(&record.address);
                self.resizing.insert(number, block);
            }
            kind::RESIZED => self.resized(record),
            kind::REFUSED => {
                if let Some(block) = self.resizing.remove(&record.other).flatten() {
                    self.live.insert(record.address, block);
                }
            }
            kind::ENDED => self.push(record.thread, Act::End),
            _ => self.losses.incomplete += 1,
        }
    }

    fn allocated(&mut self, record: &Record, align: u64, zeroed: bool) {
        let align_log2 = (align.max(1).ilog2() as u8).clamp(MIN_ALIGN_LOG2, MAX_ALIGN_LOG2);
        self.live.insert(record.address, self.blocks);
        self.blocks += 1;
        self.push(record.thread, Act::Allocate { size: record.size, align_log2, zeroed });
    }

    fn resized(&mut self, record: &Record) {
        let Some(block) = self.resizing.remove(&record.other).flatten() else {
            // A block that is older than the recording begins here.
            self.losses.older += 1;
            return self.allocated(record, 1, false);
        };
        self.live.insert(record.address, block);
        self.push(record.thread, Act::Resize { block, size: record.size });
    }

    fn push(&mut self, recorded: u32, act: Act) {
        let next = self.threads.len() as u32;
        let thread = *self.threads.entry(recorded).or_insert(next);
        if act != Act::End {
            self.ended.remove(&thread);
        } else if !self.ended.insert(thread) {
            // A thread that ends says so each time that its destructors run.
            return;
        }
        self.trace.ops.push(Op { thread, act });
    }
}

fn word32(bytes: &[u8], at: usize) -> u32 {
    bytes[at..at + 4].iter().rev().fold(0, |word, byte| word << 8 | u32::from(*byte))
}

fn word64(bytes: &[u8], at: usize) -> u64 {
    bytes[at..at + 8].iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte))
}
