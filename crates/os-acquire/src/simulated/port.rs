//! Every call: counted, checked, made, and noted once the system has done it.

use core::ptr::NonNull;
use core::str;

use hakmem_contract::OsPort;
use hakmem_contract::geometry::OS_PAGE;
use hakmem_contract::os::Purpose;

use super::space::Mapping;
use super::{Call, Misuse, Mode, Simulated};
use crate::linux::Linux;

// SAFETY: memory comes from the system, at an address where nothing is, and `Space` refuses overlaps.
// Virtual ranges have no memory, and no test touches them. What fails returns before it changes anything.
unsafe impl OsPort for Simulated {
    fn map(&self, near: usize, bytes: usize) -> Option<NonNull<u8>> {
        self.checked(|state| {
            if bytes == 0 || !bytes.is_multiple_of(OS_PAGE) {
                return Err(Misuse::new(Call::Map, near, bytes, Misuse::NOT_PAGES));
            }
            if !state.begin(Call::Map, bytes) {
                return Ok(None);
            }
            let Some(base) = state.fresh(self.mode, near, bytes) else { return Ok(None) };
            state.note(Call::Map, Mapping::plain(base.as_ptr().addr(), bytes))?;
            Ok(Some(base))
        })
    }

    fn reserve(&self, bytes: usize) -> Option<NonNull<u8>> {
        self.checked(|state| {
            if !state.begin(Call::Map, bytes) {
                return Ok(None);
            }
            let Some(base) = state.reserved(self.mode, bytes) else { return Ok(None) };
            state.note(Call::Map, Mapping::plain(base.as_ptr().addr(), bytes))?;
            Ok(Some(base))
        })
    }

    unsafe fn unmap(&self, base: NonNull<u8>, bytes: usize) -> bool {
        self.checked(|state| {
            if !state.begin_on(Call::Unmap, base, bytes)? || state.cuts_explicit(base, bytes) {
                return Ok(false);
            }
            // SAFETY: the caller gives the pages up; they are mapped, as was checked.
            if self.mode.has_memory(base) && !unsafe { Linux.unmap(base, bytes) } {
                return Ok(false);
            }
            state.forget(base.as_ptr().addr(), bytes);
            Ok(true)
        })
    }

    unsafe fn purge(&self, base: NonNull<u8>, bytes: usize) -> bool {
        self.checked(|state| {
            if !state.begin_on(Call::Purge, base, bytes)? {
                return Ok(false);
            }
            state.refuse_explicit(Call::Purge, base, bytes)?;
            // SAFETY: the caller's pages, mapped, as was checked.
            Ok(!self.mode.has_memory(base) || unsafe { Linux.purge(base, bytes) })
        })
    }

    unsafe fn populate(&self, base: NonNull<u8>, bytes: usize) -> bool {
        self.checked(|state| {
            if !state.begin_on(Call::Populate, base, bytes)? {
                return Ok(false);
            }
            // SAFETY: the caller's pages, mapped, as was checked.
            Ok(!self.mode.has_memory(base) || unsafe { Linux.populate(base, bytes) })
        })
    }

    unsafe fn advise_huge(&self, base: NonNull<u8>, bytes: usize, huge: bool) -> bool {
        self.checked(|state| {
            if !state.begin_on(Call::Advise, base, bytes)? {
                return Ok(false);
            }
            let address = base.as_ptr().addr();
            state.books.change(|space| space.mark(address, bytes, |one| one.huge = huge));
            // SAFETY: the caller's pages, mapped, as was checked.
            Ok(!self.mode.has_memory(base) || unsafe { Linux.advise_huge(base, bytes, huge) })
        })
    }

    unsafe fn protect(&self, base: NonNull<u8>, bytes: usize, access: bool) -> bool {
        self.checked(|state| {
            if !state.begin_on(Call::Protect, base, bytes)? {
                return Ok(false);
            }
            if state.cuts_explicit(base, bytes) {
                let address = base.as_ptr().addr();
                return Err(Misuse::new(Call::Protect, address, bytes, Misuse::SPLITS));
            }
            // SAFETY: the caller's pages, mapped, as was checked.
            Ok(!self.mode.has_memory(base) || unsafe { Linux.protect(base, bytes, access) })
        })
    }

    unsafe fn name(&self, base: NonNull<u8>, bytes: usize, purpose: Purpose) -> bool {
        self.checked(|state| {
            if !state.begin_on(Call::Name, base, bytes)? || state.has_explicit(base, bytes) {
                return Ok(false);
            }
            let address = base.as_ptr().addr();
            let name = |one: &mut Mapping| one.purpose = Some(purpose);
            state.books.change(|space| space.mark(address, bytes, name));
            // In a program the system is told as well: that is where names are read. The books take a name
            // whatever it says.
            let _ = (self.mode == Mode::Placed)
                // SAFETY: the caller's pages, mapped, as was checked.
                .then(|| unsafe { Linux.name(base, bytes, purpose) });
            Ok(true)
        })
    }

    unsafe fn grow(&self, base: NonNull<u8>, old: usize, new: usize) -> bool {
        self.checked(|state| {
            let address = base.as_ptr().addr();
            if new <= old {
                return Err(Misuse::new(Call::Grow, address, new, Misuse::SHRINKS));
            }
            if !state.begin_on(Call::Grow, base, old)? {
                return Ok(false);
            }
            let possible = !state.exceeds(new - old)
                && state.space().one(address, old).is_some_and(|one| !one.explicit)
                && state.space().is_free(address + old, new - old);
            // SAFETY: the caller's pages, mapped, as was checked.
            if !possible || self.mode.has_memory(base) && !unsafe { Linux.grow(base, old, new) } {
                return Ok(false);
            }
            state.books.change(|space| space.extend(address + old, new - old));
            Ok(true)
        })
    }

    unsafe fn relocate(&self, base: NonNull<u8>, old: usize, to: NonNull<u8>, new: usize) -> bool {
        let (from, target) = (base.as_ptr().addr(), to.as_ptr().addr());
        self.checked(|state| {
            let misuse = |what| Err(Misuse::new(Call::Relocate, target, new, what));
            if new < old {
                return misuse(Misuse::SHRINKS);
            }
            if target < from + old && from < target + new {
                return misuse(Misuse::OVERLAPS);
            }
            if !state.space().covers(target, new) {
                return misuse(Misuse::NOT_MAPPED);
            }
            if !state.begin_on(Call::Relocate, base, old)? {
                return Ok(false);
            }
            let Some(mapping) = state.space().one(from, old).filter(|one| !one.explicit) else {
                return Ok(false);
            };
            if state.cuts_explicit(to, new) {
                return misuse(Misuse::SPLITS);
            }
            // SAFETY: both ranges are the caller's, mapped, as was checked.
            if self.mode.has_memory(base) && !unsafe { Linux.relocate(base, old, to, new) } {
                return Ok(false);
            }
            state.forget(target, new);
            state.books.change(|space| space.remove(from, old));
            state.note(Call::Relocate, Mapping { base: target, bytes: new, ..mapping })?;
            Ok(true)
        })
    }

    fn now_ms(&self) -> u64 {
        let set = self.with(|state| state.clock_is_set.then_some(state.clock));
        set.unwrap_or_else(|| Linux.now_ms())
    }

    fn wait_while(&self, word: NonNull<u32>, value: u32) {
        Linux.wait_while(word, value);
    }

    fn wake_one(&self, word: NonNull<u32>) {
        Linux.wake_one(word);
    }

    fn die(&self, line: &[u8]) -> ! {
        match (self.mode, str::from_utf8(line)) {
            #[expect(clippy::panic, reason = "it must fail the test that it happens in")]
            (Mode::Real | Mode::Virtual, Ok(line)) => panic!("{line}"),
            _ => Linux.die(line),
        }
    }
}
