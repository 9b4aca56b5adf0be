//! The flat registry where there is no room for its table: no memory, no harm, and memory when the
//! limit is gone.

use hakmem_alloc::{compose, parts};
use hakmem_flat_registry::Flat;

compose! {
    /// The registry is one array.
    pub(crate) Flattened, "hakmem_test_flat_limit_word" {
        classes: parts::FourPerDoubling,
        front: parts::UnifiedCache,
        counters: parts::NoCounters,
        page: parts::Slab,
        pool: parts::SharedPool<parts::Acquire<parts::Linux>, Flat>,
    }
}

static ALLOCATOR: Flattened = Flattened::new();

/// Less than the table.
const LIMIT: libc::rlim_t = 20 << 30;

/// Sets the limit of this process's address space, and returns what it was.
fn limit_addresses(bytes: libc::rlim_t) -> libc::rlim_t {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: writes one `rlimit`.
    assert_eq!(unsafe { libc::getrlimit(libc::RLIMIT_AS, &raw mut limit) }, 0);
    let before = limit.rlim_cur;
    limit.rlim_cur = bytes;
    // SAFETY: reads one.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &raw const limit) }, 0);
    before
}

/// One test, because the limit is the process's. The process's own allocator is another one.
#[test]
fn without_room_for_the_table_there_is_null_and_with_it_memory() {
    let before = limit_addresses(LIMIT);
    for _ in 0..3 {
        for size in [1, 1000, 40_000, 1 << 20, 10 << 20] {
            assert!(ALLOCATOR.allocate(size).is_null(), "{size}");
        }
    }
    // SAFETY: null is allowed.
    unsafe { ALLOCATOR.deallocate(std::ptr::null_mut()) };
    let mapped = || {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|line| line.starts_with("VmSize:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap()
    };
    let first = mapped();
    for _ in 0..100 {
        assert!(ALLOCATOR.allocate(100).is_null());
        assert!(ALLOCATOR.allocate(10 << 20).is_null());
    }
    let more = mapped().saturating_sub(first);
    assert!(more < 16 << 10, "{more} KiB more are mapped after 200 refusals");
    limit_addresses(before);
    let blocks = [1, 1000, 40_000, 1 << 20, 10 << 20].map(|size| ALLOCATOR.allocate(size));
    assert!(!blocks.iter().any(|block| block.is_null()), "no room for the table: {blocks:?}");
    for block in blocks {
        // SAFETY: live, and ours.
        unsafe { ALLOCATOR.deallocate(block) };
    }
}
