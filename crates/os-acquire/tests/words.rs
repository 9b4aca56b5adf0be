//! The packed words: every field comes back as it went in, and what does not fit is refused.
#![cfg(not(loom))]

use hakmem_contract::SUPERSLAB;
use hakmem_contract::geometry::ADDRESS_BITS;
use hakmem_os_acquire::arena::state::{Cursor, PIECE};
use hakmem_os_acquire::cache::Kept;
use hakmem_os_acquire::cache::state::{MAX_COUNT, Stamp};
use proptest::prelude::*;

/// SuperSlabs in the address space.
const NUMBERS: usize = 1 << (ADDRESS_BITS - 21);

fn kept() -> impl Strategy<Value = (usize, usize, u64, bool)> {
    (1..NUMBERS - MAX_COUNT, 1..=MAX_COUNT, any::<u64>(), any::<bool>())
}

proptest! {
    #[test]
    fn a_range_comes_back((number, count, now, zeroed) in kept()) {
        let word = Kept::pack(number * SUPERSLAB, count, Stamp::at(now), zeroed).unwrap();
        prop_assert_eq!(word.base(), number * SUPERSLAB);
        prop_assert_eq!(word.count(), count);
        prop_assert_eq!(word.stamp(), Stamp::at(now));
        prop_assert_eq!(word.zeroed(), zeroed);
        prop_assert_eq!(word.end(), word.base() + word.bytes());
    }

    #[test]
    fn front_and_rest_make_the_whole((number, count, now, zeroed) in kept(), part in 0..=MAX_COUNT) {
        let word = Kept::pack(number * SUPERSLAB, count, Stamp::at(now), zeroed).unwrap();
        match (word.front(part), word.rest(part)) {
            (Some(front), Some(rest)) => {
                prop_assert_eq!(front.join(rest), Some(word));
                prop_assert_eq!(rest.join(front), Some(word));
                prop_assert_eq!(front.end(), rest.base());
            }
            (Some(front), None) => prop_assert_eq!(front, word),
            (None, Some(rest)) => prop_assert_eq!((part, rest), (0, word)),
            (None, None) => prop_assert!(part > count),
        }
    }

    #[test]
    fn ages_are_measured_in_ticks(now in any::<u64>(), later in 0_u64..10_000_000) {
        let age = Stamp::at(now).age_ms(Stamp::at(now.wrapping_add(later)));
        if now.checked_add(later).is_some() {
            prop_assert!((age as u64).abs_diff(later) < 256);
        }
    }

    #[test]
    fn a_cursor_comes_back(number in 1..1_usize << (ADDRESS_BITS - 6), left in 0..1_usize << 15, step in 0..8_u32) {
        let word = Cursor::pack(number * PIECE, left, step).unwrap();
        prop_assert_eq!((word.next(), word.left(), word.step()), (number * PIECE, left, step));
        prop_assert_eq!(word.bumped(left + 1), None);
    }
}

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
