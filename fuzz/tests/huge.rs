//! Huge blocks against a map, through the boxes that serve them: pool, registry, and the system's,
//! simulated and real.
#![expect(clippy::expect_used, reason = "a test stops where it fails")]

mod fresh;

use std::collections::BTreeMap;
use std::ptr::NonNull;

use bolero::check;
use fresh::{Standard, World};
use hakmem_alloc::{Boxes, Options};
use hakmem_contract::{HugeBlocks, Kind, Memory, Pool, Registry, SUPERSLAB};
use hakmem_fuzz::bits::{Bits, Step, Steps};
use hakmem_fuzz::{Subject, reproducible};

/// What is done, and what happens.
#[derive(Clone, Copy, Debug)]
enum Act {
    Acquire {
        bytes: usize,
        align: usize,
    },
    Resize {
        which: usize,
        bytes: usize,
        may_move: bool,
    },
    Release {
        which: usize,
    },
    /// An address `offset` inside of a block.
    ReleaseInside {
        which: usize,
        offset: usize,
    },
    Trim,
    Refuse {
        from: usize,
        all: bool,
    },
    Wait {
        ms: u64,
    },
}

impl Step for Act {
    fn of(bits: Bits) -> Self {
        let (which, number, flag) = (bits.low(), bits.high(), bits.flag());
        match bits.kind() {
            0..80 => Self::Acquire {
                bytes: 1 + number % (6 * SUPERSLAB),
                align: if which.is_multiple_of(4) { 1 << (which / 4 % 26) } else { 1 },
            },
            80..140 => Self::Resize { which, bytes: 1 + number % (9 * SUPERSLAB), may_move: flag },
            140..205 => Self::Release { which },
            205..215 => Self::ReleaseInside { which, offset: 1 + number },
            215..220 => Self::Trim,
            220..240 => Self::Refuse { from: which % 8, all: flag },
            _ => Self::Wait { ms: which as u64 % 900 },
        }
    }
}

/// A word is looked at in each of these many bytes, and at the end.
const STEP: usize = SUPERSLAB / 4;

/// Blocks by address: how long, and what is written in them.
#[derive(Debug, Default)]
struct Naive {
    live: BTreeMap<usize, (usize, usize)>,
    next: usize,
}

fn pointer(address: usize) -> NonNull<u8> {
    NonNull::new(std::ptr::with_exposed_provenance_mut(address)).expect("not null")
}

/// The words of a block that are looked at.
fn words(bytes: usize) -> impl Iterator<Item = usize> {
    (0..bytes).step_by(STEP).chain([bytes - 8])
}

fn read(base: usize, place: usize) -> usize {
    // SAFETY: inside a live block, aligned.
    unsafe { pointer(base + place).cast::<usize>().read() }
}

impl Naive {
    /// Notes a block, checks that it is apart from the others, and marks it.
    fn own(&mut self, base: usize, bytes: usize) {
        let before = self.live.range(..base + bytes).next_back();
        assert!(before.is_none_or(|(start, (length, _))| start + length <= base), "an overlap");
        self.next += 1;
        for place in words(bytes) {
            // SAFETY: inside a live block, aligned.
            unsafe { pointer(base + place).cast::<usize>().write(self.next + place) };
        }
        self.live.insert(base, (bytes, self.next));
    }

    fn pick(&self, which: usize) -> Option<usize> {
        let which = which.checked_rem(self.live.len())?;
        self.live.keys().nth(which).copied()
    }

    /// Forgets a block. Its bytes, if the first `kept` of them are what was written, at `now`.
    fn give_up(&mut self, base: usize, now: usize, kept: usize) -> usize {
        let (bytes, mark) = self.live.remove(&base).expect("not owned");
        for place in words(bytes).filter(|place| place + 8 <= kept) {
            assert_eq!(read(now, place), mark + place, "{place:#x} of a block of {bytes:#x} bytes");
        }
        bytes
    }

    fn bytes(&self) -> usize {
        self.live.values().map(|(bytes, _)| bytes).sum()
    }
}

/// The blocks of one pool.
struct Bench<'a, P, S> {
    pool: &'a P,
    allocator: &'a S,
    naive: Naive,
    refusing: bool,
}

impl<P: HugeBlocks + Pool, S: Subject> Bench<'_, P, S> {
    fn act(&mut self, act: Act) {
        match act {
            Act::Acquire { bytes, align } => self.acquire(bytes, align),
            Act::Resize { which, bytes, may_move } => {
                if let Some(base) = self.naive.pick(which) {
                    self.resize(base, bytes, may_move);
                }
            }
            Act::Release { which } => {
                if let Some(base) = self.naive.pick(which) {
                    self.release(base);
                }
            }
            Act::ReleaseInside { which, offset } => self.release_inside(which, offset),
            Act::Trim => _ = self.pool.memory().trim(true),
            Act::Refuse { from, all } => {
                self.refusing = self.allocator.refuse(from, all) && from > 0;
            }
            Act::Wait { ms } => self.allocator.wait(ms),
        }
        self.allocator.check();
    }

    fn acquire(&mut self, bytes: usize, align: usize) {
        let Some((base, zeroed)) = self.pool.acquire_huge(bytes, align) else {
            assert!(self.refusing, "no memory for {bytes:#x} bytes");
            return;
        };
        let base = base.as_ptr().expose_provenance();
        assert!(base.is_multiple_of(align.max(SUPERSLAB)), "{base:#x}, align {align:#x}");
        let length = bytes.next_multiple_of(SUPERSLAB);
        let dirty = words(length).find(|&place| zeroed && read(base, place) != 0);
        assert_eq!(dirty, None, "said to be zero");
        self.naive.own(base, length);
        self.expect(base, length);
    }

    /// What the registry says of a live block.
    fn expect(&self, base: usize, length: usize) {
        assert_eq!(self.pool.registry().tag(base).kind(), Kind::Huge);
        // SAFETY: a live block.
        assert_eq!(unsafe { self.pool.huge_bytes(pointer(base)) }, length);
    }

    fn resize(&mut self, base: usize, bytes: usize, may_move: bool) {
        // SAFETY: a live block, whose old address is forgotten if it moves.
        let moved = unsafe { self.pool.resize_huge(pointer(base), bytes, may_move) };
        let moved = moved.expect("a live block").map(|place| place.as_ptr().expose_provenance());
        let length = bytes.next_multiple_of(SUPERSLAB);
        let now = moved.unwrap_or(base);
        assert!(may_move || now == base, "moved");
        let kept = if moved.is_some() { length } else { usize::MAX };
        let old = self.naive.give_up(base, now, kept);
        assert!(moved.is_some() || length > old, "a block was not made shorter");
        let length = if moved.is_some() { length } else { old };
        self.naive.own(now, length);
        self.expect(now, length);
        if now != base {
            assert_eq!(self.pool.registry().tag(base).kind(), Kind::Foreign);
        }
    }

    fn release(&mut self, base: usize) {
        self.naive.give_up(base, base, usize::MAX);
        // SAFETY: forgotten just now.
        assert_eq!(unsafe { self.pool.release_huge(pointer(base)) }, Ok(()));
        assert_eq!(self.pool.registry().tag(base).kind(), Kind::Foreign);
        // SAFETY: not a block any more, which is what is to be found out.
        assert!(unsafe { self.pool.release_huge(pointer(base)) }.is_err(), "released twice");
    }

    fn release_inside(&self, which: usize, offset: usize) {
        let Some(base) = self.naive.pick(which) else { return };
        let inside = base + 1 + offset % (self.naive.live[&base].0 - 1);
        // SAFETY: not a block's address, which is what is to be found out.
        assert!(unsafe { self.pool.release_huge(pointer(inside)) }.is_err(), "at {inside:#x}");
    }

    fn run(&mut self, steps: &Steps<Act>) {
        for act in steps.iter() {
            if self.naive.bytes() < 200 << 20 || !matches!(act, Act::Acquire { .. }) {
                self.act(act);
            }
        }
        self.allocator.refuse(0, false);
        while let Some(base) = self.naive.pick(0) {
            self.release(base);
        }
        self.pool.memory().trim(true);
        self.allocator.check_empty();
    }
}

fn bench<'a, B: Boxes, S: Subject>(allocator: &'a S) -> Bench<'a, B::Pool, S> {
    let pool = B::shared().pool();
    Bench { pool, allocator, naive: Naive::default(), refusing: false }
}

#[test]
fn simulated() {
    check!().with_type::<Steps<Act>>().with_iterations(80).for_each(|steps| {
        reproducible(|| {
            let Some(world) = World::<Standard>::open(Options::new()) else { return };
            bench::<Standard, _>(world.allocator()).run(steps);
            world.close();
        });
    });
}

#[test]
fn real() {
    use hakmem_alloc::composition::Composed;
    check!()
        .with_type::<Steps<Act>>()
        .with_iterations(80)
        // What a failure leaves behind makes every other input fail.
        .with_shrink_time(std::time::Duration::ZERO)
        .for_each(|steps| {
            reproducible(|| bench::<Composed, _>(&hakmem_alloc::Hakmem::new()).run(steps));
        });
}
