//! `workload`: runs one workload on the allocator this binary was built with.

use std::process::ExitCode;

#[cfg(feature = "hakmem")]
#[path = "allocators/hakmem.rs"]
mod chosen;

#[cfg(all(feature = "hakmem-hardened", not(feature = "hakmem")))]
#[path = "allocators/hakmem_hardened.rs"]
mod chosen;

#[cfg(all(feature = "hakmem-classic", not(any(feature = "hakmem", feature = "hakmem-hardened"))))]
#[path = "allocators/hakmem_classic.rs"]
mod chosen;

#[cfg(all(
    feature = "bump",
    not(any(feature = "hakmem", feature = "hakmem-hardened", feature = "hakmem-classic"))
))]
#[path = "allocators/bump.rs"]
mod chosen;

#[cfg(all(
    any(feature = "mimalloc", feature = "mimalloc-v2"),
    not(any(
        feature = "hakmem",
        feature = "hakmem-hardened",
        feature = "hakmem-classic",
        feature = "bump"
    ))
))]
#[path = "allocators/mimalloc.rs"]
mod chosen;

#[cfg(all(
    feature = "jemalloc",
    not(any(
        feature = "hakmem",
        feature = "hakmem-hardened",
        feature = "hakmem-classic",
        feature = "bump",
        feature = "mimalloc",
        feature = "mimalloc-v2"
    ))
))]
#[path = "allocators/jemalloc.rs"]
mod chosen;

#[cfg(all(
    feature = "snmalloc",
    not(any(
        feature = "hakmem",
        feature = "hakmem-hardened",
        feature = "hakmem-classic",
        feature = "bump",
        feature = "mimalloc",
        feature = "mimalloc-v2",
        feature = "jemalloc"
    ))
))]
#[path = "allocators/snmalloc.rs"]
mod chosen;

#[cfg(not(any(
    feature = "hakmem",
    feature = "hakmem-hardened",
    feature = "hakmem-classic",
    feature = "bump",
    feature = "mimalloc",
    feature = "mimalloc-v2",
    feature = "jemalloc",
    feature = "snmalloc"
)))]
#[path = "allocators/system.rs"]
mod chosen;

fn main() -> ExitCode {
    hakmem_benches::cli::run(chosen::NAME, chosen::prepare)
}
