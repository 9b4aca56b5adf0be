//! Each check finds a planted violation, and the real tree has none.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use super::tree::Tree;
use super::{CHECKS, Finding};

/// A small tree in a temporary folder: a root manifest, `crates/README.md` and one box, all
/// clean, with some files planted over it.
struct Planted {
    root: PathBuf,
}

const ROOT: &str =
    "[workspace]\nresolver = \"3\"\nmembers = [\"crates/*\"]\n\n[workspace.lints.rust]\n";

const LIST: &str = "# The boxes\n\n| box | may depend on | may assume |\n|---|---|---|\n\
                    | low | – | nothing |\n| high | low, libc (registry) | low |\n";

const MANIFEST: &str =
    "[package]\nname = \"hakmem-low\"\nedition = \"2024\"\n\n[lints]\nworkspace = true\n";

const LIB: &str = "//! A box.\n//!\n//! # What it does not do\n//!\n//! Anything.\n";

impl Planted {
    fn new(files: &[(&str, &str)]) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let n = COUNT.fetch_add(1, Ordering::Relaxed);
        let root = std::env::temp_dir().join(format!("hakmem-tidy-{}-{n}", std::process::id()));
        let planted = Self { root };
        let clean = [
            ("Cargo.toml", ROOT),
            ("crates/README.md", LIST),
            ("crates/low/Cargo.toml", MANIFEST),
            ("crates/low/src/lib.rs", LIB),
        ];
        for (path, text) in clean.iter().chain(files) {
            planted.write(path, text);
        }
        planted
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

impl Drop for Planted {
    fn drop(&mut self) {
        // What is left behind in the temporary folder hurts nobody.
        let _gone = fs::remove_dir_all(&self.root);
    }
}

fn findings(name: &str, files: &[(&str, &str)]) -> Vec<Finding> {
    let planted = Planted::new(files);
    let tree = Tree::load(&planted.root).unwrap();
    let (_, check) = CHECKS.iter().find(|(found, _)| *found == name).unwrap();
    check(&tree)
}

/// What every check finds when `rust` is appended to the clean box.
fn all_findings(rust: &str) -> Vec<(&'static str, Finding)> {
    let text = format!("{LIB}{rust}");
    let planted = Planted::new(&[("crates/low/src/lib.rs", &text)]);
    let tree = Tree::load(&planted.root).unwrap();
    let all = CHECKS.iter().flat_map(|(name, check)| check(&tree).into_iter().map(|f| (*name, f)));
    all.collect()
}

/// `rust` violates check `name` once, with `message`, and no other check.
fn planted(name: &str, rust: &str, message: &str) {
    let found = all_findings(rust);
    assert_eq!(found.len(), 1, "{name} on {rust:?}: {found:?}");
    assert_eq!(found[0].0, name, "{rust:?}: {found:?}");
    assert!(found[0].1.message.contains(message), "{found:?}");
}

/// `rust` violates nothing.
fn clean(rust: &str) {
    assert_eq!(all_findings(rust), [], "{rust:?}");
}

#[test]
fn the_real_tree_is_tidy() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let tree = Tree::load(root).unwrap();
    let all = CHECKS.iter().flat_map(|(name, check)| {
        check(&tree).into_iter().map(move |finding| format!("{finding} [{name}]"))
    });
    let found: Vec<String> = all.collect();
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn a_clean_tree_has_no_findings() {
    clean("");
    clean("/// `static X: AtomicU32`, Ordering::SeqCst, \"core::sync::atomic\".\npub fn a() {}\n");
    clean("#[cfg(test)]\nmod tests {\n    static N: AtomicU32 = AtomicU32::new(0);\n}\n");
}

#[test]
fn layers_upside_down() {
    let list = LIST.replace("| low | – |", "| low | high |");
    let found = findings("layers", &[("crates/README.md", &list)]);
    assert_eq!(found[0].message, "hakmem-low may not depend on hakmem-high: not below it");
}

#[test]
fn layers_edge_not_in_the_list() {
    for (section, finds) in [
        ("dependencies", 1),
        ("dev-dependencies", 1),
        ("build-dependencies", 1),
        ("target.'cfg(loom)'.dependencies", 1),
    ] {
        let manifest = format!("{MANIFEST}\n[{section}]\nsmallvec = \"1\"\n");
        let found = findings("layers", &[("crates/low/Cargo.toml", &manifest)]);
        assert_eq!(found.len(), finds, "{section}: {found:?}");
        assert_eq!(
            found[0].message,
            "hakmem-low may not depend on smallvec: crates/README.md says so"
        );
    }
    let manifest = format!("{MANIFEST}\n[dev-dependencies]\ncriterion = \"1\"\n");
    assert_eq!(findings("layers", &[("crates/low/Cargo.toml", &manifest)]), []);
}

#[test]
fn layers_listed_edges_hold() {
    let high = MANIFEST.replace("hakmem-low", "hakmem-high")
        + "\n[dependencies]\nlibc = \"0.2\"\nhakmem-low = { path = \"../low\" }\n";
    let files = [("crates/high/Cargo.toml", high.as_str()), ("crates/high/src/lib.rs", LIB)];
    assert_eq!(findings("layers", &files), []);
}

#[test]
fn layers_crate_without_a_row() {
    let other = MANIFEST.replace("hakmem-low", "hakmem-other");
    let files = [("crates/other/Cargo.toml", other.as_str()), ("crates/other/src/lib.rs", LIB)];
    assert_eq!(findings("layers", &files)[0].message, "hakmem-other is not in crates/README.md");
}

#[test]
fn lints_not_inherited() {
    let manifest = MANIFEST.replace("[lints]\nworkspace = true\n", "");
    let found = findings("lint-inheritance", &[("crates/low/Cargo.toml", &manifest)]);
    assert_eq!(found.len(), 1);
    let dotted = MANIFEST.replace("[lints]\nworkspace = true\n", "[lints]\nrust.x = \"warn\"\n");
    assert_eq!(findings("lint-inheritance", &[("crates/low/Cargo.toml", &dotted)]).len(), 1);
}

#[test]
fn atomics_from_core() {
    planted("atomics", "use core::sync::atomic::AtomicU32;\n", "hakmem_sync");
    planted("atomics", "use std::sync::{Arc, atomic::AtomicU32};\n", "hakmem_sync");
    planted("atomics", "use core::{ptr, sync::atomic};\n", "hakmem_sync");
    planted("atomics", "fn f(a: &portable::AtomicUsize) {}\n", "hakmem_sync");
    let import = format!("{LIB}use core::sync::atomic::AtomicU32;\n");
    let manifest = MANIFEST.replace("-low", "-sync");
    let files = [
        ("crates/sync/Cargo.toml", manifest.as_str()),
        ("crates/sync/src/lib.rs", LIB),
        ("crates/sync/src/imp_core.rs", &import),
        ("crates/sync/src/tree.rs", &import),
    ];
    let found = findings("atomics", &files);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].path, "crates/sync/src/tree.rs");
    clean("use hakmem_sync::atomic::AtomicU32;\nfn f(a: &AtomicU32) {}\n");
}

#[test]
fn orders_without_a_reason() {
    let load =
        "use hakmem_sync::atomic::Ordering;\n\n\n\n\n\n\nfn f() { A.load(Ordering::Acquire); }\n";
    planted("ordering-comment", load, "`Acquire` without a comment");
    clean(&load.replace("Ordering;\n\n\n", "Ordering;\n// Acquire: pairs with R1.\n\n"));
    let imported =
        "use hakmem_sync::atomic::Ordering::{self, Relaxed};\n\n\n\n\n\n\nfn f() { x(Relaxed); }\n";
    planted("ordering-comment", imported, "`Relaxed` without a comment");
    clean("use hakmem_sync::atomic::Ordering;\n\n\n\n\n\n\nimpl Acquire<Ordering> {}\n");
    clean("use core::cmp::Ordering;\n\n\n\n\n\n\nfn f() -> Ordering { Ordering::Less }\n");
}

#[test]
fn sequential_consistency_outside_a_fence() {
    let load =
        "use hakmem_sync::atomic::Ordering;\n// Why.\nfn f() { A.load(Ordering::SeqCst); }\n";
    planted("seqcst", load, "fence");
    clean(&load.replace("A.load", "fence"));
}

#[test]
fn statics_with_state() {
    planted("statics", "pub(crate) static A: Cell<u8> = Cell::new(0);\n", "only the facade");
    planted("statics", "static mut A: u8 = 0;\n", "only the facade");
    planted("statics", "thread_local! {}\n", "only the facade");
    clean("static A: [u16; N_CLASSES] = [0; N_CLASSES];\nfn f(a: &'static str) {}\n");
    clean("macro_rules! compose {\n    () => {\n        static A: Cell<u8> = X;\n    };\n}\n");
}

#[test]
fn system_calls_outside_the_os_box() {
    planted("system-calls", "fn f() { asm!(\"syscall\") }\n", "`syscall` instruction");
    planted("system-calls", "fn f() { libc::mmap(p) }\n", "`mmap`");
    planted("system-calls", "use libc::{\n    c_int,\n    madvise,\n};\n", "`madvise`");
    clean("use libc::{c_int, pthread_key_create};\nfn f() { self.write(libc::EINVAL); }\n");
}

#[test]
fn edges_without_a_model() {
    let docs = "\n/// # Protocol\n///\n/// | edge | from |\n/// |---|---|\n/// | R1 | push |\npub fn f() {}\n";
    planted("edge-model", docs, "R1");
    clean(&docs.replace("Protocol", "Results"));
    let text = format!("{LIB}{docs}");
    let model = "//! Model of edge R1.\n#[should_panic]\nfn tally() {}\n";
    let files = [("crates/low/src/lib.rs", text.as_str()), ("crates/low/tests/loom_r.rs", model)];
    assert_eq!(findings("edge-model", &files), []);
    assert_eq!(findings("model-control", &files), []);
}

#[test]
fn models_that_cannot_fail() {
    let model = "//! should_panic, tally: only said here.\nfn f() {}\n";
    let found = findings("model-control", &[("crates/low/tests/loom_r.rs", model)]);
    assert_eq!(found.len(), 2, "{found:?}");
}

/// A control that plants `cut` and `put` in the clean box.
fn control(cut: &str, test: &str) -> String {
    format!(
        "[[control]]\nname = 'a'\nwhy = 'w'\nfile = 'crates/low/src/lib.rs'\ncut = '{cut}'\n\
         put = 'y'\ncaught_by = ['{test}']\n"
    )
}

#[test]
fn bugs_that_cannot_be_planted() {
    let finds = |text: &str| findings("control-applies", &[("tests/controls/a.toml", text)]).len();
    assert_eq!(finds(&control("# What it does not do", "so")), 0);
    assert_eq!(finds(&control("not in the file", "so")), 1);
    assert_eq!(finds(&control("//!", "so")), 1, "more than once");
    assert_eq!(finds(&control("A box.", "so").replace("lib.rs", "gone.rs")), 1);
    assert_eq!(finds(&control("A box.", "so").repeat(2)), 1, "the same name");
    assert_eq!(finds("[[control]]\nname = 'a'\n"), 1);
}

#[test]
fn tests_that_no_control_names() {
    let text = control("A box.", "capi seen");
    let finds = |path: &str| {
        let files = [("tests/c/seen.c", ""), (path, ""), ("tests/controls/a.toml", text.as_str())];
        findings("control-cover", &files).len()
    };
    for bad in ["tests/c/unseen.c", "tests/c/wrong/unseen.cc", "crates/low/tests/unseen.rs"] {
        assert_eq!(finds(bad), 1, "{bad}");
    }
    for good in ["tests/c/h.h", "tests/c/libraries/l.c", "crates/low/tests/common/mod.rs"] {
        assert_eq!(finds(good), 0, "{good}");
    }
}

#[test]
fn controls_that_name_no_test() {
    let tests = [("tests/c/fork.c", ""), ("tests/c/new.cc", ""), ("crates/low/tests/t.rs", "")];
    let finds = |test: &str| {
        let text = control("A box.", test);
        let files = [&tests[..], &[("tests/controls/a.toml", text.as_str())]].concat();
        findings("control-test", &files).len()
    };
    for good in ["capi fork", "capi-hardened new", "rust hakmem-low t f", "rust hakmem-low lib"] {
        assert_eq!(finds(good), 0, "{good}");
    }
    for bad in ["capi fork.c", "capi for", "rust hakmem-low u", "rust low t"] {
        assert_eq!(finds(bad), 1, "{bad}");
    }
}

#[test]
fn crates_without_docs() {
    let found = findings("crate-docs", &[("crates/low/src/lib.rs", "#![no_std]\n")]);
    assert_eq!(found.len(), 2, "{found:?}");
}

#[test]
fn cold_functions_without_attributes() {
    planted("cold", "#[cold]\nfn take_cold(a: [u8; 4]) {}\n", "`take_cold`");
    planted("cold", "#[inline(never)]\nfn take_cold() {\n}\n", "`take_cold`");
    clean("#[cold]\n#[inline(never)]\n/// Slow.\nunsafe fn take_cold() {}\n");
    clean("trait T {\n    fn take_cold(&self, a: [u8; 4]);\n}\n");
}

#[test]
fn cfg_on_a_statement() {
    planted(
        "cfg-statement",
        "fn f() {\n    {\n        #[cfg(loom)]\n        g();\n    }\n}\n",
        "`#[cfg]`",
    );
    clean("impl S {\n    #[cfg(loom)]\n    fn f() {}\n}\n");
}

#[test]
fn unsafe_traits_without_headings() {
    planted("unsafe-trait-docs", "/// # Safety\npub unsafe trait T {}\n", "# Guarantees");
    clean("/// # Safety\n///\n/// # Guarantees\npub unsafe trait T {}\n");
}

#[test]
fn ignored_tests() {
    planted("ignored-test", "#[ignore = \"slow\"]\nfn f() {}\n", "refused");
}

#[test]
fn long_files() {
    let long = "// x\n".repeat(500);
    planted("file-length", &long, "505 lines");
    let found = findings("file-length", &[("crates/low/tests/long.rs", &long)]);
    assert_eq!(found, []);
}

#[test]
fn safety_misspelt() {
    for line in ["// Safety: x", "//SAFETY: x", "// SAFETY x", "// SAFTEY: x", "// safety: x"] {
        planted("safety-spelling", &format!("{line}\n"), "spell it");
    }
    clean("// SAFETY: x\n// Safety first.\n/// # Safety\nfn f() {}\n");
}

#[test]
fn unfinished_work() {
    planted("todo", "// TODO: later\n", "refused");
}

#[test]
fn banned_words() {
    planted("banned-word", "// The Superslab.\n", "SuperSlab");
    clean("// A SuperSlab in superslab.\n");
}

#[test]
fn trailing_space() {
    planted("trailing-space", "// x \n", "space");
}
