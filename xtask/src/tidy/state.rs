//! Shared state and the world outside: atomics, orders, statics, system calls.

use super::Finding;
use super::tree::{Line, SourceFile, Tree};

const ORDERS: [&str; 5] = ["Relaxed", "Acquire", "Release", "AcqRel", "SeqCst"];

/// The files that choose between `core` and loom.
const SWITCH: &str = "crates/sync/src/imp_";

/// How far above an order its comment may stand.
const COMMENT_REACH: usize = 6;

/// Crates that may hold statics: the compositions.
const COMPOSITIONS: [&str; 2] = ["hakmem-alloc", "hakmem-malloc"];

/// Functions that enter the kernel; only `os-acquire` may, and it does so without libc.
const SYSTEM_CALLS: [&str; 32] = [
    "_exit",
    "abort",
    "brk",
    "close",
    "dprintf",
    "exit",
    "futex",
    "getenv",
    "getpid",
    "getrandom",
    "gettid",
    "kill",
    "madvise",
    "membarrier",
    "mlock",
    "mmap",
    "mprotect",
    "mremap",
    "munmap",
    "nanosleep",
    "open",
    "prctl",
    "printf",
    "raise",
    "read",
    "sbrk",
    "sched_yield",
    "syscall",
    "sysconf",
    "usleep",
    "write",
    "writev",
];

/// Types whose values never change once they are written down.
const PLAIN: [&str; 16] = [
    "u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32", "i64", "i128", "isize", "bool",
    "char", "str", "static",
];

/// loom sees only what comes through `hakmem_sync`.
pub(super) fn atomics(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.shipped_files().filter(|file| !file.path.starts_with(SWITCH)) {
        let through_sync =
            file.box_name() == "sync" || file.lines.iter().any(|line| line.has_word("hakmem_sync"));
        for (number, line) in file.shipped_lines() {
            let path = ["core", "std"].iter().any(|root| names_atomic(&line.code, root));
            let bare = line.words().any(|(_, word)| is_atomic_type(word));
            if path || (bare && !through_sync && !line.in_macro) {
                let message = "atomics come from `hakmem_sync`, where loom can see them";
                findings.push(Finding::new(&file.path, number, message));
            }
        }
    }
    findings
}

fn names_atomic(code: &str, root: &str) -> bool {
    let code: String = code.split_whitespace().collect();
    let module = format!("{root}::sync::");
    let outer = format!("{root}::{{");
    code.contains(&format!("{module}atomic"))
        || (code.contains(&format!("{module}{{")) && code.contains("atomic"))
        || (code.contains(&outer) && code.contains("sync::atomic"))
}

fn is_atomic_type(word: &str) -> bool {
    word.strip_prefix("Atomic").is_some_and(|rest| {
        matches!(rest, "Bool" | "Ptr" | "Usize" | "Isize") || rest.starts_with(['U', 'I'])
    })
}

/// Each order has its reason beside it.
pub(super) fn ordering_comment(tree: &Tree) -> Vec<Finding> {
    order_sites(tree)
        .filter(|(file, number, _)| {
            let from = number.saturating_sub(COMMENT_REACH + 1);
            !file.lines[from..*number].iter().any(Line::has_comment)
        })
        .map(|(file, number, order)| {
            let message = format!("`{order}` without a comment in the {COMMENT_REACH} lines above");
            Finding::new(&file.path, number, message)
        })
        .collect()
}

/// loom models `SeqCst` only as a fence.
pub(super) fn seqcst(tree: &Tree) -> Vec<Finding> {
    order_sites(tree)
        .filter(|(file, number, order)| {
            *order == "SeqCst" && !file.lines[number - 1].has_word("fence")
        })
        .map(|(file, number, _)| {
            Finding::new(&file.path, number, "`SeqCst` is written as `fence(Ordering::SeqCst)`")
        })
        .collect()
}

/// Every place in shipped code that names a memory order: file, line, order.
fn order_sites(tree: &Tree) -> impl Iterator<Item = (&SourceFile, usize, &'static str)> {
    tree.shipped_files().flat_map(|file| {
        let imports: Vec<&Line> = file.lines.iter().filter(|line| is_use(&line.code)).collect();
        let lines = file.shipped_lines().filter(|(_, line)| !is_use(&line.code));
        lines.filter_map(move |(number, line)| {
            let order = ORDERS.into_iter().find(|order| names_order(line, order, &imports))?;
            Some((file, number, order))
        })
    })
}

/// Whether `line` says `Ordering::<order>`, or `<order>` where that was imported.
fn names_order(line: &Line, order: &str, imports: &[&Line]) -> bool {
    let imported = || {
        imports.iter().any(|import| import.code.contains("Ordering::") && import.has_word(order))
    };
    line.words()
        .any(|(at, word)| word == order && (line.code[..at].ends_with("Ordering::") || imported()))
}

fn is_use(code: &str) -> bool {
    let code = code.trim_start();
    code.starts_with("use ") || code.starts_with("pub use ") || code.starts_with("pub(crate) use ")
}

/// Statics whose contents change exist only where boxes are composed.
pub(super) fn statics(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.shipped_files().filter(|file| !COMPOSITIONS.contains(&file.box_name())) {
        for (number, line) in file.shipped_lines().filter(|(_, line)| !line.in_macro) {
            if is_changing_static(&line.code) {
                let message = "a static with state: only the facade may hold one";
                findings.push(Finding::new(&file.path, number, message));
            }
        }
    }
    findings
}

fn is_changing_static(code: &str) -> bool {
    if code.contains("thread_local!") {
        return true;
    }
    let mut item = code.trim_start();
    if let Some(rest) = item.strip_prefix("pub") {
        item = rest.strip_prefix('(').and_then(|rest| rest.split_once(')')).map_or(rest, |x| x.1);
        item = item.trim_start();
    }
    let Some(rest) = item.strip_prefix("static ") else { return false };
    let ty = rest.split_once(':').map_or("", |(_, ty)| ty.split('=').next().unwrap_or(ty));
    let plain = |word: &str| PLAIN.contains(&word) || !word.chars().any(|c| c.is_ascii_lowercase());
    rest.starts_with("mut ") || !super::mask::words(ty).all(|(_, word)| plain(word))
}

/// Only `os-acquire` talks to the system.
pub(super) fn system_calls(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.shipped_files().filter(|file| file.box_name() != "os-acquire") {
        let mut in_libc_list = false;
        for (number, line) in file.shipped_lines() {
            in_libc_list |= line.code.contains("libc::");
            if line.raw.contains("\"syscall") {
                let message = "a `syscall` instruction: only os-acquire makes system calls";
                findings.push(Finding::new(&file.path, number, message));
            }
            let called = line.words().find(|(at, word)| {
                let direct = line.code[..*at].ends_with("libc::");
                SYSTEM_CALLS.contains(word) && (direct || in_libc_list && is_use_list(&line.code))
            });
            if let Some((_, name)) = called {
                let message = format!("libc's `{name}`: only os-acquire makes system calls");
                findings.push(Finding::new(&file.path, number, message));
            }
            in_libc_list &= !line.code.contains(';');
        }
    }
    findings
}

/// A line of `use libc::{…}` and nothing else.
fn is_use_list(code: &str) -> bool {
    is_use(code) || !code.contains(['(', '=', '.'])
}
