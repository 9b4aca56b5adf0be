//! The limits, as threads share them.

use hakmem_contract::Limits;
use hakmem_sync::atomic::{AtomicUsize, Ordering};
use hakmem_sync::const_unless_loom;

use crate::cache::N_CACHED;

/// One number that is 0 in memory until it is set.
///
/// # Invariants
///
/// - The word is 0 for "as by default", else the value plus one.
#[derive(Debug)]
struct Setting {
    word: AtomicUsize,
}

impl Setting {
    const_unless_loom! {
        fn new() -> Self {
            Self { word: AtomicUsize::new(0) }
        }
    }

    fn get(&self, default: usize) -> usize {
        // Relaxed: a number that nothing else depends on; an old one is as good.
        self.word.load(Ordering::Relaxed).checked_sub(1).unwrap_or(default)
    }

    fn set(&self, value: usize) {
        // Relaxed: as in `get`.
        // INVARIANT: never 0. The largest value is one less than asked for, which is no limit.
        self.word.store(value.saturating_add(1), Ordering::Relaxed);
    }
}

/// The limits as they are shared between threads: all zero means all defaults.
#[derive(Debug)]
pub(crate) struct Settings {
    count: Setting,
    bytes: Setting,
    age_ms: Setting,
    huge_pages: Setting,
    names: Setting,
    keep_purged: Setting,
}

impl Settings {
    const_unless_loom! {
        pub(crate) fn new() -> Self {
            Self {
                count: Setting::new(),
                bytes: Setting::new(),
                age_ms: Setting::new(),
                huge_pages: Setting::new(),
                names: Setting::new(),
                keep_purged: Setting::new(),
            }
        }
    }

    pub(crate) fn set(&self, limits: Limits) {
        self.count.set(limits.count);
        self.bytes.set(limits.bytes);
        self.age_ms.set(limits.age_ms);
        self.huge_pages.set(usize::from(limits.huge_pages));
        self.names.set(usize::from(limits.names));
        self.keep_purged.set(usize::from(limits.keep_purged));
    }

    pub(crate) fn get(&self) -> Limits {
        let default = Limits::new();
        Limits {
            // More than there are slots is as much as that.
            count: self.count.get(default.count).min(N_CACHED),
            bytes: self.bytes.get(default.bytes),
            age_ms: self.age_ms.get(default.age_ms),
            huge_pages: self.huge_pages.get(usize::from(default.huge_pages)) != 0,
            names: self.names.get(usize::from(default.names)) != 0,
            keep_purged: self.keep_purged.get(usize::from(default.keep_purged)) != 0,
        }
    }
}
