//! Whether a recording holds what was done: programs that say what they are going to do.
//!
//! Each `tests/trace/*.c` prints, before it does anything, the operations that it will make between two
//! allocations that no other code makes. `// recordings: N` at its head says how many processes are
//! recorded; 1 unless it does.
//!
//! ```text
//! 0 a 24         thread 0 allocates 24 bytes
//! 0 z 100        ... 100 zeros
//! 0 m 12 300     ... 300 bytes aligned to 2^12
//! 1 r 0 200      thread 1 gives the first block 200 bytes
//! 1 f 0          ... and frees it
//! 1 e            ... and ends
//! allocations 10 threads 3   so many in all, in any order, each freed once
//! ```

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hakmem_trace::collect::Losses;
use hakmem_trace::{Act, MIN_ALIGN_LOG2, Op, Trace};

use super::record::{Recorder, Recording};
use crate::progress::Bar;
use crate::report::Part;
use crate::shell;
use crate::workspace::Workspace;

/// Sizes of the allocations before and after what a program says.
const MARKS: [u64; 2] = [771_001, 771_002];

/// How long a program may take.
const LIMIT: Duration = Duration::from_secs(60);

/// Compiles and records every program.
pub(crate) fn check(ws: &Workspace, part: &mut Part) -> Result<()> {
    if !shell::has("cc") {
        part.missing("cc: programs that are recorded");
        return Ok(());
    }
    let mut sources = Vec::new();
    for entry in fs::read_dir(ws.root.join("tests/trace"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "c") {
            sources.push(path);
        }
    }
    sources.sort();
    ensure!(!sources.is_empty(), "no programs in tests/trace");
    let name =
        |source: &PathBuf| source.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let bar = Bar::new("trace", sources.iter().map(name));
    for source in &sources {
        let name = name(source);
        let fault = bar.step(&name, || judge(ws, source));
        part.verdict(&name, fault.unwrap_or_else(|error| Some(format!("{error:#}"))));
    }
    Ok(())
}

/// What is wrong with the recording of a program.
fn judge(ws: &Workspace, source: &Path) -> Result<Option<String>> {
    let recorder = Recorder::new(ws, None)?;
    let program = compile(ws, source)?;
    let mut command = Command::new(&program);
    recorder.watch(&mut command);
    let output = shell::capture(&mut command, LIMIT)?;
    ensure!(output.success(), "{}", output.ending());
    let recordings = recorder.recordings()?;
    let wanted = recordings_wanted(&fs::read_to_string(source)?);
    if recordings.len() != wanted {
        return Ok(Some(format!("{} recordings, not {wanted}", recordings.len())));
    }
    let first = recordings.first().context("nothing was recorded")?;
    let (trace, losses) = first.whole()?;
    Ok(compare(&output.stdout, &trace, losses, first))
}

fn compile(ws: &Workspace, source: &Path) -> Result<PathBuf> {
    let folder = ws.target.join("trace-programs");
    fs::create_dir_all(&folder)?;
    let program = folder.join(source.file_stem().unwrap_or_default());
    let mut compile = Command::new("cc");
    compile.args(["-std=gnu11", "-Wall", "-O1", "-fno-builtin", "-pthread", "-o"]);
    let built = shell::capture(compile.arg(&program).arg(source), LIMIT)?;
    ensure!(built.success(), "does not compile:\n{}", built.stderr);
    Ok(program)
}

fn recordings_wanted(source: &str) -> usize {
    let number = source.lines().find_map(|line| line.strip_prefix("// recordings: "));
    number.and_then(|number| number.trim().parse().ok()).unwrap_or(1)
}

/// What is different between what a program said and what was recorded.
fn compare(said: &str, trace: &Trace, losses: Losses, of: &Recording) -> Option<String> {
    if losses.incomplete > 0 || losses.later > 0 {
        return Some(format!("{}: {losses:?}", of.program));
    }
    if let Err(wrong) = trace.check() {
        return Some(wrong);
    }
    let Some(between) = between(trace) else { return Some("it has not both marks".to_owned()) };
    if let Some(counts) = said.strip_prefix("allocations ") {
        let counted = count(&between);
        return (counts.trim() != counted).then(|| format!("{counted}, not {counts}"));
    }
    let recorded: Vec<String> = between.iter().map(show).collect();
    let said: Vec<&str> = said.lines().collect();
    let at = (0..said.len().max(recorded.len()))
        .find(|&at| said.get(at).copied() != recorded.get(at).map(String::as_str))?;
    let (said, recorded) = (said.get(at), recorded.get(at));
    Some(format!("operation {at}: it said {said:?}, recorded is {recorded:?}"))
}

/// The operations between the marks, with threads and blocks numbered from there.
fn between(trace: &Trace) -> Option<Vec<Op>> {
    let is = |op: &Op, mark| matches!(op.act, Act::Allocate { size, .. } if size == mark);
    let [first, last] = MARKS.map(|mark| trace.ops.iter().position(|op| is(op, mark)));
    let (first, last) = (first?, last?);
    let is_new = |op: &&Op| matches!(op.act, Act::Allocate { .. });
    let before = trace.ops[..=first].iter().filter(is_new).count() as u32;
    let mut threads = vec![trace.ops[first].thread];
    let renumber = |op: &Op| {
        let known = threads.iter().position(|thread| *thread == op.thread);
        let thread = known.unwrap_or_else(|| {
            threads.push(op.thread);
            threads.len() - 1
        });
        let own = |block: u32| block.wrapping_sub(before);
        let act = match op.act {
            Act::Resize { block, size } => Act::Resize { block: own(block), size },
            Act::Free { block } => Act::Free { block: own(block) },
            other => other,
        };
        Op { thread: thread as u32, act }
    };
    Some(trace.ops[first + 1..last].iter().map(renumber).collect())
}

fn show(op: &Op) -> String {
    let Op { thread, act } = op;
    match act {
        Act::Allocate { size, zeroed: true, .. } => format!("{thread} z {size}"),
        Act::Allocate { size, align_log2: MIN_ALIGN_LOG2, .. } => format!("{thread} a {size}"),
        Act::Allocate { size, align_log2, .. } => format!("{thread} m {align_log2} {size}"),
        Act::Resize { block, size } => format!("{thread} r {block} {size}"),
        Act::Free { block } => format!("{thread} f {block}"),
        Act::End => format!("{thread} e"),
    }
}

/// How many blocks there were, if each of them was freed.
fn count(ops: &[Op]) -> String {
    let of = |wanted: fn(&Act) -> bool| ops.iter().filter(|op| wanted(&op.act)).count();
    let allocations = of(|act| matches!(act, Act::Allocate { .. }));
    let frees = of(|act| matches!(act, Act::Free { .. }));
    let threads = ops.iter().map(|op| op.thread).max().unwrap_or(0);
    match allocations == frees {
        true => format!("{allocations} threads {threads}"),
        false => format!("{allocations} allocations and {frees} frees"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace() -> Trace {
        let new = |size| Act::Allocate { size, align_log2: 4, zeroed: false };
        let op = |thread, act| Op { thread, act };
        let ops = vec![
            op(0, new(1)),
            op(1, new(MARKS[0])),
            op(0, new(20)),
            op(1, Act::Resize { block: 2, size: 30 }),
            op(1, Act::Free { block: 2 }),
            op(0, Act::End),
            op(1, new(MARKS[1])),
            op(1, new(5)),
        ];
        Trace { program: String::new(), ops }
    }

    fn fault(said: &str) -> Option<String> {
        let of = Recording { path: PathBuf::new(), program: String::new(), records: 0 };
        compare(said, &trace(), Losses::default(), &of)
    }

    #[test]
    fn what_a_program_said_is_compared() {
        assert_eq!(fault("1 a 20\n0 r 0 30\n0 f 0\n1 e\n"), None);
        assert_eq!(fault("allocations 1 threads 1\n"), None);
        for wrong in [
            "1 a 20\n0 r 0 30\n0 f 0\n",
            "1 a 20\n0 r 0 30\n0 f 0\n1 e\n0 a 5\n",
            "1 a 21\n0 r 0 30\n0 f 0\n1 e\n",
            "0 a 20\n0 r 0 30\n0 f 0\n1 e\n",
            "allocations 2 threads 1\n",
            "",
        ] {
            assert!(fault(wrong).is_some(), "{wrong}");
        }
    }
}
