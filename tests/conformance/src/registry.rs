//! What every registry does: total, exact, and of several who retract one is told so.
//!
//! The functions are the promises.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Barrier, mpsc};
use std::thread;

use fastrand::Rng;
use hakmem_contract::geometry::ADDRESS_BITS;
use hakmem_contract::{Fresh, Registry, SUPERSLAB, Survey, Tag, UNIT};

use crate::Promise;
use crate::memory::{Arena, place};

/// 4 GiB.
const GIB_4: usize = 1 << 32;

/// What is told of a registry.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    reach: usize,
    units: usize,
}

impl Default for Case {
    fn default() -> Self {
        Self { reach: 1 << ADDRESS_BITS, units: 1 << 16 }
    }
}

impl Case {
    /// Addresses from here on need not be covered. Usually 2^47.
    #[must_use]
    pub const fn reach(mut self, reach: usize) -> Self {
        self.reach = reach;
        self
    }

    /// It has room for so many units at a time, 256 at least. Usually 65536, which is as many as the
    /// suite needs.
    #[must_use]
    pub const fn units(mut self, units: usize) -> Self {
        self.units = units;
        self
    }

    /// The first units of interesting places that it reaches.
    fn places(&self) -> Vec<usize> {
        let places = [UNIT, SUPERSLAB, GIB_4 - UNIT, GIB_4, 7 * GIB_4, 1 << 40, 1 << 46];
        let ends = [self.reach - GIB_4, self.reach - UNIT];
        places.into_iter().filter(|place| *place < self.reach - UNIT).chain(ends).collect()
    }
}

/// Tests of a registry, from the promises of `Registry` and `Survey`.
///
/// ```ignore
/// hakmem_conformance::registry!(MyRegistry);
/// hakmem_conformance::registry!(MyRegistry; reach(1 << 40), units(4096));
/// ```
///
/// Behind a semicolon are functions of [`Case`](crate::registry::Case).
#[macro_export]
macro_rules! registry {
    ($registry:ty $(; $($set:ident($value:expr)),+)?) => {
        $crate::__registry! {
            __tests [$registry] [$crate::registry::Case::default()$($(.$set($value))+)?]
        }
    };
}

/// The list of promises.
#[doc(hidden)]
#[macro_export]
macro_rules! __registry {
    ($make:ident $($for:tt)*) => {
        $crate::$make! { registry $($for)*
            everything_is_foreign_before_anything_was_done
            what_is_covered_is_foreign_before_it_is_published
            the_ends_of_its_reach_can_be_covered
            a_range_that_wraps_is_refused
            a_span_has_a_head_and_a_tail
            every_unit_has_a_tag_and_a_word_of_its_own
            what_was_given_up_is_foreign_again
            it_is_a_map
            refused_memory_changes_nothing
            a_tag_is_retracted_once_and_only_if_it_is_the_expected_one
            of_several_who_retract_one_is_told_so
            threads_that_cover_at_once_lose_nothing
            who_is_told_an_address_sees_its_tag
            a_look_up_at_any_time_sees_no_other_tag
            a_survey_shows_each_tag
        }
    };
}

/// Every promise: for controls.
#[must_use]
pub fn promises<R: Subject>() -> Vec<Promise<Case>> {
    crate::__registry! { __table [R] [Case] }.to_vec()
}

/// What the suite needs of a registry.
pub trait Subject: Registry + Survey + Fresh + Sync {}

impl<R: Registry + Survey + Fresh + Sync> Subject for R {}

/// A registry between an arena and a test.
struct Rig<R> {
    registry: Box<R>,
    arena: Arena,
}

impl<R: Subject> Rig<R> {
    fn new() -> Self {
        Self { registry: place(), arena: Arena::default() }
    }

    /// Makes room; there is memory.
    fn cover(&self, base: usize, units: usize) {
        let covered = self.registry.cover(base, units * UNIT, &self.arena);
        assert!(covered, "{units} units at {base:#x} are not covered");
    }

    /// Makes room and publishes.
    fn publish(&self, base: usize, units: usize, [head, tail]: [Tag; 2], word: usize) {
        self.cover(base, units);
        // SAFETY: just covered, and this test's.
        unsafe { self.registry.publish(base, units, head, tail, word) };
    }

    /// All that can be asked about the unit at `base`, which was covered.
    fn see(&self, base: usize, tag: Tag, word: Option<usize>) {
        for address in [base, base + 1, base + UNIT / 2, base + UNIT - 1] {
            assert_eq!(self.registry.tag(address), tag, "tag of {address:#x}");
            // SAFETY: covered.
            let covered = unsafe { self.registry.tag_covered(address) };
            assert_eq!(covered, tag, "tag_covered of {address:#x}");
            let in_reach = self.registry.tag_in_reach(address);
            assert_eq!(in_reach, Some(tag), "tag_in_reach of {address:#x}");
            // SAFETY: covered.
            let seen = unsafe { self.registry.word_covered(address) };
            assert!(word.is_none_or(|word| seen == word), "word {seen} of {address:#x}: {word:?}");
        }
    }

    fn survey(&self) -> Vec<(usize, Tag, usize)> {
        let mut seen = Vec::new();
        self.registry.survey(|address, tag, word| seen.push((address, tag, word)));
        seen.sort_by_key(|&(address, ..)| address);
        seen
    }
}

/// Addresses that nobody published, corners among them, with their neighbours.
fn corners(case: &Case) -> impl Iterator<Item = usize> {
    [0, UNIT, SUPERSLAB, GIB_4, case.reach - GIB_4, case.reach, 1 << 47, 1 << 48, 1 << 63]
        .into_iter()
        .flat_map(|corner: usize| [corner.wrapping_sub(1), corner, corner + 1])
        .chain([usize::MAX, usize::MAX - UNIT, 0xAAAA_AAAA_AAAA_AAAA, 0x5555_5555_5555_5555])
}

/// A tag that no other unit of a test has.
fn tag_of(base: usize) -> Tag {
    Tag::from_bits((base / UNIT) as u32 ^ 0x5A5A_0000 | 1)
}

fn assert_foreign<R: Subject>(rig: &Rig<R>, address: usize) {
    assert_eq!(rig.registry.tag(address), Tag::FOREIGN, "tag of {address:#x}");
    let in_reach = rig.registry.tag_in_reach(address).unwrap_or(Tag::FOREIGN);
    assert_eq!(in_reach, Tag::FOREIGN, "tag_in_reach of {address:#x}");
}

/// *Total*: the first call of a process may be a look-up, of any address.
pub fn everything_is_foreign_before_anything_was_done<R: Subject>(case: &Case) {
    let rig = Rig::<R>::new();
    let mut rng = Rng::with_seed(1);
    let random = (0..1000).map(|_| rng.usize(..) >> rng.u32(..64));
    corners(case).chain(random).for_each(|address| assert_foreign(&rig, address));
    assert_eq!(rig.survey(), []);
}

/// Room is no tag.
pub fn what_is_covered_is_foreign_before_it_is_published<R: Subject>(case: &Case) {
    let rig = Rig::<R>::new();
    for base in case.places() {
        rig.cover(base, 1);
        rig.see(base, Tag::FOREIGN, None);
    }
    rig.cover(GIB_4, 64);
    (0..64).for_each(|unit| rig.see(GIB_4 + unit * UNIT, Tag::FOREIGN, None));
    assert_eq!(rig.survey(), []);
}

/// All that a program's memory can have for an address can be covered, and all around it is foreign.
pub fn the_ends_of_its_reach_can_be_covered<R: Subject>(case: &Case) {
    let rig = Rig::<R>::new();
    let places = case.places();
    places.iter().for_each(|&base| rig.publish(base, 1, [tag_of(base); 2], base + 1));
    places.iter().for_each(|&base| rig.see(base, tag_of(base), Some(base + 1)));
    let around = places.iter().flat_map(|&base| [base.wrapping_sub(1), base + UNIT]);
    for address in around.chain(corners(case)) {
        if !places.contains(&(address & !(UNIT - 1))) {
            assert_foreign(&rig, address);
        }
    }
}

/// No range ends before it begins. What lies beyond the reach may be refused, or works.
pub fn a_range_that_wraps_is_refused<R: Subject>(case: &Case) {
    let rig = Rig::<R>::new();
    for (base, bytes) in [(SUPERSLAB, usize::MAX - UNIT + 1), (usize::MAX - UNIT + 1, 2 * UNIT)] {
        assert!(!rig.registry.cover(base, bytes, &rig.arena), "{bytes:#x} at {base:#x}");
    }
    for base in [case.reach, 1 << 47, 1 << 63, usize::MAX - 2 * UNIT + 1] {
        if rig.registry.cover(base, UNIT, &rig.arena) {
            rig.publish(base, 1, [tag_of(base); 2], 3);
            rig.see(base, tag_of(base), Some(3));
        }
    }
}

/// The first unit has one tag, the others another, all have the word; the neighbours have none of it.
pub fn a_span_has_a_head_and_a_tail<R: Subject>(case: &Case) {
    let ends = [SUPERSLAB, 3 * SUPERSLAB, GIB_4, 3 * GIB_4, 1 << 39, 1 << 40, 1 << 46];
    for end in ends.into_iter().filter(|end| *end < case.reach) {
        let rig = Rig::<R>::new();
        for (units, word) in [(1, 0), (2, 7), (3, usize::MAX), (16, 1 << 63), (32, 5)] {
            let base = end - 2 * UNIT;
            rig.publish(base, units, [Tag::span_head(units), Tag::SPAN_TAIL], word);
            rig.see(base, Tag::span_head(units), Some(word));
            (1..units).for_each(|unit| rig.see(base + unit * UNIT, Tag::SPAN_TAIL, Some(word)));
            assert_foreign(&rig, base - 1);
            assert_foreign(&rig, base + units * UNIT);
            rig.publish(base, units, [Tag::FOREIGN; 2], 0);
        }
    }
}

/// Side by side, and at every distance that is a power of two.
pub fn every_unit_has_a_tag_and_a_word_of_its_own<R: Subject>(case: &Case) {
    let n = if cfg!(miri) { 256 } else { case.units };
    let side_by_side = (0..n).map(|unit| GIB_4 + unit * UNIT).collect();
    let bits = UNIT.ilog2()..case.reach.ilog2();
    let apart = bits.clone().flat_map(|a| bits.clone().map(move |b| 1 << a | 1 << b)).collect();
    for bases in [side_by_side, apart] {
        let mut bases: Vec<usize> = bases;
        bases.truncate(n);
        let rig = Rig::<R>::new();
        bases.iter().for_each(|&base| rig.publish(base, 1, [tag_of(base); 2], !base));
        bases.iter().for_each(|&base| rig.see(base, tag_of(base), Some(!base)));
    }
}

/// A unit that is published as foreign is so, alone.
pub fn what_was_given_up_is_foreign_again<R: Subject>(_: &Case) {
    let rig = Rig::<R>::new();
    let base = GIB_4 - 4 * UNIT;
    for round in 0..10 {
        rig.publish(base, 8, [Tag::span_head(8), Tag::SPAN_TAIL], round);
        rig.publish(base + 3 * UNIT, 2, [Tag::FREED_TAIL, Tag::FOREIGN], round);
        rig.see(base + 2 * UNIT, Tag::SPAN_TAIL, Some(round));
        rig.see(base + 3 * UNIT, Tag::FREED_TAIL, None);
        rig.see(base + 4 * UNIT, Tag::FOREIGN, None);
        rig.see(base + 5 * UNIT, Tag::SPAN_TAIL, Some(round));
        rig.publish(base, 8, [Tag::FOREIGN; 2], 0);
        (0..8).for_each(|unit| assert_foreign(&rig, base + unit * UNIT));
    }
}

/// Random calls against a map.
pub fn it_is_a_map<R: Subject>(case: &Case) {
    for seed in 0..if cfg!(miri) { 1 } else { 16 } {
        let mut rng = Rng::with_seed(seed);
        let rig = Rig::<R>::new();
        let mut map = BTreeMap::<usize, (Tag, usize)>::new();
        // Dense in a few places, so that spans overlap.
        let place = |rng: &mut Rng| case.places()[rng.usize(..4)] + rng.usize(..12) * UNIT;
        for _ in 0..if cfg!(miri) { 50 } else { 1000 } {
            let base = place(&mut rng);
            match rng.usize(..8) {
                0..4 => {
                    let (units, word) = (1 + rng.usize(..9), rng.usize(..));
                    let tags = [Tag::from_bits(rng.u32(1..)), Tag::from_bits(rng.u32(1..))];
                    rig.publish(base, units, tags, word);
                    map.insert(base, (tags[0], word));
                    map.extend((1..units).map(|unit| (base + unit * UNIT, (tags[1], word))));
                }
                4..7 => {
                    let Some((tag, _)) = map.get_mut(&base) else { continue };
                    let right = rng.usize(..4) > 0;
                    let expected = if right { *tag } else { Tag::from_bits(tag.bits() ^ 1) };
                    let instead = [Tag::FREED_HUGE, Tag::FOREIGN][rng.usize(..2)];
                    // SAFETY: covered, and this test's.
                    let told = unsafe { rig.registry.retract(base, expected, instead) };
                    assert_eq!(told, right, "retract at {base:#x}");
                    *tag = if right { instead } else { *tag };
                }
                _ => {
                    let expected = map.get(&base).map_or(Tag::FOREIGN, |&(tag, _)| tag);
                    assert_eq!(rig.registry.tag(base), expected, "tag of {base:#x}");
                }
            }
        }
        map.iter().for_each(|(&base, &(tag, word))| rig.see(base, tag, Some(word)));
    }
}

/// `cover` that finds no memory says so; what was there stays, and a later call does the rest.
pub fn refused_memory_changes_nothing<R: Subject>(case: &Case) {
    for n_served in 0..8 {
        let rig = Rig::<R>::new();
        rig.arena.refuse_after(n_served);
        let bases: Vec<usize> = case.places().into_iter().filter(|base| *base != GIB_4).collect();
        // Two units, across the border of large tables.
        let units = |base| if base == GIB_4 - UNIT { 2 } else { 1 };
        let covers = |&base: &usize| rig.registry.cover(base, units(base) * UNIT, &rig.arena);
        let (yes, no): (Vec<usize>, Vec<usize>) = bases.into_iter().partition(covers);
        rig.arena.refuse(true);
        for &base in &yes {
            // What was covered stays so without memory.
            rig.publish(base, units(base), [tag_of(base), Tag::SPAN_TAIL], base);
        }
        no.iter().for_each(|&base| assert_foreign(&rig, base));
        rig.arena.refuse(false);
        for &base in &no {
            rig.publish(base, units(base), [tag_of(base), Tag::SPAN_TAIL], base);
        }
        yes.iter().chain(&no).for_each(|&base| rig.see(base, tag_of(base), Some(base)));
    }
}

/// A tag that is not there is not retracted. The word stays.
pub fn a_tag_is_retracted_once_and_only_if_it_is_the_expected_one<R: Subject>(_: &Case) {
    let rig = Rig::<R>::new();
    rig.publish(GIB_4, 3, [Tag::HUGE, Tag::SPAN_TAIL], 77);
    // SAFETY: covered, and this test's.
    let retract = |expected, instead| unsafe { rig.registry.retract(GIB_4, expected, instead) };
    assert!(!retract(Tag::SPAN_TAIL, Tag::FOREIGN), "another tag was there");
    rig.see(GIB_4, Tag::HUGE, Some(77));
    assert!(retract(Tag::HUGE, Tag::FREED_HUGE), "the expected tag was there");
    rig.see(GIB_4, Tag::FREED_HUGE, Some(77));
    assert!(!retract(Tag::HUGE, Tag::FREED_HUGE), "retracted twice");
    assert!(retract(Tag::FREED_HUGE, Tag::FOREIGN), "a tag is a tag");
    rig.see(GIB_4, Tag::FOREIGN, Some(77));
    rig.see(GIB_4 + UNIT, Tag::SPAN_TAIL, Some(77));
}

/// Two threads, which meet in every round.
pub fn of_several_who_retract_one_is_told_so<R: Subject>(_: &Case) {
    let rig = Rig::<R>::new();
    rig.cover(GIB_4, 1);
    let rounds = if cfg!(miri) { 5 } else { 2000 };
    let (barrier, n_told, n_wrong) = (Barrier::new(2), AtomicUsize::new(0), AtomicUsize::new(0));
    // No panic in here: the other thread would wait for ever.
    let rounds_of = |leads: bool| {
        for round in 0..rounds {
            if leads {
                // SAFETY: covered, and given up by whoever was told so.
                unsafe { rig.registry.publish(GIB_4, 1, Tag::HUGE, Tag::HUGE, round) };
            }
            barrier.wait();
            // SAFETY: covered, and this test's.
            let told = unsafe { rig.registry.retract(GIB_4, Tag::HUGE, Tag::FREED_HUGE) };
            // SAFETY: covered.
            let word = unsafe { rig.registry.word_covered(GIB_4) };
            n_told.fetch_add(usize::from(told), Ordering::SeqCst);
            n_wrong.fetch_add(usize::from(told && word != round), Ordering::SeqCst);
            barrier.wait();
        }
    };
    thread::scope(|scope| {
        scope.spawn(|| rounds_of(true));
        scope.spawn(|| rounds_of(false));
    });
    let [n_told, n_wrong] = [n_told, n_wrong].map(AtomicUsize::into_inner);
    assert_eq!(n_told, rounds, "one of two, every time");
    assert_eq!(n_wrong, 0, "it sees the word of its round");
    rig.see(GIB_4, Tag::FREED_HUGE, Some(rounds - 1));
}

/// Threads that need room in the same places at the same time.
pub fn threads_that_cover_at_once_lose_nothing<R: Subject>(case: &Case) {
    let rig = Rig::<R>::new();
    let n_places = if cfg!(miri) { 3 } else { 63.min(case.reach / GIB_4 - 1).min(case.units / 4) };
    let bases = |thread| (1..=n_places).map(move |place| place * GIB_4 + thread * UNIT);
    let barrier = Barrier::new(4);
    thread::scope(|scope| {
        for thread in 0..4 {
            let (rig, barrier) = (&rig, &barrier);
            scope.spawn(move || {
                barrier.wait();
                bases(thread).for_each(|base| rig.publish(base, 1, [tag_of(base); 2], base));
            });
        }
    });
    (0..4).flat_map(bases).for_each(|base| rig.see(base, tag_of(base), Some(base)));
}

/// *Ordered*: of one thread by way of a channel.
pub fn who_is_told_an_address_sees_its_tag<R: Subject>(case: &Case) {
    let rig = Rig::<R>::new();
    let n = if cfg!(miri) { 16 } else { 2000 };
    let (send, receive) = mpsc::channel::<(usize, Tag)>();
    thread::scope(|scope| {
        scope.spawn(|| {
            let send = send;
            for i in 0..n {
                let base = case.places()[i % 5] + i % 7 * 2 * UNIT;
                // They rise.
                let tag = Tag::from_bits(i as u32 + 1);
                rig.publish(base, 2, [tag, tag], i);
                // The receiver has panicked if this fails.
                if send.send((base, tag)).is_err() {
                    return;
                }
            }
        });
        for (base, tag) in receive {
            // Later publications may be seen already.
            let seen = rig.registry.tag(base + UNIT);
            assert!(tag.bits() <= seen.bits(), "an older tag at {base:#x}");
        }
    });
}

/// Whoever probes while others publish sees what was there, what is there, or foreign.
pub fn a_look_up_at_any_time_sees_no_other_tag<R: Subject>(_: &Case) {
    let rig = Rig::<R>::new();
    let done = AtomicBool::new(false);
    let tags = [Tag::from_bits(0x1111_2220), Tag::from_bits(0xEEEE_DDC0), Tag::FOREIGN];
    thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0..if cfg!(miri) { 20 } else { 3000 } {
                let tag = tags[round % 3];
                rig.publish(GIB_4 + round % 2 * UNIT, 4, [tag, tag], round);
            }
            done.store(true, Ordering::SeqCst);
        });
        let mut at = 0;
        while !done.load(Ordering::SeqCst) {
            at = (at + 1) % 8;
            let tag = rig.registry.tag(GIB_4 + at * UNIT);
            assert!(tags.contains(&tag), "{tag:?} was never published");
        }
    });
}

/// Each unit with a tag, with its tag and word, once.
pub fn a_survey_shows_each_tag<R: Subject>(_: &Case) {
    let rig = Rig::<R>::new();
    let base = GIB_4 - 2 * UNIT;
    rig.publish(base, 3, [Tag::span_head(3), Tag::SPAN_TAIL], 7);
    rig.publish(1 << 40, 1, [Tag::HUGE; 2], 9);
    let tail = |unit| (base + unit * UNIT, Tag::SPAN_TAIL, 7);
    let huge = (1 << 40, Tag::HUGE, 9);
    assert_eq!(rig.survey(), [(base, Tag::span_head(3), 7), tail(1), tail(2), huge]);
    rig.publish(base, 1, [Tag::FOREIGN; 2], 7);
    assert_eq!(rig.survey(), [tail(1), tail(2), huge]);
}
