//! Which calls fail.

use core::fmt;
use core::mem::MaybeUninit;

use super::Call;

/// What is kept of a function, in words.
const WORDS: usize = 4;

/// A place for one.
type Place = MaybeUninit<[usize; WORDS]>;

/// Which calls fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// None.
    Never,
    /// The one of this number.
    At,
    /// That one, and all that follow.
    From,
    /// What would make more bytes mapped.
    Above,
    /// Those of which a function says so.
    When,
}

/// See [`Kind`]. All zero bytes when new.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) number: usize,
    pub(super) when: When,
    pub(super) kind: Kind,
}

impl Rule {
    /// Nothing fails.
    pub(super) const fn never() -> Self {
        Self::numbered(Kind::Never, 0)
    }

    /// A rule with a number, which may be one of bytes.
    pub(super) const fn numbered(kind: Kind, number: usize) -> Self {
        let place = Place::new([0; WORDS]);
        Self { number, when: When { place, ask: None, end: None }, kind }
    }

    /// What `function` says, which keeps four words at most.
    pub(super) fn when<F: Fn(Call, usize) -> bool + Send + 'static>(function: F) -> Self {
        Self { number: 0, when: When::new(function), kind: Kind::When }
    }
}

/// A function of the call and its bytes, or none, kept in place: this system asks no allocator.
///
/// # Invariants
///
/// - If there are `ask` and `end`, in `place` is a value of the type for which they were made.
pub(super) struct When {
    place: Place,
    ask: Option<unsafe fn(&Place, Call, usize) -> bool>,
    end: Option<unsafe fn(&mut Place)>,
}

impl When {
    fn new<F: Fn(Call, usize) -> bool + Send + 'static>(function: F) -> Self {
        const { assert!(size_of::<F>() <= size_of::<Place>(), "the function keeps too much") };
        const { assert!(align_of::<F>() <= align_of::<Place>(), "the function is aligned") };
        let mut place = Place::uninit();
        // SAFETY: there is room for it, and it is aligned, as was asserted.
        unsafe { place.as_mut_ptr().cast::<F>().write(function) };
        Self { place, ask: Some(ask::<F>), end: Some(end::<F>) }
    }

    /// What the function says.
    pub(super) fn fails(&self, call: Call, bytes: usize) -> bool {
        // SAFETY: the type's invariant.
        self.ask.is_some_and(|ask| unsafe { ask(&self.place, call, bytes) })
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
        if let Some(end) = self.end {
            // SAFETY: the type's invariant; the function is not used again.
            unsafe { end(&mut self.place) };
        }
    }
}

impl fmt::Debug for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("When").finish_non_exhaustive()
    }
}
