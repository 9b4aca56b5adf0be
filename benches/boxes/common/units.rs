//! Units that do not exist, and a registry that is an array.

use std::cell::{Cell, RefCell};
use std::ptr::{NonNull, without_provenance_mut};

use hakmem_contract::{Backend, Fault, MetaArena, Registry, Span, Tag, UNIT};

use super::Meta;

const BASE: usize = 1 << 40;
const UNITS: usize = 1024;

/// A stack of spans of one length, as a [`Backend`].
#[derive(Debug)]
pub struct Units {
    free: RefCell<Vec<Span>>,
    tags: Vec<Cell<(Tag, usize)>>,
}

impl Units {
    /// Spans of `units`.
    pub fn new(units: u16) -> Self {
        let span = |unit| {
            let base = NonNull::new(without_provenance_mut(BASE + unit * UNIT));
            let base = base.unwrap_or(NonNull::dangling());
            Span { base, superslab: 0, units, zeroed: 0 }
        };
        let free = (0..UNITS).step_by(usize::from(units)).rev().map(span).collect();
        Self { free: RefCell::new(free), tags: vec![Cell::new((Tag::FOREIGN, 0)); UNITS] }
    }

    /// One of them.
    pub fn one(&self) -> Span {
        self.free.borrow_mut().pop().unwrap_or(Span::NONE)
    }

    #[inline]
    fn at(&self, address: usize) -> &Cell<(Tag, usize)> {
        &self.tags[(address - BASE) / UNIT]
    }
}

// SAFETY: a span is on the stack or out.
unsafe impl Backend for Units {
    type Registry = Self;
    type Meta = Meta;

    fn acquire(&self, _units: usize, out: &mut [Span]) -> usize {
        out.fill_with(|| self.one());
        out.len()
    }

    unsafe fn release(&self, span: Span) {
        self.free.borrow_mut().push(span);
    }

    fn registry(&self) -> &Self {
        self
    }

    fn meta(&self) -> &Meta {
        &Meta
    }

    fn fault(&self, _fault: Fault) -> ! {
        std::process::abort()
    }
}

// SAFETY: what is published is in the array.
unsafe impl Registry for Units {
    fn tag_in_reach(&self, address: usize) -> Option<Tag> {
        Some(self.tag(address))
    }

    fn cover(&self, _base: usize, _bytes: usize, _meta: &impl MetaArena) -> bool {
        true
    }

    #[inline]
    fn tag(&self, address: usize) -> Tag {
        self.at(address).get().0
    }

    #[inline]
    unsafe fn tag_covered(&self, address: usize) -> Tag {
        self.at(address).get().0
    }

    #[inline]
    unsafe fn word_covered(&self, address: usize) -> usize {
        self.at(address).get().1
    }

    unsafe fn publish(&self, base: usize, units: usize, head: Tag, _tail: Tag, word: usize) {
        (0..units).for_each(|unit| self.at(base + unit * UNIT).set((head, word)));
    }

    unsafe fn retract(&self, base: usize, expected: Tag, instead: Tag) -> bool {
        let (tag, word) = self.at(base).get();
        if tag == expected {
            self.at(base).set((instead, word));
        }
        tag == expected
    }
}
