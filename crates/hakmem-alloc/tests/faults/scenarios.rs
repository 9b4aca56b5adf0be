//! What the program does while calls fail.

use std::ffi::c_void;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::{mem, ptr, thread};

use hakmem_contract::Pool;
use hakmem_os_acquire::simulated::Call;

use crate::common::{Live, Shadow};
use crate::{Blocks, FAILING, SPARING, Scenario, equation, os, pool, wait_for};

/// A scenario on the default options that makes at least `least` failures possible.
const fn plain(
    name: &'static str,
    prepare: fn(&mut Blocks),
    act: fn(&mut Blocks),
    least: usize,
) -> Scenario {
    Scenario { name, alloc: &FAILING, prepare, act, least, makes: &[] }
}

/// The same, and it is there for these calls.
const fn making(scenario: Scenario, makes: &'static [Call]) -> Scenario {
    Scenario { makes, ..scenario }
}

/// The same, on an allocator that maps ahead and keeps as good as nothing.
const fn sparing(scenario: Scenario) -> Scenario {
    Scenario { alloc: &SPARING, ..scenario }
}

pub(crate) const ALL: &[Scenario] = &[
    plain("first-block", nothing, |b| ask(b, &[24]), 24),
    plain("first-zeroed", nothing, |b| _ = b.get_zeroed(24, 16), 24),
    plain("first-aligned", nothing, |b| _ = b.get(24, 4096), 24),
    plain("first-medium", nothing, |b| ask(b, &[20_000]), 24),
    plain("first-span", nothing, |b| ask(b, &[100_000]), 20),
    plain("first-huge", nothing, |b| ask(b, &[3 << 20]), 23),
    plain("first-huge-aligned", nothing, |b| _ = b.get(3 << 20, 16 << 20), 23),
    sparing(plain("prewarm", nothing, |b| ask(b, &[24, 100_000, 3 << 20]), 23)),
    plain("superslabs", one_block, |b| ask(b, &[8_000; 1_500]), 34),
    plain("classes", nothing, every_class, 72),
    plain("front-cache", one_block, swing, 19),
    plain("aligned", one_block, aligned, 270),
    making(plain("zeroed", dirty, zeroed, 88), &[Call::Purge]),
    plain("spans", one_block, spans, 66),
    plain("huge-blocks", one_block, huge_blocks, 99),
    plain("grow-small", |b| ask(b, &[24; 60]), |b| grow(b, &GROW_SMALL), 22),
    plain("grow-span", |b| ask(b, &[20_000; 12]), |b| grow(b, &GROW_SPAN), 30),
    plain("grow-to-huge", |b| ask(b, &[700_000; 5]), |b| grow(b, &GROW_HUGE), 131),
    making(plain("grow-huge", |b| ask(b, &[2 << 20; 3]), grow_huge, 242), &MOVES),
    plain("grow-huge-aligned", aligned_huge, |b| grow(b, &GROW_HUGE), 51),
    plain("shrink", to_shrink, shrink, 11),
    plain("thread-start", one_block, threads, 46),
    plain("thread-exit", one_block, |b| leave(b, 3), 30),
    making(sparing(plain("thread-exit-no-cache", one_block, |b| leave(b, 3), 21)), &[Call::Unmap]),
    plain("thread-late", one_block, late, 23),
    plain("adoption", |b| leave(b, 3), adopt, 147),
    plain("remote-free", |b| leave(b, 2), remote_free, 30),
    making(plain("trim", fragments, |_| trim(), 23), &[Call::Purge, Call::Unmap]),
    making(plain("decay", holes, decay, 195), &[Call::Purge]),
    making(sparing(plain("no-cache", one_block, huge_blocks, 139)), &[Call::Unmap]),
    plain("fork", become_child, after_fork, 42),
    plain("random", one_block, |b| random(b, 88_172_645_463_325_252), 78),
    sparing(plain("random-no-cache", one_block, |b| random(b, 0x9E37_79B9_7F4A_7C15), 132)),
];

/// Longer in place, and somewhere else.
const MOVES: [Call; 2] = [Call::Grow, Call::Relocate];

fn nothing(_: &mut Blocks) {}

fn one_block(blocks: &mut Blocks) {
    ask(blocks, &[100]);
}

/// Asks for blocks; null is an answer.
pub(crate) fn ask(blocks: &mut Blocks, sizes: &[usize]) {
    for &size in sizes {
        blocks.get(size, 16);
    }
}

fn trim() {
    FAILING.trim();
    equation::watch();
}

fn every_class(blocks: &mut Blocks) {
    for size in (16..33_000).step_by(500) {
        for _ in 0..20 {
            blocks.get(size, 16);
        }
    }
}

/// Many blocks of many classes, freed and allocated again: the bins grow, into metadata.
fn swing(blocks: &mut Blocks) {
    for size in (16..=1_024).step_by(64) {
        for n in [50, 600] {
            ask(blocks, &vec![size; n]);
            blocks.clear();
        }
    }
}

/// Every alignment with sizes of every kind.
fn aligned(blocks: &mut Blocks) {
    for shift in 4..24 {
        for size in [24, 3_000, 30_000, 200_000, 3 << 20] {
            blocks.get(size, 1 << shift);
        }
        if blocks.live.len() > 20 {
            blocks.give(shift);
        }
    }
}

/// Sizes of every kind.
const KINDS: [usize; 7] = [24, 700, 9_000, 32_000, 70_000, 1 << 20, 5 << 20];

/// Memory of every kind that was written to and is free.
fn dirty(blocks: &mut Blocks) {
    for size in KINDS {
        ask(blocks, &[size; 12]);
    }
    blocks.clear();
    ask(blocks, &[100]);
}

/// What comes back is zero, whatever was done to it since, and whatever was refused.
fn zeroed(blocks: &mut Blocks) {
    for _ in 0..2 {
        for size in KINDS {
            for _ in 0..8 {
                blocks.get_zeroed(size, 16);
            }
        }
        // Something stays, so that most of the memory is purged and not unmapped.
        while blocks.live.len() > 9 {
            blocks.give(blocks.live.len() * 2 / 3);
        }
        trim();
    }
}

fn spans(blocks: &mut Blocks) {
    for i in 0..70 {
        blocks.get((i % 16 + 1) << 16, 16);
        if i % 3 == 0 && !blocks.live.is_empty() {
            let which = i % blocks.live.len();
            blocks.resize(which, ((i * 5) % 16 + 1) << 16);
            blocks.give(i * 7 % blocks.live.len());
        }
    }
}

fn huge_blocks(blocks: &mut Blocks) {
    for i in 0..26 {
        blocks.get((i % 7 + 2) << 20, 1 << (i % 25));
        if i % 2 == 0 && !blocks.live.is_empty() {
            blocks.give(i * 7 % blocks.live.len());
        }
    }
}

const GROW_SMALL: [usize; 6] = [40, 300, 2_000, 9_000, 20_000, 32_768];
const GROW_SPAN: [usize; 5] = [40_000, 66_000, 200_000, 500_000, 1 << 20];
const GROW_HUGE: [usize; 4] = [1 << 20, 3 << 20, 5 << 20, 12 << 20];

/// Makes every block longer, step by step; in the end shorter, so that it can be done again.
fn grow(blocks: &mut Blocks, sizes: &[usize]) {
    for &size in sizes {
        for which in 0..blocks.live.len() {
            blocks.resize(which, size);
        }
    }
    for which in 0..blocks.live.len() {
        assert!(blocks.resize(which, 24), "smaller is always possible");
    }
}

/// Blocks that no move of pages can serve: it would lose the alignment.
fn aligned_huge(blocks: &mut Blocks) {
    for _ in 0..3 {
        blocks.get(2 << 20, 8 << 20);
    }
}

/// Doubles, where neighbours are in the way.
fn grow_huge(blocks: &mut Blocks) {
    for shift in 22..26 {
        for which in 0..blocks.live.len().min(4) {
            blocks.resize(which, 1 << shift);
        }
        blocks.get(2 << 20, 16);
    }
}

const TO_SHRINK: [(usize, usize); 6] = [
    (20 << 20, 3 << 20),
    (3 << 20, 500_000),
    (3 << 20, 5_000),
    (700_000, 70_000),
    (70_000, 3_000),
    (9_000, 100),
];

/// Blocks to shrink, and no memory at hand for a copy.
fn to_shrink(blocks: &mut Blocks) {
    ask(blocks, &TO_SHRINK.map(|(from, _)| from));
    while pool().census().free_units + pool().memory().stats().fresh > 0 {
        ask(blocks, &[60_000]);
    }
}

/// Never fails, whatever fails below. Small ones first: what a large one gives back would serve all
/// that follow.
fn shrink(blocks: &mut Blocks) {
    for (which, (from, to)) in TO_SHRINK.into_iter().enumerate().rev() {
        assert!(blocks.resize(which, to), "{from} to {to} bytes");
    }
}

/// Threads that allocate, leave something to the others, and end.
fn threads(blocks: &mut Blocks) {
    for tag in 1..4 {
        blocks.live.extend(run_thread(tag));
    }
}

fn run_thread(tag: usize) -> Vec<Live> {
    let left = in_thread(tag, |blocks| {
        for i in 0..400 {
            blocks.get(i * 13 % 3_000, 16);
        }
        ask(blocks, &[100_000, 3 << 20]);
        while blocks.live.len() > 150 {
            blocks.give(blocks.live.len() * 2 / 3);
        }
    });
    // The thread's exit hook has run.
    equation::watch();
    left
}

/// Has a thread do something, and end. Returns what it did not free.
pub(crate) fn in_thread(tag: usize, act: impl FnOnce(&mut Blocks) + Send + 'static) -> Vec<Live> {
    let thread = thread::spawn(move || {
        let mut blocks = Shadow::watched(&FAILING, tag << 30, equation::watch);
        act(&mut blocks);
        blocks.live
    });
    thread.join().unwrap()
}

/// Threads that end with much in their caches: exit hooks that give back SuperSlabs.
fn leave(blocks: &mut Blocks, n: usize) {
    ask(blocks, &[100]);
    for tag in 0..n {
        let left = in_thread(tag, |blocks| {
            ask(blocks, &[6_000; 1_200]);
            ask(blocks, &[200; 500]);
            while blocks.live.len() > 40 {
                blocks.give(blocks.live.len() / 2);
            }
        });
        blocks.live.extend(left);
        equation::watch();
    }
}

/// What the destructors of `late` allocated.
static LATE: Mutex<Vec<Live>> = Mutex::new(Vec::new());

/// A thread that allocates and frees after its exit hook has run: keys are destroyed in the order in
/// which they were made, and the allocator's is older.
fn late(blocks: &mut Blocks) {
    unsafe extern "C" fn destroy(_: *mut c_void) {
        let mut blocks = Shadow::watched(&FAILING, 7 << 40, equation::watch);
        ask(&mut blocks, &[100, 5_000, 100_000, 3 << 20, 30_000]);
        if blocks.live.len() > 1 {
            blocks.give(0);
        }
        LATE.lock().unwrap().append(&mut blocks.live);
    }
    let mut key = 0;
    // SAFETY: a place for the key; the destructor takes any value.
    assert_eq!(unsafe { libc::pthread_key_create(&raw mut key, Some(destroy)) }, 0, "no key");
    let left = in_thread(1, move |blocks| {
        ask(blocks, &[100, 3_000]);
        // SAFETY: the key was made above.
        unsafe { libc::pthread_setspecific(key, ptr::without_provenance(1)) };
    });
    blocks.live.extend(left);
    blocks.live.append(&mut LATE.lock().unwrap());
    // SAFETY: no thread has a value for it any more.
    unsafe { libc::pthread_key_delete(key) };
}

/// Frees orphans' blocks, claims the orphans, and needs more than they have.
fn adopt(blocks: &mut Blocks) {
    while blocks.live.len() > 60 {
        blocks.give(blocks.live.len() / 2);
    }
    threads(blocks);
    ask(blocks, &[2_000; 4_000]);
    threads(blocks);
    while blocks.live.len() > 60 {
        blocks.give(blocks.live.len() / 3);
    }
    trim();
}

/// Blocks travel from one thread to the next, which frees most of them and allocates others: what
/// comes back to an owner is collected when it runs dry.
fn remote_free(blocks: &mut Blocks) {
    for tag in 1..5 {
        let mut theirs = mem::take(&mut blocks.live);
        let left = in_thread(tag, move |blocks| {
            blocks.live.append(&mut theirs);
            while blocks.live.len() > 30 {
                blocks.give(blocks.live.len() / 2);
            }
            ask(blocks, &[900; 9_000]);
            ask(blocks, &[40; 2_000]);
        });
        blocks.live.extend(left);
        equation::watch();
        ask(blocks, &[900; 4_000]);
    }
}

/// Memory that is free in every place that there is.
fn fragments(blocks: &mut Blocks) {
    leave(blocks, 2);
    ask(blocks, &[5_000; 2_000]);
    ask(blocks, &[200_000; 40]);
    ask(blocks, &[3 << 20; 10]);
    for i in 0..blocks.live.len() * 4 / 5 {
        blocks.give(i * 7919 % blocks.live.len());
    }
}

/// SuperSlabs that are half free.
fn holes(blocks: &mut Blocks) {
    ask(blocks, &[66_000; 300]);
    for _ in 0..200 {
        blocks.give(blocks.live.len() / 2);
    }
}

/// Time passes, and units and ranges that were free for a while lose their pages.
fn decay(blocks: &mut Blocks) {
    static NOW: AtomicU64 = AtomicU64::new(0);
    for _ in 0..6 {
        // Relaxed: one thread.
        os().set_clock(NOW.fetch_add(600, Ordering::Relaxed) + 600);
        ask(blocks, &[66_000; 130]);
        for _ in 0..130.min(blocks.live.len()) {
            blocks.give(blocks.live.len() - 1);
        }
        for _ in 0..17 {
            if blocks.get(3 << 20, 16) {
                blocks.give(blocks.live.len() - 1);
            }
        }
    }
}

/// Goes on in a forked child, in which the heap of another thread is nobody's: that thread had blocks
/// in its caches, and some in ours.
fn become_child(blocks: &mut Blocks) {
    ask(blocks, &[300; 200]);
    let (ready, done) = (Arc::new(Barrier::new(2)), Arc::new(Barrier::new(2)));
    let theirs = Arc::new(Mutex::new(Vec::new()));
    let (its_ready, its_done, its_blocks) = (ready.clone(), done.clone(), theirs.clone());
    let thread = thread::spawn(move || {
        let mut blocks = Shadow::new(&FAILING, 9 << 30);
        ask(&mut blocks, &[300; 3_000]);
        ask(&mut blocks, &[100_000, 3 << 20]);
        while blocks.live.len() > 300 {
            blocks.give(0);
        }
        its_blocks.lock().unwrap().append(&mut blocks.live);
        its_ready.wait();
        its_done.wait();
    });
    ready.wait();
    // SAFETY: the other thread waits, and holds no lock.
    let child = unsafe { libc::fork() };
    assert!(child >= 0, "no fork");
    if child > 0 {
        let ending = wait_for(child);
        done.wait();
        thread.join().unwrap();
        // SAFETY: has no preconditions; the child has done the rest.
        unsafe { libc::_exit(ending) };
    }
    // The thread is not there any more, and nobody waits for it.
    mem::forget((thread, done));
    blocks.live.append(&mut theirs.lock().unwrap());
}

/// Frees what the lost thread had allocated, and goes on with threads of its own.
fn after_fork(blocks: &mut Blocks) {
    while blocks.live.len() > 100 {
        blocks.give(blocks.live.len() / 2);
    }
    threads(blocks);
    ask(blocks, &[300; 3_000]);
    ask(blocks, &[500_000; 8]);
}

fn random(blocks: &mut Blocks, seed: u64) {
    let mut state = seed;
    for _ in 0..700 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let (roll, low) = ((state >> 56) as usize, (state & 0xFF_FFFF) as usize);
        let size = match roll % 16 {
            0 => low % (6 << 20),
            1..4 => low % 300_000,
            _ => low % 3_000,
        };
        match blocks.live.len() {
            0 => ask(blocks, &[size]),
            n if roll < 70 => blocks.give(low % n),
            n if roll < 110 => _ = blocks.resize(low % n, size + 1),
            _ => ask(blocks, &[size]),
        }
    }
}
