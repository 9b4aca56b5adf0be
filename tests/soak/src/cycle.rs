//! Cycle after cycle: orders for the workers, the main thread's own part, samples.

use std::mem;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use hakmem_fuzz::{Live, Subject};

use crate::child;
use crate::holder::Holder;
use crate::memory::Memory;
use crate::phases::Phase;
use crate::worker::{Part, Worker};

/// Threads that come and go in a cycle: generations, and how many in each.
const GENERATIONS: usize = 6;
const A_GENERATION: usize = 4;

/// Steps of such a thread, and the bytes it has live.
const STEPS: usize = 400;
const BYTES: usize = 256 << 10;

/// How long nothing happens.
const REST: Duration = Duration::from_millis(30);

/// The main thread.
#[derive(Debug)]
pub(crate) struct Cycle {
    subject: &'static dyn Subject,
    start: Instant,
    number: u64,
    seed: u64,
    /// The main thread's own blocks, which a forked child has, too.
    holder: Holder,
    orders: Vec<Sender<Phase>>,
    done: Receiver<Part>,
    workers: Vec<JoinHandle<()>>,
    /// Operations of threads that have ended.
    ended_ops: u64,
    parts: Vec<Part>,
}

impl Cycle {
    pub(crate) fn new(
        subject: &'static dyn Subject,
        threads: usize,
        seed: u64,
        start: Instant,
    ) -> Self {
        let (done, parts) = channel();
        let (mut senders, mailboxes): (Vec<_>, Vec<_>) = (0..threads).map(|_| channel()).unzip();
        // Each has the next one's.
        senders.rotate_left(1);
        let mut orders = Vec::new();
        let mut workers = Vec::new();
        for (number, (next, mail)) in senders.into_iter().zip(mailboxes).enumerate() {
            let (order, receiver) = channel();
            orders.push(order);
            let holder = Holder::new(subject, seed.wrapping_mul(1000) + number as u64 + 1);
            let worker =
                Worker { subject, holder, orders: receiver, done: done.clone(), mail, next };
            workers.push(thread::spawn(move || worker.run()));
        }
        Self {
            subject,
            start,
            number: 0,
            seed,
            holder: Holder::new(subject, seed.wrapping_mul(1000)),
            orders,
            done: parts,
            workers,
            ended_ops: 0,
            parts: Vec::new(),
        }
    }

    /// One cycle.
    pub(crate) fn run(&mut self) {
        for phase in Phase::ALL {
            for order in &self.orders {
                order.send(phase).expect("workers wait for orders");
            }
            self.own_part(phase);
            self.parts.clear();
            for _ in 0..self.orders.len() {
                self.parts.push(self.done.recv().expect("workers answer"));
            }
            if phase == Phase::Trimmed {
                // Nobody else does anything now.
                self.rest();
            }
            self.sample(phase);
        }
        self.number += 1;
    }

    /// What the main thread does while the workers do theirs.
    fn own_part(&mut self, phase: Phase) {
        match phase {
            Phase::Mix => {
                for _ in 0..STEPS {
                    self.holder.step(BYTES);
                }
                child::fork(&mut self.holder);
            }
            Phase::Churn => self.churn(),
            Phase::Idle => {
                self.holder.free_all();
                thread::sleep(REST);
            }
            Phase::Burst | Phase::Release | Phase::Huge | Phase::Trimmed => {}
        }
    }

    /// Gives back what is free, looks whether the accounting holds.
    fn rest(&self) {
        self.subject.trim();
        self.subject.check();
    }

    /// Generations of threads; each frees half of what the one before left, and ends.
    fn churn(&mut self) {
        let mut left: Vec<Vec<Live>> = Vec::new();
        for generation in 0..GENERATIONS {
            let mut threads = Vec::new();
            left.resize_with(A_GENERATION, Vec::new);
            for (number, heritage) in mem::take(&mut left).into_iter().enumerate() {
                let of_all = self.number * 100 + (generation * A_GENERATION + number) as u64;
                let seed = (self.seed << 20) ^ (of_all + 1_000_000);
                let subject = self.subject;
                threads.push(thread::spawn(move || short_life(subject, seed, heritage)));
            }
            for thread in threads {
                let (blocks, ops) = thread.join().expect("a thread that panics ends the process");
                left.push(blocks);
                self.ended_ops += ops;
            }
        }
        left.into_iter().flatten().for_each(|live| self.holder.free(live));
    }

    fn sample(&self, phase: Phase) {
        let Memory { rss, mapped } = Memory::now();
        let sum = |of: fn(&Part) -> u64| self.parts.iter().map(of).sum::<u64>();
        let live = sum(|part| part.live as u64) + self.holder.bytes() as u64;
        println!(
            r#"{{"cycle":{},"phase":"{}","seconds":{:.3},"rss":{rss},"mapped":{mapped},"live":{live},"ops":{}}}"#,
            self.number,
            phase.name(),
            self.start.elapsed().as_secs_f64(),
            sum(|part| part.ops) + self.holder.ops + self.ended_ops,
        );
    }

    /// Ends the workers.
    pub(crate) fn finish(self) {
        drop(self.orders);
        for worker in self.workers {
            worker.join().expect("a worker that panics ends the process");
        }
    }
}

/// A thread that frees blocks of ended threads, works, and leaves blocks.
fn short_life(subject: &'static dyn Subject, seed: u64, heritage: Vec<Live>) -> (Vec<Live>, u64) {
    let mut holder = Holder::new(subject, seed);
    for (number, live) in heritage.into_iter().enumerate() {
        match number % 2 {
            0 => holder.free(live),
            _ => holder.adopt(live),
        }
    }
    for _ in 0..STEPS {
        holder.step(BYTES);
    }
    let mut blocks = Vec::new();
    while let Some(live) = holder.take_one() {
        blocks.push(live);
    }
    (blocks, holder.ops)
}
