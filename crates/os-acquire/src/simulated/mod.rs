//! A system that keeps books: it knows every mapping, counts every call, and fails the ones that it is
//! told to. For tests, and for programs in which one wants to see or to refuse what the allocator asks.
//!
//! ```text
//!  Acquire ──map, unmap, …──▶ port ──▶ rule: fails it? ──▶ the system ──▶ space: noted
//! ```
//!
//! | made by | addresses | memory | clock | misuse |
//! |---|---|---|---|---|
//! | [`placed`](Simulated::placed), `FRESH` | its own choice, the same each time | all | the system's, until it is set | ends the process |
//! | [`real`](Simulated::real) | the system's choice | all | stands at 0, until it is set | panics |
//! | [`virtual_only`](Simulated::virtual_only) | its own choice | less than a SuperSlab only, which is metadata | the same | panics |
//!
//! # What it does not do
//!
//! It asks no allocator: its list of mappings is in memory that it maps for itself, which it neither counts
//! nor refuses. So it can be the system of the process in which it is.
//!
//! It is no good neighbour of signal handlers: one lock is held around each call, and a handler that
//! interrupts such a call and allocates finds it held for ever. A child of `fork` finds it open, and the
//! books whole, where the system can wipe a page in a child (Linux 4.14). What another thread of the
//! parent had just mapped or unmapped may not be in its books.
//!
//! # Reading order
//!
//! `space` (what is mapped), `twice` (that it is whole), `rule` (what fails), `state`, which joins them, then `port`,
//! the calls. `list` is the memory of it all, `gate` the lock, `pool` the explicit huge pages.

mod gate;
mod list;
mod pool;
mod port;
mod rule;
mod space;
mod state;
mod twice;

use core::fmt;
use core::ptr::{self, NonNull};

use hakmem_contract::os::Purpose;
use hakmem_contract::{Fresh, OsPort, Unplaced};
use hakmem_sync::cell::UnsafeCell;

use crate::linux::Linux;
use gate::Gate;
use rule::{Kind, Rule};
use state::State;

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

/// Where memory and addresses come from. The [module docs](self) have the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// Memory, at addresses that are chosen here.
    Placed,
    /// Memory, where the system puts it.
    Real,
    /// Addresses that are chosen here.
    Virtual,
}

/// A call that nobody has a right to make: a bug of the caller.
#[derive(Debug)]
struct Misuse {
    call: Call,
    base: usize,
    bytes: usize,
    what: &'static str,
}

impl Misuse {
    const NOT_MAPPED: &str = "hakmem: a system call on pages that are not mapped\n";
    const NOT_PAGES: &str = "hakmem: a mapping that is not of whole pages\n";
    const OVERLAPS: &str = "hakmem: a mapping on top of another\n";
    const SHRINKS: &str = "hakmem: a mapping grows to less than it is\n";
    const SPLITS: &str = "hakmem: a system call on a part of an explicit huge page\n";
    const PURGES_EXPLICIT: &str =
        "hakmem: explicit pages are purged, and the next touch may end the process\n";

    const fn new(call: Call, base: usize, bytes: usize, what: &'static str) -> Self {
        Self { call, base, bytes, what }
    }
}

/// See the [module docs](self).
///
/// # Invariants
///
/// - `state` is looked at by whoever has the lock, and by nobody else.
pub struct Simulated {
    mode: Mode,
    gate: Gate,
    state: UnsafeCell<State>,
}

// SAFETY: the state is touched under the lock only, whose edge (K1) carries what was done; what it owns (a
// list, a function that is `Send`) may be used and dropped by any thread.
unsafe impl Sync for Simulated {}
// SAFETY: as above.
unsafe impl Send for Simulated {}

impl fmt::Debug for Simulated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Simulated").field("mode", &self.mode).finish_non_exhaustive()
    }
}

impl Simulated {
    /// For a program: gives out memory at addresses of its own choice. All zero bytes.
    #[must_use]
    pub const fn placed() -> Self {
        Self::new(Mode::Placed, false)
    }

    /// For a test: gives out memory where the system puts it.
    #[must_use]
    pub const fn real() -> Self {
        Self::new(Mode::Real, true)
    }

    /// For a test: gives out addresses.
    #[must_use]
    pub const fn virtual_only() -> Self {
        Self::new(Mode::Virtual, true)
    }

    const fn new(mode: Mode, clock_is_set: bool) -> Self {
        Self { mode, gate: Gate::new(), state: UnsafeCell::new(State::new(clock_is_set)) }
    }

    /// Fails call number `k` from now, beginning with 1, and no other.
    pub fn fail_at(&self, k: usize) {
        self.set_rule(Rule::numbered(Kind::At, k));
    }

    /// Fails call number `k` from now, beginning with 1, and all that follow.
    pub fn fail_from(&self, k: usize) {
        self.set_rule(Rule::numbered(Kind::From, k));
    }

    /// Fails what would make more than `bytes` mapped, as an address-space limit does.
    pub fn fail_above(&self, bytes: usize) {
        self.set_rule(Rule::numbered(Kind::Above, bytes));
    }

    /// Fails the calls of which `when` says so, given the kind and the bytes. It may keep four words,
    /// must not panic, and must not ask this system anything.
    pub fn fail_when(&self, when: impl Fn(Call, usize) -> bool + Send + 'static) {
        self.set_rule(Rule::when(when));
    }

    /// Fails nothing from now on.
    pub fn fail_never(&self) {
        self.set_rule(Rule::never());
    }

    /// How many calls of this kind were made.
    #[must_use]
    pub fn count(&self, call: Call) -> usize {
        self.with(|state| state.counts.get(call as usize).copied().unwrap_or(0))
    }

    /// How many calls were made since the last rule was set.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.with(|state| state.made)
    }

    /// How many of these were made to fail.
    #[must_use]
    pub fn refused(&self) -> usize {
        self.with(|state| state.refused)
    }

    /// The bytes of all calls of this kind that were made to fail.
    #[must_use]
    pub fn refused_bytes(&self, call: Call) -> usize {
        self.with(|state| state.refused_bytes.get(call as usize).copied().unwrap_or(0))
    }

    /// How many bytes are mapped.
    #[must_use]
    pub fn mapped(&self) -> usize {
        self.with(|state| state.space().total())
    }

    /// Whether every byte of the range is mapped.
    #[must_use]
    pub fn covers(&self, base: usize, bytes: usize) -> bool {
        self.with(|state| state.space().covers(base, bytes))
    }

    /// Whether huge pages were asked for at this address.
    #[must_use]
    pub fn is_huge(&self, address: usize) -> bool {
        self.with(|state| state.space().at(address)).is_some_and(|mapping| mapping.huge)
    }

    /// What the mapping at this address is named for.
    #[must_use]
    pub fn purpose(&self, address: usize) -> Option<Purpose> {
        self.with(|state| state.space().at(address)).and_then(|mapping| mapping.purpose)
    }

    /// Sets the clock, which stands still from then on.
    pub fn set_clock(&self, now_ms: u64) {
        self.with(|state| (state.clock, state.clock_is_set) = (now_ms, true));
    }

    /// Whether `map` does what `near` wishes, where addresses are chosen.
    pub fn obey_hints(&self, obeys_hints: bool) {
        self.with(|state| state.ignores_hints = !obeys_hints);
    }

    /// Somebody else maps `bytes` below everything (virtual mode).
    pub fn nudge(&self, bytes: usize) {
        self.with(|state| {
            if state.books.has_room() {
                state.books.change(|space| space.nudge(bytes));
            }
        });
    }

    fn set_rule(&self, rule: Rule) {
        self.with(|state| {
            state.made = 0;
            state.refused = 0;
            state.rule = rule;
        });
    }

    /// Does `work` while nobody else does any.
    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        let locked = |state: *mut State| {
            // SAFETY: the lock keeps others out (the type's invariant), and `work` does not come back.
            work(unsafe { &mut *state })
        };
        self.gate.run(|| self.state.with_mut(locked))
    }

    /// The same for what may be misuse, which is reported when the lock is free again.
    fn checked<T>(&self, work: impl FnOnce(&mut State) -> Result<T, Misuse>) -> T {
        self.with(work).unwrap_or_else(|misuse| self.end_cold(&misuse))
    }

    #[cold]
    #[inline(never)]
    fn end_cold(&self, misuse: &Misuse) -> ! {
        let Misuse { call, base, bytes, what } = misuse;
        match self.mode {
            Mode::Placed => Linux.die(what.as_bytes()),
            #[expect(clippy::panic, reason = "misuse must fail the test that it happens in")]
            _ => panic!("{call:?} of {bytes:#x} bytes at {base:#x}: {what}"),
        }
    }
}

/// One for a program.
impl Fresh for Simulated {
    const FRESH: Unplaced<Self> = Unplaced::new(Self::placed());
}

impl Drop for Simulated {
    /// Gives memory back that the test left mapped.
    fn drop(&mut self) {
        let mode = self.mode;
        self.with(|state| {
            for mapping in state.space().all() {
                let base = ptr::with_exposed_provenance_mut(mapping.base);
                if let Some(range) = NonNull::new(base).filter(|&range| mode.has_memory(range)) {
                    // SAFETY: the system goes away, and with it the allocator that used the memory.
                    unsafe { Linux.unmap(range, mapping.bytes) };
                }
            }
        });
    }
}
