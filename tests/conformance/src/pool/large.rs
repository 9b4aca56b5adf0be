//! Blocks of whole units, blocks with a mapping of their own, and what happens when memory runs out.

use std::ptr::NonNull;
use std::sync::atomic::Ordering::SeqCst;

use hakmem_contract::{Kind, Registry, SUPERSLAB, Span, Tag, UNIT};

use super::{Case, Subject, acquire, release};
use crate::memory::place;

fn shifted(base: NonNull<u8>, bytes: usize) -> NonNull<u8> {
    base.map_addr(|address| address.saturating_add(bytes))
}

fn kind<P: Subject>(pool: &P, base: NonNull<u8>) -> Kind {
    pool.registry().tag(base.as_ptr().addr()).kind()
}

/// A block of whole units, as the facade makes one.
fn span<P: Subject>(pool: &P, units: usize) -> Option<NonNull<u8>> {
    let units = pool.span_units(units)?;
    let mut out = [Span::NONE];
    // SAFETY: as many as it says, and the pool's from here on.
    (pool.acquire(units, &mut out) == 1).then(|| unsafe { pool.adopt_span(out[0]) }.0)
}

/// Everything is free: nothing of it is left in the registry, nor outside of the system.
fn nothing_is_left<P: Subject>(pool: &P) {
    pool.purge_all();
    assert_eq!(pool.memory().outstanding(), 0, "something was not given back");
    assert_eq!(pool.registry().published(), 0, "a tag is left of what is free");
}

/// The head is tagged while the block lives; a second release is an error, and so is another address.
pub fn a_span_is_tagged_and_freed_once<P: Subject>(_: &Case) {
    let pool = place::<P>();
    for units in 1..=16 {
        let Some(base) = span(&*pool, units) else { continue };
        assert!(matches!(kind(&*pool, base), Kind::SpanHead(n) if n >= units), "{units} units");
        pool.memory().check_owned(base.as_ptr().addr(), units * UNIT);
        for inside in [shifted(base, 16), shifted(base, (units - 1) * UNIT + 16)] {
            // SAFETY: nobody uses the block; the address is the test.
            assert!(unsafe { pool.release_span(inside) }.is_err(), "{units} units: from inside");
        }
        assert!(matches!(kind(&*pool, base), Kind::SpanHead(_)), "a refused release frees");
        // SAFETY: nobody uses the block.
        assert_eq!(unsafe { pool.release_span(base) }, Ok(()));
        // SAFETY: as above; that it is free already is the test.
        assert!(unsafe { pool.release_span(base) }.is_err(), "{units} units: freed twice");
        assert_eq!(kind(&*pool, base), Kind::Foreign, "{units} units: free, and tagged");
        let Some(base) = span(&*pool, units) else { continue };
        // SAFETY: nobody uses the block.
        let units = unsafe { pool.retire_span(base) };
        release(&*pool, units.ok());
    }
    nothing_is_left(&*pool);
}

/// Longer and shorter; `false` leaves it as it was.
pub fn a_span_is_resized_where_it_is<P: Subject>(_: &Case) {
    let pool = place::<P>();
    let Some(base) = span(&*pool, 5) else { return };
    let mut now = 5;
    for units in [9, 2, 3, 16, 1, 4] {
        // SAFETY: the block is the test's, and nobody uses what is cut off.
        let resized = unsafe { pool.resize_span(base, units) }.unwrap();
        now = if resized { units } else { now };
        assert!(matches!(kind(&*pool, base), Kind::SpanHead(n) if n >= now), "{units} units");
        pool.memory().check_owned(base.as_ptr().addr(), now * UNIT);
        // What was cut off is somebody else's to have.
        let others = acquire(&*pool, 1, 3);
        let block = base.as_ptr().addr()..base.as_ptr().addr() + now * UNIT;
        assert!(others.iter().all(|other| !block.contains(&other.address())), "{units} units");
        release(&*pool, others);
    }
    // SAFETY: nobody uses the block.
    assert_eq!(unsafe { pool.release_span(base) }, Ok(()));
    // SAFETY: as above; that it is free already is the test.
    assert!(unsafe { pool.resize_span(base, 1) }.is_err(), "of a block that is free");
    nothing_is_left(&*pool);
}

/// As large and aligned as asked for.
pub fn a_huge_block_is_large_aligned_and_tagged<P: Subject>(_: &Case) {
    let pool = place::<P>();
    let mut blocks = Vec::new();
    for bytes in [1, SUPERSLAB, SUPERSLAB + 1, 10 * SUPERSLAB - 1] {
        for align in [1, UNIT, SUPERSLAB, 1 << 22, 1 << 30] {
            let (base, _) = pool.acquire_huge(bytes, align).unwrap();
            assert!(base.as_ptr().addr().is_multiple_of(align), "{base:?} at {align:#x}");
            assert_eq!(pool.registry().tag(base.as_ptr().addr()), Tag::HUGE);
            // SAFETY: the block is live.
            let has = unsafe { pool.huge_bytes(base) };
            assert!(has >= bytes, "{has} bytes of {bytes}");
            pool.memory().check_owned(base.as_ptr().addr(), has);
            blocks.push(base);
        }
    }
    for base in blocks {
        // SAFETY: nobody uses the block.
        assert_eq!(unsafe { pool.release_huge(base) }, Ok(()));
    }
    nothing_is_left(&*pool);
}

/// In place or not, longer and shorter; of two releases one is an error.
pub fn a_huge_block_is_resized_and_freed_once<P: Subject>(_: &Case) {
    let pool = place::<P>();
    let (mut base, _) = pool.acquire_huge(2 * SUPERSLAB, 1).unwrap();
    let (other, _) = pool.acquire_huge(1, 1).unwrap();
    let mut least = 2 * SUPERSLAB;
    for (superslabs, may_move) in [(3, false), (4, true), (9, true), (1, false), (2, true)] {
        let bytes = superslabs * SUPERSLAB - 1;
        // SAFETY: the block is live and the test's.
        let resized = unsafe { pool.resize_huge(base, bytes, may_move) }.unwrap();
        assert!(may_move || resized.is_none_or(|now| now == base), "it moved");
        if let Some(now) = resized.filter(|now| *now != base) {
            assert_eq!(kind(&*pool, base), Kind::Foreign, "where it was is nobody's");
            base = now;
        }
        least = if resized.is_some() { bytes } else { least };
        assert_eq!(kind(&*pool, base), Kind::Huge, "a live block lost its tag");
        // SAFETY: as above.
        let has = unsafe { pool.huge_bytes(base) };
        assert!(has >= least, "{has} bytes of {least}");
        pool.memory().check_owned(base.as_ptr().addr(), has);
    }
    // SAFETY: nobody uses the block; the address is the test.
    assert!(unsafe { pool.release_huge(shifted(base, 16)) }.is_err(), "from inside");
    for base in [base, other] {
        // SAFETY: nobody uses the block.
        assert_eq!(unsafe { pool.release_huge(base) }, Ok(()));
        // SAFETY: as above; that it is free already is the test.
        assert!(unsafe { pool.release_huge(base) }.is_err(), "freed twice");
        // SAFETY: as above.
        assert!(unsafe { pool.resize_huge(base, 1, true) }.is_err(), "of a block that is free");
    }
    nothing_is_left(&*pool);
}

/// An answer, and a block that is resized to too much stays.
pub fn too_much_is_refused<P: Subject>(_: &Case) {
    let pool = place::<P>();
    for bytes in [usize::MAX, usize::MAX - SUPERSLAB, isize::MAX.cast_unsigned() + 1] {
        assert_eq!(pool.acquire_huge(bytes, 1), None, "{bytes:#x} bytes");
    }
    let (base, _) = pool.acquire_huge(1, 1).unwrap();
    // SAFETY: the block is live and the test's.
    assert_eq!(unsafe { pool.resize_huge(base, usize::MAX, true) }, Ok(None));
    assert_eq!(kind(&*pool, base), Kind::Huge);
    // SAFETY: nobody uses the block.
    assert_eq!(unsafe { pool.release_huge(base) }, Ok(()));
    nothing_is_left(&*pool);
}

/// A little of everything; what fails is left out. Returns how many of the steps failed.
fn workload<P: Subject>(pool: &P) -> usize {
    let mut failed = 0;
    let mut held = Vec::new();
    for units in [16, 16, 3, 8, 5, 1, 16] {
        let got = acquire(pool, units, 2);
        failed += usize::from(got.is_empty());
        held.extend(got);
    }
    let block = span(pool, 7);
    failed += usize::from(block.is_none());
    let huge = [1, 3 * SUPERSLAB].map(|bytes| {
        let (base, _) = pool.acquire_huge(bytes, 1)?;
        // SAFETY: the block is live and ours.
        let resized = unsafe { pool.resize_huge(base, bytes + 4 * SUPERSLAB, true) }.unwrap();
        failed += usize::from(resized.is_none());
        let now = resized.unwrap_or(base);
        assert_eq!(kind(pool, now), Kind::Huge, "a live block lost its tag");
        // SAFETY: as above.
        pool.memory().check_owned(now.as_ptr().addr(), unsafe { pool.huge_bytes(now) });
        Some(now)
    });
    failed += huge.iter().filter(|block| block.is_none()).count();
    release(pool, held);
    // SAFETY: nobody uses the block.
    let freed = block.is_none_or(|base| unsafe { pool.release_span(base) }.is_ok());
    assert!(freed, "the block is not to be freed");
    for base in huge.into_iter().flatten() {
        // SAFETY: nobody uses the block.
        assert_eq!(unsafe { pool.release_huge(base) }, Ok(()));
    }
    failed
}

/// Each call of the memory fails in its turn, alone or with all that follow: nothing is lost, and the pool
/// recovers.
pub fn every_call_may_fail_and_nothing_is_lost<P: Subject>(_: &Case) {
    for keep_failing in [false, true] {
        for fail_in in 1..1000 {
            let pool = place::<P>();
            pool.memory().keep_failing.store(keep_failing, SeqCst);
            pool.memory().fail_in.store(fail_in, SeqCst);
            let failed = workload(&*pool);
            let is_over = pool.memory().fail_in.load(SeqCst) > usize::from(keep_failing);
            pool.memory().fail_in.store(0, SeqCst);
            nothing_is_left(&*pool);
            assert_eq!(workload(&*pool), 0, "call {fail_in}: it did not recover");
            if is_over {
                assert_eq!(failed, 0, "nothing failed any more");
                assert!(fail_in > 3, "the failures were not reached one by one");
                break;
            }
        }
    }
}
