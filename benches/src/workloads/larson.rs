//! `larson`: a server whose threads end and hand their objects to new ones.
//!
//! After Larson and Krishnan, "Memory Allocation for Long-Running Server Applications" (1998).

use std::sync::mpsc::{Sender, channel};
use std::thread;

use super::sizes;
use crate::clock::Clock;
use crate::measure::{Common, Measured};
use crate::object::{Heap, Object, Objects, Prepared, free_all, table};
use crate::rng::Rng;

const DEFAULT_OPS: u64 = 8_000_000;

/// Options of `larson`.
#[derive(Clone, Debug, clap::Args)]
pub struct Larson {
    /// Objects of each thread.
    #[arg(long, default_value_t = 1000)]
    objects: usize,
    /// Threads that follow each other; each does its part of the operations.
    #[arg(long, default_value_t = 20)]
    rounds: u64,
    /// Smallest object, in bytes.
    #[arg(long, default_value_t = 10)]
    min: usize,
    /// Largest object, in bytes.
    #[arg(long, default_value_t = 500)]
    max: usize,
}

/// What one thread hands to the next.
struct Lane<O> {
    objects: Vec<Object>,
    from: O,
    rng: Rng,
    min: usize,
    span: usize,
    ops_per_round: u64,
    rounds_left: u64,
    sum: u64,
    done: Sender<Self>,
}

impl Larson {
    pub(super) fn run(&self, common: &Common) -> Result<Measured, String> {
        sizes(self.min, self.max)?;
        if self.objects == 0 || self.rounds == 0 {
            return Err("--objects and --rounds must not be 0".into());
        }
        if common.no_alloc { self.run_on::<Prepared>(common) } else { self.run_on::<Heap>(common) }
    }

    pub(super) fn params(&self) -> Vec<(&'static str, usize)> {
        let rounds = self.rounds as usize;
        vec![("objects", self.objects), ("rounds", rounds), ("min", self.min), ("max", self.max)]
    }

    fn run_on<O: Objects + Send + 'static>(&self, common: &Common) -> Result<Measured, String> {
        let ops_per_round = (common.ops_per_thread(DEFAULT_OPS) / self.rounds).max(1);
        let (done, lanes) = channel();
        let fresh: Vec<_> = (0..common.threads())
            .map(|number| self.lane::<O>(common, number, ops_per_round, &done))
            .collect();
        drop(done);
        let clock = Clock::start();
        for lane in fresh {
            thread::spawn(move || lane.serve());
        }
        let mut ended = Vec::with_capacity(common.threads());
        for _ in 0..common.threads() {
            ended.push(lanes.recv().map_err(|_| "a thread ended early")?);
        }
        let seconds = clock.stop();
        let checksum = ended.into_iter().fold(0_u64, |sum, lane| sum.wrapping_add(lane.finish()));
        let ops = ops_per_round * self.rounds * common.threads() as u64;
        Ok(Measured::new(seconds, ops, checksum))
    }

    /// A lane with all its objects, allocated by the main thread.
    fn lane<O: Objects>(
        &self,
        common: &Common,
        number: usize,
        ops_per_round: u64,
        done: &Sender<Lane<O>>,
    ) -> Lane<O> {
        let from = O::prepare(self.objects, self.max);
        let mut rng = Rng::new(common.seed, number as u64);
        let mut objects = table(self.objects);
        let span = self.max - self.min + 1;
        for (slot, object) in objects.iter_mut().enumerate() {
            *object = Object::new(&from, slot, self.min + rng.below(span), slot as u64);
        }
        let (min, rounds_left, done) = (self.min, self.rounds, done.clone());
        Lane { objects, from, rng, min, span, ops_per_round, rounds_left, sum: 0, done }
    }
}

impl<O: Objects + Send + 'static> Lane<O> {
    /// One thread's life; ends by starting the next one.
    fn serve(mut self) {
        self.replace();
        self.rounds_left -= 1;
        if self.rounds_left > 0 {
            thread::spawn(move || self.serve());
            return;
        }
        let done = self.done.clone();
        // The main thread is gone only when the process ends.
        let _ = done.send(self);
    }

    fn replace(&mut self) {
        let count = self.objects.len();
        for op in 0..self.ops_per_round {
            let (slot, extra) = self.rng.two_below(count, self.span);
            let object = &mut self.objects[slot];
            self.sum = self.sum.wrapping_add(object.free(&self.from));
            *object = Object::new(&self.from, slot, self.min + extra, op);
        }
    }

    fn finish(mut self) -> u64 {
        self.sum.wrapping_add(free_all(&mut self.objects, &self.from))
    }
}
