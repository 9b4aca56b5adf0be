//! Registries that are wrong in one way each, and one that is right.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::thread;

use common::{broken, check};
use hakmem_conformance::registry::{self, Case};
use hakmem_contract::{Fresh, MetaArena, Registry, Survey, Tag, UNIT, Unplaced};

const NOTHING: u8 = 0;
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

/// A map behind a lock, wrong as `BUG` says.
#[derive(Debug)]
struct Locked<const BUG: u8> {
    covered: Mutex<BTreeSet<usize>>,
    units: Mutex<Units>,
    /// What is published when somebody calls again.
    late: Mutex<Units>,
}

impl<const BUG: u8> Fresh for Locked<BUG> {
    const FRESH: Unplaced<Self> = Unplaced::new(Self {
        covered: Mutex::new(BTreeSet::new()),
        units: Mutex::new(BTreeMap::new()),
        late: Mutex::new(BTreeMap::new()),
    });
}

/// The key of the unit of `address`.
const fn unit<const BUG: u8>(address: usize) -> usize {
    let unit = address / UNIT;
    if BUG == UNITS_SHARE_A_TAG && unit > 1 << 30 { unit & !4 } else { unit }
}

impl<const BUG: u8> Locked<BUG> {
    fn get(&self, address: usize) -> Option<(Tag, usize)> {
        self.units.lock().unwrap().get(&unit::<BUG>(address)).copied()
    }

    fn set(&self, address: usize, tag: Tag, word: usize) {
        let key = unit::<BUG>(address);
        // Only what was covered has room.
        let has_room = BUG == UNITS_SHARE_A_TAG || self.covered.lock().unwrap().contains(&key);
        let mut units = self.units.lock().unwrap();
        if !has_room || (BUG == KEEPS_A_TAG && tag == Tag::FOREIGN && units.contains_key(&key)) {
            return;
        }
        if BUG == TORN {
            units.insert(key, (Tag::from_bits(tag.bits() & 0xFFFF), word));
            drop(units);
            thread::yield_now();
            units = self.units.lock().unwrap();
        }
        units.insert(key, (tag, if BUG == FORGETS_WORDS { word & 0xFFFF } else { word }));
    }

    /// Room for one unit.
    fn cover_one(&self, key: usize) {
        let mut covered = self.covered.lock().unwrap();
        if BUG == COVERS_LOSE {
            let mut copy = covered.clone();
            drop(covered);
            thread::yield_now();
            copy.insert(key);
            *self.covered.lock().unwrap() = copy;
        } else {
            covered.insert(key);
        }
    }
}

// SAFETY: not all of them: that is the test. It never touches the memory at an address.
unsafe impl<const BUG: u8> Registry for Locked<BUG> {
    fn cover(&self, base: usize, bytes: usize, meta: &impl MetaArena) -> bool {
        let Some(end) = base.checked_add(bytes) else { return BUG == COVERS_WHAT_WRAPS };
        if end > 1 << 47 || (BUG == LACKS_THE_LAST_UNIT && end == 1 << 47) {
            return false;
        }
        for address in (base..end).step_by(UNIT) {
            let key = address / UNIT;
            if self.covered.lock().unwrap().contains(&key) {
                continue;
            }
            if meta.alloc_meta(64).is_none() {
                return BUG == REFUSED_IS_COVERED;
            }
            self.cover_one(key);
            if BUG == COVERED_HAS_A_TAG {
                self.set(address, Tag::SPAN_TAIL, 0);
            }
        }
        true
    }

    fn tag(&self, address: usize) -> Tag {
        let other = if BUG == NOT_TOTAL && address >> 47 == 1 { Tag::HUGE } else { Tag::FOREIGN };
        self.get(address).map_or(other, |(tag, _)| tag)
    }

    fn tag_in_reach(&self, address: usize) -> Option<Tag> {
        let reach = if BUG == OUT_OF_REACH { 45 } else { 47 };
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
            let tag = if unit == 0 || BUG == FORGETS_THE_TAIL { head } else { tail };
            if BUG == LATE && unit > 0 {
                late.insert(base + unit * UNIT, (tag, word));
            } else {
                self.set(base + unit * UNIT, tag, word);
            }
        }
    }

    unsafe fn retract(&self, base: usize, expected: Tag, instead: Tag) -> bool {
        let mut units = self.units.lock().unwrap();
        let key = unit::<BUG>(base);
        let (tag, word) = units.get(&key).copied().unwrap_or((Tag::FOREIGN, 0));
        if tag != expected && BUG != RETRACTS_UNASKED {
            return false;
        }
        if BUG == TELLS_TWO {
            drop(units);
            thread::yield_now();
            units = self.units.lock().unwrap();
        }
        units.insert(key, (instead, if BUG == CLEARS_THE_WORD { 0 } else { word }));
        true
    }
}

impl<const BUG: u8> Survey for Locked<BUG> {
    fn survey(&self, mut see: impl FnMut(usize, Tag, usize)) {
        let units = self.units.lock().unwrap();
        let tagged = units.iter().filter(|(_, (tag, _))| *tag != Tag::FOREIGN);
        let most = if BUG == SURVEYS_ONE { 1 } else { usize::MAX };
        tagged.take(most).for_each(|(unit, &(tag, word))| see(unit * UNIT, tag, word));
    }
}

hakmem_conformance::registry!(Locked<NOTHING>; reach(1 << 47), units(4096));

fn breaks<const BUG: u8>() -> BTreeSet<&'static str> {
    broken(&registry::promises::<Locked<BUG>>(), &Case::default().units(4096))
}

#[test]
fn wrong_registries_are_noticed() {
    check(
        &registry::promises::<Locked<NOTHING>>(),
        [
            (breaks::<NOT_TOTAL>(), vec!["everything_is_foreign_before_anything_was_done"]),
            (
                breaks::<COVERED_HAS_A_TAG>(),
                vec!["what_is_covered_is_foreign_before_it_is_published"],
            ),
            (breaks::<LACKS_THE_LAST_UNIT>(), vec!["the_ends_of_its_reach_can_be_covered"]),
            (breaks::<COVERS_WHAT_WRAPS>(), vec!["a_range_that_wraps_is_refused"]),
            (breaks::<FORGETS_THE_TAIL>(), vec!["a_span_has_a_head_and_a_tail", "it_is_a_map"]),
            (breaks::<UNITS_SHARE_A_TAG>(), vec!["every_unit_has_a_tag_and_a_word_of_its_own"]),
            (breaks::<KEEPS_A_TAG>(), vec!["what_was_given_up_is_foreign_again"]),
            (breaks::<FORGETS_WORDS>(), vec!["it_is_a_map", "a_span_has_a_head_and_a_tail"]),
            (breaks::<REFUSED_IS_COVERED>(), vec!["refused_memory_changes_nothing"]),
            (
                breaks::<RETRACTS_UNASKED>(),
                vec!["a_tag_is_retracted_once_and_only_if_it_is_the_expected_one"],
            ),
            (
                breaks::<CLEARS_THE_WORD>(),
                vec!["a_tag_is_retracted_once_and_only_if_it_is_the_expected_one"],
            ),
            (breaks::<TELLS_TWO>(), vec!["of_several_who_retract_one_is_told_so"]),
            (breaks::<COVERS_LOSE>(), vec!["threads_that_cover_at_once_lose_nothing"]),
            (breaks::<LATE>(), vec!["who_is_told_an_address_sees_its_tag"]),
            (breaks::<TORN>(), vec!["a_look_up_at_any_time_sees_no_other_tag"]),
            (breaks::<SURVEYS_ONE>(), vec!["a_survey_shows_each_tag"]),
            (breaks::<OUT_OF_REACH>(), vec!["the_ends_of_its_reach_can_be_covered"]),
        ],
    );
}
