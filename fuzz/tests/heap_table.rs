//! The table of heaps against a naive one.

#[path = "../../crates/tls-bind/tests/common/mod.rs"]
mod common;

use std::collections::BTreeSet;

use bolero::check;
use common::{Heap, heap, owner, table};
use hakmem_fuzz::bits::{Bits, Step, Steps};
use hakmem_fuzz::reproducible;
use hakmem_tls_bind::{Claim, HeapTable};

/// What is done to the table.
#[derive(Clone, Copy, Debug)]
enum Act {
    Claim,
    ClaimOrphan,
    Enlist(usize),
    Park(usize),
}

impl Step for Act {
    fn of(bits: Bits) -> Self {
        match bits.kind() {
            0..85 => Self::Claim,
            85..115 => Self::ClaimOrphan,
            115..170 => Self::Enlist(bits.low()),
            _ => Self::Park(bits.low()),
        }
    }
}

/// What is claimed, what is an orphan, what was made, and how many numbers were handed out.
#[derive(Debug, Default)]
struct Naive {
    bound: Vec<usize>,
    orphans: BTreeSet<usize>,
    made: BTreeSet<usize>,
    next: usize,
}

impl Naive {
    /// What a claim on `index` is.
    fn claim_of(&mut self, index: usize) -> Claim<Heap> {
        self.bound.push(index);
        Claim { owner: owner(index), heap: self.made.contains(&index).then(|| heap(index)) }
    }

    /// The lowest orphan, or a new number.
    fn claim(&mut self) -> Option<Claim<Heap>> {
        let index = self.orphans.pop_first().unwrap_or_else(|| {
            self.next += 1;
            self.next - 1
        });
        Some(self.claim_of(index))
    }

    /// Something bound, no longer.
    fn unbind(&mut self, which: usize) -> Option<usize> {
        let which = which.checked_rem(self.bound.len())?;
        Some(self.bound.swap_remove(which))
    }
}

fn act(table: &HeapTable<Heap>, naive: &mut Naive, act: Act) {
    match act {
        Act::Claim => assert_eq!(table.claim(), naive.claim()),
        Act::ClaimOrphan => {
            let got = table.claim_orphan();
            let index = got.as_ref().map(|claim| claim.owner.index());
            assert_eq!(index.is_none(), naive.orphans.is_empty());
            if let Some(index) = index {
                assert!(naive.orphans.remove(&index), "not an orphan");
                assert_eq!(got, Some(naive.claim_of(index)));
            }
        }
        Act::Enlist(which) => {
            let Some(index) = naive.unbind(which) else { return };
            // A maker enlists once.
            if naive.made.insert(index) {
                table.enlist(owner(index), heap(index));
            }
            naive.bound.push(index);
        }
        Act::Park(which) => {
            let Some(index) = naive.unbind(which) else { return };
            table.park(owner(index));
            assert!(naive.orphans.insert(index));
        }
    }
}

fn run(steps: &Steps<Act>) {
    let table = table();
    let mut naive = Naive::default();
    for step in steps.iter() {
        act(&table, &mut naive, step);
        assert_eq!(table.made(), naive.next);
    }
    // Every orphan comes back, lowest first, and then new numbers.
    for _ in 0..=naive.orphans.len() {
        assert_eq!(table.claim(), naive.claim());
    }
}

#[test]
fn it_is_a_set_of_orphans_and_a_count() {
    check!()
        .with_type::<Steps<Act>>()
        .with_iterations(1_000)
        .for_each(|steps| reproducible(|| run(steps)));
}
