//! Each registry against a `HashMap`.

use std::collections::HashMap;

use bolero::check;
use hakmem_conformance::memory::{Arena, place};
use hakmem_contract::{Fresh, Registry, Tag, UNIT};
use hakmem_flat_registry::Flat;
use hakmem_fuzz::bits::{Bits, Step, Steps};
use hakmem_fuzz::reproducible;
use hakmem_hash_registry::Hash;
use hakmem_superslab_registry::TwoLevel;

/// What is done to the registry.
#[derive(Clone, Copy, Debug)]
enum Act {
    Publish {
        base: usize,
        units: usize,
        tag: u32,
        word: usize,
    },
    /// `right`: what is expected is there.
    Retract {
        base: usize,
        right: bool,
        instead: Tag,
    },
    Probe {
        address: usize,
    },
}

/// Addresses of units: dense in a few places, sparse everywhere else, some beyond user space.
fn unit(kind: usize, number: usize) -> usize {
    match kind % 8 {
        0..4 => ((number % 4) << 32) + number / 4 % 8 * UNIT,
        4..6 => ((1 + number % 3) << 32) - (1 + number / 3 % 4) * UNIT,
        6 => (number << 16) % (1 << 47),
        _ => number << 32 & !(UNIT - 1),
    }
}

impl Step for Act {
    fn of(bits: Bits) -> Self {
        let base = unit(bits.at(8, 3), bits.high());
        let (tag, word) = (bits.high() as u32 ^ 0x5A5A, bits.at(3, 60));
        match bits.kind() {
            0..120 => Self::Publish { base, units: 1 + bits.low() % 17, tag, word },
            120..190 => Self::Retract {
                base,
                right: !bits.low().is_multiple_of(4),
                instead: [Tag::FOREIGN, Tag::FREED_HUGE, Tag::freed_span(3)][bits.low() / 4 % 3],
            },
            _ => Self::Probe { address: base + bits.low() % UNIT },
        }
    }
}

/// What is published: the tag and the word of each unit that was ever covered.
type Naive = HashMap<usize, (Tag, usize)>;

fn act(registry: &impl Registry, arena: &Arena, naive: &mut Naive, act: Act) {
    match act {
        Act::Publish { base, units, tag, word } => {
            let fits = base.checked_add(units * UNIT).is_some_and(|end| end <= 1 << 47);
            assert_eq!(registry.cover(base, units * UNIT, arena), fits);
            if !fits {
                return;
            }
            let (head, tail) = (Tag::from_bits(tag), Tag::from_bits(!tag));
            // SAFETY: just covered, and this test's.
            unsafe { registry.publish(base, units, head, tail, word) };
            for unit in 0..units {
                naive.insert(base + unit * UNIT, (if unit == 0 { head } else { tail }, word));
            }
        }
        Act::Retract { base, right, instead } => {
            let Some((tag, _)) = naive.get_mut(&base) else { return };
            let expected = if right { *tag } else { Tag::from_bits(tag.bits() ^ 1) };
            // SAFETY: covered, and this test's.
            assert_eq!(unsafe { registry.retract(base, expected, instead) }, right);
            if right {
                *tag = instead;
            }
        }
        Act::Probe { address } => {
            let there = naive.get(&(address & !(UNIT - 1)));
            let expected = there.map_or(Tag::FOREIGN, |&(tag, _)| tag);
            assert_eq!(registry.tag(address), expected, "at {address:#x}");
        }
    }
}

fn run<R: Registry + Fresh>(steps: &Steps<Act>) {
    let registry = place::<R>();
    let arena = Arena::default();
    let mut naive = Naive::new();
    steps.iter().for_each(|step| act(&*registry, &arena, &mut naive, step));
    for (&base, &(tag, word)) in &naive {
        assert_eq!(registry.tag(base), tag);
        // SAFETY: covered.
        assert_eq!(unsafe { registry.tag_covered(base + UNIT - 1) }, tag);
        // SAFETY: covered.
        assert_eq!(unsafe { registry.word_covered(base + 1) }, word);
    }
}

fn check<R: Registry + Fresh>() {
    check!()
        .with_type::<Steps<Act>>()
        .with_iterations(150)
        .for_each(|steps| reproducible(|| run::<R>(steps)));
}

#[test]
fn two_levels_are_a_map() {
    check::<TwoLevel>();
}

#[test]
fn an_array_is_a_map() {
    check::<Flat>();
}

#[test]
fn a_hash_table_is_a_map() {
    check::<Hash>();
}
