//! The seam between a thread's own boxes and everything that threads share.

use crate::fault::Fault;
use crate::os::MetaArena;
use crate::pool::Span;
use crate::registry::Registry;

/// What a thread's warm pool stands on: units, the registry, memory for descriptors, and somebody
/// to tell when the program is wrong. The facade joins the boxes below into one of these.
///
/// # Safety
///
/// Implementors promise the *Guarantees* below; unsafe code above relies on them.
///
/// # Guarantees
///
/// - `acquire` and `release` are a [`UnitPool`](crate::UnitPool)'s, and what they hand out is
///   covered in `registry`.
/// - **No re-entry**: nothing here calls into the layers above.
pub unsafe trait Backend {
    /// The registry.
    type Registry: Registry;
    /// The metadata arena.
    type Meta: MetaArena;

    /// As [`UnitPool::acquire`](crate::UnitPool::acquire).
    fn acquire(&self, units: usize, out: &mut [Span]) -> usize;

    /// As [`UnitPool::release`](crate::UnitPool::release).
    ///
    /// # Safety
    ///
    /// As there.
    unsafe fn release(&self, span: Span);

    /// Where tags and descriptors are published.
    fn registry(&self) -> &Self::Registry;

    /// Where memory for descriptors comes from.
    fn meta(&self) -> &Self::Meta;

    /// The program is wrong: say so and end the process.
    fn fault(&self, fault: Fault) -> !;
}
