//! From a disassembly to its hit path: pure functions over the text that objdump prints.

/// How many instructions a path may have before the search turns back.
const MAX_PATH: usize = 64;

/// How many instructions the search may look at in all.
const MAX_STEPS: usize = 200_000;

/// One instruction, in Intel syntax.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Insn {
    pub(crate) address: u64,
    /// Mnemonic and operands, without objdump's comment and symbol.
    pub(crate) text: String,
    /// Where a direct jump goes.
    pub(crate) target: Option<u64>,
}

impl Insn {
    /// Whether it makes or leaves a function's frame.
    pub(crate) fn is_frame(&self) -> bool {
        let name = self.text.split_whitespace().next().unwrap_or_default();
        matches!(name, "push" | "pop" | "ret")
    }
}

impl Insn {
    fn mnemonic(&self) -> &str {
        let words = self.text.split_whitespace();
        words.into_iter().find(|word| !is_prefix(word)).unwrap_or_default()
    }

    fn flow(&self) -> Flow {
        let mnemonic = self.mnemonic();
        match mnemonic {
            "ret" => Flow::Return,
            "jmp" => self.target.map_or(Flow::Stop, Flow::Jump),
            "call" | "ud2" | "hlt" | "int3" | "syscall" => Flow::Stop,
            _ if mnemonic.starts_with('j') => self.target.map_or(Flow::Stop, Flow::Branch),
            // A hit touches nothing that another thread writes.
            _ if self.text.starts_with("lock ") => Flow::Stop,
            _ => Flow::Next,
        }
    }

    /// Whether it reads the thread's own word.
    fn reads_thread(&self) -> bool {
        self.text.contains("fs:")
    }

    /// Whether it writes to memory; a saved register does not count.
    fn stores(&self) -> bool {
        let operands = self.text.split_once(' ').map_or("", |(_, operands)| operands);
        let destination = operands.split(',').next().unwrap_or_default();
        destination.contains("PTR ") && !matches!(self.mnemonic(), "cmp" | "test" | "bt" | "nop")
    }
}

fn is_prefix(word: &str) -> bool {
    matches!(word, "lock" | "rep" | "repz" | "repnz" | "bnd" | "notrack" | "data16" | "cs")
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    Next,
    Branch(u64),
    Jump(u64),
    Return,
    Stop,
}

/// Reads the instruction lines of `objdump -d -M intel --no-show-raw-insn`.
pub(crate) fn parse(listing: &str) -> Vec<Insn> {
    listing.lines().filter_map(parse_line).collect()
}

fn parse_line(line: &str) -> Option<Insn> {
    let (address, text) = line.split_once(":\t")?;
    let address = u64::from_str_radix(address.trim(), 16).ok()?;
    let text = text.split(" #").next().unwrap_or_default();
    let text: Vec<&str> = text.split_whitespace().collect();
    let jump = text.iter().position(|word| word.starts_with('j'));
    let target = jump
        .and_then(|at| text.get(at + 1))
        .and_then(|word| u64::from_str_radix(word.trim_start_matches("0x"), 16).ok());
    let words = match (jump, target) {
        // Drops the `<symbol+offset>` after the target.
        (Some(at), Some(_)) => &text[..=at + 1],
        _ => &text[..],
    };
    (!words.is_empty()).then(|| Insn { address, text: words.join(" "), target })
}

/// The hit path: from the first instruction to a `ret`, inclusive.
///
/// Conditional jumps fall through first, because the compiler lays the likely side there. A
/// path counts when it calls nothing, leaves the function nowhere, locks nothing, reads the
/// thread's word and stores something: that is what a hit does and an early exit does not.
pub(crate) fn hit_path(code: &[Insn]) -> Option<Vec<&Insn>> {
    let mut search = Search { code, path: Vec::new(), steps: 0 };
    search.from(0).then(|| search.path.iter().map(|&at| &code[at]).collect())
}

struct Search<'a> {
    code: &'a [Insn],
    path: Vec<usize>,
    steps: usize,
}

impl Search<'_> {
    /// Whether a hit path goes on from instruction `start`; `path` then holds all of it.
    fn from(&mut self, start: usize) -> bool {
        let kept = self.path.len();
        let mut at = start;
        loop {
            self.steps += 1;
            let Some(insn) = self.code.get(at).filter(|_| self.may_take(at)) else { break };
            self.path.push(at);
            match insn.flow() {
                Flow::Next => at += 1,
                Flow::Stop => break,
                Flow::Return if self.is_hit() => return true,
                Flow::Return => break,
                Flow::Jump(target) => match self.index_of(target) {
                    Some(next) => at = next,
                    None => break,
                },
                Flow::Branch(target) => {
                    if self.from(at + 1) {
                        return true;
                    }
                    match self.index_of(target) {
                        Some(next) => at = next,
                        None => break,
                    }
                }
            }
        }
        self.path.truncate(kept);
        false
    }

    fn may_take(&self, at: usize) -> bool {
        self.steps < MAX_STEPS && self.path.len() < MAX_PATH && !self.path.contains(&at)
    }

    fn index_of(&self, address: u64) -> Option<usize> {
        self.code.binary_search_by_key(&address, |insn| insn.address).ok()
    }

    fn is_hit(&self) -> bool {
        let mut path = self.path.iter().map(|&at| &self.code[at]);
        path.any(Insn::reads_thread) && path.any(Insn::stores)
    }
}

/// The path as text that stays the same when only addresses move.
pub(crate) fn normalise(path: &[&Insn]) -> Vec<String> {
    path.iter().map(|insn| normalise_one(insn, path)).collect()
}

fn normalise_one(insn: &Insn, path: &[&Insn]) -> String {
    if let Some(target) = insn.target {
        let label = path.iter().position(|other| other.address == target);
        let label = label.map_or_else(|| "<off the path>".to_owned(), |at| format!("<{at}>"));
        return format!("{} {label}", insn.mnemonic());
    }
    let text = blank_number(&insn.text, "rip+");
    let text = blank_number(&text, "rip-");
    blank_number(&text, "fs:")
}

/// Replaces the hexadecimal number after the first `prefix` by `<..>`.
fn blank_number(text: &str, prefix: &str) -> String {
    let Some((before, after)) = text.split_once(prefix) else { return text.to_owned() };
    let Some(digits) = after.strip_prefix("0x") else { return text.to_owned() };
    let rest = digits.trim_start_matches(|c: char| c.is_ascii_hexdigit());
    format!("{before}{}<..>{rest}", &prefix.replace('-', "+"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a refill, a null check and a hit look like.
    const MALLOC: &str = "\
0000000000001100 <malloc>:
    1100:\tcmp    rdi,0x401
    1107:\tjae    1140 <malloc+0x40>
    1109:\tmov    rax,QWORD PTR [rip+0x2ee8]        # 3ff8 <_DYNAMIC+0x1b0>
    1110:\tmov    rax,QWORD PTR fs:[rax]
    1114:\tmov    ecx,DWORD PTR [rax+0x8]
    1117:\ttest   ecx,ecx
    1119:\tje     1150 <malloc+0x50>
    111b:\tdec    ecx
    111d:\tmov    DWORD PTR [rax+0x8],ecx
    1120:\tmov    rax,QWORD PTR [rax+rcx*8+0x10]
    1125:\tret
    1140:\tjmp    9000 <malloc_cold>
    1150:\tcall   9100 <refill>
    1155:\tret
";

    fn texts(listing: &str) -> Option<Vec<String>> {
        let code = parse(listing);
        hit_path(&code).map(|path| normalise(&path))
    }

    #[test]
    fn falls_through_to_the_first_return() {
        let path = texts(MALLOC).unwrap();
        assert_eq!(path.len(), 11);
        assert_eq!(path[1], "jae <off the path>");
        assert_eq!(path[2], "mov rax,QWORD PTR [rip+<..>]");
        assert_eq!(path.last().unwrap(), "ret");
    }

    #[test]
    fn an_early_return_is_no_hit() {
        // `free(NULL)` returns on the fall-through side, the hit is behind the jump.
        let path = texts(
            "    10:\ttest   rdi,rdi\n    13:\tjne    16 <f+0x6>\n    15:\tret\n\
             \x20   16:\tmov    rax,QWORD PTR fs:0xfffffffffffffff8\n\
             \x20   1f:\tmov    QWORD PTR [rax],rdi\n    22:\tret\n",
        );
        let want = [
            "test rdi,rdi",
            "jne <2>",
            "mov rax,QWORD PTR fs:<..>",
            "mov QWORD PTR [rax],rdi",
            "ret",
        ];
        assert_eq!(path.unwrap(), want);
    }

    #[test]
    fn calls_and_locks_and_loops_are_no_hit() {
        let with = |middle: &str| {
            texts(&format!(
                "    10:\tmov    rax,QWORD PTR fs:0x0\n    13:\tmov    QWORD PTR [rax],rdi\n\
                 {middle}    20:\tret\n"
            ))
        };
        assert!(with("").is_some());
        assert!(with("    18:\tcall   100 <g>\n").is_none());
        assert!(with("    18:\tlock inc DWORD PTR [rax]\n").is_none());
        assert!(with("    18:\tjmp    10 <f>\n").is_none());
        assert!(with("    18:\tjmp    rax\n").is_none());
    }

    #[test]
    fn addresses_do_not_matter() {
        let moved = MALLOC.replace("    11", "    71").replace("     11", "     71");
        let moved = moved.replace("0x2ee8", "0x99").replace("  1140 <", "  7140 <");
        let moved = moved.replace("  1150 <", "  7150 <");
        assert_eq!(texts(&moved), texts(MALLOC));
    }

    #[test]
    fn a_store_into_the_block_itself_counts() {
        let path = texts(
            "    10:\tmov    rax,QWORD PTR fs:0xffffffffffffffe0\n\
             \x20   19:\tmov    QWORD PTR fs:0xffffffffffffffe0,rcx\n    22:\tret\n",
        );
        assert_eq!(path.unwrap().len(), 3);
    }

    #[test]
    fn compares_are_no_stores_and_pushes_are_counted() {
        let path = texts(
            "    10:\tpush   rbx\n    11:\tmov    rax,QWORD PTR fs:0x0\n\
             \x20   13:\tcmp    QWORD PTR [rax],rdi\n    18:\tret\n",
        );
        assert!(path.is_none());
    }
}
