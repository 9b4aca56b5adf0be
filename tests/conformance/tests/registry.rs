//! Registries that are wrong in one way each, and one that is right.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

mod common;
mod linger;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::thread::{self, ThreadId};

use common::{check, has};
use hakmem_conformance::registry::{self, Case};
use hakmem_contract::{Fresh, MetaArena, Registry, Survey, Tag, UNIT, Unplaced};
use linger::linger;

const NOT_TOTAL: u8 = 1;
const COVERED_HAS_A_TAG: u8 = 2;
const LACKS_THE_LAST_UNIT: u8 = 3;
const COVERS_WHAT_WRAPS: u8 = 4;
const FORGETS_THE_TAIL: u8 = 5;
const UNITS_SHARE_A_TAG: u8 = 6;
const KEEPS_A_TAG: u8 = 7;
const FORGETS_WORDS: u8 = 8;
const REFUSED_IS_COVERED: u8 = 9;
const RETRACTS_UNASKED: u8 = 10;
const CLEARS_THE_WORD: u8 = 11;
const TELLS_TWO: u8 = 12;
const COVERS_LOSE: u8 = 13;
const LATE: u8 = 14;
const TORN: u8 = 15;
const SURVEYS_ONE: u8 = 16;
const OUT_OF_REACH: u8 = 17;

/// A unit's tag and word.
type Units = BTreeMap<usize, (Tag, usize)>;

/// A map behind a lock, wrong if `WRONG`.
#[derive(Debug)]
struct Locked<const WRONG: bool> {
    covered: Mutex<BTreeSet<usize>>,
    units: Mutex<Units>,
    /// Who covered the first unit of each 4 GiB.
    first: Mutex<BTreeMap<usize, ThreadId>>,
    /// What is published when somebody calls again.
    late: Mutex<Units>,
}

impl<const WRONG: bool> Fresh for Locked<WRONG> {
    const FRESH: Unplaced<Self> = Unplaced::new(Self {
        covered: Mutex::new(BTreeSet::new()),
        units: Mutex::new(BTreeMap::new()),
        first: Mutex::new(BTreeMap::new()),
        late: Mutex::new(BTreeMap::new()),
    });
}

/// The key of the unit of `address`.
fn unit<const WRONG: bool>(address: usize) -> usize {
    let unit = address / UNIT;
    if has::<WRONG>(UNITS_SHARE_A_TAG) && unit > 1 << 30 { unit & !4 } else { unit }
}

impl<const WRONG: bool> Locked<WRONG> {
    fn get(&self, address: usize) -> Option<(Tag, usize)> {
        self.units.lock().unwrap().get(&unit::<WRONG>(address)).copied()
    }

    fn set(&self, address: usize, tag: Tag, word: usize) {
        let key = unit::<WRONG>(address);
        // Only what was covered has room.
        let has_room =
            has::<WRONG>(UNITS_SHARE_A_TAG) || self.covered.lock().unwrap().contains(&key);
        let mut units = self.units.lock().unwrap();
        if !has_room
            || (has::<WRONG>(KEEPS_A_TAG) && tag == Tag::FOREIGN && units.contains_key(&key))
        {
            return;
        }
        if has::<WRONG>(TORN) {
            units.insert(key, (Tag::from_bits(tag.bits() & 0xFFFF), word));
            drop(units);
            linger();
            units = self.units.lock().unwrap();
        }
        units.insert(key, (tag, if has::<WRONG>(FORGETS_WORDS) { word & 0xFFFF } else { word }));
    }

    /// Room for one unit. A thread that comes second to a place loses what it did.
    fn cover_one(&self, key: usize) {
        let mut covered = self.covered.lock().unwrap();
        let mut first = self.first.lock().unwrap();
        let me = thread::current().id();
        if !has::<WRONG>(COVERS_LOSE) || *first.entry(key >> 16).or_insert(me) == me {
            covered.insert(key);
        }
    }
}

// SAFETY: not all of them: that is the test. It never touches the memory at an address.
unsafe impl<const WRONG: bool> Registry for Locked<WRONG> {
    fn cover(&self, base: usize, bytes: usize, meta: &impl MetaArena) -> bool {
        let Some(end) = base.checked_add(bytes) else { return has::<WRONG>(COVERS_WHAT_WRAPS) };
        if end > 1 << 47 || (has::<WRONG>(LACKS_THE_LAST_UNIT) && end == 1 << 47) {
            return false;
        }
        for address in (base..end).step_by(UNIT) {
            let key = address / UNIT;
            if self.covered.lock().unwrap().contains(&key) {
                continue;
            }
            if meta.alloc_meta(64).is_none() {
                return has::<WRONG>(REFUSED_IS_COVERED);
            }
            self.cover_one(key);
            if has::<WRONG>(COVERED_HAS_A_TAG) {
                self.set(address, Tag::SPAN_TAIL, 0);
            }
        }
        true
    }

    fn tag(&self, address: usize) -> Tag {
        let other =
            if has::<WRONG>(NOT_TOTAL) && address >> 47 == 1 { Tag::HUGE } else { Tag::FOREIGN };
        self.get(address).map_or(other, |(tag, _)| tag)
    }

    fn tag_in_reach(&self, address: usize) -> Option<Tag> {
        let reach = if has::<WRONG>(OUT_OF_REACH) { 45 } else { 47 };
        (address >> reach == 0).then(|| self.tag(address))
    }

    unsafe fn tag_covered(&self, address: usize) -> Tag {
        self.tag(address)
    }

    unsafe fn word_covered(&self, address: usize) -> usize {
        self.get(address).map_or(0, |(_, word)| word)
    }

    unsafe fn publish(&self, base: usize, units: usize, head: Tag, tail: Tag, word: usize) {
        let mut late = self.late.lock().unwrap();
        std::mem::take(&mut *late).into_iter().for_each(|(at, (tag, w))| self.set(at, tag, w));
        for unit in 0..units {
            let tag = if unit == 0 || has::<WRONG>(FORGETS_THE_TAIL) { head } else { tail };
            if has::<WRONG>(LATE) && unit > 0 {
                late.insert(base + unit * UNIT, (tag, word));
            } else {
                self.set(base + unit * UNIT, tag, word);
            }
        }
    }

    unsafe fn retract(&self, base: usize, expected: Tag, instead: Tag) -> bool {
        let mut units = self.units.lock().unwrap();
        let key = unit::<WRONG>(base);
        let (tag, word) = units.get(&key).copied().unwrap_or((Tag::FOREIGN, 0));
        if tag != expected && !has::<WRONG>(RETRACTS_UNASKED) {
            return false;
        }
        if has::<WRONG>(TELLS_TWO) {
            drop(units);
            linger();
            units = self.units.lock().unwrap();
        }
        units.insert(key, (instead, if has::<WRONG>(CLEARS_THE_WORD) { 0 } else { word }));
        true
    }
}

impl<const WRONG: bool> Survey for Locked<WRONG> {
    fn survey(&self, mut see: impl FnMut(usize, Tag, usize)) {
        let units = self.units.lock().unwrap();
        let tagged = units.iter().filter(|(_, (tag, _))| *tag != Tag::FOREIGN);
        let most = if has::<WRONG>(SURVEYS_ONE) { 1 } else { usize::MAX };
        tagged.take(most).for_each(|(unit, &(tag, word))| see(unit * UNIT, tag, word));
    }
}

hakmem_conformance::registry!(Locked<false>; reach(1 << 47), units(4096));

#[test]
fn wrong_registries_are_noticed() {
    check(
        &registry::promises::<Locked<true>>(),
        &Case::default().units(4096),
        &[
            (NOT_TOTAL, &["everything_is_foreign_before_anything_was_done"]),
            (COVERED_HAS_A_TAG, &["what_is_covered_is_foreign_before_it_is_published"]),
            (LACKS_THE_LAST_UNIT, &["the_ends_of_its_reach_can_be_covered"]),
            (COVERS_WHAT_WRAPS, &["a_range_that_wraps_is_refused"]),
            (FORGETS_THE_TAIL, &["a_span_has_a_head_and_a_tail", "it_is_a_map"]),
            (UNITS_SHARE_A_TAG, &["every_unit_has_a_tag_and_a_word_of_its_own"]),
            (KEEPS_A_TAG, &["what_was_given_up_is_foreign_again"]),
            (FORGETS_WORDS, &["it_is_a_map", "a_span_has_a_head_and_a_tail"]),
            (REFUSED_IS_COVERED, &["refused_memory_changes_nothing"]),
            (RETRACTS_UNASKED, &["a_tag_is_retracted_once_and_only_if_it_is_the_expected_one"]),
            (CLEARS_THE_WORD, &["a_tag_is_retracted_once_and_only_if_it_is_the_expected_one"]),
            (TELLS_TWO, &["of_several_who_retract_one_is_told_so"]),
            (COVERS_LOSE, &["threads_that_cover_at_once_lose_nothing"]),
            (LATE, &["who_is_told_an_address_sees_its_tag"]),
            (TORN, &["a_look_up_at_any_time_sees_no_other_tag"]),
            (SURVEYS_ONE, &["a_survey_shows_each_tag"]),
            (OUT_OF_REACH, &["the_ends_of_its_reach_can_be_covered"]),
        ],
    );
}
