//! A trace as a file: columns of variable-length numbers, compressed. `docs/traces.md` describes it.

use crate::{Act, MIN_ALIGN_LOG2, Op, Trace};

/// First bytes of every trace.
const MAGIC: [u8; 7] = *b"hakmemT";

/// The byte after them; it changes when the format does.
const VERSION: u8 = 1;

/// Of zstd: a trace is written once.
const LEVEL: i32 = 19;

/// Longest body, unpacked: 1 GiB.
const MAX_BODY: usize = 1 << 30;

/// Set in an act's byte when the thread is not that of the operation before.
const OTHER_THREAD: u8 = 8;

const ALLOCATE: u8 = 0;
const ALLOCATE_ZEROED: u8 = 1;
const ALLOCATE_ALIGNED: u8 = 2;
const ALLOCATE_ALIGNED_ZEROED: u8 = 3;
const RESIZE: u8 = 4;
const FREE: u8 = 5;
const END: u8 = 6;

/// The columns: numbers that are alike stand together, where they compress best.
#[derive(Debug, Default)]
struct Columns {
    acts: Vec<u8>,
    threads: Vec<u8>,
    sizes: Vec<u8>,
    /// How many allocations ago the block came.
    ages: Vec<u8>,
}

/// The bytes of a trace that [`Trace::check`] finds right.
///
/// # Errors
///
/// What is wrong with the trace, or that zstd has no memory.
pub fn write(trace: &Trace) -> Result<Vec<u8>, String> {
    trace.check()?;
    let mut columns = Columns::default();
    let (mut blocks, mut thread) = (0, 0);
    for op in &trace.ops {
        let other = if op.thread == thread { 0 } else { OTHER_THREAD };
        if op.thread != thread {
            thread = op.thread;
            put(&mut columns.threads, u64::from(thread));
        }
        columns.add(op.act, other, &mut blocks);
    }
    let mut body = Vec::new();
    put(&mut body, trace.ops.len() as u64);
    for column in
        [trace.program.as_bytes(), &columns.acts, &columns.threads, &columns.sizes, &columns.ages]
    {
        put(&mut body, column.len() as u64);
        body.extend_from_slice(column);
    }
    let packed = zstd::bulk::compress(&body, LEVEL).map_err(|error| format!("zstd: {error}"))?;
    let mut bytes = MAGIC.to_vec();
    bytes.push(VERSION);
    put(&mut bytes, body.len() as u64);
    bytes.extend(packed);
    Ok(bytes)
}

impl Columns {
    fn add(&mut self, act: Act, other: u8, blocks: &mut u64) {
        match act {
            Act::Allocate { size, align_log2, zeroed } => {
                let aligned = align_log2 > MIN_ALIGN_LOG2;
                self.acts.push(
                    other
                        | match (aligned, zeroed) {
                            (false, false) => ALLOCATE,
                            (false, true) => ALLOCATE_ZEROED,
                            (true, false) => ALLOCATE_ALIGNED,
                            (true, true) => ALLOCATE_ALIGNED_ZEROED,
                        },
                );
                if aligned {
                    put(&mut self.sizes, u64::from(align_log2));
                }
                put(&mut self.sizes, size);
                *blocks += 1;
            }
            Act::Resize { block, size } => {
                self.acts.push(other | RESIZE);
                put(&mut self.ages, *blocks - 1 - u64::from(block));
                put(&mut self.sizes, size);
            }
            Act::Free { block } => {
                self.acts.push(other | FREE);
                put(&mut self.ages, *blocks - 1 - u64::from(block));
            }
            Act::End => self.acts.push(other | END),
        }
    }
}

/// The trace in these bytes.
///
/// # Errors
///
/// What makes it no trace. Whatever the bytes are, that is all that happens.
pub fn read(bytes: &[u8]) -> Result<Trace, String> {
    let Some(rest) = bytes.strip_prefix(&MAGIC) else { return Err("this is no trace".into()) };
    let Some((&version, rest)) = rest.split_first() else { return Err(cut_off()) };
    if version != VERSION {
        return Err(format!("a trace of version {version}; this reads version {VERSION}"));
    }
    let mut packed = Reader(rest);
    let length = packed.count()?;
    if length > MAX_BODY {
        return Err(format!("a trace of {length} bytes is not one"));
    }
    let body =
        zstd::bulk::decompress(packed.0, length).map_err(|error| format!("zstd: {error}"))?;
    let mut body = Reader(&body);
    let ops = body.count()?;
    let program = String::from_utf8_lossy(body.column()?.0).into_owned();
    let [mut acts, mut threads, mut sizes, mut ages] =
        [body.column()?, body.column()?, body.column()?, body.column()?];
    let mut trace = Trace { program, ops: Vec::with_capacity(ops.min(acts.0.len())) };
    let (mut blocks, mut thread) = (0_u64, 0);
    for _ in 0..ops {
        let code = acts.byte()?;
        if code & OTHER_THREAD != 0 {
            thread = small(threads.number()?)?;
        }
        let act = act(code & !OTHER_THREAD, &mut sizes, &mut ages, blocks)?;
        blocks += u64::from(matches!(act, Act::Allocate { .. }));
        trace.ops.push(Op { thread, act });
    }
    trace.check().map(|()| trace)
}

fn act(
    code: u8,
    sizes: &mut Reader<'_>,
    ages: &mut Reader<'_>,
    blocks: u64,
) -> Result<Act, String> {
    let mut block = || {
        let number = blocks.checked_sub(1).and_then(|last| last.checked_sub(ages.number().ok()?));
        small(number.ok_or("a block that was never allocated")?)
    };
    Ok(match code {
        ALLOCATE | ALLOCATE_ZEROED => Act::Allocate {
            align_log2: MIN_ALIGN_LOG2,
            size: sizes.number()?,
            zeroed: code == ALLOCATE_ZEROED,
        },
        ALLOCATE_ALIGNED | ALLOCATE_ALIGNED_ZEROED => Act::Allocate {
            align_log2: u8::try_from(sizes.number()?).map_err(|_| "no such alignment")?,
            size: sizes.number()?,
            zeroed: code == ALLOCATE_ALIGNED_ZEROED,
        },
        RESIZE => Act::Resize { block: block()?, size: sizes.number()? },
        FREE => Act::Free { block: block()? },
        END => Act::End,
        _ => return Err(format!("no operation has the code {code}")),
    })
}

fn small(number: u64) -> Result<u32, String> {
    u32::try_from(number).map_err(|_| format!("the number {number} is too large"))
}

fn cut_off() -> String {
    "the trace is cut off".into()
}

/// Seven bits a byte, the lowest first; the highest bit says that more follow.
fn put(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 128 {
        bytes.push(number as u8 | 128);
        number >>= 7;
    }
    bytes.push(number as u8);
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn byte(&mut self) -> Result<u8, String> {
        let (first, rest) = self.0.split_first().ok_or_else(cut_off)?;
        self.0 = rest;
        Ok(*first)
    }

    fn number(&mut self) -> Result<u64, String> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 127) << shift;
            if byte < 128 {
                return Ok(number);
            }
        }
        Err("a number has no end".into())
    }

    fn count(&mut self) -> Result<usize, String> {
        usize::try_from(self.number()?).map_err(|_| cut_off())
    }

    fn column(&mut self) -> Result<Self, String> {
        let length = self.count()?;
        let (column, rest) = self.0.split_at_checked(length).ok_or_else(cut_off)?;
        self.0 = rest;
        Ok(Self(column))
    }
}
