//! The front caches between a program and a source that checks.

use bolero::check;
use bolero::generator::*;
use hakmem_conformance::front::{Program, class};
use hakmem_contract::{Class, FrontCache};
use hakmem_fuzz::bits::{Bits, Step, Steps};
use hakmem_fuzz::reproducible;
use hakmem_tiered_front::{Magazine, Tiered};
use hakmem_tls_sll::TlsSll;
use hakmem_unified_cache::UnifiedCache;

/// What a program does, and what happens to it.
#[derive(Clone, Copy, Debug)]
enum Act {
    Allocate(Class, usize),
    Free(Class, usize, usize),
    Drain,
    SourceGives(usize),
    MetaRefuses(bool),
}

impl Step for Act {
    fn of(bits: Bits) -> Self {
        // Neighbours, so that one class's overrun hits another; the smallest and the largest limit.
        let class = class([0, 1, 2, 19, 38, 39][bits.at(9, 7) % 6]);
        let n = match bits.low() % 9 {
            0..6 => 1 + bits.low() / 9 % 3,
            6..8 => 4 + bits.low() / 9 % 36,
            _ => 40 + bits.low() / 9 % 360,
        };
        match bits.kind() {
            0..113 => Self::Allocate(class, n),
            113..226 => Self::Free(class, n, bits.high()),
            226..232 => Self::Drain,
            232..249 => Self::SourceGives([0, 1, 7, 40, usize::MAX, usize::MAX][bits.low() % 6]),
            _ => Self::MetaRefuses(bits.flag()),
        }
    }
}

/// The program checks every block it gets against all others; `finish` misses none.
fn run<F: FrontCache>(shift: u32, steps: &Steps<Act>) {
    let mut program = Program::<F>::new(shift);
    // Each step may be hundreds of calls.
    for step in steps.iter().take(80) {
        match step {
            Act::Allocate(class, n) => (0..n).for_each(|_| {
                let refused = program.source.most == 0 && program.n_cached(class) == 0;
                assert_ne!(program.allocate(class), refused);
            }),
            Act::Free(class, n, which) => (0..n).for_each(|_| program.free(class, which)),
            Act::Drain => program.drain(),
            Act::SourceGives(most) => program.source.most = most,
            Act::MetaRefuses(refuses) => program.meta.refuse(refuses),
        }
    }
    program.finish();
}

#[test]
fn unified_cache() {
    check!()
        .with_generator((0..4_u32, produce::<Steps<Act>>()))
        .with_iterations(150)
        .for_each(|(shift, steps)| reproducible(|| run::<UnifiedCache>(*shift, steps)));
}

#[test]
fn tls_sll() {
    check!()
        .with_generator((0..4_u32, produce::<Steps<Act>>()))
        .with_iterations(150)
        .for_each(|(shift, steps)| reproducible(|| run::<TlsSll>(*shift, steps)));
}

#[test]
fn magazine() {
    check!()
        .with_generator((0..4_u32, produce::<Steps<Act>>()))
        .with_iterations(150)
        .for_each(|(shift, steps)| reproducible(|| run::<Magazine<UnifiedCache>>(*shift, steps)));
}

#[test]
fn tiered() {
    type Hasty = Tiered<UnifiedCache, TlsSll, 64>;
    check!()
        .with_generator((0..4_u32, produce::<Steps<Act>>()))
        .with_iterations(150)
        .for_each(|(shift, steps)| reproducible(|| run::<Hasty>(*shift, steps)));
}
