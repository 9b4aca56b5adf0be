//! `relay`: producers allocate, consumers free, in batches through bounded queues.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use super::sizes;
use crate::measure::{Common, Measured, timed, warm_up};
use crate::object::{Heap, Object, Objects, Prepared};
use crate::rng::Rng;

const DEFAULT_OPS: u64 = 6_000_000;

/// Objects sent at once.
const BATCH: usize = 64;

/// Batches a queue holds.
const DEPTH: usize = 16;

/// Options of `relay`.
#[derive(Clone, Debug, clap::Args)]
pub struct Relay {
    /// Smallest object, in bytes.
    #[arg(long, default_value_t = 16)]
    min: usize,
    /// Largest object, in bytes.
    #[arg(long, default_value_t = 1024)]
    max: usize,
}

/// Sent by value: queues are the workload's, and must not allocate in the timed part.
type Batch = [Object; BATCH];

impl Relay {
    pub(super) fn run(&self, common: &Common) -> Result<Measured, String> {
        sizes(self.min, self.max)?;
        if common.threads() > 1 && common.threads() % 2 == 1 {
            return Err("--threads must be 1 or even: half produce, half consume".into());
        }
        Ok(if common.no_alloc {
            self.run_on::<Prepared>(common)
        } else {
            self.run_on::<Heap>(common)
        })
    }

    pub(super) fn params(&self) -> Vec<(&'static str, usize)> {
        vec![("min", self.min), ("max", self.max), ("batch", BATCH)]
    }

    fn run_on<O: Objects>(&self, common: &Common) -> Measured {
        let pairs = (common.threads() / 2).max(1);
        let wanted = common.ops.unwrap_or(DEFAULT_OPS);
        let batches = wanted.div_ceil((pairs * BATCH) as u64);
        let (seconds, checksum) = if common.threads() == 1 {
            self.alone::<O>(common, batches)
        } else {
            self.together::<O>(common, pairs, batches)
        };
        Measured::new(seconds, batches * (pairs * BATCH) as u64, checksum)
    }

    /// One thread: batches are freed [`DEPTH`] batches after they were produced.
    fn alone<O: Objects>(&self, common: &Common, batches: u64) -> (f64, u64) {
        let prepare = |number| {
            let producer = Producer::<O>::new(self, common, number, DEPTH + 2);
            let mut state = (producer, VecDeque::with_capacity(DEPTH + 2), 0_u64);
            circulate(&mut state, warm_up(batches));
            state
        };
        timed(
            1,
            prepare,
            |state| circulate(state, batches),
            |(producer, mut queue, sum)| {
                queue.iter_mut().fold(sum, |sum, batch| consume(batch, &producer.from, sum))
            },
        )
    }

    fn together<O: Objects>(&self, common: &Common, pairs: usize, batches: u64) -> (f64, u64) {
        let (senders, receivers): (Vec<_>, Vec<_>) =
            (0..pairs).map(|_| sync_channel::<Batch>(DEPTH)).unzip();
        // Dropped before the threads work, so that a queue closes with its last producer.
        let senders = Mutex::new(vec![senders; pairs]);
        let receivers = Mutex::new(receivers);
        let prepare = |number| {
            if number < pairs {
                let links = senders.lock().map(|mut all| all.pop()).unwrap_or_default();
                let slots = pairs * (DEPTH + 2) + 2;
                let producer = Producer::<O>::new(self, common, number, slots);
                return Side::Produces(producer, links.unwrap_or_default());
            }
            let link = receivers.lock().ok().and_then(|mut all| all.pop());
            Side::Consumes(O::prepare(1, 8), link, 0)
        };
        timed(2 * pairs, prepare, |side| side.work(batches), Side::sum)
    }
}

/// One thread of a relay.
enum Side<O> {
    Produces(Producer<O>, Vec<SyncSender<Batch>>),
    Consumes(O, Option<Receiver<Batch>>, u64),
}

impl<O: Objects> Side<O> {
    fn work(&mut self, batches: u64) {
        match self {
            Self::Produces(producer, links) => {
                let count = links.len();
                for number in 0..batches as usize {
                    if links[number % count].send(producer.batch()).is_err() {
                        return;
                    }
                }
                links.clear();
            }
            Self::Consumes(from, link, sum) => {
                for mut batch in link.iter().flatten() {
                    *sum = consume(&mut batch, from, *sum);
                }
            }
        }
    }

    fn sum(self) -> u64 {
        match self {
            Self::Produces(..) => 0,
            Self::Consumes(_, _, sum) => sum,
        }
    }
}

struct Producer<O> {
    from: O,
    rng: Rng,
    min: usize,
    span: usize,
    /// Number of the next object, modulo `slots`.
    next: usize,
    slots: usize,
}

impl<O: Objects> Producer<O> {
    /// `batches`: how many can be under way at once.
    fn new(args: &Relay, common: &Common, number: usize, batches: usize) -> Self {
        let slots = batches * BATCH;
        let from = O::prepare(slots, args.max);
        let rng = Rng::new(common.seed, number as u64);
        Self { from, rng, min: args.min, span: args.max - args.min + 1, next: 0, slots }
    }

    fn batch(&mut self) -> Batch {
        std::array::from_fn(|_| {
            let slot = self.next;
            self.next = if slot + 1 == self.slots { 0 } else { slot + 1 };
            let size = self.min + self.rng.below(self.span);
            Object::new(&self.from, slot, size, slot as u64)
        })
    }
}

fn circulate<O: Objects>(state: &mut (Producer<O>, VecDeque<Batch>, u64), batches: u64) {
    let (producer, queue, sum) = state;
    for _ in 0..batches {
        queue.push_back(producer.batch());
        if queue.len() > DEPTH
            && let Some(mut batch) = queue.pop_front()
        {
            *sum = consume(&mut batch, &producer.from, *sum);
        }
    }
}

fn consume(batch: &mut Batch, from: &impl Objects, sum: u64) -> u64 {
    batch.iter_mut().fold(sum, |sum, object| sum.wrapping_add(object.free(from)))
}
