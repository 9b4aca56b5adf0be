//! What the system knows, and what every call does first.

use core::ptr::{self, NonNull};

use hakmem_contract::geometry::OS_PAGE;
use hakmem_contract::{OsPort, SUPERSLAB};

use super::rule::{Kind, Rule};
use super::space::{Mapping, Space};
use super::twice::Twice;
use super::{Call, KINDS, Misuse, Mode};
use crate::linux::{self, Linux};

/// Linux maps above this, and no virtual address comes near it, even by growing.
const FLOOR: usize = 3 << 45;

/// How often another place is chosen when somebody else is met.
const ATTEMPTS: usize = 8;

/// Everything that the lock is for. All zero bytes when new, unless the clock is set.
#[derive(Debug)]
pub(super) struct State {
    pub(super) books: Twice,
    /// Bytes of explicit huge pages that nobody has.
    pub(super) pool: usize,
    pub(super) counts: [usize; KINDS],
    /// Calls since the rule was set.
    pub(super) made: usize,
    /// Those of them that were made to fail.
    pub(super) refused: usize,
    /// Bytes of all calls that were made to fail.
    pub(super) refused_bytes: [usize; KINDS],
    pub(super) rule: Rule,
    pub(super) clock: u64,
    /// Whether the clock is set by hand.
    pub(super) clock_is_set: bool,
    pub(super) ignores_hints: bool,
}

impl State {
    pub(super) const fn new(clock_is_set: bool) -> Self {
        Self {
            books: Twice::new(),
            pool: 0,
            counts: [0; KINDS],
            made: 0,
            refused: 0,
            refused_bytes: [0; KINDS],
            rule: Rule::never(),
            clock: 0,
            clock_is_set,
            ignores_hints: false,
        }
    }

    /// What is mapped.
    pub(super) const fn space(&self) -> &Space {
        self.books.get()
    }

    /// Whether `more` bytes would be too many.
    pub(super) fn exceeds(&self, more: usize) -> bool {
        let total = self.space().total().saturating_add(more);
        self.rule.kind == Kind::Above && total > self.rule.number
    }

    /// Counts a call. `false`: it has to fail.
    pub(super) fn begin(&mut self, call: Call, bytes: usize) -> bool {
        self.made += 1;
        if let Some(count) = self.counts.get_mut(call as usize) {
            *count += 1;
        }
        let (rule, number) = (&self.rule, self.rule.number);
        let fails = match rule.kind {
            Kind::Never => false,
            Kind::At => self.made == number,
            Kind::From => self.made >= number,
            Kind::Above => call == Call::Map && self.exceeds(bytes),
            Kind::When => rule.when.fails(call, bytes),
        };
        if !fails {
            return self.books.has_room();
        }
        self.refused += 1;
        if let Some(refused) = self.refused_bytes.get_mut(call as usize) {
            // Absurd requests are refused too, and two of them are more than there is.
            *refused = refused.saturating_add(bytes);
        }
        false
    }

    /// Counts a call on a range that must be mapped.
    pub(super) fn begin_on(
        &mut self,
        call: Call,
        base: NonNull<u8>,
        bytes: usize,
    ) -> Result<bool, Misuse> {
        let address = base.as_ptr().addr();
        if bytes == 0 || !self.space().covers(address, bytes) {
            return Err(Misuse::new(call, address, bytes, Misuse::NOT_MAPPED));
        }
        Ok(self.begin(call, bytes))
    }

    /// Notes what was mapped just now.
    pub(super) fn note(&mut self, call: Call, mapping: Mapping) -> Result<(), Misuse> {
        if self.books.change(|space| space.add(mapping)) {
            return Ok(());
        }
        Err(Misuse::new(call, mapping.base, mapping.bytes, Misuse::OVERLAPS))
    }

    /// Fresh memory, or addresses: `None` when the system or the mode has no more.
    pub(super) fn fresh(&mut self, mode: Mode, near: usize, bytes: usize) -> Option<NonNull<u8>> {
        let wish = if self.ignores_hints { 0 } else { near };
        match mode {
            Mode::Placed => self.placed(wish, bytes, linux::Mapping::empty()),
            Mode::Virtual if bytes >= SUPERSLAB => {
                NonNull::new(ptr::without_provenance_mut(self.space().place(wish, bytes)?))
            }
            Mode::Real | Mode::Virtual => Linux.map(near, bytes),
        }
    }

    /// Memory of which little is going to be touched. It is memory whatever the mode: it is going to be
    /// written.
    pub(super) fn reserved(&mut self, mode: Mode, bytes: usize) -> Option<NonNull<u8>> {
        if mode != Mode::Placed {
            return Linux.reserve(bytes);
        }
        let base = self.placed(0, bytes, linux::Mapping::NORESERVE)?;
        // As the real port does.
        // SAFETY: mapped just now, and advice does not change contents.
        let _advised = unsafe { Linux.advise_huge(base, bytes, false) };
        Some(base)
    }

    /// Memory at an address that is chosen here: the same one whenever the same calls came before, as
    /// long as nobody else is there. If somebody is everywhere, the system chooses.
    fn placed(&mut self, near: usize, bytes: usize, extra: linux::Mapping) -> Option<NonNull<u8>> {
        let mut near = near & !(OS_PAGE - 1);
        let exactly = extra.union(linux::Mapping::EXACTLY);
        for _ in 0..ATTEMPTS {
            let at = self.space().place(near, bytes)?;
            match linux::mmap(at, bytes, exactly) {
                // An old system takes the address as a wish.
                Ok(base) => return NonNull::new(ptr::with_exposed_provenance_mut(base)),
                // A wish is not worth a refusal, whatever the reason.
                Err(_) if at == near => near = 0,
                Err(libc::EEXIST) => self.books.change(|space| space.avoid(at)),
                Err(libc::ENOMEM) => return None,
                Err(_) => break,
            }
        }
        let base = linux::mmap(0, bytes, extra).ok()?;
        NonNull::new(ptr::with_exposed_provenance_mut(base))
    }

    /// Whether an end of a range is inside of an explicit page.
    pub(super) fn cuts_explicit(&self, base: NonNull<u8>, bytes: usize) -> bool {
        let begin = base.as_ptr().addr();
        [begin, begin + bytes].into_iter().any(|end| self.space().is_inside_explicit(end))
    }

    /// Whether a range has explicit pages.
    pub(super) fn has_explicit(&self, base: NonNull<u8>, bytes: usize) -> bool {
        self.space().explicit_in(base.as_ptr().addr(), bytes) != 0
    }

    /// It is misuse if a range has explicit pages.
    pub(super) fn refuse_explicit(
        &self,
        call: Call,
        base: NonNull<u8>,
        bytes: usize,
    ) -> Result<(), Misuse> {
        if !self.has_explicit(base, bytes) {
            return Ok(());
        }
        Err(Misuse::new(call, base.as_ptr().addr(), bytes, Misuse::PURGES_EXPLICIT))
    }

    /// A range is not mapped any more; its explicit pages, all of them whole, go back to the pool.
    pub(super) fn forget(&mut self, base: usize, bytes: usize) {
        self.pool += self.space().explicit_in(base, bytes);
        self.books.change(|space| space.remove(base, bytes));
    }
}

impl Mode {
    /// Whether memory is behind this address.
    pub(super) fn has_memory(self, base: NonNull<u8>) -> bool {
        self != Self::Virtual || base.as_ptr().addr() > FLOOR
    }
}
