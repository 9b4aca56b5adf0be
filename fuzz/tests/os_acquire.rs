//! `os-acquire` against a map of what is held, and its packed words against what went in.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::collections::BTreeMap;
use std::ptr::NonNull;

use bolero::check;
use bolero::generator::*;
use hakmem_contract::geometry::ADDRESS_BITS;
use hakmem_contract::{Memory, OsPort, SUPERSLAB};
use hakmem_fuzz::bits::{Bits, Step, Steps};
use hakmem_fuzz::reproducible;
use hakmem_os_acquire::arena::state::{Cursor, PIECE};
use hakmem_os_acquire::cache::Kept;
use hakmem_os_acquire::cache::state::{MAX_COUNT, Stamp};
use hakmem_os_acquire::simulated::Call;
use hakmem_os_acquire::{Acquire, Huge, Limits, Simulated};

/// What is done, and what happens.
#[derive(Clone, Copy, Debug)]
enum Act {
    Acquire { superslabs: usize, align: usize, huge: bool },
    Release { which: usize, keep_front: usize },
    Resize { which: usize, more: usize, may_move: bool },
    Trim { all: bool },
    Prewarm { superslabs: usize },
    Wait { ms: u64 },
    Disturb { bytes: usize },
    Refuse { kinds: usize },
}

impl Step for Act {
    fn of(bits: Bits) -> Self {
        let (which, number, flag) = (bits.low(), bits.high(), bits.flag());
        match bits.kind() {
            0..51 => {
                Self::Acquire { superslabs: 1 + which % 11, align: 1 << (number % 27), huge: flag }
            }
            51..102 => Self::Acquire { superslabs: 1, align: 1, huge: false },
            102..180 => {
                let keep_front = if number.is_multiple_of(4) { number / 4 % 4 } else { 0 };
                Self::Release { which, keep_front }
            }
            180..206 => Self::Resize { which, more: 1 + number % 7, may_move: flag },
            206..214 => Self::Trim { all: flag },
            214..222 => Self::Prewarm { superslabs: number % 10 },
            222..240 => Self::Wait { ms: number as u64 % 2000 },
            240..248 => Self::Disturb { bytes: (1 + number % 999) * 4096 },
            _ => Self::Refuse { kinds: number % 64 },
        }
    }
}

/// The kinds of which bit `n` of a `Refuse` speaks. Moving is not among them: what cannot be
/// moved is copied, and there is no memory behind these addresses.
const KINDS: [Call; 5] = [Call::Map, Call::Unmap, Call::Purge, Call::Advise, Call::Grow];

/// The limits of the cache.
#[derive(Clone, Copy, Debug, TypeGenerator)]
struct Setup {
    #[generator(0..6_usize)]
    count: usize,
    #[generator(0..40_usize)]
    superslabs: usize,
    keep_purged: bool,
    #[generator(0..30_usize)]
    pool: usize,
}

/// A port above the simulated system, or that system.
trait Above: OsPort {
    fn simulated(&self) -> &Simulated;
}

impl Above for Simulated {
    fn simulated(&self) -> &Simulated {
        self
    }
}

impl Above for Huge<Simulated> {
    fn simulated(&self) -> &Simulated {
        self.os()
    }
}

#[derive(Debug)]
struct World<P> {
    memory: Acquire<P>,
    held: BTreeMap<usize, usize>,
    clock: u64,
}

fn pointer(address: usize) -> NonNull<u8> {
    NonNull::new(std::ptr::without_provenance_mut(address)).unwrap()
}

impl<P: Above> World<P> {
    fn system(&self) -> &Simulated {
        self.memory.os().simulated()
    }

    fn hold(&mut self, base: usize, bytes: usize) {
        let before = self.held.range(..base + bytes).next_back();
        assert!(before.is_none_or(|(&other, &length)| other + length <= base), "handed out twice");
        assert!(self.system().covers(base, bytes));
        self.held.insert(base, bytes);
    }

    /// Some range that is held.
    fn pick(&self, which: usize) -> Option<(usize, usize)> {
        let at = which.checked_rem(self.held.len())?;
        self.held.iter().nth(at).map(|(&base, &bytes)| (base, bytes))
    }

    fn release(&self, base: usize, bytes: usize) {
        // SAFETY: held, and removed from what is held by the caller.
        unsafe { self.memory.release(pointer(base), bytes) };
    }

    fn act(&mut self, act: Act) {
        match act {
            Act::Acquire { superslabs, align, huge } => self.acquire(superslabs, align, huge),
            Act::Release { which, keep_front } => {
                let Some((base, bytes)) = self.pick(which) else { return };
                let front = (keep_front * SUPERSLAB).min(bytes - SUPERSLAB);
                self.held.remove(&base);
                if front > 0 {
                    self.held.insert(base, front);
                }
                self.release(base + front, bytes - front);
            }
            Act::Resize { which, more, may_move } => self.resize(which, more, may_move),
            Act::Trim { all } => {
                let before = self.memory.stats();
                let freed = self.memory.trim(all);
                assert!(freed <= before.cached + before.fresh);
            }
            Act::Prewarm { superslabs } => _ = self.memory.map_ahead(superslabs, false),
            Act::Wait { ms } => {
                self.clock += ms;
                self.system().set_clock(self.clock);
            }
            Act::Disturb { bytes } => self.system().nudge(bytes),
            Act::Refuse { kinds } => self.system().fail_when(move |call, _| {
                KINDS.iter().enumerate().any(|(bit, &kind)| kind == call && kinds >> bit & 1 != 0)
            }),
        }
    }

    fn acquire(&mut self, superslabs: usize, align: usize, huge: bool) {
        let bytes = superslabs * SUPERSLAB;
        let Some(range) = self.memory.acquire(bytes, align, huge) else { return };
        let base = range.base.as_ptr().addr();
        assert!(base.is_multiple_of(align.max(SUPERSLAB)));
        assert_eq!(range.bytes, bytes);
        self.hold(base, bytes);
    }

    fn resize(&mut self, which: usize, more: usize, may_move: bool) {
        let Some((base, bytes)) = self.pick(which) else { return };
        let new = bytes + more * SUPERSLAB;
        // SAFETY: held.
        let moved = unsafe { self.memory.resize(pointer(base), bytes, new, may_move) };
        if let Some(moved) = moved {
            assert!(may_move || moved == pointer(base));
            self.held.remove(&base);
            self.hold(moved.as_ptr().addr(), new);
        }
    }

    fn check(&self) {
        let stats = self.memory.stats();
        assert!(stats.is_balanced(), "{stats:?}");
        assert_eq!(stats.mapped, self.system().mapped());
        assert_eq!(stats.handed_out, self.held.values().sum::<usize>());
        assert!(self.held.iter().all(|(&base, &bytes)| self.system().covers(base, bytes)));
    }
}

fn run(os: impl Above, setup: Setup, steps: impl Iterator<Item = Act>) {
    let memory = Acquire::new(os);
    let limits = Limits::new().count(setup.count).bytes(setup.superslabs * SUPERSLAB).age_ms(1500);
    memory.configure(limits.keep_purged(setup.keep_purged));
    let mut world = World { memory, held: BTreeMap::new(), clock: 0 };
    for step in steps {
        world.act(step);
        world.check();
    }
    world.system().fail_never();
    while let Some((base, bytes)) = world.pick(0) {
        world.held.remove(&base);
        world.release(base, bytes);
        world.check();
    }
    world.memory.trim(true);
    let stats = world.memory.stats();
    assert_eq!(stats.mapped, stats.stranded + stats.meta);
}

#[test]
fn what_is_held_is_held_once() {
    check!().with_type::<(Setup, Steps<Act>)>().with_iterations(3_000).for_each(
        |(setup, steps)| {
            reproducible(|| run(Simulated::virtual_only(), *setup, steps.iter()));
        },
    );
}

/// With memory behind it, because blocks of explicit huge pages are copied when they move. Nobody else
/// maps anything: real addresses are not for the test to give away.
#[test]
fn with_a_pool_of_huge_pages_too() {
    check!().with_type::<(Setup, Steps<Act>)>().with_iterations(30).for_each(|(setup, steps)| {
        reproducible(|| {
            let system = Huge::new(Simulated::real());
            system.os().set_pool(setup.pool);
            let steps = steps.iter().filter(|act| !matches!(act, Act::Disturb { .. }));
            run(system, *setup, steps);
        });
    });
}

/// SuperSlabs in the address space.
const NUMBERS: usize = 1 << (ADDRESS_BITS - 21);

/// The fields of a range's word.
type Fields = (usize, usize, u64, bool);

fn fields() -> impl ValueGenerator<Output = Fields> {
    (1..NUMBERS - MAX_COUNT, 1..=MAX_COUNT, produce::<u64>(), produce::<bool>())
}

fn range_comes_back((number, count, now, zeroed): Fields, part: usize) {
    let word = Kept::pack(number * SUPERSLAB, count, Stamp::at(now), zeroed).unwrap();
    assert_eq!((word.base(), word.count()), (number * SUPERSLAB, count));
    assert_eq!((word.stamp(), word.zeroed()), (Stamp::at(now), zeroed));
    assert_eq!(word.end(), word.base() + word.bytes());
    match (word.front(part), word.rest(part)) {
        (Some(front), Some(rest)) => {
            assert_eq!(front.join(rest), Some(word));
            assert_eq!(rest.join(front), Some(word));
            assert_eq!(front.end(), rest.base());
        }
        (Some(front), None) => assert_eq!(front, word),
        (None, Some(rest)) => assert_eq!((part, rest), (0, word)),
        (None, None) => assert!(part > count),
    }
}

#[test]
fn a_packed_range_comes_back_whole_and_in_parts() {
    check!()
        .with_generator((fields(), 0..=MAX_COUNT))
        .with_iterations(20_000)
        .for_each(|(fields, part)| reproducible(|| range_comes_back(*fields, *part)));
}

#[test]
fn ages_are_measured_in_ticks() {
    check!()
        .with_generator((produce::<u64>(), 0..10_000_000_u64))
        .with_iterations(20_000)
        .for_each(|&(now, later)| {
            let age = Stamp::at(now).age_ms(Stamp::at(now.wrapping_add(later)));
            if now.checked_add(later).is_some() {
                assert!((age as u64).abs_diff(later) < 256, "{now} and {later} later: {age}");
            }
        });
}

#[test]
fn a_packed_cursor_comes_back() {
    let fields = (1..1_usize << (ADDRESS_BITS - 6), 0..1_usize << 15, 0..8_u32);
    check!().with_generator(fields).with_iterations(20_000).for_each(|&(number, left, step)| {
        let word = Cursor::pack(number * PIECE, left, step).unwrap();
        assert_eq!((word.next(), word.left(), word.step()), (number * PIECE, left, step));
        assert_eq!(word.bumped(left + 1), None);
    });
}
