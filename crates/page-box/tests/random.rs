//! A slab against a `Vec<bool>`.
#![cfg(not(loom))]

mod common;

use common::{Owned, geometries};
use hakmem_contract::Geometry;
use proptest::prelude::*;
use proptest::sample::Index;

/// What is done to the slab and to the naive one.
#[derive(Clone, Debug)]
enum Step {
    Take(usize),
    Give(Vec<Index>),
    /// All that are out, ascending: runs.
    GiveAll,
    GiveRemote(Vec<Index>),
    Collect,
}

fn step() -> impl Strategy<Value = Step> {
    let some = || prop::collection::vec(any::<Index>(), 1..40);
    prop_oneof![
        (1..140_usize).prop_map(Step::Take),
        some().prop_map(Step::Give),
        Just(Step::GiveAll),
        some().prop_map(Step::GiveRemote),
        Just(Step::Collect),
    ]
}

fn geometry() -> impl Strategy<Value = Geometry> {
    prop::sample::select(geometries().collect::<Vec<_>>())
}

/// Which blocks are free, which are out, which were given back and not collected.
#[derive(Debug)]
struct Naive {
    free: Vec<bool>,
    out: Vec<usize>,
    remote: Vec<usize>,
}

impl Naive {
    fn new(capacity: usize) -> Self {
        Self { free: vec![true; capacity], out: Vec::new(), remote: Vec::new() }
    }

    fn n_free(&self) -> usize {
        self.free.iter().filter(|free| **free).count()
    }

    /// The lowest `want` free blocks.
    fn take(&mut self, want: usize) -> Vec<usize> {
        let lowest = (0..self.free.len()).filter(|&i| self.free[i]).take(want).collect::<Vec<_>>();
        for &i in &lowest {
            self.free[i] = false;
        }
        self.out.extend(&lowest);
        lowest
    }

    /// Some of the blocks that are out; none twice.
    fn pick(&mut self, picks: &[Index]) -> Vec<usize> {
        let n = picks.len().min(self.out.len());
        picks[..n].iter().map(|pick| self.out.swap_remove(pick.index(self.out.len()))).collect()
    }
}

fn give(slab: &Owned, naive: &mut Naive, blocks: &[usize]) -> Result<(), TestCaseError> {
    blocks.iter().for_each(|&block| naive.free[block] = true);
    let noticed = !blocks.is_empty() && naive.n_free() == slab.capacity();
    prop_assert_eq!(slab.give(blocks), Ok(noticed));
    Ok(())
}

fn run(slab: &Owned, naive: &mut Naive, step: Step) -> Result<(), TestCaseError> {
    match step {
        Step::Take(want) => prop_assert_eq!(slab.take(want), naive.take(want)),
        Step::Give(picks) => {
            let blocks = naive.pick(&picks);
            give(slab, naive, &blocks)?;
        }
        Step::GiveAll => {
            let mut blocks = std::mem::take(&mut naive.out);
            blocks.sort_unstable();
            give(slab, naive, &blocks)?;
        }
        Step::GiveRemote(picks) => {
            for block in naive.pick(&picks) {
                prop_assert_eq!(slab.give_remote(block), Ok(()));
                naive.remote.push(block);
            }
        }
        Step::Collect => {
            let any = !naive.remote.is_empty();
            naive.remote.drain(..).for_each(|block| naive.free[block] = true);
            let whole = any && naive.n_free() == slab.capacity();
            let relisted = slab.collect();
            prop_assert_eq!(relisted, Ok(if whole { vec![slab.page] } else { vec![] }));
        }
    }
    slab.check(naive.n_free());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn it_is_a_vec_of_bool(
        geometry in geometry(),
        steps in prop::collection::vec(step(), 1..80),
    ) {
        let slab = <Owned>::new(geometry);
        let mut naive = Naive::new(slab.capacity());
        for step in steps {
            run(&slab, &mut naive, step)?;
        }
        // A second free of any block that is free or on its way is found.
        // One only: a slab is of no use after a fault.
        if let Some(&block) = naive.remote.first() {
            prop_assert_eq!(slab.give_remote(block), Err(slab.double(block)));
        }
        if let Some(block) = naive.free.iter().position(|free| *free) {
            prop_assert_eq!(slab.give(&[block]), Err(slab.double(block)));
        }
    }

    #[test]
    fn a_block_is_located_where_its_address_says(
        geometry in geometry(),
        offset in 0..9 * hakmem_contract::UNIT,
    ) {
        let slab = <Owned>::new(geometry);
        let size = geometry.block_size as usize;
        let index = offset / size;
        let address = slab.span.base.as_ptr().wrapping_add(offset);
        let expected = (offset % size == 0 && index < slab.capacity())
            .then_some((index / 64, 1 << (index % 64)));
        prop_assert_eq!(slab.locate(address).ok(), expected);
    }
}
