//! The programs: what each needs, runs, and may print differently.

/// One program, or one group of them, that must do the same with and without the library.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) name: &'static str,
    /// Looked for on the PATH. Each must have run with the library, or the comparison says nothing.
    pub(crate) needs: &'static [&'static str],
    /// Debian's packages that have them.
    pub(crate) packages: &'static [&'static str],
    /// Run by `sh -eu` in an empty folder; `$S` is `tests/programs`. What it leaves in `out/` is
    /// compared as well.
    pub(crate) run: &'static str,
    /// Patterns whose matches differ from run to run: times, rates, addresses.
    pub(crate) varies: &'static [&'static str],
    /// Not run by `cargo xtask test`.
    pub(crate) long: bool,
}

impl Program {
    const fn quick(
        name: &'static str,
        needs: &'static [&'static str],
        packages: &'static [&'static str],
        run: &'static str,
    ) -> Self {
        Self { name, needs, packages, run, varies: &[], long: false }
    }

    const fn long(
        name: &'static str,
        needs: &'static [&'static str],
        packages: &'static [&'static str],
        run: &'static str,
    ) -> Self {
        Self { long: true, ..Self::quick(name, needs, packages, run) }
    }

    const fn varies(self, varies: &'static [&'static str]) -> Self {
        Self { varies, ..self }
    }
}

/// Of `python3 -m test`: what depends on the clock.
const PYTHON_TESTS: &[&str] = &[r"in \d+\.\d+s", r"0x[0-9a-f]+"];

/// Every program, by what it is.
pub(crate) const PROGRAMS: &[Program] = &[
    Program::quick("true", &["true"], &["coreutils"], "exec true"),
    Program::quick(
        "shell",
        &["bash", "sort", "awk", "tar", "sed", "gzip"],
        &["bash", "coreutils", "gawk", "tar", "sed", "gzip"],
        "exec bash -eu $S/shell.sh 1",
    ),
    Program::long(
        "shell-long",
        &["bash", "sort", "awk", "tar", "sed", "gzip", "bzip2"],
        &["bash", "coreutils", "gawk", "tar", "sed", "gzip", "bzip2"],
        "bash -eu $S/shell.sh 20; bzip2 -k9 out/tree.tar; bzip2 -t out/tree.tar.bz2",
    ),
    Program::quick(
        "exec-storm",
        &["true"],
        &["coreutils"],
        "i=0; while [ $i -lt 1000 ]; do $(command -v env) true; i=$((i+1)); done; echo $i",
    ),
    Program::quick("make", &["make"], &["make"], "exec make -s -j 8 -f $S/Makefile"),
    Program::quick(
        "python",
        &["python3"],
        &["python3"],
        // Every object by malloc, not by Python's own pools.
        "export PYTHONMALLOC=malloc; exec python3 $S/python.py",
    ),
    Program::quick(
        "python-tests",
        &["python3"],
        &["python3", "libpython3-testsuite"],
        "python3 $S/python_tests.py test_dict test_list test_json test_zlib; \
              PYTHONMALLOC=malloc exec python3 $S/python_tests.py test_dict test_set test_re",
    )
    .varies(PYTHON_TESTS),
    Program::long(
        "python-tests-long",
        &["python3"],
        &["python3", "libpython3-testsuite"],
        "export PYTHONMALLOC=malloc; exec python3 $S/python_tests.py test_threading test_thread \
              test_subprocess test_multiprocessing_fork test_multiprocessing_forkserver \
              test_multiprocessing_spawn test_multiprocessing_main_handling \
              test_concurrent_futures test_sqlite3 test_ctypes test_gc test_mmap test_pickle \
              test_bytes test_unicode test_io test_fork1 test_atexit test_embed",
    )
    .varies(PYTHON_TESTS),
    Program::quick("perl", &["perl"], &["perl"], "exec perl $S/perl.pl"),
    Program::quick("git", &["git"], &["git"], "exec sh -eu $S/git.sh 40"),
    Program::long("git-long", &["git"], &["git"], "exec sh -eu $S/git.sh 1000"),
    Program::quick(
        "gcc",
        &["gcc", "awk"],
        &["gcc", "libc6-dev", "gawk"],
        "exec sh -eu $S/gcc.sh 300",
    ),
    Program::long(
        "gcc-long",
        &["gcc", "awk"],
        &["gcc", "libc6-dev", "gawk"],
        "exec sh -eu $S/gcc.sh 6000",
    ),
    Program::quick("g++", &["g++"], &["g++"], "exec sh -eu $S/gxx.sh 20"),
    Program::long("g++-long", &["g++"], &["g++"], "exec sh -eu $S/gxx.sh 400"),
    Program::quick("cargo", &["cargo", "rustc"], &[], "exec sh -eu $S/cargo.sh"),
    Program::quick("sqlite3", &["sqlite3"], &["sqlite3"], "exec sh -eu $S/sqlite.sh 20000"),
    Program::long("sqlite3-long", &["sqlite3"], &["sqlite3"], "exec sh -eu $S/sqlite.sh 600000"),
    Program::quick(
        "redis",
        &["redis-server", "redis-benchmark", "redis-cli"],
        &["redis-server", "redis-tools"],
        "exec sh -eu $S/redis.sh 5000",
    ),
    Program::long(
        "redis-long",
        &["redis-server", "redis-benchmark", "redis-cli"],
        &["redis-server", "redis-tools"],
        "exec sh -eu $S/redis.sh 200000",
    ),
    Program::quick(
        "xz",
        &["xz"],
        &["xz-utils"],
        "exec sh -eu $S/compress.sh 'xz -4' 8 --block-size=1MiB",
    ),
    Program::quick("zstd", &["zstd"], &["zstd"], "exec sh -eu $S/compress.sh zstd 24"),
    Program::long(
        "xz-long",
        &["xz"],
        &["xz-utils"],
        "exec sh -eu $S/compress.sh 'xz -6' 64 --block-size=4MiB",
    ),
    Program::long(
        "zstd-long",
        &["zstd"],
        &["zstd"],
        "exec sh -eu $S/compress.sh 'zstd -12 --long' 200",
    ),
    Program::quick("node", &["node"], &["nodejs"], "exec node $S/node.js 1"),
    Program::long("node-long", &["node"], &["nodejs"], "exec node $S/node.js 20"),
    // Opens every extension with RTLD_DEEPBIND.
    Program::quick(
        "php",
        &["php"],
        &["php-cli", "php-sqlite3", "php-mysql", "php-mbstring", "php-xml"],
        "php $S/php.php; USE_ZEND_ALLOC=0 exec php $S/php.php",
    ),
    Program::quick("ruby", &["ruby"], &["ruby"], "exec ruby $S/ruby.rb"),
    Program::quick("tcl", &["tclsh"], &["tcl"], "exec tclsh $S/tcl.tcl"),
    Program::quick("openssl", &["openssl"], &["openssl"], "exec sh -eu $S/openssl.sh"),
    Program::quick("curl", &["curl", "python3"], &["curl", "python3"], "exec sh -eu $S/curl.sh"),
    Program::long("gdb", &["gdb", "gcc"], &["gdb", "gcc", "libc6-dev"], "exec sh -eu $S/gdb.sh")
        .varies(&[r"0x[0-9a-f]+", r"LWP \d+", r"process \d+"]),
    Program::long("java", &["java", "javac"], &["default-jdk-headless"], "exec sh -eu $S/java.sh"),
    Program::long("vim", &["vim"], &["vim"], "exec sh -eu $S/vim.sh"),
    Program::long("ffmpeg", &["ffmpeg"], &["ffmpeg"], "exec sh -eu $S/ffmpeg.sh"),
    // Has a malloc of its own in the executable, which goes before the library's: shows that both
    // live together, and no more.
    Program::long("chromium", &["chromium"], &["chromium"], "exec sh -eu $S/chromium.sh")
        .varies(&[r"(?m)^\[.*\n", r"(?m)^[A-Z ]+: .*GL.*\n"]),
];
