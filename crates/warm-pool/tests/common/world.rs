//! Units that do not exist, a registry that is a hash map, and an arena that can refuse.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ptr::{NonNull, without_provenance_mut};

use hakmem_contract::{Backend, Fault, Kind, MetaArena, Page, Registry, Span, Tag, UNIT};

use super::{FakePage, geometry};

/// What the world keeps of itself.
#[derive(Debug, Default)]
struct State {
    /// Spans that came back: they are handed out again before new ones.
    released: Vec<Span>,
    /// By the address of the first unit.
    owned: HashMap<usize, Span>,
    /// By the address of the unit.
    published: HashMap<usize, (Tag, usize)>,
    n_units: usize,
}

/// See the [module docs](self). Nothing here is ever looked at by address.
#[derive(Debug, Default)]
pub struct World {
    state: RefCell<State>,
    /// The most spans that one `acquire` brings; 0 refuses.
    pub most: Cell<usize>,
    /// What the calls of `acquire` asked for: so many spans of so many units.
    pub asked: RefCell<Vec<[usize; 2]>>,
    pub n_acquired: Cell<usize>,
    pub n_released: Cell<usize>,
    /// Requests for descriptor memory that will be served yet.
    pub descriptors: Cell<usize>,
    memory: RefCell<HashMap<usize, (NonNull<u8>, Layout)>>,
}

impl World {
    pub fn new() -> Self {
        let world = Self::default();
        world.most.set(usize::MAX);
        world.descriptors.set(usize::MAX);
        world
    }

    /// Units that somebody owns.
    pub fn n_owned(&self) -> usize {
        self.state.borrow().owned.values().map(|span| usize::from(span.units)).sum()
    }

    /// Descriptors that were ever made.
    pub fn n_descriptors(&self) -> usize {
        self.memory.borrow().len()
    }

    /// The slabs in use, each once.
    pub fn slabs(&self) -> Vec<NonNull<FakePage>> {
        let state = self.state.borrow();
        let words = state.owned.keys().map(|base| state.published[base].1);
        words
            .map(|word| NonNull::new(std::ptr::with_exposed_provenance_mut(word)).unwrap())
            .collect()
    }

    /// Every unit that is owned is published as its slab's, and no other unit is; each descriptor
    /// is large enough, and one slab's.
    fn check_published(&self) {
        let state = self.state.borrow();
        let mut n_units = 0;
        let mut words = HashMap::new();
        for span in state.owned.values() {
            let (tag, word) = state.published[&span.address()];
            let Kind::Slab(_, class) = tag.kind() else { unreachable!("{tag:?}") };
            assert_eq!(words.insert(word, ()), None, "two slabs in one descriptor");
            let bytes = self.memory.borrow()[&word].1.size();
            assert!(bytes >= FakePage::footprint(geometry(class)), "{bytes}: {class:?}");
            for unit in 0..usize::from(span.units) {
                assert_eq!(state.published[&(span.address() + unit * UNIT)], (tag, word));
                n_units += 1;
            }
        }
        assert_eq!(n_units, state.published.len());
    }

    /// Units acquired, but for those released, are owned, and published.
    pub fn check(&self) {
        assert_eq!(self.n_acquired.get(), self.n_released.get() + self.n_owned());
        self.check_published();
    }
}

impl Drop for World {
    fn drop(&mut self) {
        for (memory, layout) in self.memory.borrow().values() {
            // SAFETY: from `alloc_zeroed`, with this layout.
            unsafe { dealloc(memory.as_ptr(), *layout) };
        }
    }
}

// SAFETY: an owned span is in neither list; fresh ones have addresses of their own.
unsafe impl Backend for World {
    type Registry = Self;
    type Meta = Self;

    fn acquire(&self, units: usize, out: &mut [Span]) -> usize {
        self.asked.borrow_mut().push([out.len(), units]);
        let mut state = self.state.borrow_mut();
        let n = out.len().min(self.most.get());
        for span in &mut out[..n] {
            let reused = state.released.iter().rposition(|span| usize::from(span.units) == units);
            *span = match reused {
                Some(at) => state.released.remove(at),
                None => {
                    // A unit between two spans is nobody's.
                    let address = (1 << 40) + state.n_units * UNIT;
                    state.n_units += units + 1;
                    let base = NonNull::new(without_provenance_mut(address)).unwrap();
                    Span { base, superslab: 7, units: u16::try_from(units).unwrap(), zeroed: 1 }
                }
            };
            assert_eq!(state.owned.insert(span.address(), *span), None);
            self.n_acquired.update(|n_units| n_units + units);
        }
        n
    }

    unsafe fn release(&self, span: Span) {
        let mut state = self.state.borrow_mut();
        assert_eq!(state.owned.remove(&span.address()), Some(span), "not owned, or in part");
        for unit in 0..usize::from(span.units) {
            let published = state.published.get(&(span.address() + unit * UNIT));
            assert_eq!(published, None, "released before it was published as foreign");
        }
        self.n_released.update(|n_units| n_units + usize::from(span.units));
        state.released.push(span);
    }

    fn registry(&self) -> &Self {
        self
    }

    fn meta(&self) -> &Self {
        self
    }

    fn fault(&self, fault: Fault) -> ! {
        std::panic::resume_unwind(Box::new(fault))
    }
}

// SAFETY: what is published is in the map.
unsafe impl Registry for World {
    fn tag_in_reach(&self, address: usize) -> Option<Tag> {
        Some(self.tag(address))
    }

    fn cover(&self, _base: usize, _bytes: usize, _meta: &impl MetaArena) -> bool {
        true
    }

    fn tag(&self, address: usize) -> Tag {
        let published = self.state.borrow().published.get(&(address & !(UNIT - 1))).copied();
        published.map_or(Tag::FOREIGN, |(tag, _)| tag)
    }

    unsafe fn tag_covered(&self, address: usize) -> Tag {
        self.tag(address)
    }

    unsafe fn word_covered(&self, address: usize) -> usize {
        let published = self.state.borrow().published.get(&(address & !(UNIT - 1))).copied();
        published.map_or(0, |(_, word)| word)
    }

    unsafe fn publish(&self, base: usize, units: usize, head: Tag, tail: Tag, word: usize) {
        let mut state = self.state.borrow_mut();
        let owned = state.owned.get(&base).map(|span| usize::from(span.units));
        assert_eq!(owned, Some(units), "published by somebody who does not own it");
        assert_eq!(head, tail, "every unit of a slab looks the same");
        for unit in (0..units).map(|unit| base + unit * UNIT) {
            if head.kind() == Kind::Foreign {
                assert!(state.published.remove(&unit).is_some(), "was foreign before");
            } else {
                assert_eq!(state.published.insert(unit, (head, word)), None, "was in use");
            }
        }
    }

    unsafe fn retract(&self, _base: usize, _expected: Tag, _instead: Tag) -> bool {
        unreachable!("a slab's units are published together, as foreign too")
    }
}

// SAFETY: zero, aligned, and nobody else's as long as the test lasts.
unsafe impl MetaArena for World {
    fn alloc_meta(&self, bytes: usize) -> Option<NonNull<u8>> {
        self.descriptors.set(self.descriptors.get().checked_sub(1)?);
        let layout = Layout::from_size_align(bytes, 64).unwrap();
        // SAFETY: the size is not zero.
        let memory = NonNull::new(unsafe { alloc_zeroed(layout) }).unwrap();
        self.memory.borrow_mut().insert(memory.as_ptr().expose_provenance(), (memory, layout));
        Some(memory)
    }
}
