//! Which calls fail.

use core::fmt;
use core::mem::MaybeUninit;

use super::Call;

/// What is kept of a function, in words.
const WORDS: usize = 4;

/// A place for one.
type Place = MaybeUninit<[usize; WORDS]>;

/// Which calls fail.
#[derive(Debug)]
pub(super) enum Rule {
    /// None.
    Never,
    /// The one of this number.
    At(usize),
    /// That one, and all that follow.
    From(usize),
    /// What would make more bytes mapped.
    Above(usize),
    /// Those of which a function says so.
    When(When),
}

/// A function of the call and its bytes, kept in place: this system asks no allocator.
///
/// # Invariants
///
/// - In `place` is a value of the type for which `ask` and `end` were made.
pub(super) struct When {
    place: Place,
    ask: unsafe fn(&Place, Call, usize) -> bool,
    end: unsafe fn(&mut Place),
}

impl When {
    /// Keeps `function`, which has four words at most.
    pub(super) fn new<F: Fn(Call, usize) -> bool + Send + 'static>(function: F) -> Self {
        const { assert!(size_of::<F>() <= size_of::<Place>(), "the function keeps too much") };
        const { assert!(align_of::<F>() <= align_of::<Place>(), "the function is aligned") };
        let mut place = Place::uninit();
        // SAFETY: there is room for it, and it is aligned, as was asserted.
        unsafe { place.as_mut_ptr().cast::<F>().write(function) };
        Self { place, ask: ask::<F>, end: end::<F> }
    }

    /// What the function says.
    pub(super) fn fails(&self, call: Call, bytes: usize) -> bool {
        // SAFETY: the type's invariant.
        unsafe { (self.ask)(&self.place, call, bytes) }
    }
}

/// # Safety
///
/// An `F` is in the place.
unsafe fn ask<F: Fn(Call, usize) -> bool>(place: &Place, call: Call, bytes: usize) -> bool {
    // SAFETY: the caller's promise.
    let function = unsafe { &*place.as_ptr().cast::<F>() };
    function(call, bytes)
}

/// # Safety
///
/// An `F` is in the place, and not used again.
unsafe fn end<F>(place: &mut Place) {
    // SAFETY: the caller's promise.
    unsafe { place.as_mut_ptr().cast::<F>().drop_in_place() };
}

impl Drop for When {
    fn drop(&mut self) {
        // SAFETY: the type's invariant; the function is not used again.
        unsafe { (self.end)(&mut self.place) };
    }
}

impl fmt::Debug for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("When").finish_non_exhaustive()
    }
}
