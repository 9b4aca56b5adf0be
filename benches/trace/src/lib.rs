//! Traces: what a program asked its allocator for, thread by thread, in order.
//!
//! `cargo xtask trace` records a program and writes a trace; the workload `replay` runs it on any
//! allocator. `docs/traces.md` describes the file.
//!
//! # What it does not do
//!
//! It records nothing and runs nothing: it turns a recording into a trace ([`collect`]), a trace
//! into a file and back ([`file`](mod@file)).
//!
//! # Reading order
//!
//! [`Trace`], [`raw`], [`collect`], [`file`](mod@file).

pub mod collect;
pub mod file;
pub mod raw;
pub mod summary;

/// What a program asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    /// The program's name.
    pub program: String,
    /// In the order in which things happened.
    pub ops: Vec<Op>,
}

/// One thing that a thread did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Op {
    /// Threads are numbered by their first operation.
    pub thread: u32,
    /// What it did.
    pub act: Act,
}

/// What can be done. Blocks are numbered by their allocation, the first is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// A new block.
    Allocate {
        /// Bytes asked for.
        size: u64,
        /// log2 of the alignment asked for; 4 where none was.
        align_log2: u8,
        /// Whether it is to be zeros.
        zeroed: bool,
    },
    /// A block gets another size; it keeps its number.
    Resize {
        /// Which.
        block: u32,
        /// Bytes from now on.
        size: u64,
    },
    /// A block is given back.
    Free {
        /// Which.
        block: u32,
    },
    /// The thread ends, but for what it does while it ends.
    End,
}

/// log2 of the alignment of every block.
pub const MIN_ALIGN_LOG2: u8 = 4;

/// log2 of the largest alignment that a trace can hold.
pub const MAX_ALIGN_LOG2: u8 = 30;

impl Trace {
    /// How many threads there are.
    #[must_use]
    pub fn threads(&self) -> u32 {
        self.ops.iter().map(|op| op.thread + 1).max().unwrap_or(0)
    }

    /// Says what is wrong, if anything is: blocks are used while they live, and threads are numbered
    /// by their first operation.
    ///
    /// # Errors
    ///
    /// The first operation that cannot have been, in words.
    pub fn check(&self) -> Result<(), String> {
        let mut alive: Vec<bool> = Vec::new();
        let mut threads = 0;
        for (number, op) in self.ops.iter().enumerate() {
            if op.thread > threads {
                return Err(format!("operation {number}: thread {} comes too early", op.thread));
            }
            threads = threads.max(op.thread + 1);
            let right = match op.act {
                Act::Allocate { align_log2, .. } => {
                    alive.push(true);
                    (MIN_ALIGN_LOG2..=MAX_ALIGN_LOG2).contains(&align_log2)
                }
                Act::Resize { block, .. } => alive.get(block as usize) == Some(&true),
                Act::Free { block } => {
                    let alive = alive.get_mut(block as usize);
                    alive.is_some_and(|alive| std::mem::replace(alive, false))
                }
                Act::End => true,
            };
            if !right {
                return Err(format!("operation {number} cannot be: {:?}", op.act));
            }
        }
        Ok(())
    }
}
