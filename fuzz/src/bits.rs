//! Steps as bits: every engine can produce them, and a step that is left out or changed leaves the
//! others as they were.

use std::fmt;
use std::marker::PhantomData;

use bolero::Driver;
use bolero::generator::*;

/// How many steps there are at most.
const MOST_STEPS: usize = 300;

/// What a step is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TypeGenerator)]
pub struct Bits(u64);

impl Bits {
    /// Of these bits, `width` from bit `from` on.
    pub const fn at(self, from: u32, width: u32) -> usize {
        (self.0 >> from) as usize & ((1 << width) - 1)
    }

    /// Which kind of step: 0 to 255.
    pub const fn kind(self) -> usize {
        self.at(0, 8)
    }

    /// A number below 2^16, apart from the kind and the others.
    pub const fn low(self) -> usize {
        self.at(16, 16)
    }

    /// A number below 2^32, apart from the kind and the others.
    pub const fn high(self) -> usize {
        self.at(32, 32)
    }

    /// Whether or not, apart from the kind and the others.
    pub const fn flag(self) -> bool {
        self.at(8, 1) == 1
    }
}

/// Something that can be done.
pub trait Step: fmt::Debug {
    /// What these bits mean.
    fn of(bits: Bits) -> Self;
}

/// Steps, one after the other.
#[derive(Clone)]
pub struct Steps<S> {
    bits: Vec<Bits>,
    step: PhantomData<fn() -> S>,
}

impl<S: Step> Steps<S> {
    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = S> {
        self.bits.iter().map(|&bits| S::of(bits))
    }
}

impl<S: Step> fmt::Debug for Steps<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<S: 'static> TypeGenerator for Steps<S> {
    fn generate<D: Driver>(driver: &mut D) -> Option<Self> {
        let bits = produce::<Vec<Bits>>().with().len(1..=MOST_STEPS).generate(driver)?;
        Some(Self { bits, step: PhantomData })
    }
}

/// Takes up to `n` of `list`, from place `which` on, `stride` apart.
pub fn pick<T>(list: &mut Vec<T>, which: usize, stride: usize, n: usize) -> Vec<T> {
    let mut at = which;
    let mut picked = Vec::new();
    while picked.len() < n && !list.is_empty() {
        at %= list.len();
        picked.push(list.swap_remove(at));
        at += stride;
    }
    picked
}
