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
}

const fn row(
    slot: Slot,
    name: &'static str,
    crates: &'static [&'static str],
    ty: &'static str,
) -> Known {
    Known { slot, name, crates, ty }
}

/// What is known to fit.
#[rustfmt::skip]
pub(crate) static BOXES: &[Known] = &[
    row(Slot::Classes, "four-per-doubling", &["front-gate"], "hakmem_front_gate::FourPerDoubling"),
    row(Slot::Classes, "powers-of-two", &["front-gate"], "hakmem_front_gate::PowersOfTwo"),
    row(Slot::Classes, "eight-per-doubling", &["front-gate+many-classes"],
        "hakmem_front_gate::EightPerDoubling"),
    row(Slot::Front, "unified-cache", &["unified-cache"], "hakmem_unified_cache::UnifiedCache"),
    row(Slot::Front, "tls-sll", &["tls-sll"], "hakmem_tls_sll::TlsSll"),
    row(Slot::Front, "magazine", &["tiered-front", "unified-cache"],
        "hakmem_tiered_front::Magazine<hakmem_unified_cache::UnifiedCache>"),
    row(Slot::Front, "tiered-sll", &["tiered-front", "unified-cache", "tls-sll"],
        "hakmem_tiered_front::Tiered<hakmem_unified_cache::UnifiedCache, hakmem_tls_sll::TlsSll, 2048>"),
    row(Slot::Front, "none", &["direct-front"], "hakmem_direct_front::Direct"),
    row(Slot::Counters, "none", &["warm-pool"], "hakmem_warm_pool::NoCounters"),
    row(Slot::Counters, "counts", &["warm-pool"], "hakmem_warm_pool::Counts"),
    row(Slot::Page, "bitmap", &["page-box"], "hakmem_page_box::Slab"),
    row(Slot::Page, "freelist", &["free-list-page"], "hakmem_free_list_page::FreeListSlab"),
    row(Slot::Page, "checked", &["page-box"], "hakmem_page_box::CheckedSlab"),
    row(Slot::Os, "linux", &["os-acquire"], "hakmem_os_acquire::Linux"),
    row(Slot::Os, "linux-huge", &["os-acquire"], "hakmem_os_acquire::LinuxHuge"),
    row(Slot::Os, "simulated", &["os-acquire+simulated"], "hakmem_os_acquire::Simulated"),
    row(Slot::Registry, "two-level", &["superslab-registry"], "hakmem_superslab_registry::TwoLevel"),
    row(Slot::Registry, "flat", &["flat-registry"], "hakmem_flat_registry::Flat"),
    row(Slot::Registry, "hash", &["hash-registry"], "hakmem_hash_registry::Hash"),
    row(Slot::Pool, "shared-pool", &["shared-pool"], "hakmem_shared_pool::SharedPool<Memory, Registry>"),
    row(Slot::Pool, "first-fit", &["shared-pool"],
        "hakmem_shared_pool::SharedPool<Memory, Registry, hakmem_shared_pool::FirstFit>"),
    row(Slot::Pool, "guarded", &["guarded-pool", "shared-pool"],
        "hakmem_guarded_pool::Guarded<hakmem_shared_pool::SharedPool<Memory, Registry>>"),
];
