//! Which tests run under which tool, and which do not, with the reason.

/// What a tool needs of the toolchain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Needs {
    /// The sanitizer's runtime, which every toolchain for Linux has.
    Runtime,
    /// The standard library's source as well.
    Source,
    /// The interpreter.
    Miri,
}

/// A tool and its runs.
#[derive(Debug)]
pub(super) struct Tool {
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) needs: Needs,
    /// What cargo is asked for.
    pub(super) command: &'static [&'static str],
    /// Whether cargo has to be told the target, so that flags are not for build scripts.
    pub(super) needs_target: bool,
    pub(super) env: &'static [(&'static str, &'static str)],
    pub(super) runs: &'static [Run],
    /// What it cannot run, and why.
    pub(super) left_out: &'static [&'static str],
}

/// One test binary.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) package: &'static str,
    /// `lib` for unit tests.
    pub(super) binary: &'static str,
    pub(super) filter: Option<&'static str>,
    pub(super) skip: &'static [&'static str],
    pub(super) features: &'static str,
    pub(super) env: &'static [(&'static str, &'static str)],
    /// Part of `cargo xtask test`.
    pub(super) quick: bool,
}

impl Run {
    const fn new(package: &'static str, binary: &'static str) -> Self {
        Self { package, binary, filter: None, skip: &[], features: "", env: &[], quick: false }
    }

    const fn only(mut self, filter: &'static str) -> Self {
        self.filter = Some(filter);
        self
    }

    const fn without(mut self, skip: &'static [&'static str]) -> Self {
        self.skip = skip;
        self
    }

    /// On libc's `mmap`, which the sanitizer sees.
    const fn intercepted(mut self) -> Self {
        self.features = "hakmem-os-acquire/intercepted";
        self
    }

    const fn quick(mut self) -> Self {
        self.quick = true;
        self
    }

    pub(super) fn name(&self) -> String {
        let package = self.package.trim_start_matches("hakmem-");
        let filter = self.filter.map(|filter| format!(" {filter}")).unwrap_or_default();
        format!("{package} {}{filter}", self.binary)
    }

    pub(super) fn binary_args(&self) -> Vec<&'static str> {
        match self.binary {
            "lib" => vec!["--lib"],
            binary => vec!["--test", binary],
        }
    }
}

pub(super) const TOOLS: [Tool; 3] = [
    Tool {
        name: "thread",
        title: "ThreadSanitizer",
        needs: Needs::Source,
        command: &["test", "--profile", "sanitize", "-Zbuild-std"],
        needs_target: true,
        env: &[
            ("RUSTFLAGS", "-Zsanitizer=thread"),
            ("TSAN_OPTIONS", "halt_on_error=1"),
            ("BOLERO_RANDOM_ITERATIONS", "150"),
        ],
        runs: &[
            Run::new("hakmem-page-box", "threads").quick(),
            Run::new("hakmem-free-list-page", "threads"),
            Run::new("hakmem-page-box", "boundary").only("at_once"),
            Run::new("hakmem-shared-pool", "threads"),
            Run::new("hakmem-os-acquire", "threads"),
            Run::new("hakmem-tls-bind", "exit"),
            Run::new("hakmem-alloc", "global").intercepted().quick(),
            Run::new("hakmem-alloc", "compose").intercepted(),
            Run::new("hakmem-fuzz", "heap").only("at_once").intercepted(),
        ],
        left_out: &[
            "the tests of one thread, where there is nothing to see",
            "the C library: C programs that are linked with it are not compiled for it",
        ],
    },
    Tool {
        name: "address",
        title: "AddressSanitizer",
        needs: Needs::Runtime,
        command: &["test", "--profile", "sanitize"],
        needs_target: true,
        env: &[
            ("RUSTFLAGS", "-Zsanitizer=address"),
            // Metadata is never given back: the fakes of the tests keep it for ever.
            ("ASAN_OPTIONS", "detect_leaks=0"),
            ("BOLERO_RANDOM_ITERATIONS", "100"),
        ],
        runs: &[
            Run::new("hakmem-unified-cache", "boundary").quick(),
            Run::new("hakmem-tls-sll", "boundary").quick(),
            Run::new("hakmem-page-box", "boundary").quick(),
            Run::new("hakmem-page-box", "checked"),
            Run::new("hakmem-page-box", "outbox"),
            Run::new("hakmem-page-box", "threads"),
            Run::new("hakmem-free-list-page", "boundary"),
            Run::new("hakmem-free-list-page", "threads"),
            Run::new("hakmem-warm-pool", "boundary"),
            Run::new("hakmem-direct-front", "boundary"),
            Run::new("hakmem-guarded-pool", "boundary"),
            Run::new("hakmem-shared-pool", "boundary"),
            Run::new("hakmem-shared-pool", "threads"),
            Run::new("hakmem-superslab-registry", "boundary"),
            Run::new("hakmem-os-acquire", "boundary"),
            Run::new("hakmem-os-acquire", "failures"),
            Run::new("hakmem-os-acquire", "names"),
            Run::new("hakmem-front-gate", "boundary"),
            Run::new("hakmem-sync", "tree"),
            Run::new("hakmem-tls-bind", "table"),
            Run::new("hakmem-tls-bind", "exit"),
            Run::new("hakmem-alloc", "compose"),
            Run::new("hakmem-alloc", "global"),
            Run::new("hakmem-fuzz", "front_caches"),
            Run::new("hakmem-fuzz", "page_box"),
            Run::new("hakmem-fuzz", "warm_pool"),
            Run::new("hakmem-fuzz", "shared_pool"),
        ],
        left_out: &[
            "blocks of hakmem: it poisons what its own malloc gives out, and our blocks are \
             mapped; the valgrind programs look at those",
        ],
    },
    Tool {
        name: "miri",
        title: "Miri",
        needs: Needs::Miri,
        command: &["miri", "test"],
        needs_target: false,
        env: &[(
            "MIRIFLAGS",
            "-Zmiri-tree-borrows -Zmiri-permissive-provenance -Zmiri-disable-isolation",
        )],
        runs: &[
            Run::new("hakmem-page-box", "boundary").without(&[
                "a_block_is_accounted_where",
                "blocks_are_handed_out_ascending",
                "blocks_come_back_in_every_order",
                "every_block_is",
                "it_is_a_set",
                "what_others_give",
            ]),
            Run::new("hakmem-page-box", "outbox").without(&[
                "a_word_that_needs",
                "every_block_of_every_slab",
                "what_waits_is_sent_again",
            ]),
            Run::new("hakmem-free-list-page", "boundary").without(&[
                "a_block_that_was_not_handed_out",
                "blocks_come_back_in_every_order",
                "blocks_of_a_word",
                "every_block_is",
                "fresh_blocks_leave",
                "it_is_a_set",
                "what_others_give_comes",
            ]),
            Run::new("hakmem-unified-cache", "boundary").without(&[
                "a_bin_moves",
                "a_drained_cache",
                "a_full_bin_gives",
                "a_new_cache_is_small",
                "a_refill_leaves",
                "a_refused_refill",
                "a_short_refill",
                "each_miss",
                "freed_blocks_are_kept",
                "it_opens",
                "no_memory",
                "the_limit_is_kept",
                "what_is_cached",
            ]),
        ],
        left_out: &[
            "the facade and the C library: the thread word and system calls are assembly",
            "tests that go over all blocks of all classes: they would take minutes each",
            "stacked borrows: a front cache points into itself, which tree borrows allow",
        ],
    },
];
