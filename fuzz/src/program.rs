//! A random program: bytes that every engine can produce, and what they mean.

use std::fmt;

use bolero::generator::*;
use hakmem_alloc::Options;

use crate::bits::Bits;

/// How many steps a program has at most.
const MOST_STEPS: usize = 600;

/// A program for some threads.
#[derive(Clone, Debug, TypeGenerator)]
pub struct Program {
    /// What is chosen once.
    pub setup: Setup,
    /// What is done, one after the other or at once.
    #[generator(produce::<Vec<Raw>>().with().len(1..=MOST_STEPS))]
    pub steps: Vec<Raw>,
}

/// What is chosen once.
#[derive(Clone, Copy, Debug, TypeGenerator)]
pub struct Setup {
    /// How many threads there are.
    #[generator(1..=6_usize)]
    pub threads: usize,
    /// How many steps a thread makes before it is another one's turn.
    #[generator(1..=48_usize)]
    pub burst: usize,
    /// Who frees what is left.
    pub ending: Ending,
    #[generator(0..=5_u8)]
    cached: u8,
    #[generator(1..=8_u8)]
    prefill: u8,
    #[generator(0..=20_u8)]
    keep_units: u8,
    #[generator(0..=7_u8)]
    cache_shift: u8,
    #[generator(0..=3_u8)]
    prewarm: u8,
}

impl Setup {
    /// The allocator's options.
    pub fn options(&self) -> Options {
        let cached = usize::from(self.cached);
        Options::new()
            .superslab_cache_count(cached * 3)
            .superslab_cache_bytes(cached << 22)
            .superslab_cache_age_ms(500)
            .prefill(self.prefill)
            .keep_units(self.keep_units)
            .cache_shift(u32::from(self.cache_shift))
            .prewarm(usize::from(self.prewarm))
    }
}

/// Who frees what is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TypeGenerator)]
pub enum Ending {
    /// The thread that has it.
    Own,
    /// The next thread.
    Next,
    /// A thread that never allocated.
    Leader,
}

/// One step and whose it is, as bits.
#[derive(Clone, Copy, PartialEq, Eq, TypeGenerator)]
pub struct Raw(Bits);

impl fmt::Debug for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {:?}", self.actor(), self.op())
    }
}

/// One step. `which` counts round among the blocks that the thread has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// A block.
    Get { size: usize, align: usize, zeroed: bool },
    /// Blocks of one size, enough to empty or fill a cache.
    GetMany { size: usize, n: usize },
    /// More than there can be.
    GetAbsurd { size: usize, align: usize, zeroed: bool },
    /// Another size. `known`: the caller says what the old one was.
    Resize { which: usize, size: usize, known: bool },
    /// A size that no block has.
    ResizeAbsurd { which: usize, size: usize },
    /// A free. `known`: the caller says what it is.
    Give { which: usize, known: bool },
    /// Frees from `which` on, `stride` apart.
    GiveMany { which: usize, stride: usize, n: usize },
    /// Another thread gets the block.
    Send { which: usize, to: usize },
    /// A look at the block and its usable size.
    Inspect { which: usize },
    /// Everything that is free goes to the system.
    Trim,
    /// The thread ends; a new one has its blocks and its part of the program.
    EndThread,
    /// System calls fail: call `from` from now, and perhaps all that follow. 0: none.
    Refuse { from: usize, all: bool },
    /// Time passes.
    Wait { ms: u64 },
}

impl Raw {
    /// Whose step it is, if it is the first of a burst.
    pub const fn actor(self) -> usize {
        self.0.at(8, 8)
    }

    /// What it means.
    pub fn op(self) -> Op {
        let (which, number, flag) = (self.0.low(), self.0.high(), self.0.flag());
        match self.0.kind() {
            0..80 => Op::Get { size: size(number), align: 1, zeroed: false },
            80..98 => Op::Get { size: size(number), align: 1, zeroed: true },
            98..112 => Op::Get { size: size(number), align: align(which), zeroed: flag },
            112..122 => Op::GetMany { size: number % 900, n: 1 + which % 80 },
            122..154 => Op::Resize { which, size: size(number) + 1, known: flag },
            154..214 => Op::Give { which, known: flag },
            214..226 => Op::GiveMany { which, stride: 1 + number % 9, n: 1 + (number >> 8) % 90 },
            226..242 => Op::Send { which, to: number },
            242..246 => Op::Inspect { which },
            246 => Op::GetAbsurd { size: absurd(number), align: align(which), zeroed: flag },
            247 => Op::ResizeAbsurd { which, size: absurd(number) },
            248 => Op::Trim,
            249 => Op::EndThread,
            250..253 => Op::Refuse { from: which % 12, all: flag },
            _ => Op::Wait { ms: which as u64 % 700 },
        }
    }
}

/// A size of any tier, most often a small one, and now and then one at the edge of a class.
fn size(number: usize) -> usize {
    let value = number >> 4;
    match number & 15 {
        0..9 => value % 1_100,
        9..12 => value % 40_000,
        12 => edge(value),
        13 => value % 300_000,
        14 => value % 1_200_000,
        _ if value.is_multiple_of(8) => value % 6_000_000,
        _ => value % 3_000,
    }
}

/// The last size of a class, span or huge block, or one beside it.
fn edge(value: usize) -> usize {
    let (log, quarter, beside) = (value % 16, value / 16 % 4, value / 64 % 3);
    ((1_usize << (log + 6)) / 4 * (4 + quarter) + beside).saturating_sub(1)
}

/// More than half of the address space, up to all of it.
fn absurd(number: usize) -> usize {
    match number % 4 {
        0 => usize::MAX - number / 4 % 70_000,
        1 => isize::MAX.cast_unsigned() - number / 4 % 3,
        2 => isize::MAX.cast_unsigned() + number / 4,
        _ => (1 << 47) << (number / 4 % 16),
    }
}

/// A power of two: seldom above an OS page, never above 8 MiB.
fn align(which: usize) -> usize {
    1 << if which & 7 < 6 { which / 8 % 13 } else { which / 8 % 24 }
}

impl Program {
    /// The same program on a system that refuses nothing.
    pub fn without_faults(&self) -> Self {
        let refuses = |raw: &Raw| matches!(raw.op(), Op::Refuse { .. });
        let steps = self.steps.iter().copied().filter(|raw| !refuses(raw)).collect();
        Self { setup: self.setup, steps }
    }

    /// The steps in turns: whose it is, and what they are.
    pub fn bursts(&self) -> impl Iterator<Item = (usize, &[Raw])> {
        self.steps.chunks(self.setup.burst).filter_map(|burst| {
            let first = burst.first()?;
            Some((first.actor() % self.setup.threads, burst))
        })
    }
}
