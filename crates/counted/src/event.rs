//! What is counted.

/// Names the events, in the order in which they are reported.
macro_rules! events {
    ($($(#[$meta:meta])* $event:ident = $name:literal,)*) => {
        /// Something that is counted.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Event {
            $($(#[$meta])* $event,)*
        }

        /// The names of all events: the box, and what it did.
        pub const NAMES: &[&str] = &[$($name,)*];

        /// All events, in the order of [`NAMES`].
        pub const EVENTS: &[Event] = &[$(Event::$event,)*];
    };
}

events! {
    /// A request that the front cache served.
    FrontHit = "front.hit",
    /// A request for which it had to be refilled.
    FrontRefill = "front.refill",
    /// Blocks that refills brought.
    FrontRefilled = "front.refilled_blocks",
    /// A block that was freed into it.
    FrontFree = "front.free",
    /// A free for which there was no room.
    FrontSpill = "front.spill",
    /// Blocks that went to their slabs for that.
    FrontSpilled = "front.spilled_blocks",
    /// Blocks that left it when their thread ended, or trimmed.
    FrontDrained = "front.drained_blocks",
    /// The warm pool had a slab with free blocks.
    WarmHit = "warm.hit",
    /// It had none of the class, and asked the shared pool.
    WarmMiss = "warm.miss",
    /// Slabs that came beside the one needed.
    WarmPrefill = "warm.prefilled_slabs",
    /// A thread got the heap of one that had ended.
    WarmAdopted = "warm.adoption",
    /// A thread that needed memory looked after the heap of one that had ended.
    WarmRelieved = "warm.orphan_relieved",
    /// Slabs that were opened.
    PageOpen = "page.open",
    /// Times that blocks were taken from a slab.
    PageTake = "page.take",
    /// Blocks that were taken.
    PageTaken = "page.taken_blocks",
    /// Times that its owner gave blocks back.
    PageGive = "page.give",
    /// Blocks that the owner gave back.
    PageGiven = "page.given_blocks",
    /// Times that another thread gave blocks back: a batch.
    PageRemote = "page.remote_batch",
    /// Blocks in these batches.
    PageRemoteBlocks = "page.remote_blocks",
    /// Times that an owner looked for what others gave back.
    PageCollect = "page.collect",
    /// Slabs that changed lists because of that.
    PageRelisted = "page.relisted_slabs",
    /// Requests for units that a SuperSlab of the pool could serve.
    PoolAtHand = "pool.at_hand",
    /// Those that none could serve.
    PoolNotAtHand = "pool.not_at_hand",
    /// Requests that made the pool get a SuperSlab.
    PoolNew = "pool.new_superslab",
    /// Requests that found no memory.
    PoolFailed = "pool.failed",
    /// Spans of units that were handed out.
    PoolSpans = "pool.spans",
    /// Spans of units that came back.
    PoolRelease = "pool.release",
    /// Blocks of whole units that were made.
    PoolBlock = "pool.span_block",
    /// Those that were freed.
    PoolBlockFree = "pool.span_block_free",
    /// Those that became longer or shorter in place.
    PoolBlockResize = "pool.span_block_resize",
    /// Blocks with a mapping of their own that were made.
    PoolHuge = "pool.huge",
    /// Those that were freed.
    PoolHugeFree = "pool.huge_free",
    /// Those that became longer or shorter.
    PoolHugeResize = "pool.huge_resize",
    /// Look-ups of an address: its tag, or its word.
    RegistryLookup = "registry.lookup",
    /// Look-ups of a tag that found nobody's: null, an address that is not ours, or one that was freed.
    RegistryForeign = "registry.foreign",
    /// Ranges for which room was asked.
    RegistryCover = "registry.cover",
    /// Ranges whose tags were written.
    RegistryPublish = "registry.publish",
    /// Units of these ranges.
    RegistryUnits = "registry.published_units",
    /// Tags that were taken back.
    RegistryRetract = "registry.retract",
    /// SuperSlabs and huge ranges served without a mapping: from the cache, or mapped ahead.
    CacheHit = "os.cache_hit",
    /// Those that had to be mapped.
    CacheMiss = "os.cache_miss",
    /// Ranges that came back.
    CacheRelease = "os.cache_release",
    /// Those after which nothing was unmapped: what came back is kept.
    CacheKept = "os.cache_kept",
    /// Pieces of metadata.
    Meta = "os.meta",
    /// Bytes of them.
    MetaBytes = "os.meta_bytes",
    /// `mmap`.
    Map = "sys.map",
    /// Bytes that it mapped.
    MapBytes = "sys.map_bytes",
    /// `munmap`.
    Unmap = "sys.unmap",
    /// `madvise` that drops contents.
    Purge = "sys.purge",
    /// Bytes that were dropped.
    PurgeBytes = "sys.purge_bytes",
    /// `madvise` about huge pages and populating.
    Advise = "sys.advise",
    /// `mprotect`.
    Protect = "sys.protect",
    /// `prctl` that names a mapping.
    Name = "sys.name",
    /// `mremap`.
    Remap = "sys.remap",
    /// Looks at the clock.
    Clock = "sys.clock",
}
