//! The slots of a composition, and the boxes of this workspace that fit into them.
//!
//! A new box is a row of [`BOXES`]. The first row of a slot is the default.

use std::fmt;

/// A place in a composition for one box.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Slot {
    /// Size to class.
    Classes,
    /// A thread's cache of free blocks.
    Front,
    /// Whether the warm pool counts.
    Counters,
    /// One slab's accounting.
    Page,
    /// The system calls.
    Os,
    /// Address to tag.
    Registry,
    /// Units, spans and huge blocks.
    Pool,
}

impl Slot {
    /// All of them; one box is checked before another that is made of it.
    pub(crate) const ALL: [Self; 7] = [
        Self::Classes,
        Self::Front,
        Self::Counters,
        Self::Page,
        Self::Os,
        Self::Registry,
        Self::Pool,
    ];

    /// What `--swap` calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Classes => "classes",
            Self::Front => "front",
            Self::Counters => "counters",
            Self::Page => "page",
            Self::Os => "os",
            Self::Registry => "registry",
            Self::Pool => "pool",
        }
    }

    /// What a generated composition calls the type in it.
    pub(crate) fn alias(self) -> &'static str {
        match self {
            Self::Classes => "Classes",
            Self::Front => "Front",
            Self::Counters => "Counters",
            Self::Page => "Page",
            Self::Os => "Os",
            Self::Registry => "Registry",
            Self::Pool => "Pool",
        }
    }

    /// The traits that a box in it implements: the crate, without `hakmem_`, and the trait.
    pub(crate) fn needs(self) -> &'static [&'static str] {
        match self {
            Self::Classes => &["contract::SizeClasses"],
            Self::Front => &["contract::FrontCache"],
            Self::Counters => &["warm_pool::Counters"],
            Self::Page => &["contract::Page"],
            Self::Os => &["contract::OsPort", "contract::Fresh"],
            Self::Registry => &["contract::Registry", "contract::Survey", "contract::Fresh"],
            Self::Pool => &[
                "contract::Pool",
                "contract::Superslabs",
                "contract::Spans",
                "contract::HugeBlocks",
                "contract::Fresh",
            ],
        }
    }

    /// The slot of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|slot| slot.name() == name)
    }

    /// The boxes that are known to fit, the default first.
    pub(crate) fn boxes(self) -> impl Iterator<Item = &'static Known> {
        BOXES.iter().filter(move |known| known.slot == self)
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A box of this workspace.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) slot: Slot,
    /// What `--swap` calls it.
    pub(crate) name: &'static str,
    /// The folders in `crates/` of the packages that `ty` names; `folder+feature` turns a feature on.
    pub(crate) crates: &'static [&'static str],
    /// The type. A pool is made of the types `Memory` and `Registry`, which are those of the other
    /// slots.
    pub(crate) ty: &'static str,
    /// What does not pass on it.
    pub(crate) limits: &'static [Limit],
}

/// A C program that does not pass on a box, because of what the box is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limit {
    /// Its name below `tests/c`, without the ending.
    pub(crate) program: &'static str,
    /// Why, in a line.
    pub(crate) reason: &'static str,
    /// Whether it passes at times, as the moments fall.
    pub(crate) at_times: bool,
}

const fn row(
    slot: Slot,
    name: &'static str,
    crates: &'static [&'static str],
    ty: &'static str,
) -> Known {
    Known { slot, name, crates, ty, limits: &[] }
}

/// A program that never passes.
const fn never(program: &'static str, reason: &'static str) -> Limit {
    Limit { program, reason, at_times: false }
}

/// A program that does not pass each time.
const fn at_times(program: &'static str, reason: &'static str) -> Limit {
    Limit { program, reason, at_times: true }
}

impl Known {
    /// The same with what does not pass on it.
    const fn but(self, limits: &'static [Limit]) -> Self {
        Self { limits, ..self }
    }
}

const LOST_TO_CHILD: Limit =
    never("fork_chain", "what the parent's other threads held is lost to each child");
const NOT_TAKEN_OVER: Limit =
    never("fork_step", "the child does not take over the heaps of threads that it does not have");
const NO_ROOM: &str = "a limit on addresses or data leaves no room for a table of 24 GiB";
const STAYS_HELD: &str = "a fork may leave the lock held in the child for ever";

const INTERRUPTED: &str = "a signal handler that interrupts who has the lock waits for ever";

const GUARDS_COUNT: &str = "guards, and what is held back, count as memory that is mapped";

static MANY_CLASSES: &[Limit] =
    &[at_times("limit_as", "the second filling gets a few SuperSlabs less, one time in fifty")];

static LISTS: &[Limit] = &[
    LOST_TO_CHILD,
    NOT_TAKEN_OVER,
    never("signal_step", "a push or a pop that a signal handler jumps out of leaves a broken list"),
];

static LISTS_BEHIND_ARRAYS: &[Limit] = &[LOST_TO_CHILD, NOT_TAKEN_OVER];

static LOOKS_AT_ALL: &[Limit] = &[
    at_times("fork_chain", "slow paths are long, so a fork cuts more heaps short"),
    at_times("threads_live", "in random order, the next run of threads touches other pages"),
];

static HUGE_PAGES: &[Limit] =
    &[at_times("threads_live", "what each of many threads maps ahead is resident")];

static ONE_TABLE: &[Limit] = &[
    never("cxx_handler", NO_ROOM),
    never("limit_as", NO_ROOM),
    never("limit_as_shrink", NO_ROOM),
    never("limit_as_threads", NO_ROOM),
    never("limit_data", NO_ROOM),
    never("limit_rounds", NO_ROOM),
    never("limit_rounds_threads", NO_ROOM),
    never("limit_small", NO_ROOM),
    never("limit_steps", NO_ROOM),
    never("seccomp", "a system that refuses large mappings refuses the table"),
    at_times("limit_lock", "mlockall makes all of the table resident"),
];

static ONE_LOCK: &[Limit] = &[
    at_times("exec_storm", STAYS_HELD),
    at_times("fork", STAYS_HELD),
    at_times("fork_chain", STAYS_HELD),
    at_times("fork_step", STAYS_HELD),
    at_times("signal_step", INTERRUPTED),
];

static BOOKS: &[Limit] = &[
    never("refuse_each", "more than it bears stays mapped when each unmapping is refused"),
    at_times("signal_step", INTERRUPTED),
];

static GUARDS: &[Limit] = &[
    never("header_shared", GUARDS_COUNT),
    never("header_shared_cxx", GUARDS_COUNT),
    never("header_static", GUARDS_COUNT),
    never("header_static_cxx", GUARDS_COUNT),
    never("limit_as", GUARDS_COUNT),
    never("limit_as_threads", GUARDS_COUNT),
    at_times("limit_rounds_threads", GUARDS_COUNT),
    never("realloc_huge", "a block that grows is copied"),
    at_times("refuse_each", "guards are calls: more of them than it has time for"),
    never("stats", GUARDS_COUNT),
];

/// What is known to fit.
#[rustfmt::skip]
pub(crate) static BOXES: &[Known] = &[
    row(Slot::Classes, "four-per-doubling", &["front-gate"], "hakmem_front_gate::FourPerDoubling"),
    row(Slot::Classes, "powers-of-two", &["front-gate"], "hakmem_front_gate::PowersOfTwo"),
    row(Slot::Classes, "eight-per-doubling", &["front-gate+many-classes"],
        "hakmem_front_gate::EightPerDoubling").but(MANY_CLASSES),
    row(Slot::Front, "unified-cache", &["unified-cache"], "hakmem_unified_cache::UnifiedCache"),
    row(Slot::Front, "tls-sll", &["tls-sll"], "hakmem_tls_sll::TlsSll").but(LISTS),
    row(Slot::Front, "magazine", &["tiered-front", "unified-cache"],
        "hakmem_tiered_front::Magazine<hakmem_unified_cache::UnifiedCache>"),
    row(Slot::Front, "tiered-sll", &["tiered-front", "unified-cache", "tls-sll"],
        "hakmem_tiered_front::Tiered<hakmem_unified_cache::UnifiedCache, hakmem_tls_sll::TlsSll, 2048>")
        .but(LISTS_BEHIND_ARRAYS),
    row(Slot::Front, "none", &["direct-front"], "hakmem_direct_front::Direct"),
    row(Slot::Counters, "none", &["warm-pool"], "hakmem_warm_pool::NoCounters"),
    row(Slot::Counters, "counts", &["warm-pool"], "hakmem_warm_pool::Counts"),
    row(Slot::Page, "bitmap", &["page-box"], "hakmem_page_box::Slab"),
    row(Slot::Page, "freelist", &["free-list-page"], "hakmem_free_list_page::FreeListSlab"),
    row(Slot::Page, "checked", &["page-box"], "hakmem_page_box::CheckedSlab").but(LOOKS_AT_ALL),
    row(Slot::Os, "linux", &["os-acquire"], "hakmem_os_acquire::Linux"),
    row(Slot::Os, "linux-huge", &["os-acquire"], "hakmem_os_acquire::LinuxHuge").but(HUGE_PAGES),
    row(Slot::Os, "simulated", &["os-acquire+simulated"], "hakmem_os_acquire::Simulated").but(BOOKS),
    row(Slot::Registry, "two-level", &["superslab-registry"], "hakmem_superslab_registry::TwoLevel"),
    row(Slot::Registry, "flat", &["flat-registry"], "hakmem_flat_registry::Flat").but(ONE_TABLE),
    row(Slot::Registry, "hash", &["hash-registry"], "hakmem_hash_registry::Hash"),
    row(Slot::Pool, "shared-pool", &["shared-pool"], "hakmem_shared_pool::SharedPool<Memory, Registry>"),
    row(Slot::Pool, "first-fit", &["shared-pool"],
        "hakmem_shared_pool::SharedPool<Memory, Registry, hakmem_shared_pool::FirstFit>")
        .but(ONE_LOCK),
    row(Slot::Pool, "guarded", &["guarded-pool", "shared-pool"],
        "hakmem_guarded_pool::Guarded<hakmem_shared_pool::SharedPool<Memory, Registry>>").but(GUARDS),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    #[test]
    fn limits_name_programs_once() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/c");
        for known in BOXES {
            let mut programs = BTreeSet::new();
            for limit in known.limits {
                let file = |ending| folder.join(format!("{}.{ending}", limit.program));
                let exists = file("c").is_file() || file("cc").is_file();
                assert!(exists, "{}={}: no {}", known.slot, known.name, limit.program);
                assert!(programs.insert(limit.program), "{} twice", limit.program);
                assert!(!limit.reason.is_empty() && !limit.reason.contains('\n'));
            }
        }
    }
}
