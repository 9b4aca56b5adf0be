//! Units: who has which.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Barrier, Mutex};
use std::thread;

use fastrand::Rng;
use hakmem_contract::geometry::MAX_SPAN_UNITS;
use hakmem_contract::{Registry, SUPERSLAB, Span, Tag, UNIT};

use super::{Case, Subject, acquire, check, release};
use crate::memory::place;

/// The addresses of a span's units.
fn units(span: &Span) -> impl Iterator<Item = usize> + use<> {
    let base = span.address();
    (0..usize::from(span.units)).map(move |unit| base + unit * UNIT)
}

/// The units of a span from `at` on.
fn tail(span: &Span, at: usize) -> Span {
    let base = span.base.map_addr(|address| address.saturating_add(at * UNIT));
    Span { base, units: span.units - at as u16, ..*span }
}

/// Nothing is asked of the system before somebody needs it.
pub fn a_new_pool_has_nothing<P: Subject>(_: &Case) {
    let pool = place::<P>();
    assert_eq!((pool.superslabs(), pool.memory().outstanding()), (0, 0));
    assert_eq!(pool.acquire_at_hand(1, &mut [Span::NONE]), 0, "of nothing");
    assert_eq!(pool.purge_all(), 0);
}

/// *Exclusive* and *covered*: of every length, each in one SuperSlab; tags can be published for them.
pub fn units_are_nobody_elses<P: Subject>(_: &Case) {
    for length in 1..=MAX_SPAN_UNITS {
        let pool = place::<P>();
        let (mut seen, mut all) = (BTreeSet::new(), Vec::new());
        while all.len() < 100 {
            let spans = acquire(&*pool, length, 7);
            assert!(!spans.is_empty(), "there is memory");
            all.extend(spans);
        }
        for span in &all {
            let end = span.address() + length * UNIT - 1;
            assert_eq!(
                span.address() / SUPERSLAB,
                end / SUPERSLAB,
                "{span:?} is in two SuperSlabs"
            );
            units(span)
                .for_each(|unit| assert!(seen.insert(unit), "{unit:#x} is handed out twice"));
            for tag in [Tag::HUGE, Tag::FOREIGN] {
                // SAFETY: the test's, covered by the pool.
                unsafe { pool.registry().publish(span.address(), length, tag, tag, 1) };
            }
        }
        assert!(
            pool.superslabs() * SUPERSLAB >= seen.len() * UNIT,
            "more units than SuperSlabs have"
        );
        release(&*pool, all);
        pool.purge_all();
        assert_eq!(pool.memory().outstanding(), 0, "what is free goes back to the system");
    }
}

/// Units are said to be zero if nobody wrote to them since they were, and only then.
pub fn what_is_said_to_be_zero_is_zero<P: Subject>(_: &Case) {
    let pool = place::<P>();
    // `acquire` writes to what it gets, and the fake knows what was written to.
    for round in 0..6 {
        for length in [16, 1, 3, 8, 2] {
            let spans = acquire(&*pool, length, 20);
            release(&*pool, spans);
        }
        if round % 2 == 0 {
            pool.purge_all();
        }
    }
}

/// A program that takes and gives back does not grow.
pub fn units_that_came_back_are_used_again<P: Subject>(_: &Case) {
    let pool = place::<P>();
    let mut most = 0;
    for round in 0..300 {
        let spans: Vec<_> =
            [1, 5, 16, 2, 8].into_iter().flat_map(|length| acquire(&*pool, length, 2)).collect();
        release(&*pool, spans);
        let now = pool.memory().outstanding();
        most = if round < 30 { most.max(now) } else { most };
        assert!(now <= most, "{now} bytes in round {round}, {most} before");
    }
}

/// No units, and more than a span may have.
pub fn lengths_that_are_none_get_nothing<P: Subject>(_: &Case) {
    let pool = place::<P>();
    for length in [0, MAX_SPAN_UNITS + 1, usize::MAX] {
        assert_eq!(pool.acquire(length, &mut [Span::NONE]), 0, "{length} units");
        assert_eq!(pool.acquire_at_hand(length, &mut [Span::NONE]), 0, "{length} units");
    }
    assert_eq!(pool.acquire(1, &mut []), 0, "nowhere to write to");
    assert_eq!(pool.memory().outstanding(), 0);
}

/// `acquire_at_hand` finds what there is, and asks for nothing.
pub fn what_is_at_hand_costs_the_system_nothing<P: Subject>(_: &Case) {
    let pool = place::<P>();
    let first = acquire(&*pool, 1, 1);
    let before = pool.memory().n_acquired.load(SeqCst);
    let (mut seen, mut out) = (BTreeSet::from([first[0].address()]), [Span::NONE; 3]);
    while seen.len() < 1000 {
        let n = pool.acquire_at_hand(1, &mut out);
        for span in &out[..n] {
            check(&*pool, span, 1);
            assert!(seen.insert(span.address()), "{span:?} is handed out twice");
        }
        if n == 0 {
            break;
        }
    }
    assert!(seen.len() >= 16, "{} units were at hand in a SuperSlab", seen.len());
    assert_eq!(pool.memory().n_acquired.load(SeqCst), before, "the system was asked");
}

/// From the front, from the end, from the middle: in any pieces.
pub fn a_part_of_a_span_can_go_back<P: Subject>(_: &Case) {
    let pool = place::<P>();
    for cut in [1, 6, 15] {
        let span = acquire(&*pool, 16, 1)[0];
        release(&*pool, [tail(&span, cut)]);
        let other = acquire(&*pool, 1, 1)[0];
        assert!(units(&span).take(cut).all(|unit| unit != other.address()), "it is not free");
        release(&*pool, [other, Span { units: cut as u16, ..span }]);
    }
    pool.purge_all();
    assert_eq!(pool.memory().outstanding(), 0, "units were lost");
}

/// Into units that nobody has, up to the end of the SuperSlab.
pub fn a_span_grows_into_free_units_only<P: Subject>(_: &Case) {
    let pool = place::<P>();
    let mut spans: Vec<_> = (0..8).flat_map(|_| acquire(&*pool, 4, 1)).collect();
    spans.sort_by_key(|span| span.address());
    let mut owned: BTreeSet<usize> = spans.iter().flat_map(units).collect();
    for span in &mut spans {
        for more in [1, 4, 12, 28] {
            let end = span.address() + usize::from(span.units) * UNIT;
            // SAFETY: the test owns the span.
            let Some(zeroed) = (unsafe { pool.extend(*span, more) }) else { continue };
            let last = end + more * UNIT - 1;
            assert_eq!(end.saturating_sub(1) / SUPERSLAB, last / SUPERSLAB, "beyond the SuperSlab");
            for unit in (end..last).step_by(UNIT) {
                assert!(owned.insert(unit), "{unit:#x} is somebody's");
            }
            pool.memory().check_owned(end, more * UNIT);
            pool.memory().write(end, more * UNIT, zeroed);
            span.units += more as u16;
        }
    }
    release(&*pool, spans);
    pool.purge_all();
    assert_eq!(pool.memory().outstanding(), 0, "units were lost");
}

/// Random calls against a set of the units that are out.
pub fn it_is_a_set_of_units<P: Subject>(_: &Case) {
    for seed in 0..if cfg!(miri) { 1 } else { 12 } {
        let mut rng = Rng::with_seed(seed);
        let pool = place::<P>();
        let (mut spans, mut owned) = (Vec::<Span>::new(), BTreeSet::new());
        for _ in 0..if cfg!(miri) { 40 } else { 600 } {
            let length = 1 + rng.usize(..MAX_SPAN_UNITS);
            match rng.usize(..10) {
                0..5 => {
                    let new = acquire(&*pool, length, 1 + rng.usize(..4));
                    let mut all = new.iter().flat_map(units);
                    assert!(all.all(|unit| owned.insert(unit)), "a unit is handed out twice");
                    spans.extend(new);
                }
                5..9 if !spans.is_empty() => {
                    let span = spans.swap_remove(rng.usize(..spans.len()));
                    let cut = rng.usize(..usize::from(span.units));
                    let gone = tail(&span, cut);
                    units(&gone).for_each(|unit| assert!(owned.remove(&unit), "the test is wrong"));
                    release(&*pool, [gone]);
                    if cut > 0 {
                        spans.push(Span { units: cut as u16, ..span });
                    }
                }
                _ => _ = pool.purge_all(),
            }
            assert!(pool.memory().outstanding() >= owned.len() * UNIT, "more than there is");
        }
        release(&*pool, spans);
        pool.purge_all();
        assert_eq!(pool.memory().outstanding(), 0, "units were lost");
    }
}

/// Four threads, which note what they have.
pub fn threads_get_units_of_their_own<P: Subject>(_: &Case) {
    let pool = place::<P>();
    let (owned, start) = (Mutex::new(BTreeSet::new()), Barrier::new(4));
    thread::scope(|scope| {
        for seed in 0..4 {
            let (pool, owned, start) = (&*pool, &owned, &start);
            scope.spawn(move || {
                let mut rng = Rng::with_seed(seed);
                start.wait();
                for _ in 0..if cfg!(miri) { 10 } else { 1500 } {
                    let mut out = [Span::NONE; 3];
                    let n = pool.acquire(1 + rng.usize(..MAX_SPAN_UNITS), &mut out);
                    let spans = &out[..n];
                    let all = spans.iter().flat_map(units);
                    all.for_each(|unit| assert!(owned.lock().unwrap().insert(unit), "of another"));
                    thread::yield_now();
                    let all = spans.iter().flat_map(units);
                    all.for_each(|unit| assert!(owned.lock().unwrap().remove(&unit)));
                    // SAFETY: this thread's.
                    spans.iter().for_each(|span| unsafe { pool.release(*span) });
                }
            });
        }
    });
    pool.purge_all();
    assert_eq!(pool.memory().outstanding(), 0, "units were lost");
}
