//! The packed words: what does not fit is refused.
#![cfg(not(loom))]

use hakmem_contract::SUPERSLAB;
use hakmem_contract::geometry::ADDRESS_BITS;
use hakmem_os_acquire::arena::state::Cursor;
use hakmem_os_acquire::cache::Kept;
use hakmem_os_acquire::cache::state::{MAX_COUNT, Stamp};

/// SuperSlabs in the address space.
const NUMBERS: usize = 1 << (ADDRESS_BITS - 21);

#[test]
fn what_does_not_fit_is_refused() {
    let now = Stamp::at(0);
    let last = (NUMBERS - 1) * SUPERSLAB;
    assert!(Kept::pack(last, 1, now, false).is_some());
    assert!(Kept::pack(SUPERSLAB, MAX_COUNT, now, true).is_some());
    for (base, count) in [
        (last, 2),
        (last + SUPERSLAB, 1),
        (0, 1),
        (SUPERSLAB, 0),
        (SUPERSLAB, MAX_COUNT + 1),
        (SUPERSLAB + 4096, 1),
        (usize::MAX & !(SUPERSLAB - 1), 1),
    ] {
        assert_eq!(Kept::pack(base, count, now, false), None, "{base:#x} {count}");
    }
    for (next, left, step) in
        [(0, 1, 0), (32, 1, 0), (1 << ADDRESS_BITS, 1, 0), (64, 1 << 15, 0), (64, 1, 8)]
    {
        assert_eq!(Cursor::pack(next, left, step), None);
    }
}

#[test]
fn ranges_that_do_not_touch_do_not_join() {
    let at =
        |number: usize, count| Kept::pack(number * SUPERSLAB, count, Stamp::at(0), true).unwrap();
    assert_eq!(at(5, 2).join(at(8, 1)), None);
    assert_eq!(at(8, 1).join(at(5, 2)), None);
    assert_eq!(at(5, MAX_COUNT).join(at(5 + MAX_COUNT, 1)), None);
    let dirty = Kept::pack(7 * SUPERSLAB, 1, Stamp::at(999), false).unwrap();
    let both = at(5, 2).join(dirty).unwrap();
    assert_eq!((both.count(), both.zeroed(), both.stamp()), (3, false, Stamp::at(0)));
}

#[test]
fn what_was_cut_joins_again() {
    let whole = Kept::pack(5 * SUPERSLAB, 4, Stamp::at(7), true).unwrap();
    for count in 1..4 {
        let (front, rest) = (whole.front(count).unwrap(), whole.rest(count).unwrap());
        assert_eq!((front.end(), front.count(), rest.count()), (rest.base(), count, 4 - count));
        assert_eq!(front.join(rest), Some(whole));
    }
    assert_eq!((whole.front(4), whole.rest(4)), (Some(whole), None));
    assert_eq!(whole.front(5), None);
}
