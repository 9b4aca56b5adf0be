//! Above a source that checks: it passes everything on.

use hakmem_conformance::front::{Program, class, classes};
use hakmem_contract::{FrontCache, SizeClasses};
use hakmem_direct_front::Direct;
use hakmem_front_gate::FourPerDoubling;

hakmem_conformance::front!(Direct, small, ascending);

#[test]
fn nothing_is_kept() {
    assert_eq!(size_of::<Direct>(), 0);
    let mut program = Program::<Direct>::new(0);
    for class in classes() {
        for n in 1..=20 {
            assert!(program.allocate(class));
            assert_eq!((program.n_live(class), program.n_cached(class)), (n, 0));
        }
        for _ in 1..=20 {
            program.free(class, 3);
            assert_eq!(program.n_cached(class), 0);
        }
    }
    assert_eq!((program.source.takes, program.source.gives), (800, 800));
    program.finish();
}

#[test]
fn a_block_that_is_freed_twice_is_found_at_the_second_free() {
    let mut program = Program::<Direct>::new(0);
    let class = class(3);
    assert!(program.allocate(class));
    let block = program.last(class).unwrap();
    program.free(class, 0);
    let (cache, geometry) = (program.cache(), FourPerDoubling::geometry(class));
    // SAFETY: our cache; that the block is free already is the test.
    unsafe { Direct::spill(cache, class, geometry, block, &mut program.source, &program.meta) };
    assert_eq!(program.source.faults, [block.as_ptr()]);
}
