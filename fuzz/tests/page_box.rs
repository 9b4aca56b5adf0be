//! A slab against a `Vec<bool>`, and a checked slab and a slab of lists against a set.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::collections::BTreeMap;

use bolero::check;
use bolero::generator::*;
use hakmem_conformance::page::{Case, Slab as Rig, geometries};
use hakmem_contract::{Geometry, Page, UNIT};
use hakmem_free_list_page::FreeListSlab;
use hakmem_fuzz::bits::{Bits, Step, Steps, pick};
use hakmem_fuzz::reproducible;
use hakmem_page_box::{CheckedSlab, Slab};

type Owned = Rig<Slab>;

/// What is done to a slab: some blocks are `which`, `stride` and how many.
#[derive(Clone, Copy, Debug)]
enum Act {
    Take(usize),
    Give(usize, usize, usize),
    /// All that are out, ascending: runs.
    GiveAll,
    GiveRemote(usize, usize, usize),
    Collect,
}

impl Step for Act {
    fn of(bits: Bits) -> Self {
        let (which, stride, n) = (bits.low(), 1 + bits.high() % 7, 1 + bits.high() / 7 % 40);
        match bits.kind() {
            0..64 => Self::Take(1 + bits.low() % 140),
            64..128 => Self::Give(which, stride, n),
            128..136 => Self::GiveAll,
            136..216 => Self::GiveRemote(which, stride, n),
            _ => Self::Collect,
        }
    }
}

fn geometry() -> impl ValueGenerator<Output = Geometry> {
    let all: Vec<_> = geometries().collect();
    (0..all.len()).map_gen(move |index| all[index])
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
}

fn give(slab: &Owned, naive: &mut Naive, blocks: &[usize]) {
    blocks.iter().for_each(|&block| naive.free[block] = true);
    let noticed = !blocks.is_empty() && naive.n_free() == slab.capacity();
    assert_eq!(slab.give(blocks), Ok(noticed));
}

fn act(slab: &Owned, naive: &mut Naive, act: Act) {
    match act {
        Act::Take(want) => assert_eq!(slab.take(want), naive.take(want)),
        Act::Give(which, stride, n) => {
            let blocks = pick(&mut naive.out, which, stride, n);
            give(slab, naive, &blocks);
        }
        Act::GiveAll => {
            let mut blocks = std::mem::take(&mut naive.out);
            blocks.sort_unstable();
            give(slab, naive, &blocks);
        }
        Act::GiveRemote(which, stride, n) => {
            for block in pick(&mut naive.out, which, stride, n) {
                assert_eq!(slab.give_remote(block), Ok(()));
                naive.remote.push(block);
            }
        }
        Act::Collect => {
            let any = !naive.remote.is_empty();
            naive.remote.drain(..).for_each(|block| naive.free[block] = true);
            let whole = any && naive.n_free() == slab.capacity();
            assert_eq!(slab.collect(), Ok(if whole { vec![slab.page] } else { vec![] }));
        }
    }
    slab.check(naive.n_free());
}

fn slab(geometry: Geometry, steps: &Steps<Act>) {
    let slab = Owned::new(&Case::default().sound(Slab::check), geometry);
    let mut naive = Naive::new(slab.capacity());
    steps.iter().for_each(|step| act(&slab, &mut naive, step));
    // A second free of any block that is free or on its way is found.
    // One only: a slab is of no use after a fault.
    if let Some(&block) = naive.remote.first() {
        assert_eq!(slab.give_remote(block), Err(slab.double(block)));
    }
    if let Some(block) = naive.free.iter().position(|free| *free) {
        assert_eq!(slab.give(&[block]), Err(slab.double(block)));
    }
}

#[test]
fn a_slab_is_a_vec_of_bool() {
    check!()
        .with_generator((geometry(), produce::<Steps<Act>>()))
        .with_iterations(2_000)
        .for_each(|(geometry, steps)| reproducible(|| slab(*geometry, steps)));
}

#[test]
fn a_block_is_located_where_its_address_says() {
    check!().with_generator((geometry(), 0..9 * UNIT)).with_iterations(5_000).for_each(
        |(geometry, offset)| {
            let slab = Owned::new(&Case::default(), *geometry);
            let size = geometry.block_size as usize;
            let index = offset / size;
            let address = slab.span.base.as_ptr().wrapping_add(*offset);
            let expected = (offset % size == 0 && index < slab.capacity())
                .then_some((index / 64, 1 << (index % 64)));
            assert_eq!(slab.locate(address).ok(), expected);
        },
    );
}

/// Writes to all that the program may use of block `index`.
fn fill<P: Page>(slab: &Rig<P>, index: usize) {
    // SAFETY: the test owns the blocks.
    unsafe { slab.block(index).write_bytes(0xA5, slab.geometry.usable()) };
}

/// Gives `blocks` as others would whose outbox gathered them by words.
fn give_remote<P: Page>(slab: &Rig<P>, blocks: &[usize]) {
    let mut words = BTreeMap::<usize, u64>::new();
    for &index in blocks {
        let (word, bit) = slab.locate(slab.block(index)).unwrap();
        *words.entry(word).or_default() |= bit;
    }
    words.into_iter().for_each(|(word, bits)| slab.give_bits(word, bits).unwrap());
}

/// A slab against a set of what is out, and the number of blocks that were given remotely.
fn is_a_set<P: Page>(case: &Case<P>, geometry: Geometry, steps: &Steps<Act>) {
    let slab = Rig::new(case, geometry);
    let (mut out, mut remote) = (Vec::new(), 0);
    for step in steps.iter() {
        match step {
            Act::Take(want) => {
                let free = slab.free();
                let taken = slab.take(want);
                assert_eq!(taken.len(), want.min(free));
                for index in taken {
                    assert!(!out.contains(&index), "handed out twice");
                    fill(&slab, index);
                    out.push(index);
                }
            }
            Act::Give(which, stride, n) => {
                slab.give(&pick(&mut out, which, stride, n)).unwrap();
            }
            Act::GiveAll => {
                out.sort_unstable();
                slab.give(&std::mem::take(&mut out)).unwrap();
            }
            Act::GiveRemote(which, stride, n) => {
                let blocks = pick(&mut out, which, stride, n);
                give_remote(&slab, &blocks);
                remote += blocks.len();
            }
            Act::Collect => {
                slab.collect().unwrap();
                remote = 0;
                assert!(!out.is_empty() || slab.free() == slab.capacity(), "held for nothing");
            }
        }
        slab.check(slab.capacity() - out.len() - remote);
    }
    slab.give(&out).unwrap();
    slab.collect().unwrap();
    slab.check(slab.capacity());
    assert_eq!(slab.take(slab.capacity()).len(), slab.capacity(), "blocks were lost");
}

#[test]
fn a_checked_slab_hands_no_block_out_twice_and_loses_none() {
    let case = Case::default().holds_one_in(4).sound(CheckedSlab::check);
    check!().with_generator((geometry(), produce::<Steps<Act>>())).with_iterations(500).for_each(
        |(geometry, steps)| reproducible(|| is_a_set(&case, geometry.with_tail(8), steps)),
    );
}

#[test]
fn a_slab_of_lists_hands_no_block_out_twice_and_loses_none() {
    let case = Case::default().sound(FreeListSlab::check);
    check!()
        .with_generator((geometry(), produce::<Steps<Act>>()))
        .with_iterations(2_000)
        .for_each(|(geometry, steps)| reproducible(|| is_a_set(&case, *geometry, steps)));
}
