//! `cargo xtask so`: what libhakmem.so needs, exports and keeps in thread-local storage.
//!
//! A malloc that needs another library runs that library's constructors before its own first
//! call; one with dynamic thread-local storage is called back by the loader from inside
//! itself; one that can be unloaded leaves its thread-exit hook behind. `readelf` shows all
//! three.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::report::Part;
use crate::shell;
use crate::workspace::Workspace;

/// The C API. Every one of these must be exported.
const REQUIRED: [&str; 36] = [
    "__libc_calloc",
    "__libc_cfree",
    "__libc_free",
    "__libc_malloc",
    "__libc_memalign",
    "__libc_pvalloc",
    "__libc_realloc",
    "__libc_reallocarray",
    "__libc_valloc",
    "__posix_memalign",
    "aligned_alloc",
    "calloc",
    "cfree",
    "free",
    "free_aligned_sized",
    "free_sized",
    "hakmem_get_limit",
    "hakmem_get_usage",
    "hakmem_prewarm",
    "hakmem_set_limit",
    "hakmem_trim",
    "hakmem_version",
    "mallinfo",
    "mallinfo2",
    "malloc",
    "malloc_info",
    "malloc_stats",
    "malloc_trim",
    "malloc_usable_size",
    "mallopt",
    "memalign",
    "posix_memalign",
    "pvalloc",
    "realloc",
    "reallocarray",
    "valloc",
];

/// C++'s `operator new` and `operator delete`: all or none, so that no block crosses to another
/// definition.
const OPERATORS: [&str; 20] = [
    "_ZdaPv",
    "_ZdaPvRKSt9nothrow_t",
    "_ZdaPvSt11align_val_t",
    "_ZdaPvSt11align_val_tRKSt9nothrow_t",
    "_ZdaPvm",
    "_ZdaPvmSt11align_val_t",
    "_ZdlPv",
    "_ZdlPvRKSt9nothrow_t",
    "_ZdlPvSt11align_val_t",
    "_ZdlPvSt11align_val_tRKSt9nothrow_t",
    "_ZdlPvm",
    "_ZdlPvmSt11align_val_t",
    "_Znam",
    "_ZnamRKSt9nothrow_t",
    "_ZnamSt11align_val_t",
    "_ZnamSt11align_val_tRKSt9nothrow_t",
    "_Znwm",
    "_ZnwmRKSt9nothrow_t",
    "_ZnwmSt11align_val_t",
    "_ZnwmSt11align_val_tRKSt9nothrow_t",
];

/// What may be exported besides: nothing else may leak out and interpose by accident.
const ALLOWED: [&str; 2] = ["dlopen", "dlmopen"];

/// The only library it may need.
const LIBC: &str = "libc.so.6";

/// The loader keeps about 512 bytes for libraries that are opened late; we take a quarter.
const MAX_TLS_BYTES: u64 = 128;

/// Relocations that make the loader call `malloc` for thread-local storage.
const DYNAMIC_TLS: [&str; 3] = ["DTPMOD", "TLSDESC", "DTPOFF"];

/// Builds the library and checks it.
pub(crate) fn check(ws: &Workspace, part: &mut Part) -> Result<()> {
    let library = ws.build_library()?;
    if !shell::has("readelf") {
        part.missing("readelf (binutils): the checks of libhakmem.so");
        return Ok(());
    }
    let dynamic = readelf("-Wd", &library.shared)?;
    let headers = readelf("-Wl", &library.shared)?;
    let relocations = readelf("-Wr", &library.shared)?;
    let symbols = readelf("-W --dyn-syms", &library.shared)?;
    part.verdict("needs no library but libc", needed(&dynamic));
    part.verdict("is never unloaded", nodelete(&dynamic));
    part.verdict("has no dynamic TLS relocation", dynamic_tls(&relocations));
    part.verdict("takes at most 128 bytes of TLS", tls_size(&headers));
    part.verdict("exports the C API", not_exported(&symbols));
    part.verdict("exports nothing else", exported_besides(&symbols));
    Ok(())
}

/// What `readelf` prints about `file`.
pub(crate) fn readelf(flags: &str, file: &Path) -> Result<String> {
    let mut command = Command::new("readelf");
    command.args(flags.split(' ')).arg(file).env("LC_ALL", "C");
    let output = shell::capture(&mut command, Duration::from_secs(60))?;
    ensure!(output.success(), "readelf {flags}: {}", output.ending());
    Ok(output.stdout)
}

fn needed(dynamic: &str) -> Option<String> {
    let others: Vec<&str> = dynamic
        .lines()
        .filter(|line| line.contains("(NEEDED)"))
        .filter_map(|line| line.split_once('[')?.1.strip_suffix(']'))
        .filter(|library| *library != LIBC)
        .collect();
    (!others.is_empty()).then(|| format!("it needs {}", others.join(", ")))
}

fn nodelete(dynamic: &str) -> Option<String> {
    let found = dynamic.lines().any(|line| line.contains("FLAGS_1") && line.contains("NODELETE"));
    (!found).then(|| "no NODELETE flag: link with `-z nodelete`".to_owned())
}

fn dynamic_tls(relocations: &str) -> Option<String> {
    let bad = relocations.lines().find(|line| DYNAMIC_TLS.iter().any(|kind| line.contains(kind)));
    bad.map(|line| format!("found `{}`", line.trim()))
}

fn tls_size(headers: &str) -> Option<String> {
    let line = headers.lines().find(|line| line.split_whitespace().next() == Some("TLS"))?;
    // Type Offset VirtAddr PhysAddr FileSiz MemSiz Flg Align
    let size = line.split_whitespace().nth(5).and_then(|word| word.strip_prefix("0x"));
    match size.and_then(|hex| u64::from_str_radix(hex, 16).ok()) {
        Some(bytes) if bytes <= MAX_TLS_BYTES => None,
        Some(bytes) => Some(format!("{bytes} bytes")),
        None => Some(format!("cannot read `{line}`")),
    }
}

fn not_exported(symbols: &str) -> Option<String> {
    let exported = exported(symbols);
    let missing: Vec<&str> = REQUIRED
        .iter()
        .chain(&OPERATORS)
        .copied()
        .filter(|name| !exported.contains(name))
        .collect();
    (!missing.is_empty()).then(|| format!("not exported: {}", missing.join(", ")))
}

fn exported_besides(symbols: &str) -> Option<String> {
    let others: Vec<&str> = exported(symbols)
        .into_iter()
        .filter(|name| ![&REQUIRED[..], &OPERATORS, &ALLOWED].concat().contains(name))
        .collect();
    (!others.is_empty()).then(|| format!("also exported: {}", others.join(", ")))
}

/// Names of the symbols that the library defines for others.
fn exported(symbols: &str) -> BTreeSet<&str> {
    let mut names = BTreeSet::new();
    for line in symbols.lines() {
        // Num: Value Size Type Bind Vis Ndx Name
        let words: Vec<&str> = line.split_whitespace().collect();
        let [_, _, _, _, bind, _, index, name, ..] = words[..] else { continue };
        if matches!(bind, "GLOBAL" | "WEAK") && !matches!(index, "UND" | "ABS") {
            names.insert(name.split('@').next().unwrap_or(name));
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    const DYNAMIC: &str = " 0x1 (NEEDED)  Shared library: [libc.so.6]\n \
                           0x6ffffffb (FLAGS_1)  Flags: NOW NODELETE\n";
    const SYMBOLS: &str = "   Num:    Value          Size Type    Bind   Vis      Ndx Name\n     \
        1: 0000000000000000     0 FUNC    GLOBAL DEFAULT  UND write@GLIBC_2.2.5 (2)\n    \
        22: 0000000000001100    64 FUNC    GLOBAL DEFAULT   12 malloc\n    \
        23: 0000000000001200    64 FUNC    GLOBAL DEFAULT   12 helper\n";

    #[test]
    fn a_good_dynamic_section_passes() {
        assert_eq!(needed(DYNAMIC), None);
        assert_eq!(nodelete(DYNAMIC), None);
    }

    #[test]
    fn another_library_is_found() {
        let text = DYNAMIC.replace("libc.so.6", "libgcc_s.so.1");
        assert_eq!(needed(&text).unwrap(), "it needs libgcc_s.so.1");
    }

    #[test]
    fn a_missing_flag_is_found() {
        assert!(nodelete(&DYNAMIC.replace("NODELETE", "")).is_some());
    }

    #[test]
    fn a_dynamic_tls_relocation_is_found() {
        assert_eq!(dynamic_tls("1f8  2000000012 R_X86_64_TPOFF64 0"), None);
        assert!(dynamic_tls("1f8  2000000010 R_X86_64_DTPMOD64 0").is_some());
    }

    #[test]
    fn a_large_tls_block_is_found() {
        let line = |size: &str| format!("  TLS  0x002d 0x0000 0x0000 0x000010 {size} R   0x8\n");
        assert_eq!(tls_size(&line("0x000080")), None);
        assert_eq!(tls_size(&line("0x000081")).unwrap(), "129 bytes");
        assert_eq!(tls_size("  LOAD  0x0 0x0 0x0 0x1 0x1000 R 0x8\n"), None);
    }

    #[test]
    fn exports_are_compared_with_the_lists() {
        assert_eq!(exported(SYMBOLS), BTreeSet::from(["helper", "malloc"]));
        assert_eq!(exported_besides(SYMBOLS).unwrap(), "also exported: helper");
        let missing = not_exported(SYMBOLS).unwrap();
        assert!(missing.contains("free_sized") && !missing.contains(" malloc,"));
    }
}
