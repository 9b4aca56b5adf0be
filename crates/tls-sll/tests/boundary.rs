//! The list above a source that checks: what every front cache does, and what only this one
//! does.

use hakmem_conformance::front::{Program, class, doubled_limits, fill, is_filled};
use hakmem_contract::{Block, Class, FrontCache, MAX_CLASSES};
use hakmem_tls_sll::{BATCH, TlsSll};

hakmem_conformance::front!(TlsSll, caches, small, ascending);

#[test]
fn each_miss_doubles_the_limit_and_brings_half_of_it_within_a_batch() {
    for shift in [0, 2, 3] {
        let mut program = Program::<TlsSll>::new(shift);
        for (number, limit) in doubled_limits(6, shift).into_iter().enumerate() {
            let brought = program.miss(class(0));
            assert_eq!(brought, (limit / 2).min(BATCH), "miss {number}, shift {shift}");
        }
    }
}

#[test]
fn it_is_16_bytes_a_class_and_needs_no_more() {
    assert_eq!(size_of::<TlsSll>(), 16 * MAX_CLASSES);
    let mut program = Program::<TlsSll>::new(0);
    program.meta.refuse(true);
    (0..5000).for_each(|_| assert!(program.allocate(class(0))));
    while program.source.gives == 0 {
        program.free(class(0), 0);
    }
    let limit = program.limit(class(0));
    assert_eq!(program.n_cached(class(0)), limit / 2 + 1, "it was full, and gave half");
    program.finish();
}

#[test]
fn an_absurd_shift_leaves_the_first_limit() {
    let mut program = Program::<TlsSll>::new(31);
    assert!((0..10).all(|_| program.miss(class(0)) == 1));
}

#[test]
fn only_the_first_word_of_a_block_is_used_and_the_last_one_leaves_first() {
    let mut program = Program::<TlsSll>::new(0);
    (0..3).for_each(|_| assert!(program.allocate(class(9))));
    let block = program.last(class(9)).unwrap();
    program.free(class(9), 2);
    let link = block.cast::<[u8; 8]>();
    // SAFETY: memory of the fake source.
    let kept = unsafe { link.read() };
    fill(block.as_ptr(), class(9), 0xEE);
    // SAFETY: as above.
    unsafe { link.write(kept) };
    let cache = program.cache();
    // SAFETY: our cache.
    let popped = unsafe { TlsSll::pop(cache, class(9)) };
    assert_eq!(popped, Some(block));
    // SAFETY: as above.
    unsafe { link.write([0xEE; 8]) };
    assert!(is_filled(block.as_ptr(), class(9), 0xEE));
}

/// Frees `n` blocks, misuses one of them, and drains. Returns it, and what the source found.
fn misuse(n: usize, which: usize, link: impl Fn(Block) -> usize) -> (Block, Vec<*mut u8>) {
    let mut program = Program::<TlsSll>::new(0);
    (0..500).for_each(|_| assert!(program.allocate(class(3))));
    program.drain();
    let mut freed = Vec::new();
    for _ in 0..n {
        freed.extend(program.last(class(3)));
        program.free(class(3), program.n_live(class(3)) - 1);
    }
    assert_eq!(program.n_cached(class(3)), n);
    let block = freed[which];
    // SAFETY: memory of the fake source.
    unsafe { block.cast::<usize>().write(link(block)) };
    let cache = program.cache();
    // SAFETY: our cache, opened; what is in it is the test.
    unsafe { TlsSll::drain(cache, &mut program.source) };
    for class in (0..MAX_CLASSES).filter_map(Class::new) {
        // SAFETY: our cache.
        assert_eq!(unsafe { TlsSll::pop(cache, class) }, None, "the list was not cut");
    }
    (block, program.source.faults.clone())
}

#[test]
fn a_block_that_was_written_to_after_its_free_is_reported_where_it_leaves() {
    // The first in the list, one in the middle of the second batch, the last.
    for which in [0, 20, 126, 99] {
        let (block, faults) = misuse(127, which, |block| block.as_ptr().addr() + 8);
        assert_eq!(faults, [block.as_ptr()], "a link that is not aligned");
        let (block, faults) = misuse(127, which, |_| 0x2F2F_2F2F_2F2F_2F2F);
        assert_eq!(faults, [block.as_ptr()], "text");
    }
    for which in [1, 20, 126] {
        let (block, faults) = misuse(127, which, |_| 0);
        assert_eq!(faults, [block.as_ptr()], "the list is shorter than its count");
    }
    let (block, faults) = misuse(127, 0, |block| block.as_ptr().addr());
    assert_eq!(faults, [block.as_ptr()], "the list is longer than its count");
}

#[test]
fn a_block_that_was_freed_twice_is_reported_where_it_leaves() {
    for between in [0, 1, 5] {
        let mut program = Program::<TlsSll>::new(0);
        (0..200).for_each(|_| assert!(program.allocate(class(3))));
        program.drain();
        let block = program.last(class(3)).unwrap();
        let last = program.n_live(class(3)) - 1;
        program.free(class(3), last);
        (0..between).for_each(|_| program.free(class(3), 0));
        let cache = program.cache();
        // SAFETY: our cache; that the block is cached already is the test.
        assert!(unsafe { TlsSll::push(cache, class(3), block) });
        // SAFETY: our cache, opened.
        unsafe { TlsSll::drain(cache, &mut program.source) };
        assert!(program.source.faults.contains(&block.as_ptr()), "{between} blocks between");
    }
}

#[test]
#[cfg(debug_assertions)]
#[should_panic(expected = "a block was written to after it was freed")]
fn a_debug_build_checks_the_link_at_every_pop() {
    let mut program = Program::<TlsSll>::new(0);
    (0..3).for_each(|_| assert!(program.allocate(class(3))));
    let block = program.last(class(3)).unwrap();
    program.free(class(3), 2);
    fill(block.as_ptr(), class(3), 0x2F);
    program.allocate(class(3));
}
