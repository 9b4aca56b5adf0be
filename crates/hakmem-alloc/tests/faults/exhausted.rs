//! The system gives no more: what was freed, wherever it is kept, can be had by who needs it.

use std::mem;
use std::sync::{Arc, Barrier};
use std::thread;

use hakmem_contract::UNIT;

use crate::common::Shadow;
use crate::scenarios::{ask, in_thread};
use crate::{Blocks, FAILING, equation, os};

/// Each in a process of its own.
pub(crate) const ALL: &[(&str, fn())] = &[
    ("exhausted-orphans", orphans),
    ("exhausted-classes", classes),
    ("exhausted-threads", threads),
    ("exhausted-numbers", numbers),
];

fn new_blocks() -> Blocks {
    Shadow::watched(&FAILING, 1, equation::watch)
}

/// Takes all that can be had in blocks of `size`. Returns how many.
fn exhaust(blocks: &mut Blocks, size: usize) -> usize {
    let before = blocks.live.len();
    while blocks.get(size, 16) {}
    blocks.live.len() - before
}

/// Orphans that nobody looks after at the moment have what others freed to them.
fn orphans() {
    let mut blocks = new_blocks();
    ask(&mut blocks, &[100]);
    // All at once, so that each has a heap of its own.
    let together = Arc::new(Barrier::new(12));
    let threads: Vec<_> = (1..=12)
        .map(|tag| {
            let together = together.clone();
            thread::spawn(move || {
                let mut blocks = Shadow::new(&FAILING, tag << 30);
                ask(&mut blocks, &[3_000; 100]);
                together.wait();
                blocks.live
            })
        })
        .collect();
    let theirs: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    os().fail_from(1);
    exhaust(&mut blocks, 3_000);
    // Whichever of them it is: there is memory for a block, and for a span.
    for live in theirs {
        let n = live.len();
        let mine = mem::replace(&mut blocks.live, live);
        blocks.clear();
        blocks.live = mine;
        let got = exhaust(&mut blocks, 3_000);
        assert!(got >= n / 2, "{got} blocks, and {n} were freed");
    }
    equation::check("exhausted");
}

/// A thread keeps slabs of one class that it needs for another.
fn classes() {
    for [size, other] in [[3_000, 500], [500, 3_000], [500, 100_000]] {
        let mut blocks = new_blocks();
        ask(&mut blocks, &[100]);
        os().fail_from(1);
        exhaust(&mut blocks, size);
        let last = blocks.live.len() - 4 * UNIT / size;
        // Two units at least are wholly free then.
        while blocks.live.len() > last {
            blocks.give(blocks.live.len() - 1);
        }
        let got = exhaust(&mut blocks, other) * other;
        assert!(got >= 3 * UNIT / 2, "{got} bytes in blocks of {other}, after some of {size}");
        equation::check("exhausted");
        os().fail_never();
        blocks.clear();
    }
}

/// A thread needs metadata for its first block, and all there is are ranges of SuperSlabs.
fn threads() {
    let mut blocks = new_blocks();
    ask(&mut blocks, &[6 << 20; 4]);
    crate::starve(0);
    blocks.clear();
    os().fail_above(os().mapped());
    let left = in_thread(1, |blocks| {
        assert!(blocks.get(100, 16), "a thread's first block");
    });
    blocks.live.extend(left);
    equation::check("exhausted");
}

/// A heap that cannot be made keeps its number for the next one: there are not many numbers.
fn numbers() {
    let mut blocks = new_blocks();
    ask(&mut blocks, &[100]);
    crate::starve(0);
    os().fail_from(1);
    let left = in_thread(1, |blocks| {
        ask(blocks, &[100; 200]);
        assert!(blocks.live.is_empty(), "there is no heap to be had");
    });
    assert!(left.is_empty());
    let heaps = FAILING.usage().heaps;
    assert!(heaps <= 2, "{heaps} heaps for two threads");
    equation::check("exhausted");
}
