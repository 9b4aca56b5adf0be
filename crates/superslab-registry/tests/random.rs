//! The registry against a `HashMap`.
#![cfg(not(loom))]

mod common;

use std::collections::HashMap;

use common::Arena;
use hakmem_contract::{Registry, Tag, UNIT};
use proptest::prelude::*;

/// Addresses of units: dense in a few places, sparse everywhere else, some beyond user space.
fn unit() -> impl Strategy<Value = usize> {
    prop_oneof![
        4 => (0..4_usize, 0..8_usize).prop_map(|(leaf, unit)| (leaf << 32) + unit * UNIT),
        2 => (1..4_usize, 0..4_usize).prop_map(|(leaf, unit)| (leaf << 32) - (unit + 1) * UNIT),
        1 => any::<usize>().prop_map(|address| address % (1 << 47) / UNIT * UNIT),
        1 => any::<usize>().prop_map(|address| address / UNIT * UNIT),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn it_is_a_map(
        steps in prop::collection::vec((unit(), 1..17_usize, any::<u32>(), any::<usize>()), 1..60),
        probes in prop::collection::vec((unit(), 0..UNIT), 40),
    ) {
        let registry = common::registry();
        let arena = Arena::default();
        let mut naive = HashMap::new();
        for &(base, units, bits, word) in &steps {
            let fits = base.checked_add(units * UNIT).is_some_and(|end| end <= 1 << 47);
            prop_assert_eq!(registry.cover(base, units * UNIT, &arena), fits);
            if !fits {
                continue;
            }
            let (head, tail) = (Tag::from_bits(bits), Tag::from_bits(!bits));
            // SAFETY: just covered, and this test's.
            unsafe { registry.publish(base, units, head, tail, word) };
            for unit in 0..units {
                naive.insert(base + unit * UNIT, (if unit == 0 { head } else { tail }, word));
            }
        }
        for (&base, &(tag, word)) in &naive {
            prop_assert_eq!(registry.tag(base), tag);
            // SAFETY: covered.
            prop_assert_eq!(unsafe { registry.tag_covered(base + UNIT - 1) }, tag);
            // SAFETY: covered.
            prop_assert_eq!(unsafe { registry.word_covered(base + 1) }, word);
        }
        let bases = steps.iter().map(|step| (step.0, 0));
        for (base, offset) in probes.into_iter().chain(bases) {
            let expected = naive.get(&base).map_or(Tag::FOREIGN, |&(tag, _)| tag);
            prop_assert_eq!(registry.tag(base + offset), expected);
        }
    }
}
