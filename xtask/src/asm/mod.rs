//! `cargo xtask asm`: the hot paths, instruction by instruction.
//!
//! Two artefacts are built in release with fat LTO: a probe program that allocates through
//! the facade as `#[global_allocator]`, and the C library. The hit path of each hot function
//! is compared with its budget, and with the golden file in `benches/asm/`.

mod walk;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::lab::files;
use crate::report::Part;
use crate::workspace::Workspace;
use crate::{progress, shell, so};

/// The program the probes live in. The stores of a value into its box are the caller's work,
/// so `probe_box_new` leaves the box uninitialised. `probe_alloc` is the same without what
/// `Box` adds, the call of `handle_alloc_error` and the stack frame that this call needs.
const PROBE_MAIN: &str = r#"
use std::mem::MaybeUninit;

#[global_allocator]
static HEAP: hakmem_alloc::Hakmem = hakmem_alloc::Hakmem::new();

type Value = [u64; 4];

#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn probe_alloc() -> *mut u8 {
    // SAFETY: the size is not zero.
    unsafe { std::alloc::alloc(std::alloc::Layout::new::<Value>()) }
}

#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn probe_box_new() -> Box<MaybeUninit<Value>> {
    Box::new_uninit()
}

#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn probe_box_drop(value: Box<MaybeUninit<Value>>) {
    drop(value);
}

fn main() {
    let new = std::hint::black_box(probe_box_new as extern "C" fn() -> _);
    std::hint::black_box(probe_alloc as extern "C" fn() -> _)();
    let drop = std::hint::black_box(probe_box_drop as extern "C" fn(_));
    drop(new());
}
"#;

/// A hot function: where it is, and how many instructions its hit path may have.
struct Hot {
    name: &'static str,
    symbol: &'static str,
    artefact: Artefact,
    budget: usize,
}

impl Hot {
    /// Instructions that count: all of them to the `ret` in the library's functions. What is
    /// inlined has neither a frame nor a `ret` of its own: those are the probe function's.
    fn count(&self, path: &[&walk::Insn]) -> usize {
        path.iter().filter(|insn| self.artefact == Artefact::Library || !insn.is_frame()).count()
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Artefact {
    Probe,
    Library,
}

const HOT: [Hot; 5] = [
    Hot { name: "alloc", symbol: "probe_alloc", artefact: Artefact::Probe, budget: 8 },
    Hot { name: "box_new", symbol: "probe_box_new", artefact: Artefact::Probe, budget: 8 },
    Hot { name: "box_drop", symbol: "probe_box_drop", artefact: Artefact::Probe, budget: 18 },
    Hot { name: "malloc", symbol: "malloc", artefact: Artefact::Library, budget: 16 },
    Hot { name: "free", symbol: "free", artefact: Artefact::Library, budget: 22 },
];

/// What `cargo xtask asm` takes.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct Args {
    /// Write what the compiler makes now to benches/asm/; budgets still hold.
    #[arg(long)]
    bless: bool,
    /// Print the hit paths.
    #[arg(long)]
    print: bool,
}

/// Builds both artefacts and checks every hot function.
pub(crate) fn check(ws: &Workspace, args: &Args, part: &mut Part) -> Result<()> {
    if !cfg!(target_arch = "x86_64") {
        part.missing("an x86-64 machine: the assembly checks");
        return Ok(());
    }
    for tool in ["objdump", "readelf"] {
        if !shell::has(tool) {
            part.missing(&format!("{tool} (binutils): the assembly checks"));
            return Ok(());
        }
    }
    let compiler = compiler_version(ws)?;
    for (artefact, file) in [
        (Artefact::Probe, build_probe(ws)),
        (Artefact::Library, ws.build_library().map(|library| library.shared)),
    ] {
        for hot in HOT.iter().filter(|hot| hot.artefact == artefact) {
            match &file {
                Ok(file) => check_one(ws, args, hot, file, &compiler, part)?,
                Err(error) => part.fail(hot.name, &format!("{error:#}")),
            }
        }
    }
    Ok(())
}

fn check_one(
    ws: &Workspace,
    args: &Args,
    hot: &Hot,
    file: &Path,
    compiler: &str,
    part: &mut Part,
) -> Result<()> {
    let code = disassemble(file, hot.symbol)?;
    let Some(path) = walk::hit_path(&code) else {
        code.iter().for_each(|insn| say!("{:x}  {}", insn.address, insn.text));
        part.fail(hot.name, "no path to `ret` without a call that uses the thread's heap");
        return Ok(());
    };
    let now = golden_text(hot, hot.count(&path), &walk::normalise(&path), compiler);
    if args.print {
        say!("{now}");
    }
    let count = hot.count(&path);
    part.verdict(
        &format!("{}: {count} instructions, budget {}", hot.name, hot.budget),
        (count > hot.budget).then(|| "over its budget".to_owned()),
    );
    golden(ws, hot, &now, args.bless, part)
}

/// Makes and builds the probe package under the target directory: as a workspace of its own
/// it shares no features and no lock with ours.
fn build_probe(ws: &Workspace) -> Result<PathBuf> {
    let folder = ws.target.join("asm-probe");
    let facade = ws.root.join("crates/hakmem-alloc");
    let manifest = format!(
        "[package]\nname = \"hakmem-probe\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
         [workspace]\n\n[dependencies]\nhakmem-alloc = {{ path = {facade:?} }}\n\n\
         [profile.release]\ncodegen-units = 1\nlto = \"fat\"\npanic = \"abort\"\n"
    );
    files::write(&folder.join("Cargo.toml"), manifest.as_bytes())?;
    files::write(&folder.join("src/main.rs"), PROBE_MAIN.as_bytes())?;
    if let Ok(lock) = fs::read_to_string(ws.root.join("Cargo.lock")) {
        fs::write(folder.join("Cargo.lock"), lock)?;
    }
    let mut command = ws.cargo();
    command.args(["build", "--quiet", "--release", "--target-dir"]).arg(folder.join("target"));
    command.current_dir(&folder);
    let limit = Duration::from_secs(600);
    let output = progress::build("the probe", || shell::stream(&mut command, limit))?;
    ensure!(output.success(), "the probe in {} does not build", folder.display());
    Ok(folder.join("target/release/hakmem-probe"))
}

fn compiler_version(ws: &Workspace) -> Result<String> {
    let mut command = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    command.arg("--version").current_dir(&ws.root);
    let output = shell::capture(&mut command, Duration::from_secs(60))?;
    ensure!(output.success(), "rustc --version: {}", output.ending());
    Ok(output.stdout.split_whitespace().take(2).collect::<Vec<_>>().join(" "))
}

fn disassemble(file: &Path, symbol: &str) -> Result<Vec<walk::Insn>> {
    let symbols = so::readelf("-Ws", file)?;
    let (start, size) = find_symbol(&symbols, symbol)
        .with_context(|| format!("no function {symbol} in {}", file.display()))?;
    let mut command = Command::new("objdump");
    command
        .args(["-d", "-M", "intel", "--no-show-raw-insn"])
        .arg(format!("--start-address={start}"))
        .arg(format!("--stop-address={}", start + size))
        .arg(file)
        .env("LC_ALL", "C");
    let output = shell::capture(&mut command, Duration::from_secs(60))?;
    ensure!(output.success(), "objdump: {}", output.ending());
    Ok(walk::parse(&output.stdout))
}

/// Address and size of a defined function in what `readelf -Ws` prints.
fn find_symbol(symbols: &str, name: &str) -> Option<(u64, u64)> {
    symbols.lines().find_map(|line| {
        // Num: Value Size Type Bind Vis Ndx Name
        let words: Vec<&str> = line.split_whitespace().collect();
        let [_, value, size, "FUNC", _, _, index, found, ..] = words[..] else { return None };
        let start = u64::from_str_radix(value, 16).ok()?;
        let size = match size.strip_prefix("0x") {
            Some(hex) => u64::from_str_radix(hex, 16).ok()?,
            None => size.parse().ok()?,
        };
        (found == name && index != "UND" && size > 0).then_some((start, size))
    })
}

fn golden_text(hot: &Hot, count: usize, path: &[String], compiler: &str) -> String {
    let head =
        format!("# {}: {count} instructions, budget {}\n# {compiler}\n", hot.name, hot.budget);
    let lines = path.iter().enumerate().map(|(at, line)| format!("{at:>2}  {line}\n"));
    head + &lines.collect::<String>()
}

/// Compares with the golden file, or writes it.
fn golden(ws: &Workspace, hot: &Hot, now: &str, bless: bool, part: &mut Part) -> Result<()> {
    let file = ws.root.join(format!("benches/asm/{}.x86-64.s", hot.name));
    let what = format!("{}: golden file", hot.name);
    if bless {
        files::write(&file, now.as_bytes())?;
    }
    let Ok(then) = fs::read_to_string(&file) else {
        part.fail(&what, "there is none; `cargo xtask asm --bless` writes it");
        return Ok(());
    };
    if then.lines().nth(1) != now.lines().nth(1) {
        let version = then.lines().nth(1).unwrap_or_default().trim_start_matches("# ");
        part.missing(&format!("{what}: it is of {version}"));
        return Ok(());
    }
    if then != now {
        say!("--- {}\n{then}+++ now\n{now}", file.display());
    }
    let fault = "the path changed; look at it, then `cargo xtask asm --bless`";
    part.verdict(&what, (then != now).then(|| fault.to_owned()));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_a_symbol() {
        let text = "    5: 0000000000000000     0 FUNC    GLOBAL DEFAULT  UND free\n   \
                    22: 0000000000001100    64 FUNC    GLOBAL DEFAULT   12 free\n";
        assert_eq!(find_symbol(text, "free"), Some((0x1100, 64)));
        assert_eq!(find_symbol(text, "malloc"), None);
    }
}
