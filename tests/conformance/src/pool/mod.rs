//! What every pool does: units are nobody else's, and none is lost, whatever fails.
//!
//! The functions are the promises. The pool stands between [`Fake`] and [`Table`], which are for a box's
//! own tests, too.

mod fake;
mod large;
mod table;
mod units;

use hakmem_contract::{Fresh, HugeBlocks, Pool, Span, Spans, Superslabs, UNIT, UnitPool};

use crate::Promise;

pub use fake::{Fake, START};
pub use large::*;
pub use table::Table;
pub use units::*;

/// Nothing needs to be told of a pool.
#[derive(Clone, Copy, Debug, Default)]
pub struct Case;

/// Tests of a pool, from the promises of `UnitPool`, `Pool`, `Superslabs`, `Spans` and `HugeBlocks`.
///
/// ```ignore
/// use hakmem_conformance::pool::{Fake, Table};
/// hakmem_conformance::pool!(MyPool<Fake, Table>);
/// ```
#[macro_export]
macro_rules! pool {
    ($pool:ty) => {
        $crate::__pool! { __tests [$pool] [$crate::pool::Case] }
    };
}

/// The list of promises.
#[doc(hidden)]
#[macro_export]
macro_rules! __pool {
    ($make:ident $($for:tt)*) => {
        $crate::$make! { pool $($for)*
            a_new_pool_has_nothing
            units_are_nobody_elses
            what_is_said_to_be_zero_is_zero
            units_that_came_back_are_used_again
            lengths_that_are_none_get_nothing
            what_is_at_hand_costs_the_system_nothing
            a_part_of_a_span_can_go_back
            a_span_grows_into_free_units_only
            it_is_a_set_of_units
            threads_get_units_of_their_own
            a_span_is_tagged_and_freed_once
            a_span_is_resized_where_it_is
            a_huge_block_is_large_aligned_and_tagged
            a_huge_block_is_resized_and_freed_once
            too_much_is_refused
            every_call_may_fail_and_nothing_is_lost
        }
    };
}

/// Every promise: for controls.
#[must_use]
pub fn promises<P: Subject>() -> Vec<Promise<Case>> {
    crate::__pool! { __table [P] [Case] }.to_vec()
}

/// What the suite needs of a pool.
pub trait Subject:
    Pool<Memory = Fake, Registry = Table> + Superslabs + Spans + HugeBlocks + Fresh + Sync
{
}

impl<P> Subject for P where
    P: Pool<Memory = Fake, Registry = Table> + Superslabs + Spans + HugeBlocks + Fresh + Sync
{
}

/// Acquires up to `want` spans, looks whether they are what they should be, and writes to them.
///
/// # Panics
///
/// If they are not.
pub fn acquire(pool: &impl Pool<Memory = Fake>, units: usize, want: usize) -> Vec<Span> {
    let mut out = vec![Span::NONE; want];
    let n_spans = UnitPool::acquire(pool, units, &mut out);
    assert!(n_spans <= want, "{n_spans} of {want}");
    out.truncate(n_spans);
    out.iter().for_each(|span| check(pool, span, units));
    out
}

/// Looks at a span that was handed out just now, and writes to it.
fn check(pool: &impl Pool<Memory = Fake>, span: &Span, units: usize) {
    assert_eq!(usize::from(span.units), units, "units of {span:?}");
    pool.memory().check_owned(span.address(), units * UNIT);
    pool.memory().write(span.address(), units * UNIT, span.zeroed != 0);
}

/// Releases spans that a test owns.
pub fn release(pool: &impl Pool<Memory = Fake>, spans: impl IntoIterator<Item = Span>) {
    for span in spans {
        pool.memory().check_owned(span.address(), usize::from(span.units) * UNIT);
        // SAFETY: the test owns the span, and keeps no copy.
        unsafe { pool.release(span) };
    }
}
