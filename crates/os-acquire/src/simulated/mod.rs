//! A system for tests: counts every call, fails the ones that it is told to, and panics when it
//! is misused.
//!
//! # What it does not do
//!
//! In virtual mode it gives out addresses without memory behind them, except for requests of
//! less than a SuperSlab (metadata, which is written). In real mode everything is memory.
#![expect(clippy::panic, reason = "misuse must fail the test that it happens in")]

mod pool;
mod space;

use core::ptr::{self, NonNull};
use std::boxed::Box;
use std::string::String;
use std::sync::{Mutex, MutexGuard, PoisonError};

use hakmem_contract::os::Purpose;
use hakmem_contract::{Fresh, OsPort, SUPERSLAB, Unplaced};

use crate::linux::Linux;
use space::{Mapping, Space};

/// Where virtual addresses begin, downwards: not aligned, as on a real system.
const TOP: usize = (1 << 46) + 0x5000;

/// Linux maps above this, and no virtual address comes near it, even by growing.
const FLOOR: usize = 3 << 45;

/// The kinds of calls that can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// `map`
    Map,
    /// `unmap`
    Unmap,
    /// `purge`
    Purge,
    /// `populate`
    Populate,
    /// `advise_huge`
    Advise,
    /// `protect`
    Protect,
    /// `name`
    Name,
    /// `grow`
    Grow,
    /// `relocate`
    Relocate,
    /// `map_explicit`
    MapExplicit,
}

/// How many kinds there are.
const KINDS: usize = 10;

/// Which calls fail.
enum Rule {
    Never,
    At(usize),
    From(usize),
    Above(usize),
    When(Box<dyn Fn(Call, usize) -> bool + Send>),
}

struct State {
    space: Space,
    /// Bytes of explicit huge pages that nobody has.
    pool: usize,
    counts: [usize; KINDS],
    /// Calls since the rule was set.
    made: usize,
    /// Those of them that were made to fail.
    refused: usize,
    /// Bytes of all calls that were made to fail.
    refused_bytes: [usize; KINDS],
    rule: Rule,
    clock: u64,
    obeys_hints: bool,
}

impl State {
    /// Whether `more` bytes would be too many.
    fn exceeds(&self, more: usize) -> bool {
        matches!(self.rule, Rule::Above(most) if self.space.total() + more > most)
    }
}

/// See the [module docs](self).
pub struct Simulated {
    real: bool,
    state: Mutex<State>,
}

impl core::fmt::Debug for Simulated {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Simulated").field("real", &self.real).finish_non_exhaustive()
    }
}

impl Simulated {
    /// Gives out memory.
    #[must_use]
    pub const fn real() -> Self {
        Self::new(true)
    }

    /// Gives out addresses.
    #[must_use]
    pub const fn virtual_only() -> Self {
        Self::new(false)
    }

    const fn new(real: bool) -> Self {
        let state = State {
            space: Space::new(TOP),
            pool: 0,
            counts: [0; KINDS],
            made: 0,
            refused: 0,
            refused_bytes: [0; KINDS],
            rule: Rule::Never,
            clock: 0,
            obeys_hints: true,
        };
        Self { real, state: Mutex::new(state) }
    }

    /// Fails call number `k` from now, beginning with 1, and no other.
    pub fn fail_at(&self, k: usize) {
        self.set_rule(Rule::At(k));
    }

    /// Fails call number `k` from now, beginning with 1, and all that follow.
    pub fn fail_from(&self, k: usize) {
        self.set_rule(Rule::From(k));
    }

    /// Fails what would make more than `bytes` mapped, as an address-space limit does.
    pub fn fail_above(&self, bytes: usize) {
        self.set_rule(Rule::Above(bytes));
    }

    /// Fails the calls of which `when` says so, given the kind and the bytes.
    pub fn fail_when(&self, when: impl Fn(Call, usize) -> bool + Send + 'static) {
        self.set_rule(Rule::When(Box::new(when)));
    }

    /// Fails nothing from now on.
    pub fn fail_never(&self) {
        self.set_rule(Rule::Never);
    }

    /// How many calls of this kind were made.
    #[must_use]
    pub fn count(&self, call: Call) -> usize {
        self.lock().counts.get(call as usize).copied().unwrap_or(0)
    }

    /// How many calls were made since the last rule was set.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.lock().made
    }

    /// How many of these were made to fail.
    #[must_use]
    pub fn refused(&self) -> usize {
        self.lock().refused
    }

    /// The bytes of all calls of this kind that were made to fail.
    #[must_use]
    pub fn refused_bytes(&self, call: Call) -> usize {
        self.lock().refused_bytes.get(call as usize).copied().unwrap_or(0)
    }

    /// How many bytes are mapped.
    #[must_use]
    pub fn mapped(&self) -> usize {
        self.lock().space.total()
    }

    /// Whether every byte of the range is mapped.
    #[must_use]
    pub fn covers(&self, base: usize, bytes: usize) -> bool {
        self.lock().space.covers(base, bytes)
    }

    /// Whether huge pages were asked for at this address.
    #[must_use]
    pub fn is_huge(&self, address: usize) -> bool {
        self.lock().space.at(address).is_some_and(|(_, mapping)| mapping.huge)
    }

    /// What the mapping at this address is named for.
    #[must_use]
    pub fn purpose(&self, address: usize) -> Option<Purpose> {
        self.lock().space.at(address).and_then(|(_, mapping)| mapping.purpose)
    }

    /// Sets the clock.
    pub fn set_clock(&self, now_ms: u64) {
        self.lock().clock = now_ms;
    }

    /// Whether `map` does what `near` wishes (virtual mode).
    pub fn obey_hints(&self, obeys_hints: bool) {
        self.lock().obeys_hints = obeys_hints;
    }

    /// Somebody else maps `bytes` below everything (virtual mode).
    pub fn nudge(&self, bytes: usize) {
        self.lock().space.nudge(bytes);
    }

    fn set_rule(&self, rule: Rule) {
        let mut state = self.lock();
        state.made = 0;
        state.refused = 0;
        state.rule = rule;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A test that caught a panic goes on; the state is whole between statements.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a call. `None` when it has to fail.
    fn begin(&self, call: Call, bytes: usize) -> Option<MutexGuard<'_, State>> {
        let mut state = self.lock();
        state.made += 1;
        if let Some(count) = state.counts.get_mut(call as usize) {
            *count += 1;
        }
        let fails = match &state.rule {
            Rule::Never => false,
            Rule::At(k) => state.made == *k,
            Rule::From(k) => state.made >= *k,
            Rule::Above(_) => call == Call::Map && state.exceeds(bytes),
            Rule::When(when) => when(call, bytes),
        };
        if !fails {
            return Some(state);
        }
        state.refused += 1;
        if let Some(refused) = state.refused_bytes.get_mut(call as usize) {
            // Absurd requests are refused too, and two of them are more than there is.
            *refused = refused.saturating_add(bytes);
        }
        None
    }

    /// Whether a request of this size gets memory.
    fn is_real(&self, bytes: usize) -> bool {
        self.real || bytes < SUPERSLAB
    }

    /// Whether memory is behind this address.
    fn has_memory(&self, base: NonNull<u8>) -> bool {
        self.real || base.as_ptr().addr() > FLOOR
    }

    /// Counts a call on a range that must be mapped.
    fn begin_on(
        &self,
        call: Call,
        base: NonNull<u8>,
        bytes: usize,
    ) -> Option<MutexGuard<'_, State>> {
        let address = base.as_ptr().addr();
        let covered = self.covers(address, bytes);
        assert!(covered && bytes > 0, "{call:?} of {bytes:#x} bytes at {address:#x}: not mapped");
        self.begin(call, bytes)
    }
}

/// One that gives out memory.
impl Fresh for Simulated {
    const FRESH: Unplaced<Self> = Unplaced::new(Self::real());
}

// SAFETY: memory comes from `Linux`, which promises the same; `Space` refuses overlaps. Virtual
// ranges have no memory, and no test touches them. What fails returns before it changes anything.
unsafe impl OsPort for Simulated {
    fn map(&self, near: usize, bytes: usize) -> Option<NonNull<u8>> {
        assert!(bytes > 0 && bytes.is_multiple_of(4096), "map of {bytes:#x} bytes");
        let mut state = self.begin(Call::Map, bytes)?;
        let base = if self.is_real(bytes) {
            Linux.map(near, bytes)?
        } else {
            let near = if state.obeys_hints { near } else { 0 };
            let address = state.space.place(near, bytes)?;
            NonNull::new(ptr::without_provenance_mut(address))?
        };
        state.space.add(base.as_ptr().addr(), Mapping::plain(bytes));
        Some(base)
    }

    /// Memory, whatever the mode: it is going to be written.
    fn reserve(&self, bytes: usize) -> Option<NonNull<u8>> {
        let mut state = self.begin(Call::Map, bytes)?;
        let base = Linux.reserve(bytes)?;
        state.space.add(base.as_ptr().addr(), Mapping::plain(bytes));
        Some(base)
    }

    unsafe fn unmap(&self, base: NonNull<u8>, bytes: usize) -> bool {
        let Some(mut state) = self.begin_on(Call::Unmap, base, bytes) else { return false };
        if !state.leave_pool(base, bytes) {
            return false;
        }
        state.space.remove(base.as_ptr().addr(), bytes);
        // SAFETY: the caller gives the pages up; they are mapped, as was checked.
        !self.has_memory(base) || unsafe { Linux.unmap(base, bytes) }
    }

    unsafe fn purge(&self, base: NonNull<u8>, bytes: usize) -> bool {
        let Some(state) = self.begin_on(Call::Purge, base, bytes) else { return false };
        state.refuse_explicit(base, bytes);
        // SAFETY: the caller's pages, mapped, as was checked.
        !self.has_memory(base) || unsafe { Linux.purge(base, bytes) }
    }

    unsafe fn populate(&self, base: NonNull<u8>, bytes: usize) -> bool {
        let Some(_state) = self.begin_on(Call::Populate, base, bytes) else { return false };
        // SAFETY: the caller's pages, mapped, as was checked.
        !self.has_memory(base) || unsafe { Linux.populate(base, bytes) }
    }

    unsafe fn advise_huge(&self, base: NonNull<u8>, bytes: usize, huge: bool) -> bool {
        let Some(mut state) = self.begin_on(Call::Advise, base, bytes) else { return false };
        state.space.mark(base.as_ptr().addr(), bytes, |mapping| mapping.huge = huge);
        // SAFETY: the caller's pages, mapped, as was checked.
        !self.has_memory(base) || unsafe { Linux.advise_huge(base, bytes, huge) }
    }

    unsafe fn protect(&self, base: NonNull<u8>, bytes: usize, access: bool) -> bool {
        let Some(state) = self.begin_on(Call::Protect, base, bytes) else { return false };
        assert!(!state.cuts_explicit(base, bytes), "half of a huge page is protected");
        // SAFETY: the caller's pages, mapped, as was checked.
        !self.has_memory(base) || unsafe { Linux.protect(base, bytes, access) }
    }

    unsafe fn name(&self, base: NonNull<u8>, bytes: usize, purpose: Purpose) -> bool {
        let Some(mut state) = self.begin_on(Call::Name, base, bytes) else { return false };
        if state.has_explicit(base, bytes) {
            return false;
        }
        state.space.mark(base.as_ptr().addr(), bytes, |mapping| mapping.purpose = Some(purpose));
        true
    }

    unsafe fn grow(&self, base: NonNull<u8>, old: usize, new: usize) -> bool {
        assert!(new > old, "grow to {new:#x} from {old:#x}");
        let Some(mut state) = self.begin_on(Call::Grow, base, old) else { return false };
        let end = base.as_ptr().addr() + old;
        let possible = !state.exceeds(new - old)
            && state.space.one(base.as_ptr().addr(), old).is_some_and(|one| !one.explicit)
            && state.space.is_free(end, new - old);
        // SAFETY: the caller's pages, mapped, as was checked.
        if !possible || self.has_memory(base) && !unsafe { Linux.grow(base, old, new) } {
            return false;
        }
        state.space.extend(end, new - old);
        true
    }

    unsafe fn relocate(&self, base: NonNull<u8>, old: usize, to: NonNull<u8>, new: usize) -> bool {
        let (from, target) = (base.as_ptr().addr(), to.as_ptr().addr());
        assert!(new >= old, "relocation to {new:#x} from {old:#x} bytes");
        assert!(from + old <= target || target + new <= from, "relocation onto itself");
        assert!(self.covers(target, new), "relocation to {target:#x}: not mapped");
        let Some(mut state) = self.begin_on(Call::Relocate, base, old) else { return false };
        let Some(mapping) = state.space.one(from, old).filter(|one| !one.explicit) else {
            return false;
        };
        // SAFETY: both ranges are the caller's, mapped, as was checked.
        if self.has_memory(base) && !unsafe { Linux.relocate(base, old, to, new) } {
            return false;
        }
        let left = state.leave_pool(to, new);
        assert!(left, "half of a huge page is replaced");
        state.space.remove(target, new);
        state.space.remove(from, old);
        state.space.add(target, Mapping { bytes: new, ..mapping });
        true
    }

    fn now_ms(&self) -> u64 {
        self.lock().clock
    }

    fn die(&self, line: &[u8]) -> ! {
        panic!("{}", String::from_utf8_lossy(line))
    }
}

impl Drop for Simulated {
    /// Gives memory back that the test left mapped.
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        for (base, bytes) in state.space.all() {
            let Some(range) = NonNull::new(ptr::with_exposed_provenance_mut::<u8>(base)) else {
                continue;
            };
            if self.real || base > FLOOR {
                // SAFETY: the system goes away, and with it the allocator that used the memory.
                unsafe { Linux.unmap(range, bytes) };
            }
        }
    }
}
