//! The box between its callers and a simulated system: where ranges lie, how many calls they
//! cost, what is kept and for how long.
#![cfg(all(target_os = "linux", not(loom)))]
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::ptr::NonNull;

use hakmem_contract::os::Range;
use hakmem_contract::{Memory, MetaArena, SUPERSLAB};
use hakmem_os_acquire::simulated::Call;
use hakmem_os_acquire::{Acquire, Limits, Simulated};

type Box = Acquire<Simulated>;

/// The port for a program.
mod simulated {
    hakmem_conformance::os!(super::Simulated, system);
}

fn virtual_box(limits: Limits) -> Box {
    let memory = Acquire::new(Simulated::virtual_only());
    memory.configure(limits);
    memory
}

fn slab(memory: &Box) -> Range {
    let range = memory.acquire(SUPERSLAB, SUPERSLAB, false).unwrap();
    assert_eq!(range.bytes, SUPERSLAB);
    range
}

fn huge(memory: &Box, superslabs: usize) -> Range {
    let range = memory.acquire(superslabs * SUPERSLAB, SUPERSLAB, true).unwrap();
    assert_eq!(range.bytes, superslabs * SUPERSLAB);
    range
}

fn release(memory: &Box, range: Range) {
    // SAFETY: every test releases what it acquired, once.
    unsafe { memory.release(range.base, range.bytes) };
    check(memory);
}

fn resize(memory: &Box, range: Range, superslabs: usize, may_move: bool) -> Option<Range> {
    let bytes = superslabs * SUPERSLAB;
    // SAFETY: every test resizes what it acquired.
    let base = unsafe { memory.resize(range.base, range.bytes, bytes, may_move) };
    check(memory);
    base.map(|base| Range { base, bytes, zeroed: false })
}

fn address(range: Range) -> usize {
    range.base.as_ptr().addr()
}

/// The books are balanced, and the system agrees with them.
fn check(memory: &Box) {
    let stats = memory.stats();
    assert!(stats.is_balanced(), "{stats:?}");
    assert_eq!(stats.mapped, memory.os().mapped());
}

#[test]
fn ranges_are_aligned_and_nothing_around_them_stays_mapped() {
    for obeys_hints in [true, false] {
        let memory = virtual_box(Limits::new());
        memory.os().obey_hints(obeys_hints);
        let mut wanted = 0;
        for shift in [0, 4, 12, 21, 22, 26, 30] {
            for bytes in [1, SUPERSLAB, 5 * SUPERSLAB - 1] {
                memory.os().nudge(4096 * (shift + 1));
                let range = memory.acquire(bytes, 1 << shift, true).unwrap();
                assert!(address(range).is_multiple_of(SUPERSLAB.max(1 << shift)));
                assert_eq!(range.bytes, bytes.next_multiple_of(SUPERSLAB));
                assert!(range.zeroed);
                wanted += range.bytes;
                check(&memory);
            }
        }
        assert_eq!(memory.stats().mapped, wanted);
        assert_eq!(memory.stats().handed_out, wanted);
    }
}

/// How many mappings and unmappings there were so far.
fn maps_and_unmaps(memory: &Box) -> (usize, usize) {
    (memory.os().count(Call::Map), memory.os().count(Call::Unmap))
}

#[test]
fn an_unlucky_place_costs_a_second_mapping_once() {
    let memory = virtual_box(Limits::new());
    huge(&memory, 1);
    assert_eq!(maps_and_unmaps(&memory), (2, 1));
    huge(&memory, 1);
    assert_eq!(maps_and_unmaps(&memory), (3, 1));
}

#[test]
fn a_system_that_grants_no_wishes_costs_a_longer_mapping_once() {
    let memory = virtual_box(Limits::new());
    memory.os().obey_hints(false);
    huge(&memory, 1);
    assert_eq!(maps_and_unmaps(&memory), (3, 4));
    huge(&memory, 1);
    huge(&memory, 1);
    assert_eq!(maps_and_unmaps(&memory), (5, 4));
}

#[test]
fn an_unlucky_place_that_cannot_be_given_back_is_not_tried_again() {
    let memory = virtual_box(Limits::new());
    memory.os().fail_when(|call, _| call == Call::Unmap);
    huge(&memory, 1);
    assert_eq!(maps_and_unmaps(&memory), (2, 3));
    check(&memory);
}

#[test]
fn ranges_too_long_for_one_word_stay_two() {
    let longest = (1 << 20) - 1;
    let memory = virtual_box(Limits::new().bytes(usize::MAX));
    let ranges = [huge(&memory, longest), huge(&memory, longest)];
    for range in ranges {
        release(&memory, range);
    }
    assert_eq!(memory.stats().cached, 2 * longest * SUPERSLAB);
    assert_eq!(memory.map_ahead(2 * longest, false), longest);
    memory.trim(true);
    // Longer than any slot can hold: not kept.
    let range = huge(&memory, longest + 1);
    release(&memory, range);
    assert!(!memory.os().covers(address(range), 1));
    assert_eq!(memory.stats().mapped, memory.stats().cached);
}

/// Fills every slot of the cache, with ranges of 15 SuperSlabs that are no neighbours.
fn fill_cache(memory: &Box) {
    let ranges: Vec<_> = (0..128).map(|_| huge(memory, 15)).collect();
    for range in ranges.iter().step_by(2) {
        release(memory, *range);
    }
    assert_eq!(memory.stats().cached, 64 * 15 * SUPERSLAB);
}

#[test]
fn what_is_left_of_a_cut_is_given_back_when_no_slot_is_free() {
    let memory = virtual_box(Limits::new().bytes(usize::MAX));
    fill_cache(&memory);
    // Eight in the middle: the front goes into the slot, for the back there is none.
    let mut before = memory.stats();
    while memory.stats().mapped == before.mapped {
        before = memory.stats();
        memory.acquire(SUPERSLAB, 8 * SUPERSLAB, true).unwrap();
        check(&memory);
    }
    assert_eq!(
        memory.stats().cached + SUPERSLAB,
        before.cached - (before.mapped - memory.stats().mapped)
    );
}

#[test]
fn memory_mapped_ahead_is_given_back_when_no_slot_is_free() {
    let memory = virtual_box(Limits::new().bytes(usize::MAX));
    fill_cache(&memory);
    assert_eq!(memory.map_ahead(0, true), 0);
    let kept: Vec<_> = (0..5).map(|_| memory.map_ahead(2, false)).collect();
    assert_eq!(kept, [2, 2, 2, 2, 0]);
    assert_eq!(memory.stats().fresh, 8 * SUPERSLAB);
    check(&memory);
}

#[test]
fn what_cannot_be_had_is_refused() {
    let memory = virtual_box(Limits::new());
    for (bytes, align) in [
        (usize::MAX, 1),
        (isize::MAX as usize, SUPERSLAB),
        (SUPERSLAB, 1 << 63),
        (SUPERSLAB, 3 * SUPERSLAB),
    ] {
        for is_huge in [true, false] {
            assert_eq!(memory.acquire(bytes, align, is_huge), None);
            check(&memory);
        }
    }
    assert_eq!(memory.stats().mapped, 0);
}

#[test]
fn steps_grow_with_the_heap_up_to_32() {
    let memory = virtual_box(Limits::new());
    let mut seen = std::collections::BTreeSet::new();
    let mut previous = 0;
    let mut steps = Vec::new();
    for _ in 0..100_000 {
        let fresh_before = memory.stats().fresh;
        let range = slab(&memory);
        assert!(range.zeroed);
        assert!(seen.insert(address(range)));
        if fresh_before == 0 {
            steps.push(memory.stats().fresh / SUPERSLAB + 1);
        } else {
            assert_eq!(address(range), previous + SUPERSLAB, "lowest address first");
        }
        previous = address(range);
    }
    check(&memory);
    assert_eq!(&steps[..16], &[1; 16]);
    assert!(steps.is_sorted());
    assert_eq!(steps.last(), Some(&32));
    assert_eq!(memory.os().count(Call::Map), steps.len() + 1, "the first was misaligned");
    assert!(steps.len() < 3300, "{}", steps.len());
}

#[test]
fn a_step_is_halved_until_the_system_agrees() {
    let memory = virtual_box(Limits::new());
    for _ in 0..100 {
        slab(&memory);
    }
    while memory.stats().fresh > 0 {
        slab(&memory);
    }
    memory.os().fail_when(|call, bytes| call == Call::Map && bytes > 3 * SUPERSLAB);
    slab(&memory);
    assert_eq!(memory.stats().fresh, 2 * SUPERSLAB, "12, 6, then 3");
    check(&memory);
}

#[test]
fn the_cache_is_bounded_by_count() {
    let memory = virtual_box(Limits::new().count(3));
    let ranges: Vec<_> = (0..10).map(|_| slab(&memory)).collect();
    // Every other one, so that they do not join.
    for range in ranges.iter().step_by(2) {
        release(&memory, *range);
    }
    assert_eq!(memory.stats().cached, 3 * SUPERSLAB);
}

#[test]
fn the_cache_is_bounded_by_bytes() {
    let memory = virtual_box(Limits::new().bytes(5 * SUPERSLAB));
    let ranges: Vec<_> = (0..4).map(|_| huge(&memory, 2)).collect();
    for range in ranges {
        release(&memory, range);
        assert!(memory.stats().cached <= 5 * SUPERSLAB);
    }
    assert_eq!(memory.stats().cached, 4 * SUPERSLAB);
    let memory = virtual_box(Limits::new().bytes(0));
    let range = slab(&memory);
    release(&memory, range);
    assert_eq!(memory.stats().mapped, 0);
}

#[test]
fn the_cache_is_bounded_by_age() {
    let memory = virtual_box(Limits::new().age_ms(1000));
    let (old, young, other) = (slab(&memory), slab(&memory), slab(&memory));
    memory.os().set_clock(10_000);
    release(&memory, old);
    memory.os().set_clock(10_600);
    assert_eq!(memory.trim(false), 0);
    release(&memory, other);
    memory.os().set_clock(11_300);
    assert_eq!(memory.trim(false), SUPERSLAB, "the first is old, the second is not");
    assert!(!memory.os().covers(address(old), 1));
    assert!(memory.os().covers(address(other), 1));
    release(&memory, young);
}

#[test]
fn releases_alone_give_back_what_is_old() {
    let memory = virtual_box(Limits::new().age_ms(1000));
    let (old, busy) = (huge(&memory, 8), huge(&memory, 1));
    release(&memory, old);
    for now in 0..32 {
        memory.os().set_clock(now * 100);
        release(&memory, busy);
        // Taken from the smallest range, so never from `old`.
        let _ = huge(&memory, 1);
    }
    assert!(!memory.os().covers(address(old), 1));
}

#[test]
fn old_ranges_can_keep_their_addresses() {
    let memory = virtual_box(Limits::new().age_ms(1000).keep_purged(true));
    let range = slab(&memory);
    release(&memory, range);
    memory.os().set_clock(5000);
    assert_eq!(memory.trim(false), SUPERSLAB);
    assert_eq!(memory.os().count(Call::Purge), 1);
    memory.os().set_clock(9000);
    assert_eq!(memory.trim(false), 0, "purged once is enough");
    let again = slab(&memory);
    assert!(again.base == range.base && again.zeroed);
    check(&memory);
}

#[test]
fn neighbours_become_one_range() {
    let memory = virtual_box(Limits::new());
    memory.map_ahead(4, false);
    let ranges: Vec<_> = (0..4).map(|_| slab(&memory)).collect();
    for index in [0, 2, 1] {
        release(&memory, ranges[index]);
    }
    let calls = memory.os().calls();
    let joined = huge(&memory, 3);
    assert_eq!(joined.base, ranges[0].base);
    assert!(!joined.zeroed);
    assert_eq!(memory.os().calls(), calls, "no call of the system");
}

#[test]
fn the_smallest_range_that_fits_is_taken_and_cut() {
    let memory = virtual_box(Limits::new());
    let kept: Vec<_> = [2, 5, 3]
        .map(|n| {
            let range = huge(&memory, n);
            slab(&memory);
            range
        })
        .to_vec();
    for range in &kept {
        release(&memory, *range);
    }
    assert_eq!(huge(&memory, 3).base, kept[2].base);
    assert_eq!(huge(&memory, 4).base, kept[1].base);
    let rest = slab(&memory);
    assert_eq!(address(rest), address(kept[1]) + 4 * SUPERSLAB);
    assert_eq!(slab(&memory).base, kept[0].base);
    check(&memory);
}

#[test]
fn an_aligned_part_is_cut_out_of_a_cached_range() {
    let memory = virtual_box(Limits::new());
    let range = huge(&memory, 15);
    release(&memory, range);
    let part = memory.acquire(SUPERSLAB, 8 * SUPERSLAB, true).unwrap();
    assert!(address(part).is_multiple_of(8 * SUPERSLAB));
    assert!((address(range)..address(range) + range.bytes).contains(&address(part)));
    assert_eq!(memory.stats().cached, 14 * SUPERSLAB);
    check(&memory);
}

#[test]
fn memory_mapped_ahead_serves_a_huge_block_when_the_system_refuses() {
    let memory = virtual_box(Limits::new());
    assert_eq!(memory.map_ahead(8, true), 8);
    assert_eq!(memory.os().count(Call::Populate), 1);
    memory.os().fail_when(|call, _| call == Call::Map);
    assert!(huge(&memory, 6).zeroed);
    assert_eq!(memory.stats().fresh, 2 * SUPERSLAB);
    assert_eq!(memory.acquire(3 * SUPERSLAB, 1, true), None);
    check(&memory);
}

#[test]
fn the_cache_is_emptied_before_memory_is_out() {
    let memory = virtual_box(Limits::new());
    let pieces: Vec<_> = (0..6).map(|_| huge(&memory, 2)).collect();
    for piece in pieces.iter().step_by(2) {
        release(&memory, *piece);
    }
    // A limit on address space: nothing can be mapped until something was unmapped.
    memory.os().fail_at(1);
    let range = huge(&memory, 3);
    assert!(range.zeroed);
    assert_eq!(memory.stats().cached, 0);
    check(&memory);
}

#[test]
fn a_range_grows_in_place_into_nothing() {
    let memory = virtual_box(Limits::new());
    let range = huge(&memory, 2);
    let grown = resize(&memory, range, 5, false).unwrap();
    assert_eq!(grown.base, range.base);
    assert_eq!(memory.os().count(Call::Grow), 1);
    assert!(memory.os().covers(address(range), 5 * SUPERSLAB));
    release(&memory, grown);
}

#[test]
fn a_range_grows_in_place_into_a_cached_one() {
    let memory = virtual_box(Limits::new());
    let behind = huge(&memory, 3);
    let range = huge(&memory, 2);
    assert_eq!(address(range) + range.bytes, address(behind));
    release(&memory, behind);
    let grown = resize(&memory, range, 4, true).unwrap();
    assert_eq!(grown.base, range.base);
    assert_eq!(memory.os().count(Call::Grow), 0);
    assert_eq!(memory.stats().cached, SUPERSLAB);
}

#[test]
fn a_range_that_cannot_grow_moves_or_stays() {
    let memory = virtual_box(Limits::new());
    let _behind = huge(&memory, 1);
    let range = huge(&memory, 2);
    assert_eq!(resize(&memory, range, 3, false), None);
    let moved = resize(&memory, range, 3, true).unwrap();
    assert_ne!(moved.base, range.base);
    assert!(!memory.os().covers(address(range), 1));
    assert_eq!(memory.os().count(Call::Relocate), 1);
    memory.os().fail_when(|call, _| matches!(call, Call::Grow | Call::Relocate));
    let before = memory.stats();
    assert_eq!(resize(&memory, moved, 9, true), None);
    assert_eq!(memory.stats(), before);
    assert!(memory.os().covers(address(moved), moved.bytes));
}

#[test]
fn slabs_get_huge_pages_once_there_are_several_for_each_heap() {
    // Advice is for a whole step of growth, so it may begin a little later.
    for (heaps, expected) in [(0, 16..=20), (1, 16..=20), (9, 32..=38), (1000, 64..=74)] {
        let memory = virtual_box(Limits::new());
        memory.note_heaps(heaps);
        let ranges: Vec<_> = (0..100).map(|_| slab(&memory)).collect();
        let advised = ranges.iter().map(|r| memory.os().is_huge(address(*r)));
        let first = advised.clone().take_while(|huge| !huge).count();
        assert!(expected.contains(&first), "{first} with {heaps} heaps");
        assert!(advised.skip(first).all(|huge| huge));
    }
    let memory = virtual_box(Limits::new().huge_pages(false));
    for _ in 0..40 {
        slab(&memory);
    }
    huge(&memory, 8);
    assert_eq!(memory.os().count(Call::Advise), 0);
}

#[test]
fn huge_blocks_get_huge_pages_inside_what_was_asked_for() {
    for (asked, advised) in
        [(SUPERSLAB - 1, 0), (SUPERSLAB, 1), (3 * SUPERSLAB - 1, 2), (4 * SUPERSLAB + 1, 4)]
    {
        let memory = virtual_box(Limits::new());
        let range = memory.acquire(asked, 1, true).unwrap();
        let count = (0..range.bytes / SUPERSLAB)
            .filter(|i| memory.os().is_huge(address(range) + i * SUPERSLAB))
            .count();
        assert_eq!(count, advised, "{asked:#x}");
        assert_eq!(memory.os().is_huge(address(range)), advised > 0);
    }
}

#[test]
fn what_the_system_does_not_take_back_is_used_again() {
    let memory = virtual_box(Limits::new().bytes(0));
    let range = huge(&memory, 2);
    memory.os().fail_when(|call, _| call == Call::Unmap);
    release(&memory, range);
    assert_eq!(memory.stats().cached, 2 * SUPERSLAB);
    let again = huge(&memory, 2);
    assert!(again.base == range.base && again.zeroed, "purged, since it could not be unmapped");
    // Around an unlucky mapping, less than a SuperSlab cannot be kept.
    memory.os().nudge(4096);
    memory.os().obey_hints(false);
    huge(&memory, 1);
    let stats = memory.stats();
    assert!(stats.stranded > 0 && stats.stranded < 4 * SUPERSLAB, "{stats:?}");
    check(&memory);
}

#[test]
fn metadata_is_zero_aligned_and_nobody_elses() {
    let memory = virtual_box(Limits::new());
    let mut pieces: Vec<(usize, usize)> = Vec::new();
    for bytes in (0..3000).map(|i| i * 7 % 5000) {
        let piece: NonNull<u8> = memory.alloc_meta(bytes).unwrap();
        assert!(piece.as_ptr().addr().is_multiple_of(64));
        for offset in 0..bytes {
            // SAFETY: `offset < bytes`, inside the piece.
            let byte = unsafe { piece.add(offset) };
            // SAFETY: the piece is ours.
            assert_eq!(unsafe { byte.replace(0xff) }, 0);
        }
        pieces.push((piece.as_ptr().addr(), bytes));
    }
    pieces.sort_unstable();
    assert!(pieces.windows(2).all(|pair| pair[0].0 + pair[0].1 <= pair[1].0));
    // 64 KiB, 128, 256, 512, then 1 MiB each.
    assert_eq!(memory.os().count(Call::Map), 11);
    let before = memory.stats().meta;
    memory.alloc_meta(100_000).unwrap();
    assert_eq!(memory.stats().meta - before, 102_400);
    check(&memory);
}

#[test]
fn metadata_makes_do_with_a_small_chunk_and_then_with_none() {
    let memory = virtual_box(Limits::new());
    memory.os().fail_when(|call, bytes| call == Call::Map && bytes > 64 << 10);
    for _ in 0..20 {
        memory.alloc_meta(16 << 10).unwrap();
    }
    memory.os().fail_from(1);
    let before = memory.stats();
    let refused = (0..5).filter(|_| memory.alloc_meta(16 << 10).is_none()).count();
    assert!(refused > 0);
    assert_eq!(memory.stats(), before);
    assert_eq!(memory.alloc_meta(1 << 20), None);
}
