//! A worker: does its part of a phase when it is told to.

use std::sync::mpsc::{Receiver, Sender};

use hakmem_fuzz::{Live, Subject};

use crate::holder::Holder;
use crate::phases::Phase;

/// Bytes that a worker has live while it mixes.
const MIX_BYTES: usize = 3 << 20;

/// Steps of a worker in a phase.
const MIX_STEPS: usize = 8_000;

/// Small blocks of a worker at the top.
const BURST_BLOCKS: usize = 25_000;

/// Of so many, every one but one is released.
const KEPT: usize = 4;

/// Huge blocks of a worker.
const HUGE_BLOCKS: usize = 2;

const MIB: usize = 1 << 20;

/// What a worker says when its part is done.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Part {
    pub(crate) ops: u64,
    pub(crate) live: usize,
}

/// One worker.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) subject: &'static dyn Subject,
    pub(crate) holder: Holder,
    pub(crate) orders: Receiver<Phase>,
    pub(crate) done: Sender<Part>,
    pub(crate) mail: Receiver<Live>,
    /// The next worker's mail.
    pub(crate) next: Sender<Live>,
}

impl Worker {
    /// Works until there are no more orders.
    pub(crate) fn run(mut self) {
        while let Ok(phase) = self.orders.recv() {
            match phase {
                Phase::Mix => self.mix(),
                Phase::Burst => self.burst(),
                Phase::Release => self.release(),
                Phase::Churn => {}
                Phase::Huge => self.huge(),
                Phase::Idle => self.idle(),
                Phase::Trimmed => self.subject.trim(),
            }
            let part = Part { ops: self.holder.ops, live: self.holder.bytes() };
            // The main thread ends last.
            let _ = self.done.send(part);
        }
    }

    fn mix(&mut self) {
        for step in 0..MIX_STEPS {
            self.holder.step(MIX_BYTES);
            if step % 16 == 0 {
                self.give_one();
                self.receive();
            }
        }
    }

    fn give_one(&mut self) {
        if let Some(live) = self.holder.take_one() {
            // Mailboxes stay as long as there are workers.
            let _ = self.next.send(live);
        }
    }

    fn receive(&mut self) {
        while let Ok(live) = self.mail.try_recv() {
            self.holder.adopt(live);
        }
    }

    fn burst(&mut self) {
        for _ in 0..BURST_BLOCKS {
            let size = 1 + self.holder.below(600);
            self.holder.get(size, 16, false);
        }
    }

    /// Half is freed here, half of what goes is freed by the next worker.
    fn release(&mut self) {
        for block in 0..BURST_BLOCKS {
            match block % KEPT {
                0 => {}
                1 => self.give_one(),
                _ => self.holder.free_one(),
            }
        }
        while let Ok(live) = self.mail.try_recv() {
            self.holder.free(live);
        }
    }

    fn huge(&mut self) {
        let mut own =
            Holder::new(self.subject, u64::from(u32::MAX) ^ self.holder.below(1 << 30) as u64);
        for round in 0..HUGE_BLOCKS {
            own.get(MIB + self.holder.below(6 * MIB), 16, round % 2 == 0);
            for _ in 0..4 {
                own.resize(0, MIB + self.holder.below(14 * MIB));
            }
            own.resize(0, 60_000 + self.holder.below(MIB));
            own.resize(0, 100 + self.holder.below(4 * MIB));
        }
        own.free_all();
        self.holder.ops += own.ops;
    }

    fn idle(&mut self) {
        self.receive();
        self.holder.free_all();
    }
}
