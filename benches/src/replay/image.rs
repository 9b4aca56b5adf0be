//! A plan as bytes: written by one process, mapped by another.
//!
//! Words of 64 bits: a name, the six numbers of [`Head`], the length of each thread's steps, the
//! place of each slot. Then the steps; then 32 bits for each epoch.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::os::fd::{FromRawFd as _, OwnedFd};
use std::process::{Command, Stdio};

use super::map::Map;
use super::plan::{Plan, Step};

/// First word.
const MAGIC: u64 = u64::from_le_bytes(*b"hakmemP1");

/// Words before the threads' lengths.
const HEAD: usize = 7;

/// Bytes of a step.
const STEP: usize = size_of::<Step>();

/// The numbers at the start.
#[derive(Clone, Copy, Debug)]
pub struct Head {
    /// As in the plan.
    pub ops: u64,
    /// As in the plan.
    pub peak_live: u64,
    /// As in the plan.
    pub arena: u64,
    threads: usize,
    epochs: usize,
    slots: usize,
}

/// A plan in mapped memory.
///
/// # Invariants
///
/// - The mapping is as long as `head` and the threads' lengths say.
#[derive(Debug)]
pub struct Image {
    map: Map,
    head: Head,
    /// For each thread, the numbers of its first step and of the one after its last.
    bounds: Vec<(usize, usize)>,
}

/// Writes a plan.
///
/// # Errors
///
/// The writer's.
pub fn write(plan: &Plan, to: impl Write) -> std::io::Result<()> {
    let mut to = BufWriter::new(to);
    let counts = [plan.threads.len(), plan.epochs.len(), plan.slots.len()].map(|n| n as u64);
    let head = [MAGIC, plan.ops, plan.peak_live, plan.arena, counts[0], counts[1], counts[2]];
    let lengths = plan.threads.iter().map(|steps| steps.len() as u64);
    for word in head.into_iter().chain(lengths).chain(plan.slots.iter().copied()) {
        to.write_all(&word.to_ne_bytes())?;
    }
    for step in plan.threads.iter().flatten() {
        to.write_all(&[step.what, step.align_log2])?;
        to.write_all(&step.waits.to_ne_bytes())?;
        for word in [step.slot, step.size, step.old_size, step.new_slot] {
            to.write_all(&word.to_ne_bytes())?;
        }
    }
    for epoch in &plan.epochs {
        to.write_all(&epoch.to_ne_bytes())?;
    }
    to.flush()
}

/// The image that another process of this program writes when it is given `args`.
///
/// # Errors
///
/// What it said, or the system.
pub fn from_process(args: &[&str]) -> Result<Image, String> {
    let program = std::env::current_exe().map_err(|error| format!("who am I: {error}"))?;
    // SAFETY: the name is a string.
    let file = unsafe { libc::memfd_create(c"plan".as_ptr(), libc::MFD_CLOEXEC) };
    if file < 0 {
        return Err(format!("no memory file: {}", std::io::Error::last_os_error()));
    }
    // SAFETY: the descriptor was opened just now, and is nobody else's.
    let file = File::from(unsafe { OwnedFd::from_raw_fd(file) });
    let output = file.try_clone().map_err(|error| error.to_string())?;
    let status = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .stdout(output)
        .status()
        .map_err(|error| format!("cannot start a process: {error}"))?;
    if !status.success() {
        return Err(format!("the process that reads the trace ended with {status}"));
    }
    Image::new(Map::file(&file)?)
}

impl Image {
    /// The plan in a mapping.
    ///
    /// # Errors
    ///
    /// It is none.
    pub fn new(map: Map) -> Result<Self, String> {
        let wrong = || "the plan is damaged".to_owned();
        let mut words = (0..map.length() / 8).map(|at| word(&map, at));
        let mut next = || words.next().ok_or_else(wrong);
        if next()? != MAGIC {
            return Err(wrong());
        }
        let [ops, peak_live, arena] = [next()?, next()?, next()?];
        let [threads, epochs, slots] = [next()?, next()?, next()?].map(|n| n as usize);
        let head = Head { ops, peak_live, arena, threads, epochs, slots };
        let mut bounds = Vec::with_capacity(threads.min(map.length()));
        let mut first = 0;
        for _ in 0..threads {
            let end = first + next()? as usize;
            bounds.push((first, end));
            first = end;
        }
        if map.length() != 8 * (HEAD + threads + slots) + STEP * first + 4 * epochs {
            return Err(wrong());
        }
        // INVARIANT: the length was compared just now.
        Ok(Self { map, head, bounds })
    }

    /// Makes all of it resident.
    pub fn touch(&self) {
        for at in (0..self.map.length() / 8).step_by(512) {
            std::hint::black_box(word(&self.map, at));
        }
    }

    /// The numbers.
    #[must_use]
    pub fn head(&self) -> Head {
        self.head
    }

    /// How many threads.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.head.threads
    }

    /// The steps of a thread.
    #[must_use]
    pub fn steps(&self, thread: usize) -> &[Step] {
        let (first, end) = self.bounds[thread];
        let at = 8 * (HEAD + self.head.threads + self.head.slots) + first * STEP;
        self.slice(at, end - first)
    }

    /// Where each slot is in the arena.
    #[must_use]
    pub fn slots(&self) -> &[u64] {
        self.slice(8 * (HEAD + self.head.threads), self.head.slots)
    }

    /// For each epoch, how many threads are in it.
    #[must_use]
    pub fn epochs(&self) -> &[u32] {
        self.slice(self.map.length() - 4 * self.head.epochs, self.head.epochs)
    }

    /// `count` values that begin at byte `at`; the methods above know where.
    fn slice<T: Copy>(&self, at: usize, count: usize) -> &[T] {
        assert!(
            at.is_multiple_of(align_of::<T>()) && at + count * size_of::<T>() <= self.map.length()
        );
        // SAFETY: inside the mapping, as was asserted.
        let first = unsafe { self.map.base().add(at) };
        // SAFETY: aligned and inside the mapping, as was asserted; all bits are values of the types
        // above; nobody writes a plan that has been mapped.
        unsafe { std::slice::from_raw_parts(first.cast::<T>().as_ptr(), count) }
    }
}

/// A word of the mapping.
fn word(map: &Map, at: usize) -> u64 {
    // SAFETY: the caller goes no further than the mapping's length.
    let place = unsafe { map.base().add(8 * at) };
    // SAFETY: eight bytes that are mapped.
    unsafe { place.cast::<u64>().read_unaligned() }
}

#[cfg(test)]
mod tests {
    use std::io::{Seek as _, Write as _};
    use std::os::fd::FromRawFd as _;

    use super::*;

    fn memory_file(bytes: &[u8]) -> File {
        // SAFETY: the name is a string.
        let file = unsafe { libc::memfd_create(c"test".as_ptr(), libc::MFD_CLOEXEC) };
        // SAFETY: opened just now.
        let mut file = unsafe { File::from_raw_fd(file) };
        file.write_all(bytes).unwrap();
        file.rewind().unwrap();
        file
    }

    #[test]
    fn a_plan_is_mapped_as_it_was_written() {
        let step = |what| Step {
            what,
            align_log2: 5,
            waits: 1,
            slot: 7,
            size: 9,
            old_size: 11,
            new_slot: 13,
        };
        let plan = Plan {
            threads: vec![vec![step(1), step(2)], vec![], vec![step(3)]],
            epochs: vec![3, 2, 1],
            slots: vec![64, 128],
            arena: 1000,
            ops: 12,
            peak_live: 34,
        };
        let mut bytes = Vec::new();
        write(&plan, &mut bytes).unwrap();
        let image = Image::new(Map::file(&memory_file(&bytes)).unwrap()).unwrap();
        assert_eq!(image.threads(), 3);
        for (thread, steps) in plan.threads.iter().enumerate() {
            assert_eq!(image.steps(thread), steps);
        }
        assert_eq!((image.slots(), image.epochs()), (&plan.slots[..], &plan.epochs[..]));
        let head = image.head();
        assert_eq!((head.ops, head.peak_live, head.arena), (12, 34, 1000));
        for length in 0..bytes.len() {
            assert!(Image::new(Map::file(&memory_file(&bytes[..length])).unwrap()).is_err());
        }
    }
}
